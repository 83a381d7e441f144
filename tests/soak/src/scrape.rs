//! A service's metrics page.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A value of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// All that a page shows.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
}

// === impl Scrape ===

impl Scrape {
    /// Gets `/metrics`.
    pub(crate) async fn get(address: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let (head, text) = text.split_once("\r\n\r\n").context("no HTTP from /metrics")?;
        ensure!(head.contains(" 200 "), "/metrics answered: {head}");
        Self::parse(text)
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
        let samples =
            lines.map(|it| Sample::parse(it).with_context(|| format!("cannot read {it:?}")));
        Ok(Self { text: text.to_owned(), samples: samples.collect::<Result<_>>()? })
    }

    /// Returns the series with this name.
    pub(crate) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |it| it.name == name)
    }

    /// Returns the sum over the series with this name that `fits`.
    pub(crate) fn sum(&self, name: &str, fits: impl Fn(&Sample) -> bool) -> f64 {
        self.of(name).filter(|it| fits(it)).map(|it| it.value).sum()
    }
}

// === impl Sample ===

impl Sample {
    /// Returns a label's value; empty when it is not there.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    fn parse(line: &str) -> Option<Self> {
        let Some((name, rest)) = line.split_once('{') else {
            let (name, value) = line.split_once(' ')?;
            let value = value.parse().ok()?;
            return Some(Self { name: name.to_owned(), labels: BTreeMap::new(), value });
        };
        let mut labels = BTreeMap::new();
        let mut rest = rest;
        while !rest.starts_with('}') {
            let (label, after) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = unquote(after)?;
            labels.insert(label.to_owned(), value);
            rest = after;
        }
        let value = rest.strip_prefix("} ")?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }
}

/// Reads up to the quote that ends a value; returns the value, and what comes after the quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.char_indices();
    while let Some((at, it)) = rest.next() {
        match it {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match rest.next()?.1 {
                'n' => '\n',
                it => it,
            }),
            it => value.push(it),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_values_are_read() {
        let text = "# HELP a b\na{x=\"1\",y=\"q\\\"\\\\\\n}\"} 2\nb 0.5\nc{} +Inf\n";
        let scrape = Scrape::parse(text).unwrap();
        assert_eq!(scrape.samples[0].label("y"), "q\"\\\n}");
        assert_eq!(
            scrape.samples.iter().map(|it| it.value).collect::<Vec<_>>(),
            [2.0, 0.5, f64::INFINITY]
        );
        assert!(Scrape::parse("a{x=\"1} 2").is_err());
    }
}
