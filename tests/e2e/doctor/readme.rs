//! The README shows the doctor's output.

use std::fs;

use testbed::Workspace;

use super::fault_injection::Doctor;
use testbed::clock::eventually;

const BEGIN: &str =
    "<!-- doctor:begin -->\n\n```console\n$ stagelight doctor --watch 2s --skip grafana\n";
const END: &str = "```\n\n<!-- doctor:end -->";

/// Checks that docs/doctor.md has this output except for numbers; `UPDATE_EXPECT=1` writes it.
#[track_caller]
pub(super) fn shows(doctor: &Doctor) {
    let path = Workspace::find().path("docs/doctor.md");
    let readme = fs::read_to_string(&path).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let (head, rest) = readme.split_once("<!-- doctor:begin -->").unwrap();
        let (_, tail) = rest.split_once("<!-- doctor:end -->").unwrap();
        fs::write(path, [head, BEGIN, &doctor.text(), END, tail].concat()).unwrap();
        return;
    }
    let (_, rest) = readme.split_once(BEGIN).unwrap();
    let (shown, _) = rest.split_once(END).unwrap();
    eventually(|| {
        let report = doctor.text();
        let is_same = without_numbers(&report) == without_numbers(shown);
        if is_same {
            Ok(())
        } else {
            Err(format!("UPDATE_EXPECT=1 writes into the README:\n{report}"))
        }
    });
}

/// Replaces each number, with or without a fraction, by `0`.
fn without_numbers(text: &str) -> String {
    let mut masked = String::new();
    for (index, letter) in text.char_indices() {
        let before = text[..index].chars().next_back();
        let is_point = letter == '.'
            && before.is_some_and(|it| it.is_ascii_digit())
            && text[index + 1..].starts_with(|it: char| it.is_ascii_digit());
        if !letter.is_ascii_digit() && !is_point {
            masked.push(letter);
        } else if !masked.ends_with('0') {
            masked.push('0');
        }
    }
    masked
}
