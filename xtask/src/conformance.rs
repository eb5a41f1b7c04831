//! The table of what passes on which emulator, in `localstack/README.md`: what tests were run rewrites its cells.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

use crate::told::Told;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../localstack/README.md");
const BEGINS: &str = "<!-- conformance -->\n";
const ENDS: &str = "<!-- /conformance -->";
/// In the order of the columns: as a test writes it, its requirements, its package, its heading.
const EMULATORS: [(&str, &str, &str, &str); 2] = [
    ("ministack", include_str!("../../localstack/requirements-ministack.txt"), "ministack", "MiniStack"),
    ("localstack", include_str!("../../localstack/requirements-localstack.txt"), "localstack-core", "LocalStack"),
];
const NOT_RUN: &str = "not run";

/// What one test run showed.
#[derive(Debug)]
pub(crate) struct Conformance(Told);

/// A cell an emulator, for each thing that was tried.
type Rows = BTreeMap<String, [String; EMULATORS.len()]>;

impl Conformance {
    /// Names the file to the tests, which append `EMULATOR<tab>WHAT<tab>OUTCOME`.
    pub(crate) const VARIABLE: &str = "POINTSMAN_CONFORMANCE";

    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Told::about("conformance")?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Brings the table up to date; whether it was already.
    pub(crate) fn settle(&self) -> Result<bool> {
        let page = fs::read_to_string(TABLE).with_context(|| format!("failed to read {TABLE}"))?;
        let updated = updated(&page, &self.0.text()?)?;
        if updated == page {
            return Ok(true);
        }
        fs::write(TABLE, updated).with_context(|| format!("failed to write {TABLE}"))?;
        Ok(false)
    }
}

/// The page with the cells that these lines are about.
fn updated(page: &str, shown: &str) -> Result<String> {
    let places = page.split_once(BEGINS).and_then(|(before, rest)| Some((before, rest.split_once(ENDS)?)));
    let Some((before, (table, after))) = places else { bail!("{TABLE} has no place for the table") };
    let mut rows = rows(table);
    for line in shown.lines() {
        let parts: Vec<_> = line.split('\t').collect();
        let [emulator, what, outcome] = parts[..] else { bail!("a test wrote {line:?}") };
        let column = EMULATORS.iter().position(|(name, ..)| *name == emulator);
        let Some(column) = column else { bail!("a test wrote of {emulator:?}") };
        let cell = &mut rows.entry(what.to_owned()).or_insert_with(empty)[column];
        outcome.clone_into(cell);
    }
    Ok(format!("{before}{BEGINS}{}{ENDS}{after}", rendered(&rows)?))
}

fn empty() -> [String; EMULATORS.len()] {
    EMULATORS.map(|_| NOT_RUN.to_owned())
}

fn rows(table: &str) -> Rows {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let row = |line: &str| {
        let mut cells = cells(line).into_iter();
        Some((cells.next()?, cells.collect::<Vec<_>>().try_into().ok()?))
    };
    table.lines().skip(2).filter_map(row).collect()
}

fn rendered(rows: &Rows) -> Result<String> {
    let mut headings = vec!["what".to_owned()];
    for (_, requirements, package, heading) in EMULATORS {
        let version = requirements.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
        let version = version.and_then(|rest| rest.split_whitespace().next());
        ensure!(version.is_some(), "{package} is not pinned");
        headings.push(format!("{heading} {}", version.unwrap_or_default()));
    }
    let head = format!("| {} |\n|{}\n", headings.join(" | "), " --- |".repeat(headings.len()));
    let rows = rows.iter().map(|(what, cells)| format!("| {what} | {} |\n", cells.join(" | ")));
    Ok(head + &rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(table: &str) -> String {
        format!("# A\n\n{BEGINS}{table}{ENDS}\n\nmore\n")
    }

    #[test]
    fn what_was_run_is_written_and_the_rest_stays() {
        let empty = page("");
        let once = updated(&empty, "ministack\tscenario `a`\tpassed\nlocalstack\tscenario `b`\tfailed\n").unwrap();
        assert!(once.contains("| scenario `a` | passed | not run |\n"), "{once}");
        assert!(once.contains("| scenario `b` | not run | failed |\n"), "{once}");
        assert!(once.starts_with("# A\n") && once.ends_with("\n\nmore\n"), "{once}");
        assert_eq!(updated(&once, "").unwrap(), once);
        let twice = updated(&once, "localstack\tscenario `b`\tpassed\n").unwrap();
        assert!(twice.contains("| scenario `a` | passed | not run |\n"), "{twice}");
        assert!(twice.contains("| scenario `b` | not run | passed |\n"), "{twice}");
    }

    #[test]
    fn what_cannot_be_placed_is_refused() {
        assert!(updated("# A\n", "").is_err());
        assert!(updated(&page(""), "moto\tscenario `a`\tpassed\n").is_err());
        assert!(updated(&page(""), "passed\n").is_err());
    }
}
