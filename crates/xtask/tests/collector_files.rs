//! The collector's files as operators start them, with the commands in their heads.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use testbed::{Tools, Workspace};

/// The required variables that the heads of the files name. Any value is valid here.
const NEEDED: [(&str, &str); 14] = [
    ("STAGELIGHT_TLS_CERT_FILE", "cert.pem"),
    ("STAGELIGHT_TLS_KEY_FILE", "key.pem"),
    ("STAGELIGHT_TLS_CLIENT_CA_FILE", "ca.pem"),
    ("STAGELIGHT_GATEWAY_CERT_FILE", "cert.pem"),
    ("STAGELIGHT_GATEWAY_KEY_FILE", "key.pem"),
    ("STAGELIGHT_GATEWAY_CA_FILE", "ca.pem"),
    ("STAGELIGHT_TOKENS_FILE", "tokens"),
    ("STAGELIGHT_HTPASSWD_FILE", "htpasswd"),
    ("STAGELIGHT_GATEWAY_TOKEN_FILE", "token"),
    ("STAGELIGHT_GATEWAY_USER", "agent"),
    ("STAGELIGHT_GATEWAY_PASSWORD_FILE", "password"),
    ("STAGELIGHT_GATEWAYS_HOST", "gateways.example"),
    ("STAGELIGHT_REDACTION_KEY", "0123456789abcdef0123456789abcdef"),
    ("GRAFANA_CLOUD_OTLP_ENDPOINT", "https://otlp.example/otlp"),
];

/// An overlay with a component that is not in this distribution.
const ELSEWHERE: &str = "cloudwatch.yaml";

/// Runs the collector with only these variables in its environment.
fn collector(arguments: &[String], variables: &[(&str, &str)]) -> Output {
    Command::new(Tools::find_or_build().unwrap().collector)
        .args(arguments)
        .current_dir(Workspace::find().root())
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn folder(path: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(Workspace::find().path(path))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    files
}

/// The bases and overlays.
fn collector_files() -> Vec<PathBuf> {
    let bases = ["all-in-one", "agent", "gateway"];
    let bases = bases.map(|it| Workspace::find().path(format!("collector/{it}.yaml")));
    let overlays = folder("collector/overlays").into_iter();
    let is_collectors = |it: &PathBuf| !it.ends_with("scrape.prometheus.yaml");
    bases.into_iter().chain(overlays).filter(is_collectors).collect()
}

/// The arguments of every collector command in the files' heads and in the README.
fn commands() -> BTreeSet<Vec<String>> {
    let mut commands = BTreeSet::new();
    let readme = Workspace::find().path("collector/README.md");
    for file in collector_files().into_iter().chain([readme]) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|it| it.trim_start_matches(['#', ' ', '$']));
        let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        for line in joined.lines() {
            let is_variable = |it: &&String| it.contains('=') && !it.starts_with('-');
            let words = shell_words(line);
            let variables = words.iter().take_while(is_variable).count();
            let command = words[variables..].to_vec();
            let mut words = command.iter();
            if words.next().is_some_and(|it| it.starts_with("otelcol-"))
                && words.next().is_some_and(|it| it == "--config")
            {
                commands.insert(command[1..].to_vec());
            }
        }
    }
    commands
}

/// Splits a line like a shell, with double quotes only.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in line.split('"').enumerate() {
        if number % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (number, word) in part.split(' ').enumerate() {
            if 0 < number {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(word);
        }
    }
    words.retain(|it| !it.is_empty());
    words
}

