//! The attributes that metrics may carry.

/// An attribute of a metric.
///
/// Values come from outside in some cases, so each attribute has a cap ([`Label::cap`]): values beyond it are
/// counted under `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Label {
    /// A stage's name; of `stage.percentage`, a group's.
    Stage,
    /// A route template or the name of a job; never a raw path.
    Endpoint,
    /// Who runs the backend.
    Provider,
    /// What the backend runs.
    Model,
    /// The class of an error; absent on success.
    ErrorType,
    /// How a request ended; see [`Outcome`](crate::Outcome).
    Outcome,
    /// The HTTP method, `_OTHER` if it is not a registered one.
    HttpRequestMethod,
    /// `http` or `https`.
    UrlScheme,
    /// The HTTP status code; absent when there was no response.
    HttpResponseStatusCode,
    /// The route template; absent when no route matched.
    HttpRoute,
    /// `1.0`, `1.1`, `2` or `3`.
    NetworkProtocolVersion,
    /// Host that a client asked.
    ServerAddress,
    /// Port that a client asked.
    ServerPort,
    /// Why a measurement was dropped.
    Reason,
    /// Which part of the SDK, told apart from others of its type.
    OtelComponentName,
    /// What kind of part of the SDK.
    OtelComponentType,
}

// === impl Label ===

impl Label {
    /// All labels, in the order of their discriminants.
    pub const ALL: [Self; 16] = [
        Self::Stage,
        Self::Endpoint,
        Self::Provider,
        Self::Model,
        Self::ErrorType,
        Self::Outcome,
        Self::HttpRequestMethod,
        Self::UrlScheme,
        Self::HttpResponseStatusCode,
        Self::HttpRoute,
        Self::NetworkProtocolVersion,
        Self::ServerAddress,
        Self::ServerPort,
        Self::Reason,
        Self::OtelComponentName,
        Self::OtelComponentType,
    ];

    /// Returns the OpenTelemetry attribute's name.
    #[must_use]
    pub const fn otel_name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Endpoint => "endpoint",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::ErrorType => "error.type",
            Self::Outcome => "outcome",
            Self::HttpRequestMethod => "http.request.method",
            Self::UrlScheme => "url.scheme",
            Self::HttpResponseStatusCode => "http.response.status_code",
            Self::HttpRoute => "http.route",
            Self::NetworkProtocolVersion => "network.protocol.version",
            Self::ServerAddress => "server.address",
            Self::ServerPort => "server.port",
            Self::Reason => "reason",
            Self::OtelComponentName => "otel.component.name",
            Self::OtelComponentType => "otel.component.type",
        }
    }

    /// Returns the Prometheus label's name: the attribute's with `_` for `.`.
    #[must_use]
    pub fn prometheus_name(self) -> String {
        self.otel_name().replace('.', "_")
    }

    /// Returns whether OpenTelemetry wants the value as an integer.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::HttpResponseStatusCode | Self::ServerPort)
    }

    /// Returns how many different values are kept apart; the rest are `other`.
    ///
    /// Sized so that a well-behaved service never gets there, and the worst one stays in bounded memory.
    #[must_use]
    pub const fn cap(self) -> usize {
        match self {
            Self::Stage | Self::Provider | Self::ServerPort => 64,
            Self::Endpoint | Self::HttpRoute | Self::Model => 256,
            Self::ErrorType | Self::ServerAddress => 128,
            Self::Outcome | Self::UrlScheme | Self::NetworkProtocolVersion => 8,
            Self::HttpRequestMethod
            | Self::Reason
            | Self::OtelComponentName
            | Self::OtelComponentType => 16,
            Self::HttpResponseStatusCode => 100,
        }
    }
}
