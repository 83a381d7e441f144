//! Variables of the environment: one line each, `NAME=value`.

use std::collections::BTreeMap;

use stagelight_otel::{
    Config, Environment, Signal,
    env::variables::{self, Variable},
};

use crate::canary::{self, CANARY};

/// What a problem says besides the value, in bytes, at most.
const WORDS: usize = 600;

/// Reads any settings: nothing panics, and what is wrong with them is told in few words and without secrets.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs: BTreeMap<&str, &str> = text.lines().filter_map(|it| it.split_once('=')).collect();
    let config = Config::from_env(&Environment::from_pairs(pairs.clone()));

    for problem in config.problems() {
        let value = pairs.get(problem.name.as_str()).copied().unwrap_or_default();
        let told = problem.to_string();
        // A character may take ten to be written so that a terminal can show it.
        assert!(told.len() <= WORDS + 10 * value.len(), "{} bytes: {told}", told.len());
    }
    if holds_secrets_only_where_they_belong(&pairs) {
        for problem in config.problems() {
            canary::check_not_in(&problem.to_string());
            canary::check_not_in(&format!("{problem:?}"));
        }
        canary::check_not_in(&format!("{config:?}"));
    }
    // Read again, it is the same: nothing depends on order or on what was before.
    let again = Config::from_env(&Environment::from_pairs(pairs));
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
}

/// Returns whether the canary is only where the documentation promises that it is not shown: in a header's value, or before the `@` of an endpoint.
fn holds_secrets_only_where_they_belong(pairs: &BTreeMap<&str, &str>) -> bool {
    pairs.iter().all(|(name, value)| {
        let is = |variable: &Variable| {
            let forms = [Signal::Traces, Signal::Metrics].map(|it| variable.name_for(it));
            *name == variable.name || forms.iter().any(|it| it == name)
        };
        let is_name = |pair: &str| pair.split('=').next().is_some_and(|it| it.contains(CANARY));
        if name.contains(CANARY) {
            false
        } else if is(&variables::HEADERS) || is(&variables::FORCING_HEADER) {
            !value.split(',').any(is_name)
        } else if is(&variables::ENDPOINT) {
            let after = value.rsplit_once('@').map_or(*value, |it| it.1);
            !after.contains(CANARY)
        } else {
            !value.contains(CANARY)
        }
    })
}
