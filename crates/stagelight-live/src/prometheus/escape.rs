//! Escaping and number formatting of the Prometheus text format.

use std::fmt::{Display, Formatter, Result, Write};

/// Writes a label value; escapes `\`, `"` and line feeds.
pub(super) struct LabelValue<'a>(pub(super) &'a str);

/// Writes a help text; escapes `\` and line feeds, not quotes.
pub(super) struct Help<'a>(pub(super) &'a str);

/// Writes a number: the shortest decimal that parses to the same value, or `NaN`, `+Inf`, `-Inf`.
pub(super) struct Number(pub(super) f64);

// === impl LabelValue ===

impl Display for LabelValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str(r"\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str(r"\n")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

// === impl Help ===

impl Display for Help<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str(r"\\")?,
                '\n' => f.write_str(r"\n")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

// === impl Number ===

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.is_infinite() {
            f.write_str(if 0.0 < self.0 { "+Inf" } else { "-Inf" })
        } else {
            // `Display` writes `NaN` as Prometheus does, and never an exponent.
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses a quoted label value according to the format's specification.
    fn unescape(written: &str) -> Option<String> {
        let mut value = String::new();
        let mut characters = written.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' | '\n' => return None,
                '\\' => value.push(match characters.next()? {
                    '\\' => '\\',
                    '"' => '"',
                    'n' => '\n',
                    _ => return None,
                }),
                _ => value.push(character),
            }
        }
        Some(value)
    }

    #[track_caller]
    fn check_number(number: f64, expected: &str) {
        assert_eq!(Number(number).to_string(), expected);
    }

    #[test]
    fn a_number_is_written_as_the_shortest_decimal() {
        check_number(0.0, "0");
        check_number(1.0, "1");
        check_number(2.5, "2.5");
        check_number(0.00025, "0.00025");
        check_number(67_108_864.0, "67108864");
        check_number(1.000_000_001, "1.000000001");
        check_number(-3.0, "-3");
    }

    #[test]
    fn nan_and_infinities_have_names() {
        check_number(f64::NAN, "NaN");
        check_number(f64::INFINITY, "+Inf");
        check_number(f64::NEG_INFINITY, "-Inf");
    }

    #[test]
    fn help_keeps_its_quotes() {
        assert_eq!(Help("a \"b\"\nc\\d").to_string(), "a \"b\"\\nc\\\\d");
    }

    proptest! {
        #[test]
        fn a_label_value_round_trips(value in "(?s).{0,40}|[\\\\\"\nn]{0,20}") {
            let written = LabelValue(&value).to_string();
            prop_assert_eq!(unescape(&written), Some(value));
        }

        #[test]
        fn a_help_text_stays_on_one_line_and_round_trips(help in "(?s).{0,40}|[\\\\\nn]{0,20}") {
            let written = Help(&help).to_string();
            prop_assert!(!written.contains('\n'));
            prop_assert_eq!(unescape(&written.replace('"', "\\\"")), Some(help));
        }

        #[test]
        fn a_number_round_trips(bits: u64) {
            let number = f64::from_bits(bits);
            let read: f64 = Number(number).to_string().parse().unwrap();
            prop_assert!(read == number || (read.is_nan() && number.is_nan()));
        }
    }
}
