//! The `x-sim` header: replies of a known shape, for tests.

use std::{collections::HashSet, time::Duration};

/// The header that sets a reply's shape.
pub const HEADER: &str = "x-sim";

/// The syntax of the `x-sim` header, for error messages.
const ALLOWED: &str = "ttft=DURATION, tokens=COUNT, token-interval=DURATION, \
     error=STATUS (400 to 599), break-after=COUNT, stall-after=COUNT:DURATION, separated by \
     commas; a DURATION is such as 50ms";

/// The shape of one reply, set by the `x-sim` header. Values not given are drawn, except failures:
/// a reply with the header fails only if the header says so.
///
/// ```
/// use std::time::Duration;
/// use llm_gateway::upstream::Controls;
///
/// let controls: Controls = "ttft=50ms, tokens=5, stall-after=2:1s".parse()?;
/// assert_eq!(controls.tokens, Some(5));
/// assert_eq!(controls.stall_after, Some((2, Duration::from_secs(1))));
/// # Ok::<(), llm_gateway::upstream::ControlsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Time until the response head (`ttft=50ms`).
    pub ttft: Option<Duration>,
    /// Number of tokens (`tokens=5`), one chunk each when streamed.
    pub tokens: Option<u16>,
    /// Time between two tokens (`token-interval=10ms`).
    pub token_interval: Option<Duration>,
    /// Status to fail with, 400 to 599, in place of a reply (`error=500`).
    pub error: Option<u16>,
    /// Number of tokens after which the connection breaks (`break-after=3`); 0 is right after the
    /// head.
    pub break_after: Option<u16>,
    /// Number of tokens after which nothing comes for some time (`stall-after=2:1s`).
    pub stall_after: Option<(u16, Duration)>,
}

/// An invalid `x-sim` header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlsError {
    /// A part is unknown, or its value is invalid.
    #[error("x-sim: cannot understand {part:?}; allowed are {ALLOWED}")]
    Part {
        /// The part as given.
        part: String,
    },
    /// A part is given twice.
    #[error("x-sim: {key:?} is given twice")]
    Twice {
        /// The part's name.
        key: String,
    },
}

// === impl Controls ===

impl std::str::FromStr for Controls {
    type Err = ControlsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut controls = Self::default();
        let mut seen = HashSet::new();
        for part in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if !seen.insert(key) {
                return Err(ControlsError::Twice { key: key.to_owned() });
            }
            if !controls.set(key, value) {
                return Err(ControlsError::Part { part: part.to_owned() });
            }
        }
        Ok(controls)
    }
}

impl Controls {
    /// Sets one part and returns whether it was understood.
    fn set(&mut self, key: &str, value: &str) -> bool {
        match key {
            "ttft" => fill(&mut self.ttft, duration(value)),
            "tokens" => fill(&mut self.tokens, value.parse().ok()),
            "token-interval" => fill(&mut self.token_interval, duration(value)),
            "error" => {
                let status = value.parse().ok().filter(|it| (400..600).contains(it));
                fill(&mut self.error, status)
            }
            "break-after" => fill(&mut self.break_after, value.parse().ok()),
            "stall-after" => fill(&mut self.stall_after, stall(value)),
            _ => false,
        }
    }
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

fn duration(value: &str) -> Option<Duration> {
    humantime::parse_duration(value).ok()
}

fn stall(value: &str) -> Option<(u16, Duration)> {
    let (tokens, length) = value.split_once(':')?;
    Some((tokens.parse().ok()?, duration(length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read() {
        let controls: Controls =
            "ttft=50ms,tokens=5,token-interval=10ms,error=500,break-after=3,stall-after=2:1s"
                .parse()
                .unwrap();
        let expected = Controls {
            ttft: Some(Duration::from_millis(50)),
            tokens: Some(5),
            token_interval: Some(Duration::from_millis(10)),
            error: Some(500),
            break_after: Some(3),
            stall_after: Some((2, Duration::from_secs(1))),
        };
        assert_eq!(controls, expected);
    }

    #[test]
    fn an_empty_header_asks_for_nothing() {
        assert_eq!(" , ".parse(), Ok(Controls::default()));
    }

    #[test]
    fn what_cannot_be_understood_is_named_with_what_is_allowed() {
        for part in [
            "ttft",
            "ttft=5",
            "tokens=-1",
            "tokens=70000",
            "error=399",
            "error=600",
            "stall-after=2",
            "stall-after=2:x",
            "speed=1",
        ] {
            let error = format!("tokens=1,{part}").replace("tokens=1,tokens", "tokens");
            let error = error.parse::<Controls>().unwrap_err();
            assert_eq!(error, ControlsError::Part { part: part.to_owned() });
            assert!(error.to_string().contains("allowed are ttft=DURATION"), "{error}");
        }
    }

    #[test]
    fn a_part_given_twice_is_refused() {
        let error = "tokens=1,tokens=2".parse::<Controls>().unwrap_err();
        assert_eq!(error.to_string(), r#"x-sim: "tokens" is given twice"#);
    }
}
