//! A compiled training step allocates nothing. This is a program of its own as it counts what the whole process allocates.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // An allocator is unsafe to write.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nabla::exec::jit::Loop;
use nabla::ir::{FuncId, text};
use nabla::report::{Form, Reporter};
use nabla::session::{Options, Script, Session, Stage};
use nabla::tensor::Tensor;

/// The allocator of the system, which counts.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.realloc(at, layout, bytes) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A net with two layers and several batches an epoch.
const SCRIPT: &str = "
X: real[12, 2] = zeros((12, 2))
T: real[12, 1] = zeros((12, 1))
net small(x: real[n, 2]) -> real[n, 1] = x |> dense(3, act = tanh) |> dense(1)
run = train small on (X, T) { cost = mse; optimizer = adam(lr = 0.1); epochs = 1000; batch = 4; shuffle = false }
";

/// The turn of the training and what it is given at first: carry, captures.
fn training() -> (nabla::ir::Module, FuncId, Vec<Tensor>, Vec<Tensor>) {
    let (reporter, captured) = Reporter::captured(Form::Text);
    let script = Script { name: "small.nn".into(), folder: ".".into(), text: SCRIPT.into() };
    let shown = Session::new(Options::default(), reporter).ir(&script, Some("run"), Stage::Optimised);
    let module = text::parse(&shown.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()))).unwrap();
    // A function comes behind those it needs.
    let entry = module.ids().last().unwrap();
    let params = module.graph(entry).param_types();
    let mut given: Vec<Tensor> = params[1..]
        .iter()
        .map(|ty| {
            let shape: Vec<usize> = ty.shape.iter().map(|size| size.as_const().unwrap() as usize).collect();
            Tensor::full(ty.dtype, &shape, 0.125)
        })
        .collect();
    let captures = given.split_off(given.len() - 2);
    assert!(captures.iter().all(|data| data.shape()[0] == 12), "the rows and the targets come last");
    (module, entry, given, captures)
}

#[test]
fn a_step_allocates_nothing() {
    let (module, entry, carry, captures) = training();
    let mut compiled = Loop::new(&module, entry, 10_000, &carry, &[], &captures, 1 << 30).unwrap();
    let never = AtomicBool::new(false);
    let mut allocations_of = |turns: std::ops::Range<usize>| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let (rows, ended) = compiled.run(turns.clone(), &never);
        let after = ALLOCATIONS.load(Ordering::Relaxed);
        assert!(ended.is_ok());
        assert_eq!(rows[0].shape(), [turns.len()]);
        after - before
    };
    allocations_of(0..10);
    let few = allocations_of(10..110);
    let many = allocations_of(110..1110);
    assert!(few > 0, "the rows are allocated, so allocations are counted");
    assert_eq!(few, many, "a run of ten times as many turns allocates as often");
    let costs = |compiled: &mut Loop, turns| compiled.run(turns, &never).0.pop().unwrap();
    let last = costs(&mut compiled, 1110..1111).get_f64(0);
    assert!(last.is_finite());
}
