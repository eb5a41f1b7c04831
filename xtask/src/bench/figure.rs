//! A measured figure beside its bound, and all of them as a table.

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

use super::machine::Machine;

/// An amount of one kind; amounts of two kinds do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Quantity {
    Seconds(f64),
    Bytes(u64),
    /// Of a hundred.
    Percent(f64),
    /// How many a second.
    PerSecond(f64),
    /// As many times another measurement.
    Times(f64),
    /// So many of them.
    Count(u64),
}

impl Quantity {
    /// Of 10⁶ bytes, the smaller of the two readings of "MB".
    pub(super) const fn megabytes(count: u64) -> Self {
        Self::Bytes(count * 1_000_000)
    }

    fn within(self, bound: Self) -> bool {
        match (self, bound) {
            (Self::Bytes(measured), Self::Bytes(bound)) | (Self::Count(measured), Self::Count(bound)) => {
                measured <= bound
            }
            (Self::Seconds(measured), Self::Seconds(bound)) | (Self::Percent(measured), Self::Percent(bound)) => {
                measured <= bound
            }
            (Self::PerSecond(measured), Self::PerSecond(bound)) | (Self::Times(measured), Self::Times(bound)) => {
                measured >= bound
            }
            _ => false,
        }
    }

    /// The bound as a person writes it: of some the least is bound, of others the most.
    fn as_bound(self) -> String {
        match self {
            Self::PerSecond(_) | Self::Times(_) => format!("≥ {self}"),
            Self::Seconds(_) | Self::Bytes(_) | Self::Percent(_) | Self::Count(_) => format!("≤ {self}"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) if *seconds < 1e-4 => write!(f, "{:.2} µs", seconds * 1e6),
            Self::Seconds(seconds) if *seconds < 1.0 => write!(f, "{:.1} ms", seconds * 1000.0),
            Self::Seconds(seconds) => write!(f, "{seconds:.1} s"),
            Self::Percent(percent) => write!(f, "{percent:.2} %"),
            Self::PerSecond(count) => write!(f, "{count:.0}/s"),
            Self::Times(times) => write!(f, "{times:.2} ×"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) if *bytes < 1_000_000 => write!(f, "{:.1} kB", *bytes as f64 / 1e3),
            Self::Bytes(bytes) => write!(f, "{:.1} MB", *bytes as f64 / 1e6),
        }
    }
}

/// What was measured, how, and its bound.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    what: String,
    command: String,
    measured: Option<Quantity>,
    bound: Option<Quantity>,
    met: Option<bool>,
    /// Why there is no measurement, or what to know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Figure {
    /// A measurement beside its bound: the most it may be, of rates and ratios the least.
    pub(super) fn new(what: impl Into<String>, command: &str, measured: Quantity, bound: Quantity) -> Self {
        Self { bound: Some(bound), met: Some(measured.within(bound)), ..Self::unbounded(what, command, measured) }
    }

    /// A measurement for information.
    pub(super) fn unbounded(what: impl Into<String>, command: &str, measured: Quantity) -> Self {
        Self {
            what: what.into(),
            command: command.to_owned(),
            measured: Some(measured),
            bound: None,
            met: None,
            note: None,
        }
    }

    /// What could not be measured, and why.
    pub(super) fn failed(what: impl Into<String>, reason: String) -> Self {
        Self { what: what.into(), command: String::new(), measured: None, bound: None, met: None, note: Some(reason) }
    }

    /// Adds what a reader should know.
    pub(super) fn note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    /// Whether there is a measurement.
    pub(super) fn is_measured(&self) -> bool {
        self.measured.is_some()
    }

    fn verdict(&self) -> &'static str {
        match (self.measured, self.met) {
            (None, _) => "NOT MEASURED",
            (Some(_), Some(true)) => "met",
            (Some(_), Some(false)) => "NOT MET",
            (Some(_), None) => "",
        }
    }

    fn cells(&self) -> [String; 5] {
        let shown =
            |quantity: Option<Quantity>| quantity.map_or_else(|| "-".to_owned(), |quantity| quantity.to_string());
        [
            self.what.clone(),
            shown(self.measured),
            self.bound.map_or_else(|| "-".to_owned(), Quantity::as_bound),
            self.verdict().to_owned(),
            self.command.clone(),
        ]
    }
}

/// Prints the machine, a line a figure, and below it what to know of the figure.
pub(super) fn print(out: &mut impl Write, machine: &Machine, figures: &[Figure]) -> io::Result<()> {
    let heads = ["", "measured", "bound", "", "by"].map(str::to_owned);
    let rows: Vec<_> = figures.iter().map(Figure::cells).collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let line = |[what, measured, bound, verdict, command]: &[String; 5]| {
        let [w, m, b, v, _] = widths;
        format!("{what:w$}  {measured:>m$}  {bound:>b$}  {verdict:v$}  {command}")
    };
    writeln!(out, "\n{machine}\n\n{}", line(&heads))?;
    for (row, figure) in rows.iter().zip(figures) {
        writeln!(out, "{}", line(row).trim_end())?;
        if let Some(note) = &figure.note {
            writeln!(out, "    {note}")?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_includes_itself_and_a_failure_is_no_result() {
        let figure = |bytes| Figure::new("zip", "zip", Quantity::Bytes(bytes), Quantity::megabytes(8));
        assert_eq!(figure(8_000_000).verdict(), "met");
        assert_eq!(figure(8_000_001).verdict(), "NOT MET");
        let failed = Figure::failed("zip", "no such file".to_owned());
        assert_eq!((failed.verdict(), failed.is_measured()), ("NOT MEASURED", false));
    }

    #[test]
    fn of_rates_and_ratios_the_least_is_bound() {
        let rate = |count| Figure::new("dns", "dns", Quantity::PerSecond(count), Quantity::PerSecond(1e5));
        assert_eq!([rate(1e5).verdict(), rate(99_999.0).verdict()], ["met", "NOT MET"]);
        assert_eq!(rate(1e5).cells()[2], "≥ 100000/s");
        let ratio = Figure::new("dns", "dns", Quantity::Times(0.4), Quantity::Times(0.5));
        assert_eq!((ratio.verdict(), ratio.cells()[2].as_str()), ("NOT MET", "≥ 0.50 ×"));
        let loss = Figure::new("dns", "dns", Quantity::Percent(0.2), Quantity::Percent(0.1));
        assert_eq!((loss.verdict(), loss.cells()[2].as_str()), ("NOT MET", "≤ 0.10 %"));
    }

    #[test]
    fn quantities_name_their_unit() {
        assert_eq!(Quantity::Seconds(0.0123).to_string(), "12.3 ms");
        assert_eq!(Quantity::Seconds(0.000_000_5).to_string(), "0.50 µs");
        assert_eq!(Quantity::Seconds(61.25).to_string(), "61.2 s");
        assert_eq!(Quantity::Bytes(7_654_321).to_string(), "7.7 MB");
        assert_eq!(Quantity::Bytes(123_400).to_string(), "123.4 kB");
        assert_eq!(Quantity::Count(1_234).to_string(), "1234");
        assert_eq!(serde_json::to_string(&Quantity::Bytes(1)).unwrap(), r#"{"bytes":1}"#);
    }
}
