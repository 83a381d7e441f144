//! What is found out about a link.

use serde::Serialize;

use super::check::Check;

/// What is wrong with a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was seen, with the numbers.
    pub(crate) seen: String,
    /// What that means.
    pub(crate) why: String,
    /// A command or a setting.
    pub(crate) fix: String,
    /// More about it: a file of the repository.
    pub(crate) runbook: Option<String>,
}

/// How a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It works; what was seen says so.
    Ok(String),
    /// It does not; at least one finding.
    Broken(Vec<Finding>),
    /// It may work or not: what is seen of it comes from another link that is broken.
    Blocked(Check),
    /// It was not looked at, and why.
    Skipped(String),
}

// === impl Finding ===

impl Finding {
    pub(crate) fn new(
        seen: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { seen: seen.into(), why: why.into(), fix: fix.into(), runbook: None }
    }

    /// Names the runbook of the alert about the same.
    pub(crate) fn with_runbook(self, alert: &str) -> Self {
        Self { runbook: Some(format!("collector/runbooks/{alert}.md")), ..self }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Returns `Ok` unless there is a finding.
    pub(crate) fn from_findings(findings: Vec<Finding>, seen: impl FnOnce() -> String) -> Self {
        if findings.is_empty() { Self::Ok(seen()) } else { Self::Broken(findings) }
    }

    pub(crate) fn broken(finding: Finding) -> Self {
        Self::Broken(vec![finding])
    }

    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(crate) const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}
