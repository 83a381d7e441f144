//! Reads the settings from the environment.

use std::{path::PathBuf, time::Duration};

use http::HeaderMap;
use stagelight_core::EngineBuilder;

use crate::{
    config::{
        Compression, Config, Endpoint, Exporter, ForcingHeader, Histograms, OtlpConfig,
        Propagation, Protocol, Sampler, SamplingRules, SpanLimits, TlsFiles, otlp,
        proxies::Proxies,
    },
    env::{
        EnvReader, Environment, parse_bool, parse_count, parse_millis, parse_pairs, parse_switch,
        variables::{self, Variable},
    },
    signal::Signal,
};

pub(super) fn read(environment: &Environment) -> Config {
    let mut reader = EnvReader::new(environment);
    let disabled = reader.read(&variables::SDK_DISABLED, parse_bool).unwrap_or(false);
    let resource = resource(&mut reader);
    let traces_exporter = reader.read(&variables::TRACES_EXPORTER, exporter).unwrap_or_default();
    let metrics_exporter = reader.read(&variables::METRICS_EXPORTER, exporter).unwrap_or_default();
    let shared = Shared::read(&mut reader);
    let traces = shared.with_forms_for(&mut reader, Signal::Traces);
    let metrics = shared.with_forms_for(&mut reader, Signal::Metrics);
    // Other temporalities are a problem and have no effect: see the variable's meaning.
    reader.read(&variables::TEMPORALITY, |it| it.eq_ignore_ascii_case("cumulative").then_some(()));
    let histograms = reader.read(&variables::HISTOGRAMS, Histograms::from_name).unwrap_or_default();
    let mut millis = |variable, default| {
        reader.read(variable, parse_millis).unwrap_or(Duration::from_millis(default))
    };
    let export_interval = millis(&variables::EXPORT_INTERVAL, 60_000);
    let export_timeout = millis(&variables::EXPORT_TIMEOUT, 30_000);
    let shutdown_timeout = millis(&variables::SHUTDOWN_TIMEOUT, 5_000);
    let sampler = sampler(&mut reader);
    let rules = rules(&mut reader);
    let spans = spans(&mut reader);
    let proxies = Proxies::from_env(environment);
    let propagation = reader
        .read(&variables::PROPAGATORS, propagation)
        .unwrap_or_else(|| vec![Propagation::TraceContext, Propagation::Baggage]);
    let max_requests = reader.read(&variables::MAX_REQUESTS, |it| {
        it.parse().ok().filter(|it| (1..=EngineBuilder::MAX_REQUESTS_CEILING).contains(it))
    });
    let strict = reader.read(&variables::STRICT, parse_switch).unwrap_or(false);
    Config {
        problems: reader.into_problems(),
        strict,
        disabled,
        resource,
        traces_exporter,
        metrics_exporter,
        traces,
        metrics,
        export_interval,
        export_timeout,
        histograms,
        sampler,
        rules,
        spans,
        proxies,
        propagation,
        max_requests: max_requests.unwrap_or(EngineBuilder::DEFAULT_MAX_REQUESTS),
        shutdown_timeout,
    }
}

fn resource(reader: &mut EnvReader<'_>) -> Vec<(String, String)> {
    let mut resource =
        reader.read(&variables::RESOURCE_ATTRIBUTES, parse_pairs).unwrap_or_default();
    // Last, because a later value overrides an earlier one.
    let name = reader.read(&variables::SERVICE_NAME, |it| Some(it.to_owned()));
    resource.extend(name.map(|it| ("service.name".to_owned(), it)));
    resource
}

fn exporter(name: &str) -> Option<Exporter> {
    match name {
        "otlp" => Some(Exporter::Otlp),
        "console" => Some(Exporter::Console),
        "none" => Some(Exporter::None),
        _ => None,
    }
}

fn compression(name: &str) -> Option<Compression> {
    match name {
        "gzip" => Some(Compression::Gzip),
        "none" => Some(Compression::None),
        _ => None,
    }
}

fn headers(list: &str) -> Option<HeaderMap> {
    let pairs = parse_pairs(list)?;
    pairs.into_iter().map(|(name, value)| otlp::header(&name, &value).ok()).collect()
}

fn sampler(reader: &mut EnvReader<'_>) -> Sampler {
    let ratio = reader.read(&variables::SAMPLER_ARG, ratio);
    let named = |it: &str| Sampler::from_name(it, ratio.unwrap_or(1.0));
    reader.read(&variables::SAMPLER, named).unwrap_or_default()
}

fn ratio(text: &str) -> Option<f64> {
    text.parse().ok().filter(|it| (0.0..=1.0).contains(it))
}

fn rules(reader: &mut EnvReader<'_>) -> SamplingRules {
    let mut rules = SamplingRules::default();
    let pairs = |list: &str| -> Option<Vec<(String, f64)>> {
        parse_pairs(list)?.into_iter().map(|(name, value)| Some((name, ratio(&value)?))).collect()
    };
    for (route, ratio) in reader.read(&variables::ENDPOINT_RATIOS, pairs).unwrap_or_default() {
        rules.set_ratio(route, ratio);
    }
    rules.forcing = reader.read(&variables::FORCING_HEADER, |it| {
        let (name, value) = it.split_once('=')?;
        ForcingHeader::new(name.trim(), value.trim()).ok()
    });
    rules
}

