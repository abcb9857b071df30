//! Windows that move several positions at a time, as windows that move one at a time.
//!
//! In a relation `s·I + K = H + offset` positions of K and H that are s apart go together. With K = s·k + p and H = s·h + p it
//! says I + k = h + offset/s for every phase p, which is a label like any other. So each of the two axes becomes two: of the
//! longer one, a picture, the positions of a phase are laid next to each other, where registers can take them; the shorter
//! one, a kernel, is filled up with zeros to whole phases and stays where it is.

use crate::ir::op::{Contract, Pad, PadAxis, Relation, Slice, SliceAxis};
use crate::ir::{Builder, Dim, ValueId};

use super::micro;
use super::windows::size_of;

/// A contraction with a relation of steps, by relations without; none if it has none, or if registers are filled without.
pub fn by_phases(g: &mut Builder, contract: &Contract, args: &[ValueId]) -> Option<(Contract, [ValueId; 2], Joints)> {
    let splits: Vec<Option<Split>> =
        contract.relations.iter().map(|relation| Split::new(g, contract, args, relation)).collect();
    if splits.iter().all(Option::is_none) || has_rows(g, contract, args) {
        return None;
    }
    let mut relations = contract.relations.clone();
    let mut halves = vec![];
    let used = [&contract.left, &contract.right, &contract.result].into_iter().flatten();
    let mut fresh = used.copied().max().map_or('a', next);
    for (relation, split) in relations.iter_mut().zip(splits) {
        let Some(split) = split else { continue };
        *relation = split.relation;
        halves.extend([split.kernel, split.image].map(|half| Half { phase: fresh, ..half }));
        fresh = next(fresh);
    }
    let mut cut = |leg: &[char], arg: ValueId| Joints::new(leg, &halves).cut(g, leg, arg);
    let (left, a) = cut(&contract.left, args[0]);
    let (right, b) = cut(&contract.right, args[1]);
    let joints = Joints::new(&contract.result, &halves);
    let result = joints.labels(&contract.result);
    Some((Contract { left, right, result, relations }, [a, b], joints))
}

/// The least part of registers of rows that are filled for steps between columns not to matter.
const FILLED: f64 = 0.75;

/// Whether an operand that slides over the other has rows for registers, filters, so that its columns may lie apart.
fn has_rows(g: &Builder, contract: &Contract, args: &[ValueId]) -> bool {
    let legs = [&contract.left, &contract.right];
    let walks_over = |leg: &[char]| contract.relations.iter().all(|relation| leg.contains(&relation.h.1));
    let Some(of) = legs.iter().position(|leg| walks_over(leg)) else { return false };
    let tied = |label: &char| contract.relations.iter().any(|relation| [relation.i.1, relation.k.1].contains(label));
    let is_row = |label: &&char| contract.result.contains(label) && !legs[of].contains(label) && !tied(label);
    let n: i64 = legs[1 - of].iter().filter(is_row).map(|&label| size_of(g, contract, args, 1 - of, label)).product();
    let lanes = micro::lanes(g.ty(args[of]).dtype);
    let n = usize::try_from(n).unwrap_or(0);
    n as f64 >= FILLED * n.next_multiple_of(lanes) as f64
}

/// A label that is not in use, if none is greater.
fn next(label: char) -> char {
    char::from_u32(label as u32 + 1).expect("there are more characters than labels")
}

/// A relation of steps as one without, and what becomes of its two axes that are walked position by position.
struct Split {
    relation: Relation,
    kernel: Half,
    image: Half,
}

/// What becomes of an axis.
#[derive(Clone, Copy, Debug)]
struct Half {
    label: char,
    /// The label of its phases.
    phase: char,
    /// Whether it runs the other way.
    flipped: bool,
    /// Zeros before it, and behind it; negative where it is cut off.
    pads: [i64; 2],
    /// Positions without them.
    size: i64,
    /// Positions of a phase.
    n: i64,
    /// From one position of a phase to the next, and how many phases are wanted.
    step: i64,
    phases: i64,
    /// Whether the positions of a phase lie next to each other.
    is_image: bool,
}

