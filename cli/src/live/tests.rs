use std::iter::zip;

use domain::{RegionName, Verdict};
use lab::drill::RegionNow;
use ratatui::{Terminal, backend::TestBackend, style::Modifier};
use scenario::catalog;

use super::*;

const UP: Option<Verdict> = Some(Verdict::Up);
const DEGRADED: Option<Verdict> = Some(Verdict::Degraded);
const DOWN: Option<Verdict> = Some(Verdict::Down);

fn name(text: &str) -> RegionName {
    text.parse().unwrap()
}

fn region(called: &str, faults: &[&str], verdicts: [Option<Verdict>; 3], reached: f64) -> RegionNow {
    let observers = ["ap-southeast-2", "eu-central-1", "us-west-2"].map(|observer| observer.parse().unwrap());
    RegionNow {
        name: name(called),
        faults: faults.iter().map(ToString::to_string).collect(),
        verdicts: zip(observers, verdicts).collect(),
        reached,
    }
}

fn steady(t: f64) -> Snapshot {
    Snapshot {
        t,
        ends: 138.0,
        regions: vec![region("eu-west-1", &[], [UP; 3], 1.0), region("us-east-1", &[], [UP; 3], 0.0)],
        answering: Some(name("eu-west-1")),
        rate: 50.0,
        success: Some(1.0),
        p50_ms: Some(2.0),
        phase: "steady".to_owned(),
        reasons: vec!["eu-west-1 is up for 3 of 3 observers (ap-southeast-2, eu-central-1 and us-west-2)".to_owned()],
    }
}

fn outage(t: f64) -> Snapshot {
    let verdicts = [DOWN, DOWN, None];
    Snapshot {
        regions: vec![
            region("eu-west-1", &["connections are refused"], verdicts, 0.0),
            region("us-east-1", &["answers are 200ms late"], [UP, UP, DEGRADED], 0.25),
        ],
        answering: Some(name("us-east-1")),
        success: Some(0.253),
        p50_ms: Some(212.0),
        phase: "left".to_owned(),
        reasons: vec!["eu-west-1 is down for 2 of 3 observers".to_owned(), "Route 53's own check agrees".to_owned()],
        ..steady(t)
    }
}

fn course(snapshots: &[Snapshot]) -> Course {
    let mut course = Course::new(&catalog::find("region-outage").unwrap());
    for snapshot in snapshots {
        course.push(snapshot);
    }
    course
}

/// The lines of the view at the last of the moments, as wide as said.
fn lines(snapshots: &[Snapshot], width: u16) -> Vec<String> {
    let now = snapshots.last().unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, view::height(now.regions.len()))).unwrap();
    terminal.draw(|frame| frame.render_widget(View { course: &course(snapshots), now }, frame.area())).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(width.into());
    rows.map(|row| written(row).iter().map(Cell::symbol).collect()).collect()
}

#[track_caller]
fn shows(snapshots: &[Snapshot], width: u16, expected: &[&str]) {
    let lines = lines(snapshots, width);
    assert_eq!(lines[0], "─".repeat(width.into()));
    assert_eq!(lines[1..], *expected, "\n{}", lines.join("\n"));
}

#[test]
fn a_steady_drill() {
    shows(
        &[steady(0.4), steady(1.4), steady(2.4)],
        100,
        &[
            "region-outage ━────────────────────────────────────────────────────────────── 2 s of 138 s, 4 × life",
            "steady: eu-west-1 is up for 3 of 3 observers (ap-southeast-2, eu-central-1 and us-west-2)",
            "",
            "",
            "▶ = DNS      reached  ap-southeast-2  eu-central-1  us-west-2   faults",
            "▶ eu-west-1    100 %  ● up            ● up          ● up        –",
            "  us-east-1      0 %  ● up            ● up          ● up        –",
            "",
            "requests        50 /s  ███",
            "success       100.0 %  ███",
            "latency p50      2 ms  ▁▁▁",
        ],
    );
}

#[test]
fn an_outage() {
    let moments: Vec<_> = (0..8).map(|t| steady(f64::from(t))).chain((8..14).map(|t| outage(f64::from(t)))).collect();
    shows(
        &moments,
        100,
        &[
            "region-outage ━━━━━───────────────────────────────────────────────────────── 13 s of 138 s, 4 × life",
            "left: eu-west-1 is down for 2 of 3 observers; Route 53's own check agrees",
            "",
            "",
            "▶ = DNS      reached  ap-southeast-2  eu-central-1  us-west-2   faults",
            "  eu-west-1      0 %  ○ down          ○ down        ? silent    connections are refused",
            "▶ us-east-1     25 %  ● up            ● up          ◐ degraded  answers are 200ms late",
            "",
            "requests        50 /s  ██████████████",
            "success        25.3 %  ████████▂▂▂▂▂▂",
            "latency p50    212 ms  ▁▁▁▁▁▁▁▁▅▅▅▅▅▅",
        ],
    );
}

