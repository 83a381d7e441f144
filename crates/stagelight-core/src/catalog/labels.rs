//! The labels of this crate's families, one row and one type each.

use super::{Label, LabelValue};
use crate::{stage, symbol::Symbol};

/// The provider or model of a span that has none.
pub(crate) const UNKNOWN: &str = "unknown";

/// Why this crate drops a measurement; other crates have reasons of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    /// A stage with a span outside of any request.
    OutsideRequest,
    /// A stage of a request that has the most open stages.
    TooManyStages,
    /// A request while the most requests are open.
    TooManyRequests,
    /// A label value beyond the label's cap, recorded as `other`.
    LabelLimit,
    /// A series beyond the family's cap, recorded in the overflow series; or a family beyond the
    /// engine's.
    SeriesLimit,
}

labels! { @core
    /// Name of a stage; in `stage.percentage`, of a group of stages.
    pub struct Stage = Label::new("stage", "stage", 64).with_known(&stage::WELL_KNOWN);

    /// Route template or job name; never a raw path.
    pub struct Endpoint = Label::new("endpoint", "endpoint", 256);

    /// Provider of a backend.
    pub struct Provider =
        Label::new("provider", "provider", 64).with_known(&[UNKNOWN]);

    /// Model that a backend runs.
    pub struct Model = Label::new("model", "model", 256).with_known(&[UNKNOWN]);

    /// Class of an error; absent on success.
    pub struct ErrorType = Label::new("error.type", "error_type", 128);

    /// How a request ended.
    pub enum Outcome = Label::new("outcome", "outcome", 8) => {
        /// It was answered completely and without a server error.
        Ok = "ok",
        /// It or its body failed.
        Error = "error",
        /// It exceeded a time limit.
        Timeout = "timeout",
        /// It was dropped before its end: the client disconnected, or the task was aborted.
        Cancelled = "cancelled",
        /// Its code panicked.
        Panic = "panic",
    };

    /// HTTP method; `_OTHER` for one that is not registered.
    pub enum HttpRequestMethod = Label::new("http.request.method", "http_request_method", 16) => {
        /// `GET`
        Get = "GET",
        /// `POST`
        Post = "POST",
        /// `PUT`
        Put = "PUT",
        /// `DELETE`
        Delete = "DELETE",
        /// `HEAD`
        Head = "HEAD",
        /// `OPTIONS`
        Options = "OPTIONS",
        /// `PATCH`
        Patch = "PATCH",
        /// `CONNECT`
        Connect = "CONNECT",
        /// `TRACE`
        Trace = "TRACE",
        /// `QUERY`
        Query = "QUERY",
        /// Any other method.
        Other = "_OTHER",
    };

    /// Scheme of the request's URL.
    pub enum UrlScheme = Label::new("url.scheme", "url_scheme", 8) => {
        /// `http`
        Http = "http",
        /// `https`
        Https = "https",
    };

    /// HTTP status code; absent without a response.
    pub struct HttpResponseStatusCode =
        Label::new("http.response.status_code", "http_response_status_code", 100).integer();

    /// Route template; absent when no route matched.
    pub struct HttpRoute = Label::new("http.route", "http_route", 256);

    /// HTTP version.
    pub enum NetworkProtocolVersion =
        Label::new("network.protocol.version", "network_protocol_version", 8) => {
        /// HTTP/0.9
        Http09 = "0.9",
        /// HTTP/1.0
        Http10 = "1.0",
        /// HTTP/1.1
        Http11 = "1.1",
        /// HTTP/2
        Http2 = "2",
        /// HTTP/3
        Http3 = "3",
    };

    /// Host that a client sends to.
    pub struct ServerAddress = Label::new("server.address", "server_address", 128);

    /// Port that a client sends to.
    pub struct ServerPort = Label::new("server.port", "server_port", 64).integer();

    /// Why a measurement was dropped.
    pub struct Reason = Label::new("reason", "reason", 16).with_known(&Dropped::NAMES);
}

/// The timeline interns a label's value once and records it many times.
macro_rules! from_symbol {
    ($($Name:ident),+) => {$(
        impl From<Symbol> for $Name<'_> {
            #[inline]
            fn from(symbol: Symbol) -> Self {
                Self(LabelValue::symbol(symbol))
            }
        }
    )+};
}

from_symbol!(Stage, Endpoint, Provider, Model, ErrorType, Reason);

// === impl Dropped ===

impl Dropped {
    /// The values of the label `reason`, in the order of the variants.
    pub(crate) const NAMES: [&str; 5] =
        ["outside_request", "too_many_stages", "too_many_requests", "label_limit", "series_limit"];

    /// Returns the label's value, which is there from the start: counting a failure must not fail.
    pub(crate) fn reason(self) -> Reason<'static> {
        Reason::from(Symbol::known(self as usize))
    }
}
