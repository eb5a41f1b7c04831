//! `schema` and `completions`.

use clap::CommandFactory;

use crate::{
    args::{Args, Completions, Format, Schema},
    exit,
    printer::Printer,
};

pub(crate) fn schema(args: &Schema, printer: &Printer) -> exit::Code {
    let schema = match args.format {
        Format::Config => domain::config_schema(),
        Format::Scenario => lab::scenario::Scenario::schema(),
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain data");
    printer.raw(&format!("{text}\n"));
    exit::DONE
}

pub(crate) fn completions(args: &Completions, printer: &Printer) -> exit::Code {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "pointsman", &mut script);
    printer.raw(&String::from_utf8_lossy(&script));
    exit::DONE
}
