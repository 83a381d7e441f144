//! Generates the files that operators copy: Grafana dashboards, Kubernetes objects, tables.
//!
//! `collector/` and `grafana/` contain plain files. Those that repeat names, buckets or thresholds
//! are generated here from the catalogue of [`stagelight_core`] and from [`thresholds`], and
//! committed. Tests compare the committed files and rewrite them when `UPDATE_EXPECT` is set:
//!
//! ```console
//! $ UPDATE_EXPECT=1 cargo test -p stagelight-bundle
//! ```
//!
//! | module | generates |
//! |---|---|
//! | [`dashboards`] | `grafana/dashboards/*.json` |
//! | [`kubernetes`] | copies and `PrometheusRule` objects in `collector/kubernetes/` |
//! | [`sizing`] | the table of series in `collector/README.md` |
//! | [`thresholds`] | nothing: the numbers of the alert rules and of the panels' colours |
//!
//! # Example
//!
//! A panel changes colour at the thresholds of its alerts:
//!
//! ```
//! use stagelight_bundle::{dashboards, thresholds};
//!
//! let slow = thresholds::for_alert("CriticalBackendTTFB").unwrap();
//! let files = dashboards::all();
//! let breakdown = files.iter().find(|it| it.name == "stage-breakdown.json").unwrap();
//!
//! let ttfb = &breakdown.json["panels"][1];
//! assert_eq!(ttfb["title"], "Backend API TTFB by Provider/Model (p50, p95, p99)");
//! let steps = &ttfb["fieldConfig"]["defaults"]["thresholds"]["steps"];
//! assert_eq!(steps[2], serde_json::json!({"color": "red", "value": slow.value}));
//! ```
//!
//! # Limits
//!
//! The crate runs no server. The end-to-end tests run every query on real ones.

pub mod thresholds;
pub mod dashboards;
pub mod kubernetes;
pub mod sizing;
