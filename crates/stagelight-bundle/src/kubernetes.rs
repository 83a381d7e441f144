//! The generated files below `collector/kubernetes/`, and Grafana's `kustomization.yaml`.
//!
//! kustomize reads no file outside the folder it builds, so the configurations of the collectors
//! and of Alertmanager are copied into it. Rule files become `PrometheusRule` objects.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// The path, relative to the repository's root.
    pub path: PathBuf,
    /// The content.
    pub text: String,
}

/// Copies and their originals, relative to the repository's root.
const COPIES: [(&str, &str); 8] = [
    ("collector/kubernetes/agent-config/agent.yaml", "collector/agent.yaml"),
    ("collector/kubernetes/gateway/gateway.yaml", "collector/gateway.yaml"),
    ("collector/kubernetes/tls/tls.yaml", "collector/overlays/tls.yaml"),
    ("collector/kubernetes/tls/mtls.yaml", "collector/overlays/mtls.yaml"),
    ("collector/kubernetes/tls/gateway-tls.yaml", "collector/overlays/gateway-tls.yaml"),
    ("collector/kubernetes/tls/agent-tls.yaml", "collector/overlays/agent-tls.yaml"),
    (
        "collector/kubernetes/operator/alertmanager/alertmanager.yaml",
        "collector/alertmanager/alertmanager.yaml",
    ),
    (
        "collector/kubernetes/operator/alertmanager/stagelight.tmpl",
        "collector/alertmanager/templates/stagelight.tmpl",
    ),
];

/// The folder of the `PrometheusRule` objects, which contains no other files.
pub const RULES: &str = "collector/kubernetes/operator/rules";

const COMMAND: &str = "`UPDATE_EXPECT=1 cargo test -p stagelight-bundle`";

/// Generates all files from those of a checkout.
///
/// # Errors
///
/// Returns an error if an original cannot be read.
pub fn all(root: &Path) -> io::Result<Vec<GeneratedFile>> {
    let mut files = Vec::new();
    for (to, from) in COPIES {
        let text = copy(from, &fs::read_to_string(root.join(from))?);
        files.push(GeneratedFile { path: to.into(), text });
    }
    let rules = names(&root.join("collector/prometheus/rules"), ".yaml")?;
    for name in &rules {
        let text = fs::read_to_string(root.join("collector/prometheus/rules").join(name))?;
        let path = Path::new(RULES).join(name);
        files.push(GeneratedFile { path, text: prometheus_rule(name, &text) });
    }
    files.push(GeneratedFile {
        path: Path::new(RULES).join("kustomization.yaml"),
        text: kustomization_of_rules(&rules),
    });
    let dashboards = names(&root.join("grafana/dashboards"), ".json")?;
    files.push(GeneratedFile {
        path: "grafana/kustomization.yaml".into(),
        text: kustomization_of_dashboards(&dashboards),
    });
    Ok(files)
}

/// Returns the names of a folder's files with this extension, sorted.
fn names(folder: &Path, extension: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|it| it.ends_with(extension)));
    }
    names.sort();
    Ok(names)
}

fn copy(from: &str, text: &str) -> String {
    if from.ends_with(".yaml") {
        format!("# Generated from {from} with {COMMAND}.\n\n{text}")
    } else {
        text.to_owned()
    }
}

/// Wraps a rule file in a `PrometheusRule`: the same text, indented, comments included.
fn prometheus_rule(name: &str, text: &str) -> String {
    let object = name.trim_end_matches(".yaml").replace('.', "-");
    let spec: String = text
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
        .collect();
    format!(
        "# Generated from collector/prometheus/rules/{name} with {COMMAND}.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  name: stagelight-{object}\n\
         spec:\n{spec}"
    )
}

fn kustomization_of_rules(names: &[String]) -> String {
    let list: String = names.iter().map(|it| format!("  - {it}\n")).collect();
    format!(
        "# Every file of collector/prometheus/rules/. Generated with\n\
         # {COMMAND}.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         resources:\n{list}"
    )
}

/// One ConfigMap per dashboard: all in one would exceed the size limit of an object.
fn kustomization_of_dashboards(names: &[String]) -> String {
    let list: String = names
        .iter()
        .map(|name| {
            let object = name.trim_end_matches(".json");
            format!(
                "  - name: stagelight-dashboard-{object}\n    \
                   files: [dashboards/{name}]\n    \
                   options:\n      \
                     labels: {{grafana_dashboard: \"1\"}}\n      \
                     annotations: {{grafana_folder: stagelight}}\n"
            )
        })
        .collect();
    format!(
        "# Dashboards and data sources as labelled ConfigMaps, for the sidecar of Grafana's\n\
         # chart and of kube-prometheus-stack. See \"Kubernetes\" in collector/README.md.\n\
         # Generated with {COMMAND}.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         generatorOptions:\n  \
           # The sidecar notices changes. With suffixes, old dashboards would remain.\n  \
           disableNameSuffixHash: true\n  \
           labels: {{app.kubernetes.io/part-of: stagelight}}\n\
         configMapGenerator:\n  \
           - name: stagelight-data-sources\n    \
             files: [provisioning/datasources/stagelight.yaml]\n    \
             options:\n      \
               labels: {{grafana_datasource: \"1\"}}\n\
         {list}"
    )
}
