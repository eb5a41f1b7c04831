//! When a certificate expires: the one thing that is read of it beyond what rustls checks.

use jiff::{civil::DateTime, tz::TimeZone};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// An explicit tag: of the version, where there is one.
const VERSION: u8 = 0xa0;

/// The end of its validity, in seconds since 1970; none where it is no certificate (RFC 5280, section 4.1).
pub(crate) fn expires(der: &[u8]) -> Option<i64> {
    let mut certificate = sequence(&mut { der })?;
    let mut to_be_signed = sequence(&mut certificate)?;
    let (first, _) = element(&mut to_be_signed)?;
    if first == VERSION {
        element(&mut to_be_signed)?;
    }
    let _signature = sequence(&mut to_be_signed)?;
    let _issuer = sequence(&mut to_be_signed)?;
    let mut validity = sequence(&mut to_be_signed)?;
    let _not_before = element(&mut validity)?;
    let (kind, text) = element(&mut validity)?;
    time(kind, std::str::from_utf8(text).ok()?)
}

fn sequence<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    element(bytes).filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| content)
}

/// The first element of some DER, which is taken: its tag and what is in it.
fn element<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, short], rest) = bytes.split_first_chunk()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        let length =
            long.iter().try_fold(0_usize, |length, byte| Some(length.checked_mul(256)? + usize::from(*byte)))?;
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((tag, content))
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(kind: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (kind, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i16 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let at = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_time_are_read() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for wrong in ["", "Z", "7001010000Z", "700101000000", "701301000000Z", "7001x1000000Z"] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0xff, 1], &[0x30, 0x02, 0x30, 0x00], &[0x02, 0x01, 0x00]]
        {
            assert_eq!(expires(bytes), None, "{bytes:?}");
        }
    }
}
