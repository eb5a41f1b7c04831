//! What the live view shows, as widgets.

use domain::Verdict;
use lab::drill::{RegionNow, Snapshot};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    text::{Line, Span},
    widgets::{LineGauge, Paragraph, Row, Sparkline, SparklineBar, Table, Widget, Wrap},
};
use scenario::Scenario;

/// A rule, the header, two lines for the reasons, the table's head, two lines apart, three courses.
const BESIDES_REGIONS: u16 = 10;
/// Between columns.
const SPACING: u16 = 2;
/// What a fault needs to be understood.
const FAULTS: u16 = 24;
/// An observer's word with its sign.
const WORD: u16 = 10;
/// "reached", and any share.
const REACHED: u16 = 7;
/// A course's name and its latest figure.
const FIGURE: u16 = 21;
/// A course's full height, in parts of it.
const FULL: f64 = 1_000.0;
/// A latency in milliseconds that reaches the full height.
const SLOWEST_MS: f64 = 2_000.0;
/// Less success than this is an alarm.
const GOOD: f64 = 0.99;

/// The lines that the view of so many regions has.
pub(super) fn height(regions: usize) -> u16 {
    columns(regions).saturating_add(BESIDES_REGIONS)
}

/// A drill from its beginning until now.
pub(super) struct Course {
    scenario: String,
    speed: f64,
    /// A moment a second of life.
    seconds: Vec<Moment>,
}

/// What the clients lived through at a time.
#[derive(Debug, Clone, Copy)]
struct Moment {
    rate: f64,
    success: Option<f64>,
    p50_ms: Option<f64>,
}

impl Course {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self { scenario: scenario.name.clone(), speed: scenario.speed, seconds: Vec::new() }
    }

    /// A lab may be so fast that it is not looked at in each second of its life: the next look counts for those too.
    pub(super) fn push(&mut self, now: &Snapshot) {
        let moment = Moment { rate: now.rate, success: now.success, p50_ms: now.p50_ms };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a drill")]
        let second = now.t.max(0.0) as usize;
        self.seconds.truncate(second);
        self.seconds.resize(second + 1, moment);
    }
}

/// How a drill stands, in the lines of [`height`].
pub(super) struct View<'a> {
    pub(super) course: &'a Course,
    pub(super) now: &'a Snapshot,
}

impl Widget for View<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let rows = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(2),
            Constraint::Length(1),
            Constraint::Length(height(self.now.regions.len()) - BESIDES_REGIONS + 1),
            Constraint::Length(1),
            Constraint::Length(3),
        ]);
        let [rule, header, why, _, regions, observers, courses] = rows.areas(area);
        "─".repeat(rule.width.into()).dim().render(rule, buffer);
        self.header(header, buffer);
        let why_text = Line::from(vec![
            self.now.phase.as_str().bold(),
            if self.now.reasons.is_empty() { "" } else { ": " }.into(),
            self.now.reasons.join("; ").into(),
        ]);
        Paragraph::new(why_text).wrap(Wrap { trim: true }).render(why, buffer);
        self.regions(regions, observers, buffer);
        self.courses(courses, buffer);
    }
}

