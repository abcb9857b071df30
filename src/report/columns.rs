//! Text that fills columns of a terminal: how many, and as much of it as fits.

/// A name of at most so many columns.
pub fn shortened(name: &str, most: usize) -> String {
    if columns(name) <= most { name.to_string() } else { cut(name, most.saturating_sub(1)) + "…" }
}

/// The beginning of a text that fills at most so many columns.
pub fn cut(text: &str, most: usize) -> String {
    let mut n = 0;
    let fits = |letter: &char| {
        n += width_of(*letter);
        n <= most
    };
    text.chars().take_while(fits).collect()
}

/// How many columns of a terminal a text fills.
pub fn columns(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// Letters of East Asia fill two columns, marks on the letter before them none. (Unicode Standard Annex 11.)
fn width_of(letter: char) -> usize {
    match letter as u32 {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fill_columns() {
        assert_eq!(["net", "größe", "神经", "e\u{301}", "━━"].map(columns), [3, 5, 4, 1, 2]);
        assert_eq!(
            [shortened("network", 7), shortened("network", 5), shortened("神经网络", 5)],
            ["network", "netw…", "神经…"]
        );
        assert_eq!(cut("神经", 3), "神");
    }
}
