//! Parses variables and collects the problems.

use std::time::Duration;

use crate::{
    env::{EnvProblem, Environment, variables::Variable},
    signal::Signal,
};

/// Parses variables and collects an [`EnvProblem`] for each invalid value.
///
/// ```
/// use stagelight_otel::env::{EnvReader, Environment, parse_millis, variables};
///
/// let environment = Environment::from_pairs([("OTEL_METRIC_EXPORT_INTERVAL", "10s")]);
/// let mut reader = EnvReader::new(&environment);
/// assert_eq!(reader.read(&variables::EXPORT_INTERVAL, parse_millis), None);
/// assert_eq!(reader.into_problems()[0].name, "OTEL_METRIC_EXPORT_INTERVAL");
/// ```
#[derive(Debug)]
pub struct EnvReader<'a> {
    environment: &'a Environment,
    problems: Vec<EnvProblem>,
}

// === impl EnvReader ===

impl<'a> EnvReader<'a> {
    /// Creates a reader without problems.
    #[must_use]
    pub const fn new(environment: &'a Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    /// Returns the problems in the order of reading.
    #[must_use]
    pub fn into_problems(self) -> Vec<EnvProblem> {
        self.problems
    }

    /// Reads a variable. A value for which `parse` returns `None` is a problem and counts as unset.
    pub fn read<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read_as(variable, variable.name.to_owned(), variable.default, parse)
    }

    /// Reads a variable's form for one signal, as [`read`](Self::read) does.
    pub fn read_for<T>(
        &mut self,
        variable: &Variable,
        signal: Signal,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read_as(variable, variable.name_for(signal), "the value for all signals", parse)
    }

    /// Adds a problem for a value that parses but does not fit another setting.
    pub fn reject(&mut self, variable: &Variable, value: &str, used: &str) {
        self.problems.push(EnvProblem::new(variable, variable.name.to_owned(), value, used));
    }

    fn read_as<T>(
        &mut self,
        variable: &Variable,
        name: String,
        used: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.environment.get(&name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.problems.push(EnvProblem::new(variable, name, &value, used));
        }
        parsed
    }
}

/// Parses `true` or `false`, in any case.
///
/// Not `1`: the OpenTelemetry specification allows nothing but `true` to mean true.
#[must_use]
pub fn parse_bool(value: &str) -> Option<bool> {
    value.to_ascii_lowercase().parse().ok()
}

/// Parses `1`, `0`, `true` or `false`, for `STAGELIGHT_…` variables.
#[must_use]
pub fn parse_switch(value: &str) -> Option<bool> {
    match value {
        "1" => Some(true),
        "0" => Some(false),
        _ => parse_bool(value),
    }
}

/// Parses a whole number of milliseconds above zero.
#[must_use]
pub fn parse_millis(value: &str) -> Option<Duration> {
    let millis: u32 = value.parse().ok()?;
    (0 < millis).then(|| Duration::from_millis(millis.into()))
}

/// Parses a whole number above zero.
#[must_use]
pub fn parse_count(value: &str) -> Option<usize> {
    value.parse().ok().filter(|&it| 0 < it)
}

/// Parses `name=value` pairs separated by commas, the values percent-encoded.
///
/// Returns `None` if a pair has no name or no `=`, or if an encoding is truncated or not UTF-8.
#[must_use]
pub fn parse_pairs(list: &str) -> Option<Vec<(String, String)>> {
    // Accepts a trailing comma, and spaces around commas and `=`: people write them.
    let pairs = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    pairs.map(parse_pair).collect()
}

fn parse_pair(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    let name = percent_decode(name.trim())?;
    (!name.is_empty()).then_some((name, percent_decode(value.trim())?))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}
