use std::time::Duration;

use super::{ConfigError, GatewayConfig};
use crate::upstream::UpstreamConfig;

/// A provider with one model.
const PROVIDER: &str = "[providers.p]\nbase_url = \"http://127.0.0.1:1\"\nmodels = [\"m\"]\n";

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = text.parse::<GatewayConfig>().unwrap_err();
    let message = match error {
        ConfigError::Syntax { source } => source.message().to_owned(),
        other => other.to_string(),
    };
    assert_eq!(message, expected);
}

#[test]
fn the_embedded_configuration_has_the_simulated_models_and_no_key() {
    let config = GatewayConfig::embedded().unwrap();
    let mut simulated: Vec<_> =
        UpstreamConfig::default().models.into_iter().map(|it| it.model).collect();
    simulated.sort();
    assert_eq!(config.models().map(|(model, _)| model).collect::<Vec<_>>(), simulated);
    assert!(config.api_keys.is_empty());
}

#[test]
fn what_the_file_leaves_out_has_the_defaults_that_the_embedded_one_tells() {
    let (short, embedded) = (PROVIDER.parse().unwrap(), GatewayConfig::embedded().unwrap());
    let limits = |it: &GatewayConfig| (it.timeout, it.body_limit);
    assert_eq!(limits(&short), limits(&embedded));
    assert_eq!(limits(&short), (Duration::from_secs(30), 1_048_576));
}

#[test]
fn keys_of_the_file_and_of_the_environment_add_up() {
    let config: GatewayConfig = format!("api_keys = [\"a\"]\n{PROVIDER}").parse().unwrap();
    let config = config.with_api_keys(["b"]);
    assert!(config.api_keys.contains("a") && config.api_keys.contains("b"));
}

#[test]
fn a_base_url_may_have_a_path_and_a_slash_at_its_end() {
    let config: GatewayConfig = PROVIDER.parse().unwrap();
    for base in ["http://h:1/a", "http://h:1/a/"] {
        let config = config.clone().with_upstream(base).unwrap();
        assert_eq!(config.models["m"].completions.as_str(), "http://h:1/a/v1/chat/completions");
    }
}

#[test]
fn a_base_url_that_nothing_can_be_sent_to_is_refused() {
    for base in ["127.0.0.1:1", "https://h", "", "http://"] {
        let config: GatewayConfig = PROVIDER.parse().unwrap();
        let error = config.with_upstream(base).unwrap_err();
        let expected = format!("base URL {base:?} must be http://HOST[:PORT][/PATH]");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_the_reason() {
    check_error("", "no models: the configuration needs a [providers.NAME] with `models`");
    check_error(
        &format!("{PROVIDER}{}", PROVIDER.replace("providers.p", "providers.q")),
        "model \"m\" is served by two providers, \"p\" and \"q\"",
    );
    check_error(
        &format!("time_out = \"1s\"\n{PROVIDER}"),
        "unknown field `time_out`, expected one of `timeout`, `body_limit`, `api_keys`, \
         `forward_headers`, `providers`",
    );
    for timeout in ["1", "0s", "soon"] {
        let expected = format!("{timeout:?} is no duration above zero such as \"30s\"");
        check_error(&format!("timeout = \"{timeout}\"\n{PROVIDER}"), &expected);
    }
    check_error(&format!("forward_headers = [\"a b\"]\n{PROVIDER}"), "\"a b\" is no header name");
}
