//! Contractions against the plain loop over all labels.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::relation::Relation;
use super::*;
use crate::tensor::kernels::map;

/// Adds up every product of elements whose labels agree and whose relations hold.
fn naive(a: &Tensor, b: &Tensor, [left, right, result]: [&[char]; 3], relations: &[Relation]) -> Tensor {
    let mut sizes = BTreeMap::new();
    for (labels, tensor) in [(left, a), (right, b)] {
        sizes.extend(labels.iter().copied().zip(tensor.shape().iter().copied()));
    }
    for relation in relations {
        for label in [relation.i.1, relation.k.1, relation.h.1] {
            sizes.entry(label).or_insert(relation.size);
        }
    }
    let labels: Vec<char> = sizes.keys().copied().collect();
    let shape: Vec<usize> = labels.iter().map(|label| sizes[label]).collect();
    let out_shape: Vec<usize> = result.iter().map(|label| sizes[label]).collect();
    let mut out = vec![0.0; out_shape.iter().product()];
    for flat in 0..shape.iter().product() {
        let index = |label: char| {
            let axis = labels.iter().position(|&other| other == label).expect("a label");
            flat / shape[axis + 1..].iter().product::<usize>() % shape[axis]
        };
        let at = |leg: &[char]| leg.iter().fold(0, |at, &label| at * sizes[&label] + index(label));
        let holds = |relation: &Relation| {
            let term = |(factor, label): (i64, char)| factor * index(label) as i64;
            term(relation.i) + term(relation.k) == term(relation.h) + relation.offset
        };
        if relations.iter().all(holds) {
            out[at(result)] += a.get_f64(at(left)) * b.get_f64(at(right));
        }
    }
    Tensor::from_vec(out, &out_shape)
}

/// Small ints, so that sums are exact in any order, and differ enough to tell elements apart.
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let len: usize = shape.iter().product();
    Tensor::from_vec((0..len).map(|i| ((i * 31 + seed * 17 + i / 7) % 11) as f64 - 5.0).collect(), shape)
}

fn check(legs: [&str; 3], sizes: &dyn Fn(char) -> usize, relations: &[Relation]) {
    let legs = legs.map(|leg| leg.chars().collect::<Vec<char>>());
    let [left, right, result] = &legs;
    let shape = |leg: &[char]| leg.iter().map(|&label| sizes(label)).collect::<Vec<usize>>();
    let (a, b) = (numbers(&shape(left), 1), numbers(&shape(right), 2));
    let legs: [&[char]; 3] = [left, right, result];
    let wanted = naive(&a, &b, legs, relations);
    assert_eq!(contract(&a, &b, legs, relations).convert(DType::I64), wanted.convert(DType::I64), "{legs:?}");
    let narrow = contract(&a.convert(DType::F32), &b.convert(DType::F32), legs, relations);
    assert_eq!(narrow.convert(DType::I64), wanted.convert(DType::I64), "{legs:?} in f32");
}

#[test]
fn matrix_products_of_every_layout_and_size() {
    for spec in ["mk kn mn", "km kn mn", "mk nk mn", "km nk mn", "mk kn nm", "km nk nm", "bmk bkn bmn", "mbk kbn nbm"] {
        let legs: Vec<&str> = spec.split(' ').collect();
        for [m, n, k] in [[1, 1, 1], [1, 5, 3], [7, 1, 40], [4, 6, 1], [3, 70, 2], [33, 17, 65], [0, 2, 3], [2, 3, 0]] {
            let sizes = |label| match label {
                'm' => m,
                'n' => n,
                'k' => k,
                _ => 3,
            };
            check([legs[0], legs[1], legs[2]], &sizes, &[]);
        }
    }
}

#[test]
fn labels_of_one_operand_are_summed() {
    let sizes = |label| label as usize % 3 + 2;
    check(["ab", "bc", "a"], &sizes, &[]);
    check(["ab", "c", ""], &sizes, &[]);
    check(["a", "a", "a"], &sizes, &[]);
    check(["", "ab", "ba"], &sizes, &[]);
}

fn relation(i: i64, k: i64, h: i64, offset: i64, size: usize) -> Relation {
    Relation { i: (i, 'I'), k: (k, 'K'), h: (h, 'H'), offset, size }
}

