//! What must be escaped in Prometheus text, and numbers.

use std::fmt::{Display, Formatter, Result, Write};

/// A label's value: `\`, `"` and line feeds are escaped.
pub(super) struct LabelValue<'a>(pub(super) &'a str);

/// A help text: `\` and line feeds are escaped, quotes are not.
pub(super) struct Help<'a>(pub(super) &'a str);

/// A number: the shortest decimal that reads back as the same one, `NaN`, `+Inf` or `-Inf`.
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
            // Rust writes `NaN` as Prometheus does, and never an exponent.
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a quoted label value as the format's description says, not as the writer happens to write.
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
    fn numbers_are_written_as_short_as_they_can_be() {
        check_number(0.0, "0");
        check_number(1.0, "1");
        check_number(2.5, "2.5");
        check_number(0.00025, "0.00025");
        check_number(67_108_864.0, "67108864");
        check_number(1.000_000_001, "1.000000001");
        check_number(-3.0, "-3");
    }

    #[test]
    fn numbers_that_are_none_have_names() {
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
        fn any_label_value_reads_back(value in "(?s).{0,40}|[\\\\\"\nn]{0,20}") {
            let written = LabelValue(&value).to_string();
            prop_assert_eq!(unescape(&written), Some(value));
        }

        #[test]
        fn help_stays_on_its_line_and_reads_back(help in "(?s).{0,40}|[\\\\\nn]{0,20}") {
            let written = Help(&help).to_string();
            prop_assert!(!written.contains('\n'));
            prop_assert_eq!(unescape(&written.replace('"', "\\\"")), Some(help));
        }

        #[test]
        fn any_number_reads_back(bits: u64) {
            let number = f64::from_bits(bits);
            let read: f64 = Number(number).to_string().parse().unwrap();
            prop_assert!(read == number || (read.is_nan() && number.is_nan()));
        }
    }
}
