//! The values of a set, by its type.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Key, Refusal};
use crate::{Name, RecordSet, RecordType, Target};

/// Characters of one string of a TXT record, between its quotation marks.
const MAX_STRING: usize = 255;

pub(super) fn judge(set: &RecordSet) -> Result<(), Refusal> {
    let Target::Values { values, .. } = &set.target else {
        return Ok(());
    };
    if values.is_empty() {
        return Err(Refusal::NoValues(Key::from(set)));
    }
    if let Some((problem, value)) = values.iter().find_map(|value| Some((problem(set.kind, value)?, value))) {
        return Err(Refusal::InvalidValue { problem, value: value.clone() });
    }
    if set.kind == RecordType::Cname && values.len() > 1 {
        return Err(Refusal::ManyCnames(set.name.clone()));
    }
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| !seen.insert(value.as_str())) {
        Some(twice) => Err(Refusal::DuplicateValue(twice.clone())),
        None => Ok(()),
    }
}

fn problem(kind: RecordType, value: &str) -> Option<&'static str> {
    match kind {
        RecordType::A if value.parse::<Ipv4Addr>().is_err() => {
            Some("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)")
        }
        RecordType::Aaaa if value.parse::<Ipv6Addr>().is_err() => {
            Some("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)")
        }
        RecordType::Txt | RecordType::Spf => text_problem(value),
        RecordType::Cname | RecordType::Ns | RecordType::Ptr if value.parse::<Name>().is_err() => {
            Some("DomainNameInvalid (Value is not a valid domain name)")
        }
        _ => None,
    }
}

/// A TXT value is strings in quotation marks, with spaces between; `\\` escapes the character after it.
fn text_problem(value: &str) -> Option<&'static str> {
    const UNQUOTED: &str = "InvalidCharacterString (Value should be enclosed in quotation marks)";
    let mut rest = value.trim();
    if rest.is_empty() {
        return Some(UNQUOTED);
    }
    while !rest.is_empty() {
        let Some(string) = rest.strip_prefix('"') else { return Some(UNQUOTED) };
        let mut characters = string.char_indices();
        let mut length = 0;
        let end = loop {
            match characters.next() {
                Some((at, '"')) => break at,
                Some((_, '\\')) => {
                    characters.next();
                }
                Some(_) => {}
                None => return Some(UNQUOTED),
            }
            length += 1;
        };
        if length > MAX_STRING {
            return Some("CharacterStringTooLong (Value is too long)");
        }
        rest = string[end + 1..].trim_start();
    }
    None
}
