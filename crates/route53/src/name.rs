//! Domain names as Route 53 compares them: absolute, lower case, escapes undone.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// An absolute domain name in lower case, kept without its last dot; `*` may be its first label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// What [`Name`] does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tried to read {text:?} as a domain name: {reason}")]
pub struct InvalidName {
    text: String,
    reason: &'static str,
}

impl Name {
    /// The name of these labels as a message holds them; `None` for the root, and where a dot within a label would read as two.
    pub fn from_labels<'l>(labels: impl IntoIterator<Item = &'l [u8]>) -> Option<Name> {
        let mut name = String::with_capacity(64);
        for label in labels {
            if label.contains(&b'.') {
                return None;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        }
        (!name.is_empty()).then_some(Name(name))
    }

    /// Without its last dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Name) -> bool {
        self.0 == other.0 || self.0.strip_suffix(&other.0).is_some_and(|rest| rest.ends_with('.'))
    }

    /// The name without its first label; `None` for a name of one label.
    #[must_use]
    pub fn parent(&self) -> Option<Name> {
        self.0.split_once('.').map(|(_, rest)| Name(rest.to_owned()))
    }

    /// The wildcard directly below this name.
    #[must_use]
    pub fn wildcard(&self) -> Name {
        Name(format!("*.{}", self.0))
    }

    /// The order of Route 53's lists: by labels from the right.
    #[must_use]
    pub fn list_order(&self) -> Vec<&str> {
        self.0.rsplit('.').collect()
    }

    /// The name as the API writes it: with its last dot, and `*` as `\052`.
    #[must_use]
    pub fn to_api(&self) -> String {
        self.to_string().replace('*', "\\052")
    }
}

/// So that a map of names is asked for a part of one.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refuse = |reason| InvalidName { text: text.to_owned(), reason };
        let name = unescape(text.strip_suffix('.').unwrap_or(text))
            .ok_or_else(|| refuse("an escape is not \\NNN in octal"))?;
        let name = name.to_ascii_lowercase();
        if name.len() > 253 {
            return Err(refuse("longer than 253 characters"));
        }
        for label in name.split('.') {
            match label.len() {
                0 => return Err(refuse("a label is empty")),
                1..=63 => {}
                _ => return Err(refuse("a label is longer than 63 characters")),
            }
        }
        Ok(Name(name))
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        name.push_str(before);
        name.push(u8::from_str_radix(after.get(..3)?, 8).ok()?.into());
        rest = &after[3..];
    }
    name.push_str(rest);
    Some(name)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn names_compare_without_case_dot_or_escape() {
        assert_eq!(name("API.example.com."), name("api.example.com"));
        assert_eq!(name("\\052.example.com"), name("example.com").wildcard());
        assert_eq!(name("*.example.com").to_api(), "\\052.example.com.");
    }

    #[test]
    fn a_name_is_within_its_ancestors_only() {
        assert!(name("a.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(!name("badexample.com").is_within(&name("example.com")));
    }

    #[test]
    fn labels_read_like_text() {
        let labels = |labels: &[&'static [u8]]| Name::from_labels(labels.iter().copied());
        assert_eq!(labels(&[b"API", b"example", b"com"]), Some(name("api.example.com")));
        assert_eq!(labels(&[b"*", b"b\xe9", b"com"]), Some(name("\\052.b\\351.com")));
        assert_eq!(labels(&[]), None);
        assert_eq!(labels(&[b"a.b", b"com"]), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "a..b", "a.\\05", "a.\\xyz.b"] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        assert!("x".repeat(64).parse::<Name>().is_err());
    }
}
