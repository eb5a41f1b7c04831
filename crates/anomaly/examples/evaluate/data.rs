//! The data that lies beside the project.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use jiff::civil::DateTime;
use ndarray::Array2;

/// A labelled set of rows.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) rows: Array2<f64>,
    pub(crate) unusual: Vec<bool>,
}

/// A labelled series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Seconds since 1970, as if the times were UTC.
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// First and last row of each window.
    pub(crate) windows: Vec<(usize, usize)>,
}

fn text(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).read_to_string(&mut text)
    } else {
        (&file).read_to_string(&mut text)
    }
    .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text)
}

/// One of the classical sets: a line a row, the label last.
pub(crate) fn set(data: &Path, name: &str) -> Result<Set> {
    let text = text(&data.join(format!("adbench/{name}.csv.gz")))?;
    let mut rows = Vec::new();
    let mut unusual = Vec::new();
    for line in text.lines().skip(1) {
        let (values, label) = line.rsplit_once(',').context("a row without a label")?;
        for value in values.split(',') {
            rows.push(value.parse()?);
        }
        unusual.push(label.parse::<f64>()? > 0.5);
    }
    let columns = rows.len() / unusual.len();
    Ok(Set { rows: Array2::from_shape_vec((unusual.len(), columns), rows)?, unusual })
}

/// NAB's AWS CloudWatch series, in the order of their names.
pub(crate) fn series(data: &Path) -> Result<Vec<Series>> {
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&text(&data.join("nab/windows.json"))?)?;
    let mut all = Vec::new();
    for (file, windows) in windows {
        let text = text(&data.join("nab").join(&file))?;
        let mut times = Vec::new();
        let mut values = Vec::new();
        for line in text.lines().skip(1) {
            let (time, value) = line.split_once(',').context("a row without a value")?;
            times.push(seconds(time)?);
            values.push(value.parse()?);
        }
        let row = |time: &String| -> Result<usize> {
            let time = seconds(time)?;
            times.iter().position(|at| *at == time).context("a window that begins or ends between rows")
        };
        let windows = windows.iter().map(|[from, to]| Ok((row(from)?, row(to)?))).collect::<Result<_>>()?;
        let name = PathBuf::from(&file).file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        all.push(Series { name, times, values, windows });
    }
    Ok(all)
}

fn seconds(time: &str) -> Result<i64> {
    let whole = time.split('.').next().unwrap_or(time).replace(' ', "T");
    let time: DateTime = whole.parse().with_context(|| format!("not a time: {time}"))?;
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_second())
}

/// The detectors whose scores NAB records, by their folders' names.
pub(crate) fn recorded(data: &Path) -> Result<Vec<String>> {
    let mut names: Vec<_> = fs::read_dir(data.join("nab/recorded"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// What such a detector scored a series.
pub(crate) fn recorded_scores(data: &Path, detector: &str, series: &Series) -> Result<Vec<f64>> {
    let text = text(&data.join(format!("nab/recorded/{detector}/{}.csv.gz", series.name)))?;
    text.lines().skip(1).map(|line| line.trim().parse().context("not a score")).collect()
}
