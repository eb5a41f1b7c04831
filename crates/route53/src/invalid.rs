//! What Route 53 does not even look at: `InvalidInput`, in its words where they are known.

use crate::InvalidName;

/// Why a request is no valid input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidInput {
    #[error(
        "Invalid XML ; cvc-maxInclusive-valid: Value '{value}' is not facet-valid with respect to maxInclusive '{most}' for type '{kind}'."
    )]
    Above { value: i64, most: i64, kind: &'static str },
    #[error(
        "Invalid XML ; cvc-minInclusive-valid: Value '{value}' is not facet-valid with respect to minInclusive '{least}' for type '{kind}'."
    )]
    Below { value: i64, least: i64, kind: &'static str },
    #[error(
        "Invalid XML ; cvc-length-valid: Value '{value}' with length = '{}' is not facet-valid with respect to lengths 1 to '{most}' for type '{kind}'.",
        .value.chars().count()
    )]
    Length { value: String, most: usize, kind: &'static str },
    #[error(
        "Invalid XML ; cvc-enumeration-valid: Value '{value}' is not facet-valid with respect to enumeration '{allowed}'. It must be a value from the enumeration."
    )]
    NotOneOf { value: String, allowed: &'static str },
    #[error("Invalid XML ; cvc-datatype-valid.1.2.3: '{0}' is not a valid value of union type 'IPAddress'.")]
    NoAddress(String),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("Invalid request: Missing field '{field}' in Change with {change}")]
    Missing { field: &'static str, change: String },
    #[error("Invalid request: Expected exactly one of [{choices}], but found {found} in Change with {change}")]
    ExactlyOne { choices: &'static str, found: &'static str, change: String },
    #[error("Invalid parameter : {0}")]
    Parameter(String),
    /// Not Route 53's word but ours: it knows more policies than the model.
    #[error("the lab's Route 53 does not know {0} routing")]
    UnknownPolicy(&'static str),
}

impl InvalidInput {
    pub(crate) fn not_one_of(value: String, allowed: &'static str) -> Self {
        InvalidInput::NotOneOf { value, allowed }
    }

    pub(crate) fn exactly_one(choices: &'static str, any: bool, change: String) -> Self {
        let found = if any { "more than one" } else { "none" };
        InvalidInput::ExactlyOne { choices, found, change }
    }

    pub(crate) fn parameter(reason: impl Into<String>) -> Self {
        InvalidInput::Parameter(reason.into())
    }
}

/// The range of a number, both ends allowed, and the type that messages give it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) least: i64,
    pub(crate) most: i64,
    pub(crate) kind: &'static str,
}

impl Bounds {
    /// The number in a type that holds the range.
    pub(crate) fn hold<T: TryFrom<i64>>(self, value: i64) -> Result<T, InvalidInput> {
        let Bounds { least, most, kind } = self;
        let above = InvalidInput::Above { value, most, kind };
        if value < least {
            Err(InvalidInput::Below { value, least, kind })
        } else if value > most {
            Err(above)
        } else {
            T::try_from(value).map_err(|_| above)
        }
    }
}
