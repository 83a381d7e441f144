use quote::ToTokens;
use stagelight_core::{
    fields,
    stage::{self, Group},
};

use super::values::{GROUPS, STAGE_NAME_MAX};
use super::*;

fn stage(source: &str) -> syn::Result<StageArgs> {
    StageArgs::parse(source.parse().unwrap())
}

fn request(source: &str) -> syn::Result<RequestArgs> {
    RequestArgs::parse(source.parse().unwrap())
}

#[track_caller]
fn check<T>(parsed: syn::Result<T>, expected: &[&str]) {
    let Err(error) = parsed else { panic!("accepted") };
    let messages: Vec<_> = error.into_iter().map(|it| it.to_string()).collect();
    assert_eq!(messages, expected);
}

#[track_caller]
fn check_stage(source: &str, expected: &str) {
    check(stage(source), &[expected]);
}

#[track_caller]
fn check_request(source: &str, expected: &str) {
    check(request(source), &[expected]);
}

fn tokens(of: impl ToTokens) -> String {
    of.to_token_stream().to_string()
}

#[test]
fn the_groups_are_those_of_the_metric_contract() {
    assert_eq!(GROUPS, Group::ALL.map(Group::as_str));
}

#[test]
fn a_name_alone_makes_a_stage() {
    let args = stage(r#""auth_validation""#).unwrap();
    assert_eq!(tokens(&args.stage), r#""auth_validation""#);
    assert_eq!(args.group, None);
    assert!(args.records_errors);
    assert!(args.span.name.is_none() && args.span.target.is_none());
    assert!(args.span.level.is_none() && args.span.fields.is_none());
}

#[test]
fn a_stage_takes_all_its_arguments_in_any_order() {
    let args = stage(
        r#"err = false, target = TARGET, fields(a), level = "Warn", "rerank", name = "rank",
           group = "backend_response","#,
    )
    .unwrap();
    assert_eq!(tokens(&args.stage), r#""rerank""#);
    assert_eq!(args.group, Some("backend_response"));
    assert!(!args.records_errors);
    assert_eq!(tokens(&args.span.name), r#""rank""#);
    assert_eq!(tokens(&args.span.target), "TARGET");
    assert_eq!(tokens(&args.span.level), "WARN");
    assert_eq!(args.span.fields.unwrap().len(), 1);
}

#[test]
fn the_path_of_a_constant_names_a_stage() {
    for path in ["AUTH", "crate :: stage :: AUTH", "Self :: STAGE", "< T as Staged > :: STAGE"] {
        assert_eq!(tokens(stage(path).unwrap().stage), path);
    }
}

#[test]
fn fields_have_the_grammar_of_instrument() {
    let args = stage(
        r#""x", fields(a, b.c, d = 1, e = %x.y(), f = ?z, %g, ?h.i, "j-k" = 2, {L} = 3,
                r#type = 4,)"#,
    )
    .unwrap();
    let fields: Vec<_> = args
        .span
        .fields
        .unwrap()
        .iter()
        .map(|Field { name, format, value }| tokens(quote::quote!(#name => #format #value)))
        .collect();
    assert_eq!(
        fields,
        [
            r#""a" =>"#,
            r#""b.c" =>"#,
            r#""d" => 1"#,
            r#""e" => % x . y ()"#,
            r#""f" => ? z"#,
            r#""g" => % g"#,
            r#""h.i" => ? h . i"#,
            r#""j-k" => 2"#,
            "{ L } => 3",
            r#""type" => 4"#,
        ]
    );
}

#[test]
fn a_stage_without_a_name_is_refused() {
    let missing = r#"missing stage name: write `#[stage("auth_validation")]`"#;
    check_stage("", missing);
    check_stage(r#"group = "other""#, missing);
}

#[test]
fn a_bad_stage_name_is_refused() {
    let allowed = "expected 1 to 64 of `A-Z a-z 0-9 _ . -`";
    check_stage(r#""""#, &format!("the stage name is empty: {allowed}"));
    check_stage(
        r#""auth validation""#,
        &format!(r#"the stage name "auth validation" contains ' ': {allowed}"#),
    );
    check_stage(r#""größe""#, &format!(r#"the stage name "größe" contains 'ö': {allowed}"#));
    assert!(stage(&format!("{:?}", "b".repeat(64))).is_ok());
    check_stage(
        &format!("{:?}", "b".repeat(65)),
        &format!("the stage name has 65 characters: {allowed}"),
    );
    check_stage(
        r#""unattributed""#,
        "the stage name `unattributed` is reserved for the time outside of all stages",
    );
    check_stage("3", "invalid stage name: expected a string or the path of a constant");
}

#[test]
fn an_unknown_argument_is_refused() {
    let keys = StageArgs::KEYS;
    check_stage(r#""x", grop = "other""#, &format!("unknown argument `grop`: expected {keys}"));
    check_stage(r#""x", parent"#, &format!("unknown argument `parent`: expected {keys}"));
    check_request(
        r#""x", group = "other""#,
        "unknown argument `group`: expected `name`, `level`, `target`, `fields` and `crate`",
    );
    let skip = "`skip_all` is not needed: only arguments named in `fields` are recorded";
    check_stage(r#""x", skip_all"#, skip);
    check_request(r#""x", skip_all"#, skip);
}

#[test]
fn a_duplicate_is_refused() {
    check_stage(r#""x", "y""#, "duplicate stage name");
    check_stage(r#""x", a::Y"#, "duplicate stage name");
    for argument in [
        r#"name = "a""#,
        r#"group = "other""#,
        r#"level = "info""#,
        r#"target = "a""#,
        "fields(a)",
        "err = true",
    ] {
        let key = argument.split([' ', '(']).next().unwrap();
        check_stage(
            &format!(r#""x", {argument}, {argument}"#),
            &format!("duplicate argument `{key}`"),
        );
    }
    check_request(r#""x", "y""#, "duplicate route");
    check_request(r#""x", crate = "a", crate = "b""#, "duplicate argument `crate`");
    check_stage(r#""x", fields(a.b = 1, c, a.b)"#, "duplicate field `a.b`");
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let text = "a string or the path of a constant";
    check_stage(r#""x", name = 3"#, &format!("invalid `name`: expected {text}"));
    check_stage(r#""x", name"#, &format!("`name` has no value: expected `name = …` with {text}"));
    check_stage(r#""x", name ="#, &format!("invalid `name`: expected {text}"));
    check_stage(r#""x", name = """#, "`name` is empty");
    check_stage(r#""x", target = true"#, &format!("invalid `target`: expected {text}"));
    check_stage(
        r#""x", level = INFO"#,
        "invalid `level`: expected a string: `trace`, `debug`, `info`, `warn` or `error`",
    );
    check_stage(
        r#""x", level = "notice""#,
        r#"unknown level "notice": expected `trace`, `debug`, `info`, `warn` or `error`"#,
    );
    check_stage(r#""x", err = "no""#, "invalid `err`: expected `true` or `false`");
    check_stage(r#""x", err"#, "`err` has no value: expected `err = …` with `true` or `false`");
    check_stage(
        r#""x", fields = "a""#,
        "invalid `fields`: expected `fields(provider = %provider, model)`",
    );
}

#[test]
fn an_unknown_group_is_refused() {
    let groups = "`frontend_processing`, `backend_response`, `stream_processing` or `other`";
    check_stage(
        r#""x", group = "backend""#,
        &format!(r#"unknown group "backend": expected {groups}"#),
    );
    check_stage(
        r#""x", group = backend_response"#,
        &format!("invalid `group`: expected a string: {groups}"),
    );
}

#[test]
fn a_field_that_the_attribute_sets_is_refused() {
    for field in ["stage", "stage.group", "error.type"] {
        check_stage(
            &format!(r#""x", fields({field} = "y")"#),
            &format!("the field `{field}` is reserved: the attribute sets it"),
        );
    }
    for field in ["stagelight.endpoint", "outcome", "error.type"] {
        check_request(
            &format!(r#""x", fields({field})"#),
            &format!("the field `{field}` is reserved: the attribute sets it"),
        );
    }
}

#[test]
fn names_and_limits_are_those_of_core() {
    assert_eq!(StageArgs::OWN_FIELDS, [fields::STAGE, fields::GROUP, fields::ERROR_TYPE]);
    assert_eq!(RequestArgs::OWN_FIELDS, [fields::ENDPOINT, fields::OUTCOME, fields::ERROR_TYPE]);
    assert_eq!(STAGE_NAME_MAX, stage::MAX_NAME_BYTES);
}

#[test]
fn a_request_takes_a_name_a_template_or_an_expression() {
    for route in [
        r#""nightly_reindex""#,
        r#""GET /v1/{user}""#,
        "job . name ()",
        "ROUTE",
        "name",
        "route_of (name)",
        "& self . route",
    ] {
        let args = request(&format!("{route}, fields(size)")).unwrap();
        assert_eq!(tokens(args.route), route);
        assert_eq!(args.span.fields.unwrap().len(), 1);
    }
}

#[test]
fn the_route_may_follow_other_arguments() {
    let args = request(r#"level = "debug", fields(size), job.name, name = "job""#).unwrap();
    assert_eq!(tokens(args.route), "job . name");
    assert_eq!(tokens(args.span.name), r#""job""#);
}

#[test]
fn a_request_without_a_route_is_refused() {
    let missing = r#"missing route: write `#[request("nightly_reindex")]`"#;
    check_request("", missing);
    check_request(r#"level = "debug""#, missing);
}

#[test]
fn the_former_form_of_the_route_is_refused_with_the_new_one() {
    for key in ["endpoint", "route"] {
        check_request(
            &format!(r#"{key} = "nightly_reindex", level = "debug""#),
            &format!(
                "the route is the first argument, without `{key} =`: write \
                 `#[request(\"nightly_reindex\")]`"
            ),
        );
    }
}

#[test]
fn a_bad_route_is_refused() {
    let empty = "the route is empty: expected the name of a job or queue, or a route template";
    check_request(r#""""#, empty);
    check_request(r#"" ""#, empty);
    check_request(
        r#""/search?q=x""#,
        "the route \"/search?q=x\" has a query: expected a name or a route template, not a raw \
         path",
    );
    check_request(r#""a\tb""#, r#"the route "a\tb" contains the control character '\t'"#);
    assert!(request(&format!("{:?}", "b".repeat(128))).is_ok());
    check_request(
        &format!("{:?}", "b".repeat(129)),
        "the route has 129 bytes: expected at most 128",
    );
    let invalid = "invalid route: expected a string, or an expression of the type `&str`";
    check_request("3", invalid);
    check_request(",", invalid);
}

#[test]
fn the_path_of_the_facade_is_plain_or_a_string() {
    for path in ["renamed", "\"renamed\""] {
        let args = stage(&format!(r#""x", crate = {path}"#)).unwrap();
        assert_eq!(tokens(args.span.private()), "renamed :: __private");
    }
    let args = request(r#""x", crate = "crate::deps::measured""#).unwrap();
    assert_eq!(tokens(args.span.private()), "crate :: deps :: measured :: __private");
    let expected = "invalid `crate`: expected the path of stagelight: `crate = \"my_stagelight\"`";
    check_stage(r#""x", crate = "a b""#, expected);
    check_stage(r#""x", crate = 3"#, expected);
    check_stage(r#""x", crate = <T as A>::B"#, expected);
}

#[test]
fn all_errors_are_reported_at_once() {
    check(
        stage(r#""a b", nam = "c", level = 3, err = true err = true, group = "d""#),
        &[
            r#"the stage name "a b" contains ' ': expected 1 to 64 of `A-Z a-z 0-9 _ . -`"#,
            "unknown argument `nam`: expected `group`, `name`, `level`, `target`, `fields`, `err` \
             and `crate`",
            "invalid `level`: expected a string: `trace`, `debug`, `info`, `warn` or `error`",
            "expected `,` between arguments",
            "unknown group \"d\": expected `frontend_processing`, `backend_response`, \
             `stream_processing` or `other`",
        ],
    );
    check(
        request(r#"endpont = "a""#),
        &[
            "unknown argument `endpont`: expected `name`, `level`, `target`, `fields` and `crate`",
            r#"missing route: write `#[request("nightly_reindex")]`"#,
        ],
    );
}
