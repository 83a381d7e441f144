use super::*;

/// One function of each shape that is generated differently.
const SHAPES: [&str; 4] = [
    "fn f() -> u8 { 1 }",
    "fn f() -> ! { loop {} }",
    "async fn f() -> u8 { 1 }",
    "fn f() -> Pin<Box<dyn Future<Output = u8>>> { Box::pin(async move { 1 }) }",
];

fn expanded_stage(item: &str) -> String {
    stage(r#""x", fields(a, b = 1)"#.parse().unwrap(), &item.parse().unwrap()).to_string()
}

fn expanded_request(item: &str) -> String {
    request(r#""x""#.parse().unwrap(), &item.parse().unwrap()).to_string()
}

#[test]
fn generated_code_needs_no_crate_but_the_facade() {
    for shape in SHAPES {
        for expanded in [expanded_stage(shape), expanded_request(shape)] {
            let roots: Vec<_> = expanded
                .split(' ')
                .collect::<Vec<_>>()
                .windows(3)
                // A path that starts with `::` starts at a crate.
                .filter(|it| {
                    it[1] == "::"
                        && !it[0].ends_with(|last: char| {
                            last.is_alphanumeric() || last == '_' || last == '>'
                        })
                })
                .map(|it| it[2].to_owned())
                .collect();
            assert!(!roots.is_empty(), "{expanded}");
            assert!(roots.iter().all(|it| it == "stagelight" || it == "core"), "{roots:?}");
        }
    }
}

#[test]
fn a_constant_is_checked_when_the_function_is_compiled() {
    let expanded = stage("AUTH".parse().unwrap(), &"fn f() {}".parse().unwrap()).to_string();
    let checked = "(const { :: stagelight :: __private :: stage_name (AUTH) })";
    assert!(expanded.contains(checked), "{expanded}");
}

#[test]
fn a_route_of_another_type_than_str_does_not_compile() {
    let expanded = expanded_request("fn f() {}");
    assert!(expanded.contains(r#"identity :: < & str > ("x")"#), "{expanded}");
}

#[test]
fn everything_around_the_body_is_kept() {
    let outside = r#"
        #[doc = "Trusts."] #[inline] pub(crate) unsafe extern "C" fn f<'a, T: Copy>(a: &'a T) -> T
        where T: Send {
            #![allow(dead_code)]
    "#;
    let dense = |it: &str| it.replace(char::is_whitespace, "");
    let expanded = dense(&expanded_stage(&format!("{outside} *a }}")));
    assert!(expanded.starts_with(&dense(outside)), "{expanded}");
}

#[test]
fn a_syntax_error_is_reported_as_such() {
    let expanded = expanded_stage("fn f() { let 3 }");
    assert!(expanded.contains("expected"), "{expanded}");
    assert!(!expanded.contains("on functions"), "{expanded}");
    assert!(expanded.ends_with("fn f () { let 3 }"), "{expanded}");
}

#[test]
fn a_renamed_facade_is_the_only_crate_in_generated_code() {
    for shape in SHAPES {
        let item = shape.parse().unwrap();
        let stage = stage(r#"NAME, fields(a), crate = "renamed""#.parse().unwrap(), &item);
        let request = request(r#""x", fields(a), crate = "renamed""#.parse().unwrap(), &item);
        for expanded in [stage.to_string(), request.to_string()] {
            assert!(expanded.contains("renamed :: __private"), "{expanded}");
            assert!(!expanded.contains(":: stagelight ::"), "{expanded}");
        }
    }
}
