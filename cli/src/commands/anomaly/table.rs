//! A CSV file as numbers.

use std::{fs, mem, path::Path};

use csv_core::{ReadFieldResult, Reader};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{args::AnomalyOptions, error::CliError};

/// The columns that are scored.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) names: Vec<String>,
    /// A row after the other; a missing value is NaN.
    pub(super) values: Vec<f64>,
    /// Seconds since 1970, where there is a time column.
    pub(super) times: Vec<i64>,
}

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    Value,
    Time,
    Ignored,
}

impl Table {
    pub(super) fn read(options: &AnomalyOptions) -> Result<Self, CliError> {
        let path = &options.input;
        let failed = |problem: String| CliError::Table { path: path.clone(), problem };
        let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
        let mut records = records(&bytes).map_err(failed)?.into_iter();
        let (_, heads) = records.next().ok_or_else(|| failed("it is empty".to_owned()))?;
        for name in options.ignore.iter().chain(&options.time_column) {
            if !heads.contains(name) {
                return Err(CliError::Usage(format!("{} has no column `{name}`", path.display())));
            }
        }
        let column = |head: &str| match &options.time_column {
            Some(time) if time == head => Column::Time,
            _ if options.ignore.iter().any(|name| name == head) => Column::Ignored,
            _ => Column::Value,
        };
        let columns: Vec<_> = heads.iter().map(|head| column(head)).collect();
        let valued = heads.iter().zip(&columns).filter(|(_, column)| **column == Column::Value);
        let mut table =
            Self { names: valued.map(|(head, _)| head.clone()).collect(), values: Vec::new(), times: Vec::new() };
        for (line, record) in records {
            if record.len() != heads.len() {
                return Err(failed(format!("line {line} has {} cells, the first has {}", record.len(), heads.len())));
            }
            for ((cell, column), head) in record.iter().zip(&columns).zip(&heads) {
                let wrong = |wanted| wrong_cell(path, line, head, cell, wanted);
                match column {
                    Column::Value => table.values.push(number(cell).ok_or_else(|| wrong("a number"))?),
                    Column::Time => table.times.push(seconds(cell).ok_or_else(|| wrong("a time"))?),
                    Column::Ignored => {}
                }
            }
        }
        Ok(table)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        // Without a column there is nothing to go over either.
        self.values.chunks_exact(self.names.len().max(1))
    }
}

/// Each record with the line that it begins on.
fn records(bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
    let mut reader = Reader::new();
    // No cell is longer than the file.
    let mut cell = vec![0; bytes.len() + 1];
    let (mut records, mut record) = (Vec::new(), Vec::new());
    let (mut rest, mut length) = (bytes, 0);
    let (mut line, mut counted) = (1, 0);
    loop {
        let (result, taken, written) = reader.read_field(rest, &mut cell[length..]);
        rest = &rest[taken..];
        length += written;
        match result {
            ReadFieldResult::Field { record_end } => {
                let text = std::str::from_utf8(&cell[..length]).map_err(|_| format!("line {line} is not UTF-8"))?;
                record.push(text.trim().to_owned());
                length = 0;
                if record_end {
                    records.push((line, mem::take(&mut record)));
                    // Before the next record come the end of this one's line, and lines with nothing on them.
                    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                    let begins = bytes.len() - rest.len() + blank;
                    line += bytes[counted..begins].split(|byte| *byte == b'\n').skip(1).count() as u64;
                    counted = begins;
                }
            }
            // Asked again with nothing, the reader takes it for the end.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => return Err(format!("line {line} does not end")),
            ReadFieldResult::End => return Ok(records),
        }
    }
}

fn wrong_cell(path: &Path, line: u64, column: &str, cell: &str, wanted: &'static str) -> CliError {
    CliError::Cell { path: path.to_owned(), line, column: column.to_owned(), cell: cell.to_owned(), wanted }
}

/// A missing value in the words that programs have for it.
fn number(cell: &str) -> Option<f64> {
    if ["", "na", "n/a", "nan", "null", "none"].iter().any(|missing| cell.eq_ignore_ascii_case(missing)) {
        return Some(f64::NAN);
    }
    match cell {
        "true" | "True" => Some(1.0),
        "false" | "False" => Some(0.0),
        _ => cell.parse().ok(),
    }
}

fn seconds(cell: &str) -> Option<i64> {
    if let Ok(time) = cell.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    if let Ok(time) = cell.parse::<DateTime>() {
        return time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp().as_second());
    }
    let seconds: f64 = cell.parse().ok().filter(|seconds: &f64| seconds.abs() < 1e12)?;
    #[allow(clippy::cast_possible_truncation, reason = "it is far inside, and parts of a second do not count")]
    Some(seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_forms() {
        for text in
            ["2014-02-14T14:30:00Z", "2014-02-14 14:30:00", "2014-02-14T15:30:00+01:00", "1392388200", "1392388200.7"]
        {
            assert_eq!(seconds(text), Some(1_392_388_200), "{text}");
        }
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds("1e300"), None);
    }

    #[test]
    fn records_have_their_lines() {
        let found = records(b"a,\"b, c\"\r\n1,\"x\ny\"\n\n 2 ,\n").unwrap();
        let expected = [(1, ["a", "b, c"]), (2, ["1", "x\ny"]), (5, ["2", ""])];
        assert_eq!(found.len(), 3);
        for ((line, cells), (expected_line, expected)) in found.iter().zip(expected) {
            assert_eq!(cells, &expected);
            assert_eq!(*line, expected_line);
        }
        assert!(records(b"").unwrap().is_empty());
        assert_eq!(records(b"\xff,1\n").unwrap_err(), "line 1 is not UTF-8");
    }

    #[test]
    fn numbers_may_be_missing() {
        for text in ["", "NaN", "null", "NA"] {
            assert!(number(text).is_some_and(f64::is_nan), "{text}");
        }
        assert_eq!(["1.5e3", "true", "False", "x"].map(number), [Some(1500.0), Some(1.0), Some(0.0), None]);
    }
}
