//! A forest as it is written down.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::{
    IsolationForest, Real,
    forest::{Cut, Tree, TreeMut, Trees},
    params::{MAX_SAMPLE, MAX_TREES},
    path::{PathLengths, height_limit},
    range::Range,
};

/// The version of a written model; another is refused by name.
pub const MODEL_VERSION: u32 = 1;

/// The numbers are bytes in Base64: exact, and a third of what they are in decimals.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(default)]
    scalar: String,
    #[serde(default)]
    forest: String,
}

impl<F: Real> Serialize for IsolationForest<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.to_bytes().ok_or_else(|| ser::Error::custom("a forest of this size cannot be written"))?;
        let forest = STANDARD_NO_PAD.encode(bytes);
        Written { version: MODEL_VERSION, scalar: F::NAME.to_owned(), forest }.serialize(serializer)
    }
}

impl<'de, F: Real> Deserialize<'de> for IsolationForest<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        if written.version != MODEL_VERSION {
            let version = written.version;
            return Err(de::Error::custom(format!(
                "a forest of version {version}: this program reads version {MODEL_VERSION}"
            )));
        }
        if written.scalar != F::NAME {
            return Err(de::Error::custom(format!("a forest over {}, read as one over {}", written.scalar, F::NAME)));
        }
        let bytes =
            STANDARD_NO_PAD.decode(written.forest).map_err(|error| de::Error::custom(format!("a forest: {error}")))?;
        Self::from_bytes(&bytes).ok_or_else(|| de::Error::custom("a forest that is damaged"))
    }
}

impl<F: Real> IsolationForest<F> {
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        put(&mut bytes, u32::try_from(self.features()).ok()?);
        put(&mut bytes, u32::try_from(self.trees.count).ok()?);
        put(&mut bytes, u32::try_from(self.trees.sample).ok()?);
        self.range_weight.put(&mut bytes);
        for range in &self.ranges {
            range.least.put(&mut bytes);
            range.greatest.put(&mut bytes);
        }
        for tree in 0..self.trees.count {
            put_branch(&mut bytes, &self.trees.tree(tree), 1)?;
        }
        Some(bytes)
    }

    /// None where the bytes are no forest.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let features = u16::try_from(take(&mut bytes)?).ok().filter(|features| *features > 0)?;
        let count = usize::try_from(take(&mut bytes)?).ok().filter(|count| (1..=MAX_TREES).contains(count))?;
        let sample = usize::try_from(take(&mut bytes)?).ok().filter(|sample| (1..=MAX_SAMPLE).contains(sample))?;
        let range_weight = f64::take(&mut bytes).filter(|weight| (0.0..=1.0).contains(weight))?;
        let mut ranges = Vec::new();
        for _ in 0..features {
            let (least, greatest) = (F::take(&mut bytes)?, F::take(&mut bytes)?);
            if least.is_nan() || greatest.is_nan() {
                return None;
            }
            ranges.push(Range { least, greatest });
        }
        // A tree has a byte at least: no more is set aside than the bytes can fill.
        if bytes.len() < count {
            return None;
        }
        let lengths = PathLengths::up_to(sample);
        let mut trees = Trees::new(count, sample, height_limit(sample));
        for tree in 0..count {
            let rows = take_branch(&mut bytes, &mut trees.tree_mut(tree), 1, features, &lengths)?;
            if rows != sample {
                return None;
            }
        }
        bytes.is_empty().then(|| Self::new(trees, ranges, range_weight))
    }
}

/// A branch before those below it: an end is its rows and a set bit, a cut its feature, where missing values go, an unset
/// bit, and its threshold.
fn put_branch<F: Real>(bytes: &mut Vec<u8>, tree: &Tree<'_, F>, node: usize) -> Option<()> {
    let Some(cut) = tree.at(node) else {
        put(bytes, u32::try_from(tree.rows(node)).ok()? << 1 | 1);
        return Some(());
    };
    put(bytes, u32::from(cut.feature) << 2 | u32::from(cut.missing_right) << 1);
    cut.threshold.put(bytes);
    put_branch(bytes, tree, 2 * node)?;
    put_branch(bytes, tree, 2 * node + 1)
}

/// How many rows of the sample ended there.
fn take_branch<F: Real>(
    bytes: &mut &[u8],
    tree: &mut TreeMut<'_, F>,
    node: usize,
    features: u16,
    lengths: &PathLengths,
) -> Option<usize> {
    let first = take(bytes)?;
    if first & 1 == 1 {
        let rows = usize::try_from(first >> 1).ok().filter(|rows| (1..=MAX_SAMPLE).contains(rows))?;
        if !lengths.know(rows) {
            return None;
        }
        tree.end(node, rows, lengths);
        return Some(rows);
    }
    let feature = u16::try_from(first >> 2).ok().filter(|feature| *feature < features)?;
    let threshold = F::take(bytes).filter(|threshold| threshold.is_finite())?;
    if tree.is_leaf(node) {
        return None;
    }
    tree.cut(node, Cut { feature, threshold, missing_right: first & 2 == 2 });
    let left = take_branch(bytes, tree, 2 * node, features, lengths)?;
    Some(left + take_branch(bytes, tree, 2 * node + 1, features, lengths)?)
}

/// Seven bits a byte, the lowest first; a set eighth bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for shift in (0..32).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