impl Split {
    fn new(g: &Builder, contract: &Contract, args: &[ValueId], relation: &Relation) -> Option<Split> {
        let Relation { i, k, h, offset, size } = relation;
        // a·I + b·K − c·H = offset
        let terms = [*i, *k, (-h.0, h.1)];
        let of = |label: char| {
            let operand = [&contract.left, &contract.right].into_iter().position(|leg| leg.contains(&label));
            operand.map_or_else(|| size.as_const(), |operand| Some(size_of(g, contract, args, operand, label)))
        };
        let strided = terms.iter().position(|term| term.0.abs() > 1)?;
        let [mut kernel, mut image] = match strided {
            0 => [terms[1], terms[2]],
            1 => [terms[0], terms[2]],
            _ => [terms[0], terms[1]],
        };
        if of(kernel.1)? > of(image.1)? {
            std::mem::swap(&mut kernel, &mut image);
        }
        let ((by, i), n_kernel, n_image) = (terms[strided], of(kernel.1)?, of(image.1)?);
        let (step, n_i) = (by.abs(), of(i)?);
        // Gaps in a kernel are no steps of the windows.
        if kernel.0.abs() != 1 || image.0.abs() != 1 || n_kernel == 0 || n_i < n_kernel {
            return None;
        }
        let mut offset = offset.as_const()?;
        let flipped = kernel.0 == image.0;
        if flipped {
            offset -= kernel.0 * (n_kernel - 1);
            kernel.0 = -kernel.0;
        }
        // H = forward·step·I + K − offset
        let (forward, offset) = (by.signum() * kernel.0, offset * kernel.0);
        let (phases, n) = (step.min(n_kernel), (n_kernel + step - 1) / step);
        let kernel = Half {
            label: kernel.1,
            phase: ' ',
            flipped,
            pads: [0, n * phases - n_kernel],
            size: n_kernel,
            n,
            step: phases,
            phases,
            is_image: false,
        };
        let (lo, n) = if contract.result.contains(&image.1) {
            let lo = offset.rem_euclid(step);
            (lo, (n_image + lo + step - 1) / step)
        } else {
            (offset + if forward < 0 { step * (n_i - 1) } else { 0 }, n_i + n - 1)
        };
        let pads = [lo, n * step - n_image - lo];
        let image = Half { label: image.1, flipped: false, pads, size: n_image, n, step, is_image: true, ..kernel };
        let size = match contract.result.iter().find(|&&label| [kernel.label, image.label].contains(&label)) {
            Some(&label) if label == kernel.label => Dim::constant(kernel.n),
            Some(_) => Dim::constant(image.n),
            None => size.clone(),
        };
        let relation = Relation {
            i: (forward, i),
            k: (1, kernel.label),
            h: (1, image.label),
            offset: Dim::constant((offset - lo) / step),
            size,
        };
        Some(Split { relation, kernel, image })
    }
}

/// What becomes of each axis of an operand or the result.
pub struct Joints(Vec<Option<Half>>);

impl Joints {
    fn new(leg: &[char], halves: &[Half]) -> Joints {
        Joints(leg.iter().map(|label| halves.iter().find(|half| half.label == *label).copied()).collect())
    }

    /// The labels of the axes and their phases.
    fn labels(&self, leg: &[char]) -> Vec<char> {
        let axes = leg.iter().zip(&self.0);
        axes.flat_map(|(&label, half)| match half {
            None => vec![label],
            Some(half) if half.is_image => vec![half.phase, label],
            Some(half) => vec![label, half.phase],
        })
        .collect()
    }

    /// The axes that run the other way.
    fn flipped(&self) -> Vec<usize> {
        let axes = self.0.iter().enumerate();
        axes.filter(|(_, half)| half.is_some_and(|half| half.flipped)).map(|(axis, _)| axis).collect()
    }

