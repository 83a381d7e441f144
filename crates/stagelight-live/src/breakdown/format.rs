//! Formats numbers and names for the table.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Formats a duration with three digits and a unit, in at most 8 columns up to 270 years.
pub(super) fn seconds(seconds: f64) -> String {
    for (unit, scale) in [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)] {
        // From 999.5 on, rounding would give 1000.
        if seconds / scale < 999.5 {
            return format!("{} {unit}", three_digits(seconds / scale));
        }
    }
    if seconds < 99_999.5 {
        format!("{} s", three_digits(seconds))
    } else if seconds < 99_999.5 * 3600.0 {
        format!("{:.0} h", seconds / 3600.0)
    } else {
        format!("{:.0} d", seconds / 86400.0)
    }
}

fn three_digits(number: f64) -> String {
    // From 9.995 on, rounding would give 10.00, and likewise at the next step.
    if number == 0.0 {
        "0".to_owned()
    } else if number < 9.995 {
        format!("{number:.2}")
    } else if number < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

/// Formats a count in full up to 8 digits, then with a suffix (`M`, `G`, `T`).
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn count(count: u64) -> String {
    let (unit, scale) = match count {
        0..=99_999_999 => return count.to_string(),
        100_000_000..=999_999_999_999 => ('M', 1e6),
        1_000_000_000_000..=999_999_999_999_999 => ('G', 1e9),
        _ => ('T', 1e12),
    };
    format!("{:.0}{unit}", count as f64 / scale)
}

/// Truncates `text` to `columns` terminal columns and marks the cut with `…`.
///
/// Control characters become `�`, so that a name cannot send escape sequences to the terminal.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let shown: String =
        text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect();
    if shown.width() <= columns {
        return shown;
    }
    let mut cut = String::new();
    let mut used = 1;
    for character in shown.chars() {
        used += character.width().unwrap_or(0);
        if columns < used {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    cut
}

/// Truncates or pads `text` to exactly `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let mut text = fit(text, columns);
    let missing = columns.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_a_unit() {
        let cases = [
            (0.0, "0 ns"),
            (0.000_000_640, "640 ns"),
            (0.000_000_999_9, "1.00 µs"),
            (0.000_035_24, "35.2 µs"),
            (0.009_996, "10.0 ms"),
            (0.123_4, "123 ms"),
            (0.999_6, "1.00 s"),
            (1.7, "1.70 s"),
            (3601.4, "3601 s"),
            (360_000.0, "100 h"),
            (1e9, "11574 d"),
        ];
        for (time, expected) in cases {
            assert_eq!(seconds(time), expected);
        }
    }

    #[test]
    fn a_count_is_written_in_full_while_it_fits() {
        assert_eq!(count(0), "0");
        assert_eq!(count(99_999_999), "99999999");
        assert_eq!(count(123_456_789), "123M");
        assert_eq!(count(u64::MAX), "18446744T");
    }

    #[test]
    fn a_name_is_truncated_by_columns() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("日本語日本語", 6), "日本…");
        assert_eq!(pad("日本語日本語", 6), "日本… ");
        assert_eq!(pad("ab", 4), "ab  ");
    }

    #[test]
    fn control_characters_in_a_name_are_replaced() {
        assert_eq!(fit("a\u{1b}[2Jb\n", 20), "a�[2Jb�");
    }
}
