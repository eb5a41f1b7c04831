//! Record types and values as messages hold them.

use hickory_proto::rr::{RData, RecordType as DnsType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
use route53::{Name, RecordType};

/// The number of each type that Route 53 holds.
const CODES: [(RecordType, u16); 17] = [
    (RecordType::A, 1),
    (RecordType::Ns, 2),
    (RecordType::Cname, 5),
    (RecordType::Soa, 6),
    (RecordType::Ptr, 12),
    (RecordType::Mx, 15),
    (RecordType::Txt, 16),
    (RecordType::Aaaa, 28),
    (RecordType::Srv, 33),
    (RecordType::Naptr, 35),
    (RecordType::Ds, 43),
    (RecordType::Sshfp, 44),
    (RecordType::Tlsa, 52),
    (RecordType::Svcb, 64),
    (RecordType::Https, 65),
    (RecordType::Spf, 99),
    (RecordType::Caa, 257),
];

/// The type with this number; `None` for one that Route 53 does not hold.
pub(super) fn kind(code: u16) -> Option<RecordType> {
    CODES.iter().find(|(_, held)| *held == code).map(|(kind, _)| *kind)
}

pub(super) fn code(kind: RecordType) -> u16 {
    let (_, code) = CODES.iter().find(|(held, _)| *held == kind).expect("the table has every type");
    *code
}

/// The values as record data, names uncompressed so that they fit into any message; `None` when one is no data of its type.
pub(crate) fn rdata(kind: RecordType, values: &[String]) -> Option<Vec<Box<[u8]>>> {
    // An SPF record is a TXT record by another number.
    let written = if kind == RecordType::Spf { RecordType::Txt } else { kind };
    let encode = |value: &String| {
        let data = RData::try_from_str(DnsType::from(code(written)), value).ok()?;
        let mut bytes = Vec::new();
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_name_encoding(NameEncoding::Uncompressed);
        data.emit(&mut encoder).ok()?;
        Some(bytes.into_boxed_slice())
    };
    values.iter().map(encode).collect()
}

/// Writes a name, uncompressed.
pub(super) fn put_name(out: &mut Vec<u8>, name: &Name) {
    for label in name.as_str().split('.') {
        // A name keeps each byte of a label as one character, and a label has 63 at most.
        out.push(u8::try_from(label.chars().count()).unwrap_or(u8::MAX));
        out.extend(label.chars().map(|byte| u8::try_from(byte).unwrap_or(b'?')));
    }
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_the_number_that_others_know_it_by() {
        for (kind, code) in CODES.into_iter().filter(|(kind, _)| *kind != RecordType::Spf) {
            assert_eq!(kind.to_string().parse::<DnsType>().unwrap(), DnsType::from(code));
            assert_eq!((super::kind(code), super::code(kind)), (Some(kind), code));
        }
        assert_eq!(kind(13), None);
    }

    #[test]
    fn a_name_is_written_label_by_label() {
        let mut out = Vec::new();
        put_name(&mut out, &"\\052.b\\351.com".parse().unwrap());
        assert_eq!(out, b"\x01*\x02b\xe9\x03com\0");
    }

    #[test]
    fn data_holds_no_pointers() {
        let soa = ["a.example.com. b.example.com. 1 2 3 4 5".to_owned()];
        let [data] = &rdata(RecordType::Soa, &soa).unwrap()[..] else { panic!() };
        assert_eq!(data.len(), 15 + 15 + 20);
        assert_eq!(rdata(RecordType::A, &["no address".to_owned()]), None);
    }
}
