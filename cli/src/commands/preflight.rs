//! `preflight`: whether a failover would work if it had to.

use std::{fs, path::Path, time::Duration};

use aws::{Finding, FindingStatus, Function, TestMessage, preflight, quick_preflight};
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use domain::RegionName;
use quick_xml::escape::escape;

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::Printer,
    signals,
    target::Target,
};

/// Where a drill leaves its report unless told otherwise.
const REPORT: &str = ".pointsman/report/report.json";
/// A drill that is longer ago was of another system.
const DRILL_DAYS: u64 = 90;
/// An emergency waits no longer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn run(global: &Global, args: &args::Preflight, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let test = if args.notify { TestMessage::Sent } else { TestMessage::NotSent };
    let work = async { Ok(preflight(&target.session, &target.names, &target.config, test).await) };
    let mut findings = signals::or_interrupted(work).await?;
    findings.push(last_drill(Path::new(REPORT)));
    if let Some(path) = &args.junit {
        fs::write(path, junit(&findings)).map_err(|source| CliError::Write { path: path.clone(), source })?;
    }
    printer.result(&findings, || text(&findings));
    let failed = findings.iter().any(|finding| finding.status == FindingStatus::Fail);
    Ok(if failed { exit::UNHEALTHY } else { exit::DONE })
}

/// Says what is not as it should be before traffic is moved there, and keeps nobody waiting.
pub(crate) async fn warn(deployed: &Function, to: &RegionName, printer: &Printer) {
    for finding in quick_preflight(deployed, to, PATIENCE).await {
        printer.line(&format!("warning: {}: {}", finding.check, finding.detail));
    }
}

fn last_drill(report: &Path) -> Finding {
    const CHECK: &str = "last_drill";
    let at = fs::metadata(report).and_then(|report| report.modified()).ok();
    match at.and_then(|at| at.elapsed().ok()).map(|age| age.as_secs() / 86_400) {
        Some(days) if days <= DRILL_DAYS => Finding::pass(CHECK, format!("{days} days ago, by {}", report.display())),
        Some(days) => Finding::warn(CHECK, format!("{days} days ago, by {}", report.display()), "pointsman drill"),
        None => Finding::skipped(CHECK, format!("no report of a drill at {}", report.display())),
    }
}

fn text(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["check", "status", "detail", "fix"]);
    for finding in findings {
        table.add_row([finding.check, &finding.status.to_string(), &finding.detail, &finding.fix]);
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let all = [FindingStatus::Pass, FindingStatus::Warn, FindingStatus::Fail, FindingStatus::Skipped];
    let counts = all.map(|status| format!("{} {status}", count(status)));
    format!("{table}\n{}", counts.join(", "))
}

/// As continuous integration reads it: a test case a finding. A warning is no failure there, and stands in its output.
fn junit(findings: &[Finding]) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"pointsman preflight\" tests=\"{}\" failures=\"{}\" \
         skipped=\"{}\">\n",
        findings.len(),
        count(FindingStatus::Fail),
        count(FindingStatus::Skipped)
    );
    let case = |finding: &Finding| {
        let (detail, fix) = (escape(&finding.detail), escape(&finding.fix));
        let inner = match finding.status {
            FindingStatus::Pass => String::new(),
            FindingStatus::Skipped => format!("<skipped message=\"{detail}\"/>"),
            FindingStatus::Warn => format!("<system-out>warning: {detail}; fix: {fix}</system-out>"),
            FindingStatus::Fail => format!("<failure message=\"{detail}\">{fix}</failure>"),
        };
        format!("  <testcase classname=\"{}\" name=\"{detail}\">{inner}</testcase>\n", finding.check)
    };
    [head].into_iter().chain(findings.iter().map(case)).chain(["</testsuite>\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_counts_and_escapes() {
        let findings = [
            Finding::pass("one", "all is \"well\""),
            Finding::fail("two", "a < b", "do & don't"),
            Finding::warn("three", "hm", "look"),
            Finding::skipped("four", "not here"),
        ];
        let xml = junit(&findings);
        for text in [
            "tests=\"4\" failures=\"1\" skipped=\"1\"",
            "<testcase classname=\"one\" name=\"all is &quot;well&quot;\"></testcase>",
            "<failure message=\"a &lt; b\">do &amp; don&apos;t</failure>",
            "<system-out>warning: hm; fix: look</system-out>",
            "<skipped message=\"not here\"/>",
        ] {
            assert!(xml.contains(text), "{text}: {xml}");
        }
    }
}