    /// The shape with each axis as the sizes that `of` gives for it.
    fn shape(&self, whole: &[Dim], of: impl Fn(&Half) -> Vec<i64>) -> Vec<Dim> {
        let axes = whole.iter().zip(&self.0);
        axes.flat_map(|(size, half)| match half {
            None => vec![size.clone()],
            Some(half) => of(half).into_iter().map(Dim::constant).collect(),
        })
        .collect()
    }

    /// The order of axes in which those of a picture and their phases have changed places.
    fn turned(&self) -> Vec<usize> {
        let mut order: Vec<usize> = vec![];
        for half in &self.0 {
            let at = order.len();
            match half {
                None => order.push(at),
                Some(half) if half.is_image => order.extend([at + 1, at]),
                Some(_) => order.extend([at, at + 1]),
            }
        }
        order
    }

    /// An operand with its axes cut into phases, and its labels.
    fn cut(&self, g: &mut Builder, leg: &[char], arg: ValueId) -> (Vec<char>, ValueId) {
        let whole = g.shape(arg);
        let mut value = g.flip(arg, self.flipped());
        let pads = self.0.iter().map(|half| half.map_or([0, 0], |half| half.pads));
        value = pad(g, value, pads.collect());
        value = g.reshape(value, &self.shape(&whole, |half| vec![half.n, half.step]));
        let wanted = self.shape(&whole, |half| vec![half.n, half.phases]);
        if g.shape(value) != wanted {
            value = slice(g, value, wanted.iter().map(|size| (0, size.clone())).collect());
        }
        value = g.transpose(value, &self.turned());
        // As one axis the phases must follow one another in memory, which then is copied.
        value = g.reshape(value, &self.shape(&whole, |half| vec![half.n * half.phases]));
        value = g.reshape(
            value,
            &self.shape(
                &whole,
                |half| {
                    if half.is_image { vec![half.phases, half.n] } else { vec![half.n, half.phases] }
                },
            ),
        );
        (self.labels(leg), value)
    }

    /// A result whose axes are cut into phases, as it was wanted.
    pub fn join(&self, g: &mut Builder, value: ValueId) -> ValueId {
        let mut value = g.transpose(value, &self.turned());
        let missing = self.0.iter().flat_map(|half| match half {
            None => vec![[0, 0]],
            Some(half) => vec![[0, 0], [0, half.step - half.phases]],
        });
        value = pad(g, value, missing.collect());
        let mut sizes = g.shape(value).into_iter();
        let merged = self.0.iter().filter_map(|half| match half {
            None => sizes.next(),
            // Its positions, then its phases.
            Some(half) => sizes.nth(1).map(|_| Dim::constant(half.n * half.step)),
        });
        let merged: Vec<Dim> = merged.collect();
        value = g.reshape(value, &merged);
        let wanted = |(size, half): (&Dim, &Option<Half>)| match half {
            None => (0, size.clone()),
            Some(half) => (half.pads[0], Dim::constant(half.size)),
        };
        value = slice(g, value, merged.iter().zip(&self.0).map(wanted).collect());
        g.flip(value, self.flipped())
    }
}

fn pad(g: &mut Builder, value: ValueId, pads: Vec<[i64; 2]>) -> ValueId {
    if pads.iter().all(|sides| *sides == [0, 0]) {
        return value;
    }
    let axis = |[lo, hi]: [i64; 2]| PadAxis { lo: Dim::constant(lo), hi: Dim::constant(hi), interior: 0 };
    g.emit(Pad { axes: pads.into_iter().map(axis).collect(), value: 0.0 }, &[value])
}

fn slice(g: &mut Builder, value: ValueId, ranges: Vec<(i64, Dim)>) -> ValueId {
    if g.shape(value).iter().zip(&ranges).all(|(whole, (start, size))| *start == 0 && whole == size) {
        return value;
    }
    let axis = |(start, size): (i64, Dim)| SliceAxis { start: Dim::constant(start), size, step: 1 };
    g.emit(Slice { ranges: ranges.into_iter().map(axis).collect() }, &[value])
}