#[test]
fn where_it_is_narrow_the_observers_share_a_column() {
    shows(
        &[steady(0.0), outage(1.0)],
        79,
        &[
            "region-outage ────────────────────────────────────────── 1 s of 138 s, 4 × life",
            "left: eu-west-1 is down for 2 of 3 observers; Route 53's own check agrees",
            "",
            "",
            "▶ = DNS      reached  observers                   faults",
            "  eu-west-1      0 %  ○ down  ○ down  ? silent    connections are refused",
            "▶ us-east-1     25 %  ● up    ● up    ◐ degraded  answers are 200ms late",
            "observers: ap-southeast-2, eu-central-1, us-west-2",
            "requests        50 /s  ██",
            "success        25.3 %  █▂",
            "latency p50    212 ms  ▁▅",
        ],
    );
    shows(
        &[outage(1.0)],
        NARROWEST - 1,
        &[
            "region-outage ────────────────────── 1 s of 138 s, 4 × life",
            "left: eu-west-1 is down for 2 of 3 observers; Route 53's",
            "own check agrees",
            "",
            "▶ = DNS      reached  observers                   faults",
            "  eu-west-1      0 %  ○ down  ○ down  ? silent    connectio",
            "▶ us-east-1     25 %  ● up    ● up    ◐ degraded  answers a",
            "observers: ap-southeast-2, eu-central-1, us-west-2",
            "requests        50 /s  ██",
            "success        25.3 %  ▂▂",
            "latency p50    212 ms  ▅▅",
        ],
    );
}

#[test]
fn seconds_that_nobody_looked_at_take_what_was_seen_next() {
    let bars = |snapshots: &[Snapshot]| lines(snapshots, 79)[10].chars().skip(23).collect::<String>();
    assert_eq!(bars(&[steady(0.0), outage(4.0)]), "█▂▂▂▂");
    assert_eq!(bars(&[steady(0.0), outage(0.9)]), "▂", "the last word on a second counts");
    let nothing = Snapshot { success: None, ..steady(1.0) };
    assert_eq!(bars(&[steady(0.0), nothing, steady(2.0)]), "█ █");
}

#[test]
fn of_a_long_drill_the_last_seconds_are_shown() {
    let moments: Vec<_> = (0..300).map(|t| if t < 290 { steady(t.into()) } else { outage(t.into()) }).collect();
    let line = lines(&moments, 79)[10].clone();
    assert!(line.ends_with(&("█".repeat(46) + &"▂".repeat(10))), "{line}");
}

#[test]
fn a_region_that_is_down_is_red_and_the_one_that_dns_points_at_bold() {
    let now = outage(1.0);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 100, view::height(2)));
    View { course: &course(std::slice::from_ref(&now)), now: &now }.render(buffer.area, &mut buffer);
    let at = |symbol: &str| buffer.content.iter().find(|cell| cell.symbol() == symbol).unwrap().style();
    assert_eq!(at("○").fg, Some(ratatui::style::Color::Red));
    assert_eq!(at("◐").fg, Some(ratatui::style::Color::Yellow));
    let row = &buffer.content[7 * 100..8 * 100];
    assert_eq!(row[0].symbol(), "▶");
    assert!(row[2].style().add_modifier.contains(Modifier::BOLD));
}

fn screen(colour: bool) -> Screen {
    Screen::new(course(&[]), colour)
}

#[test]
fn an_event_goes_by_above_the_view() {
    let mut screen = screen(false);
    assert_eq!(screen.event("set up", (80, 40)), "set up\n", "before there is a view");
    let first = screen.show(&steady(1.0), (80, 40));
    assert_eq!(first.lines().count(), 12);
    let after = screen.event("one\n  two\n", (80, 40));
    assert_eq!(after, format!("\x1b[12A\r\x1b[Jone\n  two\n{first}"));
    assert_eq!(screen.end((80, 40)), "\x1b[12A\r\x1b[J");
    assert_eq!(screen.end((80, 40)), "", "there is nothing left to take away");
}

#[test]
fn lines_that_a_narrower_terminal_has_folded_are_taken_away_too() {
    let mut screen = screen(false);
    screen.show(&steady(1.0), (121, 40));
    let (rule, header, why) = (1, 1, 1);
    assert!(screen.event("x", (70, 40)).starts_with(&format!("\x1b[{}A", 12 + rule + header + why)));
    assert!(screen.event("x", (70, 40)).starts_with("\x1b[12A"), "drawn anew, no line is folded");
    let gone = screen.show(&steady(2.0), (50, 40));
    assert!(gone.ends_with("\x1b[J"), "no room: {gone:?}");
    assert!(screen.show(&steady(3.0), (80, 40)).starts_with('─'), "room again");
    assert!(screen.show(&steady(3.0), (80, 11)).ends_with("\x1b[J"), "too few lines");
}

#[test]
fn without_colours_there_are_none() {
    let red = "\x1b[31mdown\x1b[0m";
    assert_eq!(screen(false).event(red, (80, 40)), "down\n");
    assert_eq!(screen(true).event(red, (80, 40)), format!("{red}\n"));
    assert!(!screen(false).show(&outage(1.0), (80, 40)).contains('\x1b'));
    assert!(screen(true).show(&outage(1.0), (80, 40)).contains('\x1b'));
}
