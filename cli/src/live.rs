//! The live view: how a drill stands, redrawn in place on standard error while its events go by above.
//!
//! Drawn by relative moves alone. ratatui's inline viewport asks the terminal where its cursor is before every line
//! that goes by, for which crossterm writes to standard output, where results go, and takes the keyboard into raw
//! mode, where Ctrl-C is lost.

mod view;

use std::{
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use lab::drill::Snapshot;
use ratatui::{
    backend::IntoCrossterm,
    buffer::{Buffer, Cell},
    crossterm::{
        style::{Color, ContentStyle},
        terminal,
    },
    layout::Rect,
    widgets::Widget,
};
use scenario::Scenario;
use view::{Course, View};

/// Narrower, and plain lines say more.
const NARROWEST: u16 = 60;
/// Wider, and the eye has too far to go.
const WIDEST: u16 = 120;
/// Lines that must remain for the events.
const EVENTS: u16 = 4;
/// A terminal that knows these shows what is between them at once; the others ignore them.
const TOGETHER: [&str; 2] = ["\x1b[?2026h", "\x1b[?2026l"];

/// A view on standard error. Dropped, it is gone from the terminal.
pub(crate) struct Live {
    screen: Mutex<Screen>,
}

impl Live {
    /// A view, where somebody watches and it has room.
    pub(crate) fn new(scenario: &Scenario) -> Option<Self> {
        let stderr = std::io::stderr();
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if !stderr.is_terminal() || dumb {
            return None;
        }
        let (columns, lines) = terminal::size().ok()?;
        if columns < NARROWEST || lines < view::height(scenario.regions.len()) + EVENTS {
            return None;
        }
        let colour = AutoStream::choice(&stderr) != ColorChoice::Never;
        Some(Self { screen: Mutex::new(Screen::new(Course::new(scenario), colour)) })
    }

    /// Lets something go by above the view; several lines may be given at once, styled.
    pub(crate) fn event(&self, text: &str) {
        self.draw(|screen, size| screen.event(text, size));
    }

    /// Shows how things stand now.
    pub(crate) fn show(&self, snapshot: &Snapshot) {
        self.draw(|screen, size| screen.show(snapshot, size));
    }

    /// Takes the view away; what went by stays.
    pub(crate) fn end(&self) {
        self.draw(Screen::end);
    }

    fn draw(&self, what: impl FnOnce(&mut Screen, Size) -> String) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let text = what(&mut screen, terminal::size().unwrap_or((NARROWEST, 0)));
        let [begin, end] = TOGETHER;
        // A terminal that is gone shows nothing, and a drill goes on without it.
        let _ = std::io::stderr().write_all(format!("{begin}{text}{end}").as_bytes());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

/// Columns and lines.
type Size = (u16, u16);

/// What is on the terminal: the view, with the cursor at the beginning of the line below it.
struct Screen {
    course: Course,
    colour: bool,
    now: Option<Snapshot>,
    /// The width of each of the view's lines.
    drawn: Vec<usize>,
}

impl Screen {
    fn new(course: Course, colour: bool) -> Self {
        Self { course, colour, now: None, drawn: Vec::new() }
    }

    fn event(&mut self, text: &str, size: Size) -> String {
        let text = text.trim_end_matches('\n');
        let text = if self.colour { text.to_owned() } else { strip_str(text).to_string() };
        format!("{}{text}\n{}", self.erase(size), self.view(size))
    }

    fn show(&mut self, snapshot: &Snapshot, size: Size) -> String {
        self.course.push(snapshot);
        self.now = Some(snapshot.clone());
        self.erase(size) + &self.view(size)
    }

    fn end(&mut self, size: Size) -> String {
        self.now = None;
        self.erase(size)
    }

    /// Takes the view away. A terminal that has become narrower has folded its lines.
    fn erase(&mut self, (columns, _): Size) -> String {
        let columns = usize::from(columns.max(1));
        let lines: usize = self.drawn.drain(..).map(|width| width.div_ceil(columns).max(1)).sum();
        if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
    }

    /// Draws the view, if there is anything to see and room for it.
    fn view(&mut self, (columns, lines): Size) -> String {
        let Some(now) = &self.now else { return String::new() };
        let height = view::height(now.regions.len());
        if columns < NARROWEST || lines < height {
            return String::new();
        }
        // The last column stays free: a character in it makes some terminals begin a line.
        let area = Rect::new(0, 0, (columns - 1).min(WIDEST), height);
        let mut buffer = Buffer::empty(area);
        View { course: &self.course, now }.render(area, &mut buffer);
        let rows = buffer.content.chunks(usize::from(area.width)).map(written);
        self.drawn = rows.clone().map(<[Cell]>::len).collect();
        rows.map(|row| line(row, self.colour) + "\n").collect()
    }
}

/// A row without what is blank at its end.
fn written(row: &[Cell]) -> &[Cell] {
    let end = row.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    &row[..end]
}

fn line(row: &[Cell], colour: bool) -> String {
    let alike = row.chunk_by(|one, next| one.style() == next.style());
    alike
        .map(|run| {
            let text: String = run.iter().map(Cell::symbol).collect();
            if colour { style(&run[0]).apply(text).to_string() } else { text }
        })
        .collect()
}

/// A cell's style, of which the terminal's own colours need not be asked for.
fn style(cell: &Cell) -> ContentStyle {
    let own = |colour: &Color| *colour != Color::Reset;
    let style: ContentStyle = cell.style().into_crossterm();
    ContentStyle {
        foreground_color: style.foreground_color.filter(own),
        background_color: style.background_color.filter(own),
        underline_color: None,
        attributes: style.attributes,
    }
}

#[cfg(test)]
mod tests;
