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
        r#""x", fields(a, b.c, d = 1, e = %x.y(), f = ?z, %g, ?h.i, "j-k" = 2, {L} = 3, r#type = 4,)"#,
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
    let missing = r#"the stage has no name; write `#[stage("its_name")]`"#;
    check_stage("", missing);
    check_stage(r#"group = "other""#, missing);
}

#[test]
fn a_bad_stage_name_is_refused() {
    let allowed = "allowed are 1 to 64 of `A-Z a-z 0-9 _ . -`";
    check_stage(r#""""#, &format!("the stage's name is empty; {allowed}"));
    check_stage(
        r#""auth validation""#,
        &format!(r#"the stage's name "auth validation" contains ' '; {allowed}"#),
    );
    check_stage(r#""größe""#, &format!(r#"the stage's name "größe" contains 'ö'; {allowed}"#));
    assert!(stage(&format!("{:?}", "b".repeat(64))).is_ok());
    check_stage(
        &format!("{:?}", "b".repeat(65)),
        &format!("the stage's name has 65 characters; {allowed}"),
    );
    check_stage(
        r#""unattributed""#,
        "`unattributed` is the time outside of all stages; choose another name",
    );
    check_stage("3", "the stage's name is a string or the path of a constant");
}

#[test]
fn what_is_not_known_is_refused() {
    check_stage(
        r#""x", grop = "other""#,
        "unknown argument `grop`; expected are `name`, `group`, `level`, `target`, `fields` and `err`",
    );
    check_stage(
        r#""x", parent"#,
        "unknown argument `parent`; expected are `name`, `group`, `level`, `target`, `fields` and `err`",
    );
    check_request(
        r#"endpoint = "x", group = "other""#,
        "unknown argument `group`; expected are `endpoint`, `name`, `level`, `target` and `fields`",
    );
    let skip = "`skip_all` is not needed: no argument is recorded unless `fields` says so";
    check_stage(r#""x", skip_all"#, skip);
    check_request(r#"endpoint = "x", skip_all"#, skip);
}

#[test]
fn what_is_given_twice_is_refused() {
    check_stage(r#""x", "y""#, "the stage's name is given twice");
    check_stage(r#""x", a::Y"#, "the stage's name is given twice");
    for argument in [
        r#"name = "a""#,
        r#"group = "other""#,
        r#"level = "info""#,
        r#"target = "a""#,
        "fields(a)",
        "err = true",
    ] {
        let key = argument.split([' ', '(']).next().unwrap();
        check_stage(&format!(r#""x", {argument}, {argument}"#), &format!("`{key}` is given twice"));
    }
    check_request(r#"endpoint = "x", endpoint = "x""#, "`endpoint` is given twice");
    check_stage(r#""x", fields(a.b = 1, c, a.b)"#, "the field `a.b` is given twice");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let text = "a string or the path of a constant";
    check_stage(r#""x", name = 3"#, &format!("`name` takes {text}"));
    check_stage(r#""x", name"#, &format!("`name` needs a value: `name = …`, with {text}"));
    check_stage(r#""x", name ="#, &format!("`name` takes {text}"));
    check_stage(r#""x", name = """#, "`name` is empty");
    check_stage(r#""x", target = true"#, &format!("`target` takes {text}"));
    check_stage(
        r#""x", level = INFO"#,
        "`level` takes a string: `trace`, `debug`, `info`, `warn` or `error`",
    );
    check_stage(
        r#""x", level = "notice""#,
        r#"unknown level "notice"; allowed are `trace`, `debug`, `info`, `warn` and `error`"#,
    );
    check_stage(r#""x", err = "no""#, "`err` takes `true` or `false`");
    check_stage(r#""x", err"#, "`err` needs a value: `err = …`, with `true` or `false`");
    check_stage(
        r#""x", fields = "a""#,
        "`fields` takes a list: `fields(provider = %provider, model)`",
    );
}

#[test]
fn an_unknown_group_is_refused() {
    let groups = "`frontend_processing`, `backend_response`, `stream_processing`";
    check_stage(
        r#""x", group = "backend""#,
        &format!(r#"unknown group "backend"; allowed are {groups} and `other`"#),
    );
    check_stage(
        r#""x", group = backend_response"#,
        &format!("`group` takes a string: {groups} or `other`"),
    );
}

#[test]
fn a_field_that_the_attribute_sets_is_refused() {
    for field in ["stage", "stage.group", "error.type"] {
        check_stage(
            &format!(r#""x", fields({field} = "y")"#),
            &format!("the field `{field}` is set by the attribute itself"),
        );
    }
    for field in ["stagelight.endpoint", "outcome", "error.type"] {
        check_request(
            &format!(r#"endpoint = "x", fields({field})"#),
            &format!("the field `{field}` is set by the attribute itself"),
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
    for endpoint in [r#""nightly_reindex""#, r#""GET /v1/{user}""#, "job . name ()", "ENDPOINT"] {
        let args = request(&format!("endpoint = {endpoint}")).unwrap();
        assert_eq!(tokens(args.endpoint), endpoint);
    }
}

#[test]
fn a_request_without_an_endpoint_is_refused() {
    let missing = r#"the request has no endpoint; write `#[request(endpoint = "its_name")]`"#;
    check_request("", missing);
    check(
        request(r#""nightly_reindex""#),
        &[r#"the endpoint is named: `endpoint = "its_name"`"#, missing],
    );
}

#[test]
fn a_bad_endpoint_is_refused() {
    let empty = "the endpoint is empty; name the job, the queue or the route template";
    check_request(r#"endpoint = """#, empty);
    check_request(r#"endpoint = " ""#, empty);
    check_request(
        r#"endpoint = "/search?q=x""#,
        r#"the endpoint "/search?q=x" has a query; it is a name or a route template, never a raw path"#,
    );
    check_request(r#"endpoint = "a\tb""#, r#"the endpoint "a\tb" contains '\t'"#);
    assert!(request(&format!("endpoint = {:?}", "b".repeat(128))).is_ok());
    check_request(
        &format!("endpoint = {:?}", "b".repeat(129)),
        "the endpoint has 129 bytes; at most 128 are allowed",
    );
    let text = "`endpoint` takes a string, or an expression of the type `&str`";
    check_request("endpoint = 3", text);
    check_request("endpoint = ,", text);
}

#[test]
fn all_mistakes_are_told_at_once() {
    check(
        stage(r#""a b", nam = "c", level = 3, err = true err = true, group = "d""#),
        &[
            r#"the stage's name "a b" contains ' '; allowed are 1 to 64 of `A-Z a-z 0-9 _ . -`"#,
            "unknown argument `nam`; expected are `name`, `group`, `level`, `target`, `fields` and `err`",
            "`level` takes a string: `trace`, `debug`, `info`, `warn` or `error`",
            "expected `,` between two arguments",
            r#"unknown group "d"; allowed are `frontend_processing`, `backend_response`, `stream_processing` and `other`"#,
        ],
    );
    check(
        request(r#"endpont = "a""#),
        &[
            "unknown argument `endpont`; expected are `endpoint`, `name`, `level`, `target` and `fields`",
            r#"the request has no endpoint; write `#[request(endpoint = "its_name")]`"#,
        ],
    );
}
