//! The proof of the proof: a mistake in a copied dashboard is found where it was made, and nowhere else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{dashboards::Dashboard, panels, proof::Proof, variables::Choice};

/// A mistake: what it is, and how to make it in a target or its panel. Returns whether it could be made.
type Mutant = (&'static str, fn(&mut Value) -> bool);

const MUTANTS: [Mutant; 4] = [
    ("a metric that nobody emits", |panel| replace(panel, "_seconds", "_secs")),
    ("a label that no series has", |panel| replace(panel, "{", "{colour=\"red\",")),
    ("a label to group by that no series has", |panel| replace(panel, "by (", "by (colour, ")),
    ("another unit", |panel| {
        panel["fieldConfig"]["defaults"]["unit"] = Value::from("decbytes");
        true
    }),
];

/// Makes each mistake in the first panel of each dashboard that takes it.
pub(crate) fn check(proof: &Proof<'_>, dashboards: &[Dashboard]) {
    for dashboard in dashboards {
        for (what, mutate) in MUTANTS {
            check_one(proof, dashboard, what, mutate);
        }
    }
}

fn check_one(proof: &Proof<'_>, dashboard: &Dashboard, what: &str, mutate: fn(&mut Value) -> bool) {
    let mut copy = dashboard.clone();
    let panels = copy.json["panels"].as_array_mut().unwrap();
    let has_query = |it: &&mut Value| it["targets"][0]["expr"].is_string();
    let Some(panel) = panels.iter_mut().filter(has_query).find_map(|it| mutate(it).then_some(it))
    else {
        return;
    };
    let place = format!("{} / {} / ", copy.uid, panel["title"].as_str().unwrap());

    let again = proof.again();
    panels::check(&again, &copy, Choice::All);

    let places = again.defects.places();
    let elsewhere: BTreeSet<_> = places.iter().filter(|it| !it.starts_with(&place)).collect();
    assert!(!places.is_empty(), "{what} in {place} was not found");
    assert!(
        elsewhere.is_empty(),
        "{what} in {place} was blamed on {elsewhere:?}\n{}",
        again.defects
    );
}

/// Changes the queries of a panel. Returns whether that changed any.
fn replace(panel: &mut Value, from: &str, to: &str) -> bool {
    let mut is_changed = false;
    for target in panel["targets"].as_array_mut().into_iter().flatten() {
        let query = target["expr"].as_str().unwrap_or_default();
        let changed = query.replacen(from, to, 1);
        is_changed |= changed != query;
        target["expr"] = Value::from(changed);
    }
    is_changed
}
