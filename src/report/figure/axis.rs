//! Axes: which numbers they span, where their ticks are and what is written beside these.

/// One axis of a chart.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How numbers become places.
    pub scale: Scale,
    /// Its ends, where they do not follow from the points.
    pub ends: Option<(f64, f64)>,
}

/// How numbers become places.
#[derive(Clone, PartialEq, Debug)]
pub enum Scale {
    /// Equal steps are equally long.
    Linear,
    /// The same, with ticks at whole numbers only: epochs.
    Whole,
    /// Equal ratios are equally long; what is not positive has no place.
    Log,
    /// A name at 0, 1, 2, …
    Names(Vec<String>),
}

impl Axis {
    /// An axis whose ends follow from the points.
    pub fn new(label: impl Into<String>, scale: Scale) -> Axis {
        Axis { label: label.into(), scale, ends: None }
    }
}

/// A place on an axis that has a mark.
#[derive(Clone, PartialEq, Debug)]
pub struct Tick {
    /// From 0 to 1.
    pub place: f64,
    /// What is written beside it; nothing at minor ticks.
    pub text: String,
}

/// An axis with its ends.
#[derive(Clone, PartialEq, Debug)]
pub struct Ruler {
    low: f64,
    high: f64,
    scale: Scale,
}

/// How much room there is before the first and behind the last point, as a part of the whole.
const MARGIN: f64 = 0.04;

impl Ruler {
    /// The ruler of an axis for these numbers.
    pub fn new(axis: &Axis, numbers: impl Iterator<Item = f64>) -> Ruler {
        let has_place = |number: &f64| number.is_finite() && (axis.scale != Scale::Log || *number > 0.0);
        let (low, high) = match (&axis.scale, axis.ends) {
            (_, Some(ends)) => ends,
            (Scale::Names(names), None) => (-0.5, names.len().max(1) as f64 - 0.5),
            (scale, None) => {
                let ends = |(low, high): (f64, f64), number: f64| (low.min(number), high.max(number));
                let (low, high) = numbers.filter(has_place).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
                with_margin(low, high, scale)
            }
        };
        Ruler { low, high, scale: axis.scale.clone() }
    }

    /// Where a number is, from 0 to 1; none where it has no place.
    pub fn place(&self, number: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Log if number <= 0.0 => return None,
            Scale::Log => (number.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
            Scale::Linear | Scale::Whole | Scale::Names(_) => (number - self.low) / (self.high - self.low),
        };
        place.is_finite().then_some(place)
    }

    /// Its ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Ticks, of which at most `most` or so have a text, from the low end to the high.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        let tick = |number: f64, text: String| Some(Tick { place: self.place(number)?, text });
        let inside = |tick: &Tick| (-1e-9..=1.0 + 1e-9).contains(&tick.place);
        let ticks: Vec<Option<Tick>> = match &self.scale {
            Scale::Names(names) => {
                let step = names.len().div_ceil(most.max(1)).max(1);
                let names = names.iter().enumerate().step_by(step);
                names.map(|(idx, name)| tick(idx as f64, name.clone())).collect()
            }
            Scale::Log => self.log_ticks(most).into_iter().map(|(number, text)| tick(number, text)).collect(),
            Scale::Linear | Scale::Whole => {
                let step = step(self.high - self.low, most);
                let step = if self.scale == Scale::Whole { step.round().max(1.0) } else { step };
                let first = (self.low / step - 1e-9).ceil();
                let numbers = (0..=2 * most + 2).map(|idx| (first + idx as f64) * step);
                let largest = self.low.abs().max(self.high.abs());
                numbers.map(|number| tick(number, label(number, step, largest))).collect()
            }
        };
        ticks.into_iter().flatten().filter(inside).collect()
    }

    fn log_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let (low, high) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let decades = self.high.log10() - self.low.log10();
        if decades < 0.3 {
            // So few numbers are spaced as on any axis.
            let step = step(self.high - self.low, most);
            let first = (self.low / step).ceil();
            let numbers = (0..=2 * most).map(|idx| (first + idx as f64) * step);
            return numbers.map(|number| (number, label(number, step, self.high))).collect();
        }
        let written: &[u32] = match decades {
            d if d < 1.3 && most > 3 => &[1, 2, 3, 5],
            d if d < 2.2 && most > 5 => &[1, 3],
            _ => &[1],
        };
        let step = (decades / most.max(1) as f64).ceil().max(1.0) as i32;
        let mut ticks = vec![];
        for exponent in low..=high {
            for digit in 1..10 {
                let number = f64::from(digit) * 10f64.powi(exponent);
                let has_text = written.contains(&digit) && exponent.rem_euclid(step) == 0;
                let text = match has_text {
                    false => String::new(),
                    true if digit == 1 && !(-3..4).contains(&exponent) => format!("10{}", superscript(exponent)),
                    true if exponent < -3 => format!("{digit}·10{}", superscript(exponent)),
                    true => short(number),
                };
                if has_text || step == 1 {
                    ticks.push((number, text));
                }
            }
        }
        ticks
    }
}

