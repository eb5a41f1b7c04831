//! The two numbers that a forest is over.

use std::cmp::Ordering;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Real: linfa::Float + sealed::Sealed {
    /// As a written model names it.
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn wide(self) -> f64;
    /// The nearest.
    #[doc(hidden)]
    fn narrow(wide: f64) -> Self;
    #[doc(hidden)]
    fn order(&self, other: &Self) -> Ordering;
    #[doc(hidden)]
    fn put(self, into: &mut Vec<u8>);
    /// The first of `bytes`, which are taken; none where they are too few.
    #[doc(hidden)]
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const NAME: &'static str = stringify!($type);

            fn wide(self) -> f64 {
                self.into()
            }

            #[allow(clippy::cast_possible_truncation, trivial_numeric_casts, reason = "rounding is what it is for")]
            fn narrow(wide: f64) -> Self {
                wide as $type
            }

            fn order(&self, other: &Self) -> Ordering {
                self.total_cmp(other)
            }

            fn put(self, into: &mut Vec<u8>) {
                into.extend(self.to_le_bytes());
            }

            fn take(bytes: &mut &[u8]) -> Option<Self> {
                let (first, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*first))
            }
        }
    };
}

real!(f32);
real!(f64);
