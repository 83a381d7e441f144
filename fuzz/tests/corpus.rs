//! Replays the corpus.

use std::{collections::BTreeSet, fs, path::PathBuf};

use fuzz_targets::TARGETS;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn every_input_passes() {
    for (name, target) in TARGETS {
        let files: Vec<_> = fs::read_dir(folder(name)).unwrap().map(|it| it.unwrap()).collect();
        assert!(5 <= files.len(), "{name} has too few inputs");
        for file in files {
            let input = fs::read(file.path()).unwrap();
            // Names the input of a panic.
            println!("{name}: {}", file.path().display());
            target(&input);
        }
    }
}

#[test]
fn every_folder_has_a_target() {
    let folders = fs::read_dir(folder("")).unwrap().map(|it| it.unwrap().file_name());
    let folders: BTreeSet<_> = folders.map(|it| it.into_string().unwrap()).collect();
    assert_eq!(folders, TARGETS.map(|it| it.0.to_owned()).into());
}

#[test]
fn truncated_inputs_and_flipped_bits_pass() {
    for (name, target) in TARGETS {
        for file in fs::read_dir(folder(name)).unwrap() {
            let input = fs::read(file.unwrap().path()).unwrap();
            for at in 0..input.len().min(200) {
                target(&input[..at]);
                let mut flipped = input.clone();
                flipped[at] ^= 1 << (at % 8);
                target(&flipped);
            }
        }
    }
}
