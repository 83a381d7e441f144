//! Who is asked, where, and with which credentials.

use http::Uri;

use super::super::{
    http::{CredentialError, Credentials},
    options::DoctorArgs,
};

/// One address that is asked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) is_given: bool,
    pub(crate) credentials: Credentials,
}

/// All addresses that are asked.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(super) service: Target,
    /// Receivers: the one given, or the default ones.
    pub(super) receivers: Vec<Target>,
    /// What exporters send along.
    pub(super) otlp: Credentials,
    pub(super) collector_metrics: Target,
    pub(super) prometheus: Target,
    /// Prometheus' own metrics.
    pub(super) own: Target,
    pub(super) grafana: Target,
}

/// The command line, or a variable, cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// Somebody's credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A password in an address. The address is not shown.
    #[error(
        "{flag}: a password does not belong on a command line, which others can read; `--help` \
         names variables for it"
    )]
    Password {
        /// The option.
        flag: &'static str,
    },
}

// === impl Targets ===

impl Targets {
    /// Takes what was given, and defaults for the rest.
    ///
    /// # Errors
    ///
    /// When there is a password in an address, or credentials cannot be used.
    pub(crate) fn new(
        args: &DoctorArgs,
        get: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, UsageError> {
        for (flag, url) in [
            ("--service", &args.service),
            ("--collector", &args.collector),
            ("--collector-metrics", &args.collector_metrics),
            ("--prometheus", &args.prometheus),
            ("--grafana", &args.grafana),
        ] {
            if url.as_ref().is_some_and(|it| has_password(it)) {
                return Err(UsageError::Password { flag });
            }
        }
        let asked = |given: &Option<String>, default: &str, credentials| Target {
            url: given.clone().unwrap_or_else(|| default.to_owned()),
            is_given: given.is_some(),
            credentials,
        };
        let otlp = Credentials::for_otlp(get)?;
        let receiver = |default| asked(&args.collector, default, otlp.clone());
        let receivers = if args.collector.is_some() {
            vec![receiver("")]
        } else {
            vec![receiver("http://127.0.0.1:4318"), receiver("http://127.0.0.1:4317")]
        };
        let host = host_of(&receivers[0].url);
        let metrics = format!("http://{host}:8888");
        let metrics = asked(
            &args.collector_metrics,
            &metrics,
            Credentials::for_target("COLLECTOR_METRICS", get)?,
        );
        let prometheus = Credentials::for_target("PROMETHEUS", get)?;
        let prometheus = asked(&args.prometheus, "http://127.0.0.1:9090", prometheus);
        let own = Target { url: format!("{}/metrics", prometheus.url), ..prometheus.clone() };
        Ok(Self {
            service: asked(
                &args.service,
                "http://127.0.0.1:9464",
                Credentials::for_target("SERVICE", get)?,
            )
            .with_default_path("/metrics"),
            receivers,
            otlp,
            collector_metrics: metrics.with_default_path("/metrics"),
            prometheus,
            own,
            grafana: asked(
                &args.grafana,
                "http://127.0.0.1:3000",
                Credentials::for_target("GRAFANA", get)?,
            ),
        })
    }
}

// === impl Target ===

impl Target {
    /// Adds the path that such pages usually have, unless the address has one.
    fn with_default_path(mut self, path: &str) -> Self {
        if self.url.parse::<Uri>().is_ok_and(|it| it.path() == "/") {
            self.url.push_str(path);
        }
        self
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split("//").nth(1).and_then(|it| it.split('/').next());
    authority.is_some_and(|it| it.contains('@'))
}

/// Returns the host of an address, in brackets if it is one of IPv6.
fn host_of(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    uri.and_then(|it| it.host().map(str::to_owned)).unwrap_or_else(|| "127.0.0.1".to_owned())
}
