//! Draws a configuration's dashboards as a web page, so that their layout can be looked at without an account:
//! `cargo run -p monitoring --example dashboard pointsman.toml > dashboard.html`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::{fmt::Write as _, process::ExitCode};

use domain::Config;
use monitoring::{Dashboard, Widget, dashboards};
use serde_json::Value;

/// As large as a laptop's screen shows them.
const COLUMN_PX: u32 = 58;
const ROW_PX: u32 = 48;
const STYLE: &str = "body{font:13px/1.35 Helvetica,Arial,sans-serif;background:#f2f3f3;margin:8px}\
    main{position:relative}section{position:absolute;box-sizing:border-box;padding:3px}\
    section>div{background:#fff;border:1px solid #d5dbdb;height:100%;padding:6px 8px;box-sizing:border-box;overflow:hidden}\
    section.text>div{background:none;border:0}h3{font-size:13px;margin:0 0 4px}h1,h2{margin:0}p{margin:2px 0}\
    ul{margin:0;padding:0;list-style:none;columns:2;font-size:11px}li:before{content:'■ ';color:var(--c)}\
    svg{width:100%;height:52%}i{display:inline-block;border:1px solid #1d8102;color:#1d8102;padding:1px 6px;margin:2px;font-style:normal;font-size:11px}";
const COLORS: [&str; 8] = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"];

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: dashboard pointsman.toml");
        return ExitCode::from(2);
    };
    let source = std::fs::read_to_string(&path).map_err(|error| format!("failed to read {path}: {error}"));
    let config = source.and_then(|source| Config::parse(&path, &source).map_err(|error| error.to_string()));
    match config {
        Ok(config) => {
            let pages = dashboards(&config, "").iter().map(page).collect::<String>();
            println!("<!doctype html><meta charset=utf-8><title>{}</title><style>{STYLE}</style>{pages}", config.stack);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn page(dashboard: &Dashboard) -> String {
    let rows = dashboard.widgets.iter().map(|widget| widget.y + widget.height).max().unwrap_or(0);
    let widgets: String = dashboard.widgets.iter().map(widget).collect();
    format!("<main style='width:{}px;height:{}px'>{widgets}</main>", 24 * COLUMN_PX, rows * ROW_PX)
}

fn widget(widget: &Widget) -> String {
    let Widget { kind, x, y, width, height, properties } = widget;
    let place =
        [("left", x * COLUMN_PX), ("top", y * ROW_PX), ("width", width * COLUMN_PX), ("height", height * ROW_PX)];
    let style = place.map(|(name, px)| format!("{name}:{px}px")).join(";");
    let title = properties["title"].as_str().map(|title| format!("<h3>{}</h3>", safe(title))).unwrap_or_default();
    let inside = match *kind {
        "text" => text(properties["markdown"].as_str().unwrap_or_default()),
        "alarm" => list(&properties["alarms"]).map(|name| ["<i>", &safe(name), "</i>"].concat()).collect(),
        "log" => format!("<p><code>{}</code></p>", safe(properties["query"].as_str().unwrap_or_default())),
        _ => graph(properties),
    };
    format!("<section class={kind} style='{style}'><div>{title}{inside}</div></section>")
}

fn list(values: &Value) -> impl Iterator<Item = &str> {
    values.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn text(markdown: &str) -> String {
    let line = |line: &str| match (line.strip_prefix("## "), line.strip_prefix("# ")) {
        (Some(head), _) => format!("<h2>{}</h2>", safe(head)),
        (None, Some(head)) => format!("<h1>{}</h1>", safe(head)),
        (None, None) => format!("<p>{}</p>", safe(line)),
    };
    markdown.lines().map(line).collect()
}

/// The levels, and a line of no meaning for each metric: the layout is what is looked at.
fn graph(properties: &Value) -> String {
    let lines: Vec<_> = properties["metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| {
            let options = line.as_array()?.last()?;
            (options["visible"] != false).then(|| options["label"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    let mut svg = "<svg viewBox='0 0 100 40' preserveAspectRatio=none>".to_owned();
    let mut legend = String::new();
    for (at, label) in lines.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        let y = 36 - (at * 30 / lines.len().max(1));
        // A `String` takes whatever is written to it.
        let _ = write!(
            svg,
            "<path d='M0 {y} L40 {} L70 {y} L100 {y}' fill=none stroke='{color}' stroke-width=.6 />",
            y - 3
        );
        let _ = write!(legend, "<li style='--c:{color}'>{}</li>", safe(label));
    }
    let levels = properties["annotations"]["horizontal"].as_array().into_iter().flatten();
    let named: Vec<_> =
        levels.filter_map(|level| Some(format!("{} = {}", level["value"], level["label"].as_str()?))).collect();
    let named = if named.is_empty() {
        String::new()
    } else {
        format!("<p style='color:#879596'>{}</p>", safe(&named.join(" · ")))
    };
    format!("{svg}</svg>{named}<ul>{legend}</ul>")
}

fn safe(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
