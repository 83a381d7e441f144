//! The addresses and credentials of the servers.

use http::Uri;

use super::super::{
    http::{CredentialError, Credentials, ProbeError},
    observations::Observed,
    options::DoctorArgs,
};

/// The address of one server, with its credentials.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) is_given: bool,
    pub(crate) credentials: Credentials,
}

/// The addresses of all servers.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(super) service: Target,
    /// The given OTLP receiver, or the default ones.
    pub(super) receivers: Vec<Target>,
    /// The headers of an OTLP exporter.
    pub(super) otlp: Credentials,
    pub(super) collector_metrics: Target,
    pub(super) prometheus: Target,
    pub(super) prometheus_metrics: Target,
    pub(super) grafana: Target,
}

/// An invalid command line or variable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// Invalid credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A password in an address. The message omits the address.
    #[error(
        "{flag}: passwords are not allowed on the command line, where other users can read them; \
         `--help` lists the variables to set instead"
    )]
    Password {
        /// The option.
        flag: &'static str,
    },
}

// === impl Targets ===

impl Targets {
    /// Combines the given addresses with the defaults.
    ///
    /// # Errors
    ///
    /// When an address contains a password, or credentials are invalid.
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
        let otlp = Credentials::for_otlp(get)?;
        let receiver = |default| Target::new(&args.collector, default, otlp.clone());
        let receivers = if args.collector.is_some() {
            vec![receiver("")]
        } else {
            vec![receiver("http://127.0.0.1:4318"), receiver("http://127.0.0.1:4317")]
        };
        let service = Credentials::for_target("SERVICE", get)?;
        let service = Target::new(&args.service, "http://127.0.0.1:9464", service);
        let metrics = format!("http://{}:8888", host_of(&receivers[0].url));
        let credentials = Credentials::for_target("COLLECTOR_METRICS", get)?;
        let metrics = Target::new(&args.collector_metrics, &metrics, credentials);
        let prometheus = Credentials::for_target("PROMETHEUS", get)?;
        let prometheus = Target::new(&args.prometheus, "http://127.0.0.1:9090", prometheus);
        let own = Target { url: format!("{}/metrics", prometheus.url), ..prometheus.clone() };
        let grafana = Credentials::for_target("GRAFANA", get)?;
        Ok(Self {
            service: service.with_default_path("/metrics"),
            receivers,
            otlp,
            collector_metrics: metrics.with_default_path("/metrics"),
            prometheus,
            prometheus_metrics: own,
            grafana: Target::new(&args.grafana, "http://127.0.0.1:3000", grafana),
        })
    }
}

// === impl Target ===

impl Target {
    fn new(given: &Option<String>, default: &str, credentials: Credentials) -> Self {
        let url = given.clone().unwrap_or_else(|| default.to_owned());
        Self { url, is_given: given.is_some(), credentials }
    }

    /// Appends the usual path, unless the address has one.
    fn with_default_path(mut self, path: &str) -> Self {
        if self.url.parse::<Uri>().is_ok_and(|it| it.path() == "/") {
            self.url.push_str(path);
        }
        self
    }

    pub(super) fn observed<T>(
        &self,
        result: Result<T, ProbeError>,
        clock_ahead: Option<f64>,
    ) -> Observed<T> {
        Observed { url: self.url.clone(), is_given: self.is_given, result, clock_ahead }
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split("//").nth(1).and_then(|it| it.split('/').next());
    authority.is_some_and(|it| it.contains('@'))
}

/// Returns the host of an address; IPv6 hosts keep their brackets.
fn host_of(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    uri.and_then(|it| it.host().map(str::to_owned)).unwrap_or_else(|| "127.0.0.1".to_owned())
}
