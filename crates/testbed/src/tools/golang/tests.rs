use super::{GoVersion, OLDEST, check};

#[track_caller]
fn check_version(text: &str, expected: Option<(u32, u32)>) {
    let expected = expected.map(|(major, minor)| GoVersion { major, minor });
    assert_eq!(GoVersion::parse(text), expected, "{text:?}");
}

#[test]
fn versions_are_read_as_go_prints_them() {
    check_version("go1.26.8\n", Some((1, 26)));
    check_version("go1.27rc1", Some((1, 27)));
    check_version("devel go1.28-8e1fdea831 linux/amd64", Some((1, 28)));
    check_version("1.26", Some((1, 26)));
    check_version("gccgo", None);
    check_version("", None);
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(GoVersion::parse("go1.9").unwrap() < OLDEST);
    assert!(GoVersion::parse("go1.100").unwrap() > OLDEST);
    assert!(GoVersion::parse("go2.0").unwrap() > OLDEST);
}

#[test]
fn a_too_old_go_is_an_error_that_says_what_to_install() {
    let error = check("go1.22.12").unwrap_err().to_string();

    assert!(error.contains("\"go1.22.12\""), "{error}");
    assert!(error.contains("Go 1.26 or newer"), "{error}");
}

#[test]
fn the_oldest_accepted_go_is_accepted() {
    check(&format!("go{OLDEST}")).unwrap();
}