fn propagation(list: &str) -> Option<Vec<Propagation>> {
    let mut ways = Vec::new();
    for name in list.split(',').map(str::trim) {
        let way = match name {
            "none" if list == "none" => continue,
            "tracecontext" => Propagation::TraceContext,
            "baggage" => Propagation::Baggage,
            _ => return None,
        };
        // The specification requires duplicates to be ignored.
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    Some(ways)
}

fn spans(reader: &mut EnvReader<'_>) -> SpanLimits {
    let default = SpanLimits::default();
    let queue = reader.read(&variables::SPAN_QUEUE, parse_count).unwrap_or(default.queue);
    let mut batch = reader.read(&variables::SPAN_BATCH, parse_count);
    if let Some(given) = batch.filter(|&it| queue < it) {
        reader.reject(&variables::SPAN_BATCH, &given.to_string(), &queue.to_string());
        batch = Some(queue);
    }
    let mut limit = |variable: &Variable| reader.read(variable, |it| it.parse().ok());
    let attributes = limit(&variables::SPAN_ATTRIBUTES);
    let events = limit(&variables::SPAN_EVENTS);
    let links = limit(&variables::SPAN_LINKS);
    let value_length = [&variables::SPAN_VALUE_LENGTH, &variables::VALUE_LENGTH]
        .map(|it| reader.read(it, |it| it.parse().ok()));
    SpanLimits {
        delay: reader.read(&variables::SPAN_DELAY, parse_millis).unwrap_or(default.delay),
        queue,
        batch: batch.unwrap_or(default.batch).min(queue),
        timeout: reader.read(&variables::SPAN_TIMEOUT, parse_millis).unwrap_or(default.timeout),
        value_length: value_length.into_iter().flatten().next().unwrap_or(default.value_length),
        attributes: attributes.unwrap_or(default.attributes),
        events: events.unwrap_or(default.events),
        links: links.unwrap_or(default.links),
    }
}

/// The variables for all signals, which the forms for one signal override.
struct Shared(OtlpConfig);

// === impl Shared ===

impl Shared {
    fn read(reader: &mut EnvReader<'_>) -> Self {
        let default = OtlpConfig::default();
        let protocol = reader.read(&variables::PROTOCOL, Protocol::from_name);
        let protocol = protocol.unwrap_or(default.protocol);
        let path = |it: &str| Some(PathBuf::from(it));
        let base = |it: &str| Endpoint::base(it).ok().filter(|it| it.suits(protocol));
        Self(OtlpConfig {
            protocol,
            endpoint: reader.read(&variables::ENDPOINT, base),
            headers: reader.read(&variables::HEADERS, headers).unwrap_or_default(),
            timeout: reader.read(&variables::TIMEOUT, parse_millis).unwrap_or(default.timeout),
            compression: reader.read(&variables::COMPRESSION, compression).unwrap_or_default(),
            insecure: reader.read(&variables::INSECURE, parse_bool).unwrap_or(false),
            tls: TlsFiles {
                authorities: reader.read(&variables::CERTIFICATE, path),
                certificate: reader.read(&variables::CLIENT_CERTIFICATE, path),
                key: reader.read(&variables::CLIENT_KEY, path),
            },
        })
    }

    fn with_forms_for(&self, reader: &mut EnvReader<'_>, signal: Signal) -> OtlpConfig {
        let mut own = self.0.clone();
        let path = |it: &str| Some(PathBuf::from(it));
        replace(
            &mut own.protocol,
            reader.read_for(&variables::PROTOCOL, signal, Protocol::from_name),
        );
        let protocol = own.protocol;
        let exact = |it: &str| Endpoint::exact(it).ok().filter(|it| it.suits(protocol));
        if let Some(endpoint) = reader.read_for(&variables::ENDPOINT, signal, exact) {
            own.endpoint = Some(endpoint);
        }
        own.headers
            .extend(reader.read_for(&variables::HEADERS, signal, headers).unwrap_or_default());
        replace(&mut own.timeout, reader.read_for(&variables::TIMEOUT, signal, parse_millis));
        replace(
            &mut own.compression,
            reader.read_for(&variables::COMPRESSION, signal, compression),
        );
        replace(&mut own.insecure, reader.read_for(&variables::INSECURE, signal, parse_bool));
        let TlsFiles { authorities, certificate, key } = &mut own.tls;
        for (file, variable) in [
            (authorities, &variables::CERTIFICATE),
            (certificate, &variables::CLIENT_CERTIFICATE),
            (key, &variables::CLIENT_KEY),
        ] {
            replace(file, reader.read_for(variable, signal, path).map(Some));
        }
        own
    }
}

fn replace<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}
