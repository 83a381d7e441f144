//! The files below `collector/kubernetes/` that repeat others, and Grafana's list of dashboards for kustomize.
//!
//! kustomize reads no file outside of the folder that it builds, so what collectors and Alertmanager run with is copied into it. Rules become
//! `PrometheusRule` objects: the same text, further to the right.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file that is made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where it is, from the root of the repository.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// Where copies go, and what they are copies of, both from the root of the repository.
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

/// Where the `PrometheusRule` objects are: nothing else is.
pub const RULES: &str = "collector/kubernetes/operator/rules";

const HOW: &str = "by `UPDATE_EXPECT=1 cargo test -p stagelight-bundle`";

/// Makes all of them from the files of a checkout.
///
/// # Errors
///
/// When one of the files that they are made of cannot be read.
pub fn all(root: &Path) -> io::Result<Vec<Made>> {
    let mut made = Vec::new();
    for (to, from) in COPIES {
        made.push(Made {
            path: to.into(),
            text: copy(from, &fs::read_to_string(root.join(from))?),
        });
    }
    let rules = names(&root.join("collector/prometheus/rules"), ".yaml")?;
    for name in &rules {
        let text = fs::read_to_string(root.join("collector/prometheus/rules").join(name))?;
        made.push(Made { path: Path::new(RULES).join(name), text: prometheus_rule(name, &text) });
    }
    made.push(Made {
        path: Path::new(RULES).join("kustomization.yaml"),
        text: kustomization_of_rules(&rules),
    });
    let dashboards = names(&root.join("grafana/dashboards"), ".json")?;
    made.push(Made {
        path: "grafana/kustomization.yaml".into(),
        text: kustomization_of_dashboards(&dashboards),
    });
    Ok(made)
}

/// Returns the names of a folder's files with this ending, sorted.
fn names(folder: &Path, ending: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|it| it.ends_with(ending)));
    }
    names.sort();
    Ok(names)
}

fn copy(from: &str, text: &str) -> String {
    if from.ends_with(".yaml") {
        format!("# Made from {from} {HOW}.\n\n{text}")
    } else {
        text.to_owned()
    }
}

/// Puts a file of rules into a `PrometheusRule`. It takes YAML's indentation for what it is, so comments stay, and every
/// expression is the same to the letter.
fn prometheus_rule(name: &str, text: &str) -> String {
    let object = name.trim_end_matches(".yaml").replace('.', "-");
    let spec: String = text
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
        .collect();
    format!(
        "# Made from collector/prometheus/rules/{name} {HOW}.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  name: stagelight-{object}\n\
         spec:\n{spec}"
    )
}

fn kustomization_of_rules(names: &[String]) -> String {
    let list: String = names.iter().map(|it| format!("  - {it}\n")).collect();
    format!(
        "# Every file of collector/prometheus/rules/. Made {HOW}.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         resources:\n{list}"
    )
}

/// Each dashboard in a ConfigMap of its own: one with all of them would be larger than an object may be.
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
        "# Dashboards and data sources for a Grafana in Kubernetes whose sidecar looks for labelled ConfigMaps, as that of Grafana's chart and of\n\
         # kube-prometheus-stack does. Made {HOW}; how to use it is in collector/README.md, \"Kubernetes\".\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         generatorOptions:\n  \
           # The sidecar sees changes by itself; with names that change, the old dashboard would stay beside the new one.\n  \
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
