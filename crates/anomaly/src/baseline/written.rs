//! A baseline as it is written down: what was learned, not the forest, which is fitted again in a millisecond.

use domain::{ObserverName, RegionName, Service};

use super::{
    Baseline, MOST_CAUTION,
    features::{COLUMNS, LONG, Moment, Row, STORED},
    history::{History, MOST},
};

/// The version of a written baseline; another is refused by name.
pub const BASELINE_VERSION: u8 = 4;

const MAGIC: [u8; 4] = *b"PMBL";

/// Why a written baseline can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Too short, too long, or with numbers that can't be.
    #[error("a baseline that is damaged")]
    Damaged,
    /// Of another build.
    #[error("a baseline of version {0}: this build reads version {BASELINE_VERSION}")]
    Version(u8),
    /// The probes or the endpoint are others now, and so are their times.
    #[error("a baseline of other probes")]
    OtherProbes,
}

impl Baseline {
    /// All that was learned, in at most 200 kB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let History { moments, stride, skipped, rounds, .. } = &self.history;
        let mut bytes = MAGIC.to_vec();
        bytes.push(BASELINE_VERSION);
        bytes.extend(self.probes.to_le_bytes());
        bytes.extend(self.caution.to_le_bytes());
        bytes.extend([*stride, *skipped, *rounds].into_iter().flat_map(u32::to_le_bytes));
        let count = |of: usize| u32::try_from(of).expect("both are bounded").to_le_bytes();
        bytes.extend(count(self.recent.long.len()));
        bytes.extend(self.recent.long.iter().flatten().flat_map(|value| value.to_le_bytes()));
        bytes.extend(count(moments.len()));
        for Moment { second, values } in moments {
            bytes.extend(second.to_le_bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    /// Goes on from what was written of the same region by the same observer.
    pub fn from_bytes(
        mut bytes: &[u8],
        service: &Service,
        region: &RegionName,
        observer: &ObserverName,
    ) -> Result<Self, BaselineError> {
        let mut baseline = Self::new(service, region, observer);
        let bytes = &mut bytes;
        if take(bytes) != Some(MAGIC) {
            return Err(BaselineError::Damaged);
        }
        match take(bytes).ok_or(BaselineError::Damaged)? {
            [BASELINE_VERSION] => {}
            [other] => return Err(BaselineError::Version(other)),
        }
        if u64::from_le_bytes(take(bytes).ok_or(BaselineError::Damaged)?) != baseline.probes {
            return Err(BaselineError::OtherProbes);
        }
        let caution = take(bytes).map(f64::from_le_bytes).filter(|folds| (0.0..=MOST_CAUTION).contains(folds));
        baseline.caution = caution.ok_or(BaselineError::Damaged)?;
        let learned = learned(bytes).filter(|_| bytes.is_empty()).ok_or(BaselineError::Damaged)?;
        (baseline.recent.long, baseline.history) = (learned.0.into(), learned.1);
        Ok(baseline)
    }
}

fn learned(bytes: &mut &[u8]) -> Option<(Vec<Row>, History)> {
    let [stride, skipped, rounds, long] = [number(bytes)?, number(bytes)?, number(bytes)?, number(bytes)?];
    let usable = stride > 0 && skipped < stride;
    let long = usize::try_from(long).ok().filter(|long| usable && *long <= LONG)?;
    let long = (0..long).map(|_| values::<COLUMNS>(bytes)).collect::<Option<_>>()?;
    let moments = usize::try_from(number(bytes)?).ok().filter(|moments| *moments <= MOST)?;
    let moment = |bytes: &mut &[u8]| Some(Moment { second: number(bytes)?, values: values::<STORED>(bytes)? });
    let moments: Vec<_> = (0..moments).map(|_| moment(bytes)).collect::<Option<_>>()?;
    let kept = u32::try_from(moments.len()).ok()?;
    (rounds >= kept).then(|| (long, History::from_parts(moments, stride, skipped, rounds)))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_le_bytes)
}

fn values<const N: usize>(bytes: &mut &[u8]) -> Option<[i16; N]> {
    let mut values = [0; N];
    for value in &mut values {
        *value = i16::from_le_bytes(take(bytes)?);
    }
    Some(values)
}