#[test]
fn large_convolutions_run_in_parts() {
    // 40·24²·8·9 elements are more than are expanded at a time. Shifted copies times the taps of the filter tell what
    // comes out.
    let rows = |size| relation(1, 1, 1, 0, size);
    let columns = |size| Relation { i: (1, 'J'), k: (1, 'L'), h: (1, 'V'), offset: 0, size };
    let x = numbers(&[40, 8, 26, 26], 1);
    let w = numbers(&[3, 8, 3, 3], 2);
    let labels = |text: &str| text.chars().collect::<Vec<char>>();
    let (legs, plain_legs) = (["ncHV", "ocKL", "noIJ"].map(labels), ["ncIJ", "oc", "noIJ"].map(labels));
    let [left, right, result] = &legs;
    let y = contract(&x, &w, [left, right, result], &[rows(24), columns(24)]);
    let mut wanted = Tensor::zeros(DType::F64, &[40, 3, 24, 24]);
    for (k, l) in (0..9).map(|tap| (tap / 3, tap % 3)) {
        let range = |start, count| Range { start, count, step: 1 };
        let shifted = x.slice(&[range(0, 40), range(0, 8), range(k, 24), range(l, 24)]);
        let tap = w.slice(&[range(0, 3), range(0, 8), range(k, 1), range(l, 1)]).reshape(&[3, 8]);
        let [left, right, result] = &plain_legs;
        let part = contract(&shifted, &tap, [left, right, result], &[]);
        wanted = map::Number!(vec![wanted, part], |a, b| a.plus(b));
    }
    assert_eq!(y, wanted);
    // The weight gradient sums over the parts.
    let grad = contract(&x, &y, [left, result, right], &[rows(3), columns(3)]);
    let centre = x.slice(&[0, 1, 2, 3].map(|axis| Range {
        start: usize::from(axis > 1),
        count: [40, 8, 24, 24][axis],
        step: 1,
    }));
    let [left, _, result] = &plain_legs;
    let wanted = contract(&centre, &y, [left, result, &['o', 'c']], &[]);
    let middle = [Range { start: 0, count: 3, step: 1 }, Range { start: 0, count: 8, step: 1 }];
    let taps = [Range { start: 1, count: 1, step: 1 }; 2];
    assert_eq!(grad.slice(&[middle, taps].concat()).reshape(&[3, 8]), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_labels_agree_with_the_plain_loop(
        legs in proptest::collection::vec(1_u8..8, 1..6),
        sizes in proptest::collection::vec(1_usize..5, 6),
        orders in proptest::array::uniform3(Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle()),
    ) {
        // Bit l of a label's number says whether it stands in leg l; a label of the result alone is no contraction.
        let stands = |label: usize, leg: usize| legs.get(label).is_some_and(|bits| bits >> leg & 1 == 1 && *bits != 4);
        let leg = |leg: usize| -> String {
            orders[leg].iter().filter(|&&label| stands(label, leg)).map(|&label| (b'a' + label as u8) as char).collect()
        };
        check([&leg(0), &leg(1), &leg(2)], &|label| sizes[(label as u8 - b'a') as usize], &[]);
    }

    #[test]
    fn relations_of_any_sign_give_any_leg(
        factors in proptest::array::uniform3(prop_oneof![-3_i64..0, 1_i64..4]),
        offset in -4_i64..5,
        sizes in proptest::array::uniform3(1_usize..7),
        legs in Just(["nIc", "Kco", "nHo"]).prop_shuffle(),
    ) {
        let size_of = |label| match label {
            'I' => sizes[0],
            'K' => sizes[1],
            'H' => sizes[2],
            _ => 2,
        };
        let result = legs[2].chars().find(|label| label.is_uppercase()).expect("one in each leg");
        let relation = relation(factors[0], factors[1], factors[2], offset, size_of(result));
        check([legs[0], legs[1], legs[2]], &size_of, &[relation]);
    }

    #[test]
    fn two_relations_at_once(
        strides in proptest::array::uniform2(1_i64..3),
        offsets in proptest::array::uniform2(-1_i64..3),
        sizes in proptest::collection::vec(1_usize..5, 6),
        legs in Just(["gncHV", "KgocL", "ngIoJ"]).prop_shuffle(),
    ) {
        let size_of = |label| "IKHJLV".find(label).map_or(2, |idx| sizes[idx]);
        let result = |labels: [char; 3]| labels.into_iter().find(|label| legs[2].contains(*label)).expect("one in each");
        let rows = relation(strides[0], 1, 1, offsets[0], size_of(result(['I', 'K', 'H'])));
        let size = size_of(result(['J', 'L', 'V']));
        let columns = Relation { i: (strides[1], 'J'), k: (2, 'L'), h: (1, 'V'), offset: offsets[1], size };
        check([legs[0], legs[1], legs[2]], &size_of, &[rows, columns]);
    }
}
