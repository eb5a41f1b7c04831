//! Reading a TOML file as written, then checking it: every error names file, line and key.

use std::{collections::BTreeSet, fmt};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Where in a file something is: keys and indices from the top.
pub type Path = Vec<Segment>;

/// One step into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A key of a table.
    Key(&'static str),
    /// A place in an array.
    Index(usize),
}

/// A path and the steps that follow it.
#[must_use]
pub fn at(path: &[Segment], rest: &[Segment]) -> Path {
    path.iter().chain(rest).cloned().collect()
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    path: Path,
    message: String,
}

/// A problem with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// The key, as a path.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.key, self.message)
    }
}

/// Why a configuration or a scenario is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// Readable, but contradictory.
    #[error("{}", list(.file, .problems))]
    Invalid {
        /// The file.
        file: String,
        /// Everything that is wrong.
        problems: Vec<Located>,
    },
}

fn list(file: &str, problems: &[Located]) -> String {
    problems.iter().map(|problem| format!("{file}:{problem}")).collect::<Vec<_>>().join("\n")
}

/// Reads a file: `F` is what may be written; `check` makes of it what is meant, or says what is wrong.
pub fn read<F: DeserializeOwned, T>(
    file: &str,
    source: &str,
    check: impl FnOnce(F, &mut Problems) -> Option<T>,
) -> Result<T, ConfigError> {
    let syntax = |error: &toml::de::Error| {
        let (line, column) = line_column(source, error.span().map_or(0, |span| span.start));
        ConfigError::Syntax { file: file.to_owned(), line, column, message: error.message().to_owned() }
    };
    let written: F = toml::from_str(source).map_err(|error| syntax(&error))?;
    let mut problems = Problems::default();
    match check(written, &mut problems) {
        Some(meant) if problems.0.is_empty() => Ok(meant),
        _ => Err(ConfigError::Invalid { file: file.to_owned(), problems: problems.located(source) }),
    }
}

/// Line and column, both from 1, of a byte offset.
#[must_use]
pub fn line_column(source: &str, offset: usize) -> (usize, usize) {
    let before = &source[..offset.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    (line, column)
}

impl Problem {
    fn locate(&self, source: &str, table: &DeTable<'_>) -> Located {
        let mut offset = 0;
        let mut value: Option<&DeValue<'_>> = None;
        for segment in &self.path {
            let next = match (segment, value) {
                (Segment::Key(key), None) => table.get_key_value(*key),
                (Segment::Key(key), Some(DeValue::Table(inner))) => inner.get_key_value(*key),
                (Segment::Index(index), Some(DeValue::Array(array))) => {
                    let Some(item) = array.get(*index) else { break };
                    offset = item.span().start;
                    value = Some(item.get_ref());
                    continue;
                }
                _ => None,
            };
            let Some((key, inner)) = next else { break };
            offset = key.span().start;
            value = Some(inner.get_ref());
        }
        let (line, column) = line_column(source, offset);
        Located { line, column, key: KeyPath(&self.path).to_string(), message: self.message.clone() }
    }
}

struct KeyPath<'a>(&'a [Segment]);

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where each stands in the source; at its beginning, where that is no TOML.
    #[must_use]
    pub fn located(&self, source: &str) -> Vec<Located> {
        let table = DeTable::parse(source).map(Spanned::into_inner).unwrap_or_default();
        self.0.iter().map(|problem| problem.locate(source, &table)).collect()
    }

    /// Adds one.
    pub fn add(&mut self, path: &[Segment], message: impl Into<String>) {
        self.0.push(Problem { path: path.to_vec(), message: message.into() });
    }

    /// Refuses a name that stands twice.
    pub fn unique<T: Ord + fmt::Display>(
        &mut self,
        path: &[Segment],
        what: &str,
        names: impl IntoIterator<Item = T>,
        key: Option<&'static str>,
    ) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.into_iter().enumerate() {
            let text = format!("duplicate {what} `{name}`");
            if !seen.insert(name) {
                let mut path = path.to_vec();
                path.push(Segment::Index(index));
                path.extend(key.map(Segment::Key));
                self.add(&path, text);
            }
        }
    }
}
