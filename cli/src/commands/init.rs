//! `init`: a configuration to begin with.

use std::{fs::OpenOptions, io::ErrorKind, io::Write, path::Path};

use serde_json::json;

use crate::{
    args::{self, Global, Output},
    error::CliError,
    exit,
    printer::Printer,
};

/// Every key of the format, with its meaning and its default.
const TEMPLATE: &str = include_str!("init.toml");

pub(crate) fn run(global: &Global, args: &args::Init, printer: &Printer) -> Result<exit::Code, CliError> {
    if args.print {
        match printer.output() {
            Output::Text => printer.raw(TEMPLATE),
            Output::Json => printer.machine(&json!({ "config": TEMPLATE })),
        }
        return Ok(exit::DONE);
    }
    let path = &global.config;
    write(path, args.force)?;
    printer.result(&json!({ "written": path }), || format!("{} is written", path.display()));
    printer.line("edit the lines marked EDIT, then see with `pointsman check` whether your regions are reached");
    Ok(exit::DONE)
}

fn write(path: &Path, overwrite: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true);
    // Looking first would not keep what another writes in between.
    let options = if overwrite { options.create(true).truncate(true) } else { options.create_new(true) };
    options.open(path).and_then(|mut file| file.write_all(TEMPLATE.as_bytes())).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::AlreadyExists => CliError::Exists { path },
            _ => CliError::Write { path, source },
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{Config, Endpoint, NativeCheck};
    use serde_json::Value;

    use super::*;

    fn parsed(source: &str) -> Config {
        Config::parse("init.toml", source).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The template with every optional key in force.
    fn all_in_force() -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => key.to_owned() + "\n",
            _ => line.to_owned() + "\n",
        };
        TEMPLATE.lines().map(line).collect()
    }

    #[test]
    fn the_template_is_accepted_as_written() {
        let config = parsed(TEMPLATE);
        assert_eq!(config.services.len(), 1);
        assert!(config.lab.is_none());
    }

    #[test]
    fn the_defaults_that_it_names_are_the_defaults() {
        let (written, all) = (parsed(TEMPLATE), parsed(&all_in_force()));
        let (left_out, given) = (&written.services[0], &all.services[0]);
        assert_eq!(left_out.policy, given.policy);
        assert_eq!(left_out.ttl_s, given.ttl_s);
        // What a body must hold and who asks are examples.
        let check = NativeCheck { search: None, checkers: Vec::new(), ..given.check.clone() };
        assert_eq!(left_out.check, check);
        assert_eq!((&written.stack, written.observers), (&all.stack, all.observers));
        let (probe, with_all) = (&left_out.probes[0], &given.probes[0]);
        assert_eq!(probe.name, with_all.name);
        assert!(matches!(&given.regions[0].endpoint, Endpoint::Name(_)));
    }

    #[test]
    fn every_key_of_the_format_occurs() {
        let schema = serde_json::to_value(domain::config_schema()).unwrap();
        let mut keys = BTreeSet::new();
        collect(&schema, &mut keys);
        assert!(keys.contains("native_return") && keys.contains("first_byte"), "{keys:?}");
        let words: BTreeSet<_> = TEMPLATE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let missing: Vec<_> = keys.iter().filter(|key| !words.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    fn collect(schema: &Value, keys: &mut BTreeSet<String>) {
        if let Value::Object(members) = schema {
            for (name, member) in members {
                match member {
                    Value::Object(properties) if name == "properties" => keys.extend(properties.keys().cloned()),
                    _ => {}
                }
                collect(member, keys);
            }
        }
        if let Value::Array(items) = schema {
            for item in items {
                collect(item, keys);
            }
        }
    }

    #[test]
    fn what_must_be_edited_is_marked_and_nothing_else_is_needed() {
        let marked: Vec<_> = TEMPLATE.lines().filter(|line| line.ends_with("# EDIT")).collect();
        let keys: Vec<_> = marked.iter().filter_map(|line| line.split(" =").next()).collect();
        assert_eq!(
            keys,
            ["control_region", "observers", "name", "hosted_zone", "name", "a", "name", "a", "path", "path"]
        );
    }
}
