//! Draws of a fixed width, so that a seed gives the same ones everywhere.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of draws; every tree has its own.
#[derive(Debug)]
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform below `bound`, by one draw of 64 bits whatever the bound and the platform.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let scaled = (u128::from(self.0.next_u64()) * bound as u128) >> 64;
        usize::try_from(scaled).expect("it is below a usize")
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let first = |stream| Draws::new(1, stream).0.next_u64();
        assert_eq!(first(0), first(0));
        assert_ne!(first(0), first(1));
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let mut draws = Draws::new(3, 0);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[draws.below(5)] = true;
            assert!((0.0..1.0).contains(&draws.unit()));
        }
        assert_eq!(seen, [true; 5]);
    }
}
