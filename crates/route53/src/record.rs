//! Record sets: what a hosted zone is made of.

use std::fmt;
use std::str::FromStr;

use crate::Name;

/// One resource record set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// The name it answers for.
    pub name: Name,
    /// The type it answers with.
    pub kind: RecordType,
    /// How it is chosen among the sets of its name and type.
    pub routing: Routing,
    /// What it answers.
    pub target: Target,
    /// The check that decides on its health; without one it is healthy (R3).
    pub health_check: Option<CheckId>,
}

impl RecordSet {
    /// Its set identifier, which simple routing has none of.
    #[must_use]
    pub fn set_id(&self) -> Option<&SetId> {
        match &self.routing {
            Routing::Simple => None,
            Routing::Failover { id, .. } | Routing::Weighted { id, .. } => Some(id),
        }
    }

    /// Whether every value matches; the order of a set's records means nothing.
    #[must_use]
    pub fn is_same(&self, other: &RecordSet) -> bool {
        let sorted = |set: &RecordSet| {
            let mut set = set.clone();
            if let Target::Values { values, .. } = &mut set.target {
                values.sort();
            }
            set
        };
        sorted(self) == sorted(other)
    }
}

/// How a set is chosen; all sets of one name and type share the policy (R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// The only set of its name and type.
    Simple,
    /// Primary while healthy, else secondary (R5).
    Failover {
        /// Tells the two apart.
        id: SetId,
        /// Which of the two it is.
        role: Role,
    },
    /// By chance, in proportion to the weight (R7, R8).
    Weighted {
        /// Tells the members apart.
        id: SetId,
        /// 0–255.
        weight: u8,
    },
}

/// The two places of a failover group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers while it is healthy.
    Primary,
    /// Answers while the primary is not.
    Secondary,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Primary => "PRIMARY",
            Role::Secondary => "SECONDARY",
        })
    }
}

/// What a set answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its own records.
    Values {
        /// Seconds that a resolver may keep them.
        ttl: u32,
        /// In presentation format, as the API has them.
        values: Vec<String>,
    },
    /// The records of another name, of the same type (R12).
    Alias {
        /// The hosted zone that holds the target.
        zone: String,
        /// The target's name.
        name: Name,
        /// Whether the set is healthy only while something below it is (R9, R10).
        evaluate_target_health: bool,
    },
}

macro_rules! text_id {
    ($(#[$doc:meta])* $id:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(String);

        impl $id {
            /// The identifier as the API has it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $id {
            fn from(text: T) -> Self {
                $id(text.into())
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Tells the sets of one name and type apart.
    SetId
);
text_id!(
    /// Names a health check.
    CheckId
);

macro_rules! record_types {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// The types that Route 53 holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum RecordType { $($variant),+ }

        impl fmt::Display for RecordType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(RecordType::$variant => $text),+ })
            }
        }

        impl FromStr for RecordType {
            type Err = UnknownRecordType;

            fn from_str(text: &str) -> Result<Self, UnknownRecordType> {
                match text {
                    $($text => Ok(RecordType::$variant),)+
                    other => Err(UnknownRecordType(other.to_owned())),
                }
            }
        }
    };
}

record_types!(
    A "A", Aaaa "AAAA", Caa "CAA", Cname "CNAME", Ds "DS", Https "HTTPS", Mx "MX", Naptr "NAPTR", Ns "NS", Ptr "PTR",
    Soa "SOA", Spf "SPF", Srv "SRV", Sshfp "SSHFP", Svcb "SVCB", Tlsa "TLSA", Txt "TXT",
);

/// A type that Route 53 does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tried to read {0:?} as a record type")]
pub struct UnknownRecordType(String);
