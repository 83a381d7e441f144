//! The report: what the JSON document holds, and the text shows.

mod text;

use serde::Serialize;

use super::{
    check::Check,
    finding::{Finding, Outcome},
};

/// What was found out about the whole outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) verdict: Overall,
    /// Every link, in the order of the outcomes.
    #[serde(rename = "links")]
    pub(crate) checks: Vec<CheckReport>,
    /// What is slow, and whose fault that is; one sentence each.
    pub(crate) performance: Vec<String>,
}

/// The chain in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overall {
    /// What was checked works.
    Ok,
    /// At least one link is broken.
    Broken,
    /// Nobody answered at any default address.
    NothingChecked,
}

/// What was found out about one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CheckReport {
    #[serde(rename = "link")]
    pub(crate) check: Check,
    pub(crate) status: Status,
    /// What was seen of a link that works, or why one was skipped; empty otherwise.
    pub(crate) detail: String,
    /// Whose failure keeps this one from being judged.
    pub(crate) because: Option<Check>,
    /// What is wrong with a link that is broken.
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing and breaks nothing.
    pub(crate) notes: Vec<String>,
}

/// How a link is, in a word.
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

    /// Returns whether something was checked, and nothing is broken.
    pub(crate) fn is_healthy(&self) -> bool {
        self.verdict == Overall::Ok
    }

    /// Writes it for people: a line for each link, then what is broken, then what is worth knowing.
    pub(crate) fn to_text(&self) -> String {
        text::write(self)
    }
}

// === impl CheckReport ===

impl CheckReport {
    pub(crate) fn new(check: Check, verdict: Outcome, notes: Vec<String>) -> Self {
        let (status, detail, because, findings) = match verdict {
            Outcome::Ok(seen) => (Status::Ok, seen, None, Vec::new()),
            Outcome::Broken(findings) => (Status::Broken, String::new(), None, findings),
            Outcome::Blocked(cause) => (Status::Blocked, String::new(), Some(cause), Vec::new()),
            Outcome::Skipped(reason) => (Status::Skipped, reason, None, Vec::new()),
        };
        Self { check, status, detail, because, findings, notes }
    }
}

// === impl Status ===

impl Status {
    /// Returns the word that the text shows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Broken => "BROKEN",
            Self::Blocked => "not judged",
            Self::Skipped => "skipped",
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_documents_fields_and_words_stay() {
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
}
