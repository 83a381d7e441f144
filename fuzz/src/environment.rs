//! Environment variables, a line each: `NAME=value`.

use std::collections::BTreeMap;

use stagelight_otel::{
    Config, Environment, Signal,
    env::variables::{self, Variable},
};

use crate::secret::{self, SECRET};

/// The longest message of a problem, without the value, in bytes.
const MESSAGE: usize = 600;

/// Reads settings without a panic, and reports problems briefly and without secrets.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs: BTreeMap<&str, &str> = text.lines().filter_map(|it| it.split_once('=')).collect();
    let config = Config::from_env(&Environment::from_pairs(pairs.clone()));

    for problem in &config.problems {
        let value = pairs.get(problem.name.as_str()).copied().unwrap_or_default();
        let text = problem.to_string();
        // Escaping for terminals may turn one character into ten.
        assert!(text.len() <= MESSAGE + 10 * value.len(), "{} bytes: {text}", text.len());
    }
    if has_secrets_only_in_secret_values(&pairs) {
        for problem in &config.problems {
            secret::check_absent(&problem.to_string());
            secret::check_absent(&format!("{problem:?}"));
        }
        secret::check_absent(&format!("{config:?}"));
    }
    // Reading is deterministic.
    let again = Config::from_env(&Environment::from_pairs(pairs));
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
}

/// Returns whether the secret is only in values documented as never shown: a header's
/// value, or the part of an endpoint before `@`.
fn has_secrets_only_in_secret_values(pairs: &BTreeMap<&str, &str>) -> bool {
    pairs.iter().all(|(name, value)| {
        let is = |variable: &Variable| {
            let forms = [Signal::Traces, Signal::Metrics].map(|it| variable.name_for(it));
            *name == variable.name || forms.iter().any(|it| it == name)
        };
        let is_name = |pair: &str| pair.split('=').next().is_some_and(|it| it.contains(SECRET));
        if name.contains(SECRET) {
            false
        } else if is(&variables::HEADERS) || is(&variables::FORCING_HEADER) {
            !value.split(',').any(is_name)
        } else if is(&variables::ENDPOINT) {
            let after = value.rsplit_once('@').map_or(*value, |it| it.1);
            !after.contains(SECRET)
        } else {
            !value.contains(SECRET)
        }
    })
}