impl View<'_> {
    fn header(&self, area: Rect, buffer: &mut Buffer) {
        let Snapshot { t, ends, .. } = self.now;
        let clock = format!("{t:.0} s of {ends:.0} s, {} × life", self.course.speed);
        let [gauge, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(width(&clock))]).spacing(1).areas(area);
        LineGauge::default()
            .label(self.course.scenario.as_str().bold())
            .ratio((t / ends.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0))
            .filled_symbol("━")
            .filled_style(Color::Cyan)
            .unfilled_symbol("─")
            .unfilled_style(Style::new().dim())
            .render(gauge, buffer);
        clock.render(right, buffer);
    }

    /// A line a region; where a column an observer has no room, one for all, and who they are below.
    fn regions(&self, area: Rect, below: Rect, buffer: &mut Buffer) {
        let regions = &self.now.regions;
        let observers: Vec<_> =
            regions.iter().take(1).flat_map(|region| &region.verdicts).map(|(observer, _)| observer.as_str()).collect();
        let name = 2 + regions.iter().map(|region| width(region.name.as_str())).max().unwrap_or_default();
        let fixed = [name.max(width(DNS)), REACHED];
        let each: Vec<_> = observers.iter().map(|observer| width(observer).max(WORD)).collect();
        let word = |at: usize| regions.iter().filter_map(move |region| Some(shown(region.verdicts.get(at)?.1).width()));
        let words: Vec<_> = (0..observers.len()).map(|at| columns(word(at).max().unwrap_or_default())).collect();
        let left = area.width.saturating_sub(taken(&fixed));
        let together = taken(&each) + FAULTS > left;

        let widths = if together {
            let needed = taken(&words).saturating_sub(SPACING).max(width("observers"));
            vec![needed.min(left.saturating_sub(FAULTS / 3))]
        } else {
            each
        };
        let heads = if together { vec!["observers"] } else { observers.clone() };
        let head = [DNS, "reached"].into_iter().chain(heads).chain(["faults"]);
        let rows = regions.iter().map(|region| {
            let cells: Vec<Line<'_>> = if together {
                let padded = region.verdicts.iter().zip(&words).map(|((_, verdict), width)| {
                    let shown = shown(*verdict);
                    let text = format!("{:<1$}", shown.content, usize::from(width + SPACING));
                    Span::styled(text, shown.style)
                });
                vec![padded.collect()]
            } else {
                region.verdicts.iter().map(|(_, verdict)| Line::from(shown(*verdict))).collect()
            };
            Row::new([self.name(region), reached(region)].into_iter().chain(cells).chain([faults(region)]))
        });
        let widths = fixed.into_iter().chain(widths).map(Constraint::Length).chain([Constraint::Fill(1)]);
        Widget::render(
            Table::new(rows, widths).column_spacing(SPACING).header(Row::new(head).style(Style::new().dim())),
            area,
            buffer,
        );
        if together {
            format!("observers: {}", observers.join(", ")).dim().render(below, buffer);
        }
    }

    fn name<'a>(&self, region: &'a RegionNow) -> Line<'a> {
        let answers = self.now.answering.as_ref() == Some(&region.name);
        let name = Span::from(region.name.as_str());
        if answers { Line::from(vec!["▶ ".cyan(), name.bold()]) } else { Line::from(vec!["  ".into(), name]) }
    }

    fn courses(&self, area: Rect, buffer: &mut Buffer) {
        let [figures, bars] =
            Layout::horizontal([Constraint::Length(FIGURE), Constraint::Fill(1)]).spacing(SPACING).areas(area);
        let seconds = &self.course.seconds;
        let seconds = &seconds[seconds.len().saturating_sub(bars.width.into())..];
        let most = seconds.iter().map(|moment| moment.rate).fold(self.now.rate, f64::max);
        let of_most = |rate: f64| if most > 0.0 { rate / most } else { 0.0 };
        let success = |share: f64| bar(share).style((share < GOOD).then_some(Style::new().red()));
        let latency = |ms: f64| bar(ms.ln_1p() / SLOWEST_MS.ln_1p());
        let none = || SparklineBar::from(None);
        let Snapshot { rate, success: share, p50_ms, .. } = self.now;
        let courses: [(_, _, Vec<SparklineBar>); 3] = [
            ("requests", format!("{rate:.0} /s"), seconds.iter().map(|at| bar(of_most(at.rate))).collect()),
            (
                "success",
                share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
                seconds.iter().map(|at| at.success.map_or_else(none, success)).collect(),
            ),
            (
                "latency p50",
                p50_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0} ms")),
                seconds.iter().map(|at| at.p50_ms.map_or_else(none, latency)).collect(),
            ),
        ];
        for ((figures, bars), (name, figure, course)) in figures.rows().zip(bars.rows()).zip(courses) {
            name.dim().render(figures, buffer);
            Line::from(figure).alignment(Alignment::Right).render(figures, buffer);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number")]
            Sparkline::default().data(course).max(FULL as u64).style(Color::Cyan).render(bars, buffer);
        }
    }
}

/// The head of the regions' column, which says what the sign means.
const DNS: &str = "▶ = DNS";

fn bar(share: f64) -> SparklineBar {
    // An eighth at least: nothing at all would look like nothing known.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number from 125 to 1,000")]
    SparklineBar::from((share * FULL).clamp(FULL / 8.0, FULL) as u64)
}

fn reached(region: &RegionNow) -> Line<'static> {
    let share = Line::from(format!("{:.0} %", region.reached * 100.0)).alignment(Alignment::Right);
    if region.reached > 0.0 { share } else { share.dim() }
}

fn faults(region: &RegionNow) -> Line<'static> {
    if region.faults.is_empty() { Line::from("–").dim() } else { Line::from(region.faults.join(", ")).red() }
}

/// An observer's word with a sign that can be told from the others' without colours.
fn shown(verdict: Option<Verdict>) -> Span<'static> {
    let (sign, style) = match verdict {
        Some(Verdict::Up) => ("●", Style::new().green()),
        Some(Verdict::Degraded) => ("◐", Style::new().yellow()),
        Some(Verdict::Down) => ("○", Style::new().red().bold()),
        Some(Verdict::Unknown) | None => ("?", Style::new().dim()),
    };
    let word = verdict.map_or_else(|| "silent".to_owned(), |verdict| verdict.to_string());
    Span::styled(format!("{sign} {word}"), style)
}

/// Columns of the terminal; no text here has characters of another width than one.
fn width(text: &str) -> u16 {
    columns(text.chars().count())
}

fn columns(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Columns that these take, with what is between them and the next.
fn taken(widths: &[u16]) -> u16 {
    widths.iter().map(|width| width + SPACING).sum()
}
