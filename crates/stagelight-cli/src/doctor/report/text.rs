//! The report for people.

use std::fmt::{Result, Write};

use super::{CheckReport, Overall, Report, Status};

/// Width of the first two columns.
const STATUS: usize = 10;
const CHECK: usize = 12;

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _: Result = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &Report) -> Result {
    for it in &report.checks {
        let (status, check) = (it.status.as_str(), it.check.as_str());
        writeln!(
            out,
            "{}",
            format!("{status:STATUS$}  {check:CHECK$}  {}", in_a_line(it)).trim_end()
        )?;
    }
    for broken in report.checks.iter().filter(|it| it.status == Status::Broken) {
        for finding in &broken.findings {
            writeln!(out, "\n{} is broken", broken.check.as_str())?;
            writeln!(out, "  seen  {}", finding.seen)?;
            writeln!(out, "  why   {}", finding.why)?;
            writeln!(out, "  fix   {}", finding.fix)?;
            if let Some(runbook) = &finding.runbook {
                writeln!(out, "  more  {runbook}")?;
            }
        }
    }
    let of_links = report.checks.iter().flat_map(|check| {
        check.notes.iter().map(|note| format!("{}: {note}", check.check.as_str()))
    });
    let slow = report.performance.iter().map(|it| format!("slow: {it}"));
    for (index, note) in of_links.chain(slow).enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        writeln!(out, "{gap}note  {note}")?;
    }
    if report.verdict == Overall::NothingChecked {
        writeln!(
            out,
            "\nnothing was checked: say where things are, see `stagelight doctor --help`"
        )?;
    }
    Ok(())
}

fn in_a_line(check: &CheckReport) -> String {
    match (check.status, check.because, check.findings.as_slice()) {
        (Status::Blocked, Some(cause), _) => format!("because of {}", cause.as_str()),
        (Status::Broken, _, [first, ..]) => first.seen.clone(),
        _ => check.detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::doctor::{
        check::Check,
        finding::{Finding, Outcome},
    };

    #[test]
    fn each_link_has_a_line_and_what_is_broken_a_paragraph() {
        let finding = Finding::new("a token is missing", "somebody forgot it", "set TOKEN");
        let report = Report::new(
            vec![
                CheckReport::new(
                    Check::Service,
                    Outcome::Ok("7 requests".to_owned()),
                    vec!["odd".to_owned()],
                ),
                CheckReport::new(
                    Check::Export,
                    Outcome::broken(finding.with_runbook("ServiceExportsFail")),
                    Vec::new(),
                ),
                CheckReport::new(Check::Prometheus, Outcome::Blocked(Check::Export), Vec::new()),
                CheckReport::new(
                    Check::Grafana,
                    Outcome::Skipped("not given".to_owned()),
                    Vec::new(),
                ),
            ],
            vec!["northwind: late".to_owned()],
        );
        expect![[r#"
            ok          service       7 requests
            BROKEN      export        a token is missing
            not judged  prometheus    because of export
            skipped     grafana       not given

            export is broken
              seen  a token is missing
              why   somebody forgot it
              fix   set TOKEN
              more  collector/runbooks/ServiceExportsFail.md

            note  service: odd
            note  slow: northwind: late
        "#]]
        .assert_eq(&report.to_text());
        assert_eq!(report.verdict, Overall::Broken);
    }
}