fn validate(arguments: &[String]) -> Result<(), String> {
    let arguments = [&["validate".to_owned()], arguments].concat();
    let output = collector(&arguments, &NEEDED);
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

#[test]
fn every_documented_command_has_a_valid_configuration() {
    let commands = commands();

    let mut shown = BTreeMap::new();
    for command in &commands {
        for name in command.iter().filter(|it| it.ends_with(".yaml")) {
            *shown.entry(name.clone()).or_insert(0) += 1;
        }
        if command.iter().any(|it| it.ends_with(ELSEWHERE)) {
            continue;
        }
        assert_eq!(validate(command), Ok(()), "{command:?}");
    }
    for file in collector_files() {
        let name = file.strip_prefix(Workspace::find().root()).unwrap().to_str().unwrap();
        assert!(shown.contains_key(name), "no command starts {name}: {shown:?}");
    }
}

#[test]
fn every_overlay_names_its_bases_and_is_valid_on_them() {
    for overlay in folder("collector/overlays") {
        let text = fs::read_to_string(&overlay).unwrap();
        if overlay.ends_with("scrape.prometheus.yaml") || overlay.ends_with(ELSEWHERE) {
            continue;
        }
        let lines = text.lines().map_while(|it| it.strip_prefix('#'));
        let head = lines.collect::<String>();
        let before_command = head.split("otelcol-").next().unwrap();
        let sentence = before_command.split("On ").nth(1).unwrap_or("");
        let bases = ["all-in-one.yaml", "agent.yaml", "gateway.yaml"];
        let is_for = |base: &str| sentence.contains(base) || sentence.contains("any of the three");
        let bases: Vec<_> = bases.into_iter().filter(|it| is_for(it)).collect();
        assert!(!bases.is_empty() || head.contains("After tls.yaml"), "{overlay:?}: {head}");
        for base in bases {
            let arguments =
                ["--config", &format!("collector/{base}"), "--config", overlay.to_str().unwrap()];
            let arguments = arguments.map(str::to_owned);
            assert_eq!(validate(&arguments), Ok(()), "{overlay:?} on {base}");
        }
    }
}

#[test]
fn the_cloudwatch_overlay_is_valid_except_for_its_exporter() {
    let overlay = Workspace::find().path("collector/overlays").join(ELSEWHERE);
    let base =
        ["--config".to_owned(), "collector/all-in-one.yaml".to_owned(), "--config".to_owned()];
    let with = |text: String| validate(&[base.as_slice(), &[text]].concat());

    let refused = with(overlay.display().to_string()).unwrap_err();
    assert!(refused.contains("unknown type: \"awsemf\""), "{refused}");
    assert_eq!(refused.matches("unknown").count(), 1, "{refused}");

    let text = fs::read_to_string(&overlay).unwrap();
    let (before, after) = text.split_once("exporters:\n").unwrap();
    let (_, after) = after.split_once("\nservice:\n").unwrap();
    let without =
        format!("{before}exporters:\n  nop: {{}}\nservice:\n{after}").replace("awsemf", "nop");
    assert_eq!(with(format!("yaml:{without}")), Ok(()));
}

#[test]
fn a_missing_required_variable_is_an_error() {
    let command = ["--config", "collector/all-in-one.yaml", "--config"];
    for (overlay, variable) in [
        ("tls.yaml", "STAGELIGHT_TLS_CERT_FILE"),
        ("bearer.yaml", "STAGELIGHT_TOKENS_FILE"),
        ("redact-patterns.yaml", "STAGELIGHT_REDACTION_KEY"),
        ("grafana-cloud.yaml", "GRAFANA_CLOUD_OTLP_ENDPOINT"),
    ] {
        let overlay = format!("collector/overlays/{overlay}");
        let arguments = [&["validate"], command.as_slice(), &[overlay.as_str()]].concat();
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let others: Vec<_> = NEEDED.into_iter().filter(|(name, _)| *name != variable).collect();

        let output = collector(&arguments, &others);

        assert!(!output.status.success(), "{overlay} without {variable}");
    }
}

#[test]
fn the_collector_listens_on_loopback_by_default() {
    for file in collector_files().iter().filter(|it| !it.ends_with(ELSEWHERE)) {
        let text = fs::read_to_string(file).unwrap();
        let defaults =
            text.lines().filter(|it| !it.trim_start().starts_with('#')).flat_map(|line| {
                line.match_indices(":-").map(move |(at, _)| {
                    line[at + 2..].split(['}', '/']).find(|it| !it.is_empty()).unwrap_or("")
                })
            });
        for default in defaults.map(|it| it.trim_start_matches('[')) {
            let is_address =
                default.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            assert!(!is_address || default.starts_with("127.0.0.1:"), "{file:?}: {default}");
            assert!(!default.starts_with("0.0.0.0"), "{file:?}: {default}");
        }
    }
    // Components also have default addresses.
    for base in ["all-in-one", "agent", "gateway"] {
        let arguments = ["print-config", "--config", &format!("collector/{base}.yaml")];
        let output = collector(&arguments.map(str::to_owned), &[]);
        let config = String::from_utf8(output.stdout).unwrap();
        let addresses: Vec<_> = config
            .lines()
            .filter_map(|line| line.trim().split_once(": "))
            .filter(|(key, value)| matches!(*key, "endpoint" | "host") && !value.contains("\"\""))
            .map(|(_, value)| value.trim_start_matches("http://"))
            .filter(|it| !it.starts_with("placeholder"))
            .collect();
        assert!(5 <= addresses.len(), "{config}");
        for address in addresses {
            assert!(address.starts_with("127.0.0.1"), "{base}: {address}");
        }
    }
}

/// Returns the lines of one component's settings, without comments.
fn block(file: &str, component: &str) -> String {
    let text =
        fs::read_to_string(Workspace::find().path(format!("collector/{file}.yaml"))).unwrap();
    let start = format!("\n  {component}:\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{component} in {file}"));
    let inside = rest.lines().take_while(|it| it.is_empty() || it.starts_with("    "));
    let settings = inside.filter(|it| !it.trim_start().starts_with('#') && !it.is_empty());
    settings.collect::<Vec<_>>().join("\n")
}

#[test]
fn files_configure_the_same_component_alike() {
    let same = |component, files: [&str; 2]| {
        assert_eq!(block(files[0], component), block(files[1], component), "{component}");
    };
    for component in ["host_metrics", "resource_detection", "resource/host", "transform/process"] {
        same(component, ["all-in-one", "agent"]);
    }
    same("load_balancing", ["agent", "gateway"]);
    for component in ["otlp_http/prometheus", "otlp_grpc/traces", "file/traces"] {
        same(component, ["all-in-one", "gateway"]);
    }
    same("transform/labels", ["overlays/scrape", "overlays/remote-write"]);
}
