//! `schema` and `completions`.

use clap::CommandFactory;
use serde_json::json;

use crate::{
    args::{Args, Completions, Format, Output, Schema},
    exit,
    printer::Printer,
};

pub(crate) fn schema(args: &Schema, printer: &Printer) -> exit::Code {
    let schema = match args.format {
        Format::Config => domain::config_schema(),
        Format::Scenario => scenario::Scenario::schema(),
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain data");
    printer.raw(&format!("{text}\n"));
    exit::DONE
}

pub(crate) fn completions(args: &Completions, printer: &Printer) -> exit::Code {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "pointsman", &mut script);
    let script = String::from_utf8_lossy(&script);
    match printer.output() {
        Output::Text => printer.raw(&script),
        Output::Json => printer.machine(&json!({ "shell": args.shell.to_string(), "script": script })),
    }
    exit::DONE
}
