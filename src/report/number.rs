//! Numbers as people read them.

/// A number with `digits` significant digits: `0.12346`, `12346`, `1.2346e-7`. Zeros are kept, so columns line up.
///
/// ```
/// use nabla::report::number::significant;
/// assert_eq!(significant(0.0123456, 4), "0.01235");
/// assert_eq!(significant(1e10, 4), "1.000e10");
/// ```
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return plain(value);
    }
    let scientific = format!("{:.*e}", digits - 1, value);
    let (_, exponent) = scientific.split_once('e').expect("the format has an exponent");
    // The exponent is taken after rounding, so 9.9999 with four digits is 10.00.
    let exponent: i32 = exponent.parse().expect("the format writes a whole exponent");
    if (-4..digits as i32).contains(&exponent) {
        format!("{value:.*}", (digits as i32 - 1 - exponent) as usize)
    } else {
        scientific
    }
}

/// The shortest text that reads back as the same number, in the language's spelling: `4.0`, `nan`, `-inf`.
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    format!("{value:?}")
}

/// A count with commas between thousands: `1,234,567`.
pub fn thousands(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in memory: `512 B`, `1.5 KiB`, `37.3 GiB`.
pub fn bytes(count: u128) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time: `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`.
pub fn duration(seconds: f64) -> String {
    // Beyond this any wait is the same to a reader, and the arithmetic below stays whole.
    let seconds = seconds.clamp(0.0, 3.6e9);
    let whole = seconds.round() as u64;
    match seconds {
        s if s < 0.9995 => format!("{:.0} ms", s * 1000.0),
        s if s < 59.95 => format!("{s:.1} s"),
        _ if whole < 3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_are_rounded_once() {
        for (value, text) in [
            (0.0, "0.0000"),
            (1.0, "1.0000"),
            (0.99999999, "1.0000"),
            (99999.4, "99999"),
            (99999.6, "1.0000e5"),
            (0.000123456, "0.00012346"),
            (0.0000123456, "1.2346e-5"),
            (-2.5, "-2.5000"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(significant(value, 5), text);
        }
    }

    #[test]
    fn counts_sizes_and_times_are_readable() {
        assert_eq!(
            ["0", "999", "1,000", "12,345,678"],
            [0, 999, 1000, 12_345_678].map(thousands).each_ref().map(String::as_str)
        );
        assert_eq!([bytes(0), bytes(1536), bytes(40_000_000_000)], ["0 B", "1.5 KiB", "37.3 GiB"]);
        assert_eq!(
            [0.0123, 3.44, 125.2, 3723.0, f64::INFINITY].map(duration),
            ["12 ms", "3.4 s", "2 min 05 s", "1 h 02 min", "1000000 h 00 min"]
        );
    }

    #[test]
    fn plain_numbers_read_back() {
        for value in [4.0, 4.0022640019432767e-07, -1e300, 0.1] {
            assert_eq!(plain(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!([plain(4.0), plain(f64::NAN)], ["4.0", "nan"]);
    }
}
