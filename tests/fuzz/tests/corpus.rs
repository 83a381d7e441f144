//! What once was worth keeping still holds.

use std::{collections::BTreeSet, fs, path::PathBuf};

use fuzz_targets::TARGETS;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn every_input_of_the_corpus_holds() {
    for (name, target) in TARGETS {
        let files: Vec<_> = fs::read_dir(folder(name)).unwrap().map(|it| it.unwrap()).collect();
        assert!(5 <= files.len(), "{name} has hardly anything to begin with");
        for file in files {
            let input = fs::read(file.path()).unwrap();
            // Tells which, should it panic.
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
fn inputs_cut_short_and_with_a_bit_turned_hold_too() {
    for (name, target) in TARGETS {
        for file in fs::read_dir(folder(name)).unwrap() {
            let input = fs::read(file.unwrap().path()).unwrap();
            for at in 0..input.len().min(200) {
                target(&input[..at]);
                let mut turned = input.clone();
                turned[at] ^= 1 << (at % 8);
                target(&turned);
            }
        }
    }
}