fn with_margin(low: f64, high: f64, scale: &Scale) -> (f64, f64) {
    match scale {
        _ if low > high => match scale {
            Scale::Log => (0.1, 10.0),
            Scale::Linear | Scale::Whole | Scale::Names(_) => (0.0, 1.0),
        },
        Scale::Log if low == high => (low / 2.0, high * 2.0),
        Scale::Log => {
            let margin = (high / low).powf(MARGIN);
            (low / margin, high * margin)
        }
        Scale::Whole if low == high => (low - 0.5, high + 0.5),
        // Epochs begin at the axis.
        Scale::Whole => (low, high),
        Scale::Linear | Scale::Names(_) if low == high => {
            let margin = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
            (low - margin, high + margin)
        }
        Scale::Linear | Scale::Names(_) => {
            let margin = MARGIN * (high - low);
            (low - margin, high + margin)
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten, of which at most `most` fit.
fn step(length: f64, most: usize) -> f64 {
    let least = length / most.max(1) as f64;
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number at a tick: with the decimals the steps have, as a power of ten where it is very large or small.
fn label(number: f64, step: f64, largest: f64) -> String {
    let number = if number.abs() < step * 1e-6 { 0.0 } else { number };
    let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    if number == 0.0 {
        return "0".to_string();
    }
    if largest >= 1e6 || decimals > 5 {
        let exponent = number.abs().log10().floor() as i32;
        let digits = (exponent - step.log10().floor() as i32).max(0) as usize;
        // A small step beside a large number is easier to read with all digits.
        if digits > 4 && (1e-3..1e9).contains(&largest) {
            return minus(&format!("{number:.decimals$}"));
        }
        let mantissa = format!("{:.digits$}", number / 10f64.powi(exponent));
        return format!("{}·10{}", minus(&mantissa), superscript(exponent));
    }
    minus(&format!("{number:.decimals$}"))
}

/// A number in the fewest characters that say it to three digits: `0.973`, `12`, `1e-5`.
pub fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_string();
    }
    if !number.is_finite() {
        return super::super::number::plain(number);
    }
    let scientific = format!("{number:.2e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if number.fract() == 0.0 && number.abs() < 1e6 {
        return minus(&format!("{number}"));
    }
    match exponent {
        -4..=5 => minus(&trim(&format!("{number:.*}", (2 - exponent).max(0) as usize))),
        _ => minus(&format!("{}e{exponent}", trim(mantissa))),
    }
}

/// A real minus in place of the hyphen.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

fn superscript(number: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    number.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, low: f64, high: f64, most: usize) -> Vec<String> {
        let axis = Axis { label: String::new(), scale, ends: Some((low, high)) };
        let ticks = Ruler::new(&axis, std::iter::empty()).ticks(most);
        ticks.into_iter().map(|tick| tick.text).filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts(Scale::Linear, 0.0, 1.0, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(Scale::Linear, -1.3, 1.1, 6), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(texts(Scale::Linear, 0.0, 3.2e7, 4), ["0", "1·10⁷", "2·10⁷", "3·10⁷"]);
        assert_eq!(texts(Scale::Linear, 1e6, 1e6 + 0.3, 4), ["1000000.0", "1000000.1", "1000000.2", "1000000.3"]);
        assert_eq!(texts(Scale::Whole, 1.0, 3.0, 8), ["1", "2", "3"]);
        assert_eq!(texts(Scale::Whole, 1.0, 2000.0, 5), ["500", "1000", "1500", "2000"]);
        assert_eq!(texts(Scale::Log, 1e-6, 10.0, 8), ["10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(texts(Scale::Log, 0.09, 0.6, 6), ["0.1", "0.2", "0.3", "0.5"]);
        assert_eq!(texts(Scale::Log, 1e-12, 1e12, 5).len(), 5);
        let names: Vec<String> = ["a", "b"].map(String::from).to_vec();
        assert_eq!(texts(Scale::Names(names), -0.5, 1.5, 9), ["a", "b"]);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let log = Ruler::new(&Axis::new("", Scale::Log), [0.0, 0.1, 10.0, f64::NAN].into_iter());
        assert_eq!(log.place(0.0), None);
        assert!((log.place(1.0).unwrap() - 0.5).abs() < 1e-12);
        let none = Ruler::new(&Axis::new("", Scale::Linear), std::iter::empty());
        assert_eq!(none.ends(), (0.0, 1.0));
        let constant = Ruler::new(&Axis::new("", Scale::Linear), [3.0, 3.0].into_iter());
        assert_eq!(constant.place(3.0), Some(0.5));
    }

    #[test]
    fn numbers_in_cells_are_short() {
        assert_eq!([0.97333, 12.0, 0.0, 1e-5, -0.5, 1234.5].map(short), ["0.973", "12", "0", "1e−5", "−0.5", "1234"]);
    }
}
