//! The colours of pictures. Lines and classes are told apart by people who see no red or no green, and maps are
//! perceptually uniform: equal steps of a number look like equal steps.

/// Red, green and blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// What text and axes are drawn in.
pub const INK: Rgb = Rgb(0x22, 0x22, 0x22);
/// What is less important than the text.
pub const SOFT: Rgb = Rgb(0x66, 0x66, 0x66);
/// The lines of a grid behind a chart.
pub const FAINT: Rgb = Rgb(0xe4, 0xe4, 0xe4);
/// Paper.
pub const WHITE: Rgb = Rgb(0xff, 0xff, 0xff);

/// The palette of Okabe and Ito ("Color universal design", 2008), its yellow left out, which nobody sees on white.
const PALETTE: [Rgb; 7] = [
    Rgb(0x00, 0x72, 0xb2),
    Rgb(0xd5, 0x5e, 0x00),
    Rgb(0x00, 0x9e, 0x73),
    Rgb(0xcc, 0x79, 0xa7),
    Rgb(0xe6, 0x9f, 0x00),
    Rgb(0x56, 0xb4, 0xe9),
    Rgb(0x55, 0x55, 0x55),
];

/// From a number to a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Map {
    /// From dark violet to yellow: Matplotlib's viridis.
    Viridis,
    /// From white to dark blue, for counts: ColorBrewer's Blues.
    Blues,
    /// From blue by white to red, for numbers around 0: ColorBrewer's RdBu.
    Diverging,
    /// From black to white.
    Grey,
}

const VIRIDIS: [u32; 10] =
    [0x440154, 0x482878, 0x3e4a89, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6dcd59, 0xb4de2c, 0xfde725];
const BLUES: [u32; 9] = [0xffffff, 0xdeebf7, 0xc6dbef, 0x9ecae1, 0x6baed6, 0x4292c6, 0x2171b5, 0x08519c, 0x08306b];
const DIVERGING: [u32; 11] =
    [0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b, 0x67001f];
const GREY: [u32; 2] = [0x000000, 0xffffff];

impl Map {
    /// The colour at a part of the map, from 0 to 1.
    pub fn at(self, part: f64) -> Rgb {
        let anchors: &[u32] = match self {
            Map::Viridis => &VIRIDIS,
            Map::Blues => &BLUES,
            Map::Diverging => &DIVERGING,
            Map::Grey => &GREY,
        };
        let place = part * (anchors.len() - 1) as f64;
        let before = (place.floor() as usize).min(anchors.len() - 2);
        Rgb::from_hex(anchors[before]).towards(Rgb::from_hex(anchors[before + 1]), place - before as f64)
    }
}

/// How many lines or classes are told apart by colour.
pub const COLOURS: usize = PALETTE.len();

/// The colour of a line or a class by its number; after seven they come again.
pub fn class_colour(number: usize) -> Rgb {
    PALETTE[number % PALETTE.len()]
}

impl Rgb {
    const fn from_hex(hex: u32) -> Rgb {
        Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
    }

    /// A part of the way to another colour.
    pub fn towards(self, other: Rgb, part: f64) -> Rgb {
        let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
        Rgb(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Black or white, whichever is easier to read on it: by relative luminance, as WCAG 2 has it.
    pub fn ink_on(self) -> Rgb {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = 0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2);
        if luminance > 0.22 { INK } else { WHITE }
    }

    /// As CSS writes it.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_go_from_end_to_end() {
        assert_eq!(Map::Viridis.at(0.0).css(), "#440154");
        assert_eq!(Map::Viridis.at(1.0).css(), "#fde725");
        assert_eq!(Map::Diverging.at(0.5).css(), "#f7f7f7");
        assert_eq!(Map::Grey.of(0.5, (0.0, 1.0)), Rgb(128, 128, 128));
        assert_eq!(Map::Grey.of(7.0, (0.0, 1.0)), WHITE);
    }

    #[test]
    fn text_is_readable_on_every_colour() {
        assert_eq!(Map::Viridis.at(0.0).ink_on(), WHITE);
        assert_eq!(Map::Viridis.at(1.0).ink_on(), INK);
        assert_eq!(Map::Blues.at(0.0).ink_on(), INK);
    }
}
