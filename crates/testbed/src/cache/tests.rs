use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;

use super::{Cache, Pins};

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("tools"));
    (folder, cache)
}

#[test]
fn an_entry_is_made_once_and_found_afterwards() {
    let (_folder, cache) = cache();
    let made = AtomicUsize::new(0);
    let get = || {
        cache.entry("tool", Pins::new().with("version", "1")).get_or_make(|folder| {
            made.fetch_add(1, Ordering::Relaxed);
            fs::write(folder.join("program"), "1")?;
            Ok(())
        })
    };

    let first = get().unwrap();
    assert_eq!(get().unwrap(), first);
    assert_eq!(made.into_inner(), 1);
    assert_eq!(fs::read_to_string(first.join("program")).unwrap(), "1");
}

#[test]
fn a_changed_pin_is_another_entry() {
    let (_folder, cache) = cache();
    let path = |version| {
        cache.entry("tool", Pins::new().with("version", version)).get_or_make(|_| Ok(())).unwrap()
    };

    assert_ne!(path("1"), path("2"));
}

#[test]
fn pins_do_not_run_into_each_other() {
    let split = Pins::new().with("a", "bc").finish();
    let joined = Pins::new().with("ab", "c").finish();

    assert_ne!(split, joined);
}

#[test]
fn a_failed_making_leaves_nothing_behind_and_is_tried_again() {
    let (folder, cache) = cache();
    let entry = || cache.entry("tool", Pins::new());

    let error = entry()
        .get_or_make(|folder| {
            fs::write(folder.join("half"), "")?;
            bail!("no network")
        })
        .unwrap_err();
    assert!(format!("{error:#}").ends_with("failed: no network"), "{error:#}");
    let left: Vec<_> = fs::read_dir(folder.path().join("tools"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    assert_eq!(left, Vec::<String>::new());

    let path = entry().get_or_make(|_| Ok(())).unwrap();
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn what_a_killed_run_left_is_not_taken_for_the_tool() {
    let (_folder, cache) = cache();
    let entry = cache.entry("tool", Pins::new());
    fs::create_dir_all(&entry.workshop).unwrap();
    fs::write(entry.workshop.join("half"), "").unwrap();

    let path = entry.get_or_make(|_| Ok(())).unwrap();

    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn runs_at_the_same_time_make_it_once() {
    let (_folder, cache) = cache();
    let made = AtomicUsize::new(0);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                cache.entry("tool", Pins::new()).get_or_make(|_| {
                    made.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
            });
        }
    });

    assert_eq!(made.into_inner(), 1);
}
