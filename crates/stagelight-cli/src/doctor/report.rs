//! The report, as a JSON document and as text.

use std::fmt::{self, Write};

use serde::Serialize;

use super::check::{Check, Finding, Outcome};

/// Width of the first two columns of the text.
const STATUS: usize = 7;
const CHECK: usize = 12;

/// The outcome of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) verdict: Overall,
    /// Every check, in data-flow order.
    #[serde(rename = "links")]
    pub(crate) checks: Vec<CheckReport>,
    /// One sentence for each slow provider and metric, with the cause.
    pub(crate) performance: Vec<String>,
}

/// The overall status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overall {
    /// At least one check passed, and none failed.
    Ok,
    /// At least one check failed.
    Broken,
    /// No check ran: no server responds at its default address.
    NothingChecked,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CheckReport {
    #[serde(rename = "link")]
    pub(crate) check: Check,
    pub(crate) status: Status,
    /// The summary of a passed check or the reason for a skipped one; empty otherwise.
    pub(crate) detail: String,
    /// The failed check that blocks this one.
    pub(crate) because: Option<Check>,
    /// The problems of a failed check.
    pub(crate) findings: Vec<Finding>,
    /// Remarks that do not fail the check.
    pub(crate) notes: Vec<String>,
}

/// The status of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Ok,
    Broken,
    #[serde(rename = "not_judged")]
    Blocked,
    Skipped,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(checks: Vec<CheckReport>, performance: Vec<String>) -> Self {
        let has = |status| checks.iter().any(|it| it.status == status);
        let verdict = if has(Status::Broken) {
            Overall::Broken
        } else if has(Status::Ok) {
            Overall::Ok
        } else {
            Overall::NothingChecked
        };
        Self { verdict, checks, performance }
    }

    /// Returns whether at least one check passed, and none failed.
    pub(crate) fn is_healthy(&self) -> bool {
        self.verdict == Overall::Ok
    }

    /// Renders the text: a line for each check, then the findings, then the notes.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _: fmt::Result = self.write_text(&mut text);
        text
    }

    fn write_text(&self, out: &mut String) -> fmt::Result {
        for it in &self.checks {
            let (status, check) = (it.status.as_str(), it.check.as_str());
            let line = format!("{status:STATUS$}  {check:CHECK$}  {}", it.summary());
            writeln!(out, "{}", line.trim_end())?;
        }
        for broken in self.checks.iter().filter(|it| it.status == Status::Broken) {
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
        let of_checks = self.checks.iter().flat_map(|it| {
            let check = it.check.as_str();
            it.notes.iter().map(move |note| format!("{check}: {note}"))
        });
        let slow = self.performance.iter().map(|it| format!("slow: {it}"));
        for (index, note) in of_checks.chain(slow).enumerate() {
            let gap = if index == 0 { "\n" } else { "" };
            writeln!(out, "{gap}note  {note}")?;
        }
        if self.verdict == Overall::NothingChecked {
            let hint = "give the addresses, see `stagelight doctor --help`";
            writeln!(out, "\nnothing was checked: {hint}")?;
        }
        Ok(())
    }
}

// === impl CheckReport ===

impl CheckReport {
    pub(crate) fn new(check: Check, outcome: Outcome, notes: Vec<String>) -> Self {
        let (status, detail, because, findings) = match outcome {
            Outcome::Ok(seen) => (Status::Ok, seen, None, Vec::new()),
            Outcome::Broken(findings) => (Status::Broken, String::new(), None, findings),
            Outcome::Blocked(by) => (Status::Blocked, String::new(), Some(by), Vec::new()),
            Outcome::Skipped(reason) => (Status::Skipped, reason, None, Vec::new()),
        };
        Self { check, status, detail, because, findings, notes }
    }

    /// Returns the third column of the text.
    fn summary(&self) -> String {
        match (self.because, self.findings.as_slice()) {
            (Some(by), _) => format!("(blocked by {})", by.as_str()),
            (None, [first, ..]) => first.seen.clone(),
            (None, []) => self.detail.clone(),
        }
    }
}

// === impl Status ===

impl Status {
    /// Returns the first column of the text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Broken => "BROKEN",
            Self::Blocked | Self::Skipped => "skipped",
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_json_document_keeps_its_fields_and_values() {
        let finding = Finding::new("seen", "why", "fix").with_runbook("CollectorDown");
        let report = Report::new(
            vec![
                CheckReport::new(
                    Check::Collector,
                    Outcome::broken(finding),
                    vec!["a note".to_owned()],
                ),
                CheckReport::new(Check::Delivery, Outcome::Blocked(Check::Collector), Vec::new()),
            ],
            vec!["slow".to_owned()],
        );
        expect![[r#"
            {
              "verdict": "broken",
              "links": [
                {
                  "link": "collector",
                  "status": "broken",
                  "detail": "",
                  "because": null,
                  "findings": [
                    {
                      "seen": "seen",
                      "why": "why",
                      "fix": "fix",
                      "runbook": "collector/runbooks/CollectorDown.md"
                    }
                  ],
                  "notes": [
                    "a note"
                  ]
                },
                {
                  "link": "delivery",
                  "status": "not_judged",
                  "detail": "",
                  "because": "collector",
                  "findings": [],
                  "notes": []
                }
              ],
              "performance": [
                "slow"
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
        assert_eq!(serde_json::to_string(&Overall::NothingChecked).unwrap(), "\"nothing_checked\"");
    }

    #[test]
    fn the_text_has_a_line_for_each_check_and_a_paragraph_for_each_finding() {
        let finding = Finding::new("a token is missing", "TOKEN is not set", "set TOKEN");
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
            ok       service       7 requests
            BROKEN   export        a token is missing
            skipped  prometheus    (blocked by export)
            skipped  grafana       not given

            export is broken
              seen  a token is missing
              why   TOKEN is not set
              fix   set TOKEN
              more  collector/runbooks/ServiceExportsFail.md

            note  service: odd
            note  slow: northwind: late
        "#]]
        .assert_eq(&report.to_text());
        assert_eq!(report.verdict, Overall::Broken);
    }
}
