use std::error::Error;

use super::*;

fn credentials(variables: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
    Credentials::for_target("GRAFANA", &getter(variables))
}

fn getter<'a>(variables: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
}

fn authorization(credentials: &Credentials) -> String {
    let (_, value) = credentials.headers().find(|it| it.0 == header::AUTHORIZATION).unwrap();
    value.to_str().unwrap().to_owned()
}

#[test]
fn a_token_is_a_bearer_token() {
    let found = credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_TOKEN", "secret")]).unwrap();
    assert_eq!(authorization(&found), "Bearer secret");
}

#[test]
fn user_and_password_are_basic_authentication() {
    let found = credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_BASIC", "ada:lovelace")]).unwrap();
    assert_eq!(authorization(&found), "Basic YWRhOmxvdmVsYWNl");
}

#[test]
fn a_file_provides_the_value_without_its_trailing_line_feed() {
    let file = std::env::temp_dir().join(format!("stagelight-token-{}", std::process::id()));
    fs::write(&file, "from-a-file\n").unwrap();
    let path = file.to_str().unwrap();
    let found = credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_TOKEN_FILE", path)]);
    fs::remove_file(&file).unwrap();
    assert_eq!(authorization(&found.unwrap()), "Bearer from-a-file");
}

#[test]
fn otlp_headers_are_decoded_and_those_for_metrics_override_the_general_ones() {
    let found = Credentials::for_otlp(&getter(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20all,x-scope=a"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "authorization=Bearer%20metrics"),
    ]))
    .unwrap();
    assert_eq!(authorization(&found), "Bearer metrics");
    assert_eq!(found.headers().count(), 2);
}

#[test]
fn messages_never_contain_a_secret() {
    let wrong = [
        credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_TOKEN", "se\ncret")]),
        credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_BASIC", "cret-without-colon")]),
        Credentials::for_otlp(&getter(&[("OTEL_EXPORTER_OTLP_HEADERS", "cret")])),
    ];
    for it in wrong {
        let error = it.unwrap_err();
        assert!(error.to_string().contains("value not shown"), "{error}");
        assert!(!format!("{error} {error:?}").contains("cret"), "{error:?}");
        assert!(error.source().is_none(), "{error:?}");
    }
    let found = credentials(&[("STAGELIGHT_DOCTOR_GRAFANA_TOKEN", "secret")]).unwrap();
    assert_eq!(format!("{found:?}"), "Credentials(1 headers, not shown)");
}
