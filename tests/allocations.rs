//! A compiled training step allocates nothing. This is a program of its own as it counts what the whole process allocates.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // An allocator is unsafe to write.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nabla::exec::jit::{Loop, Pool};
use nabla::ir::{FuncId, Module, Type, text};
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

/// A training in several batches an epoch of a net with two layers and draws; `rows` and `width` say how large.
fn script(rows: usize, width: usize) -> String {
    format!(
        "X: real[{rows}, {width}] = zeros(({rows}, {width}))
         T: real[{rows}, 1] = zeros(({rows}, 1))
         net small(x: real[n, {width}]) -> real[n, 1] = x |> dense({width}, act = tanh) |> dropout(0.1) |> dense(1)
         run = train small on (X, T) {{
           cost = mse; optimizer = adam(lr = 0.1); epochs = 1000; batch = {rows} // 2; shuffle = false
         }}"
    )
}

/// The turn of the training and what it is given at first: carry, captures.
fn training(rows: usize, width: usize) -> (Module, FuncId, Vec<Tensor>, Vec<Tensor>) {
    let (reporter, captured) = Reporter::captured(Form::Text);
    let script = Script { name: "small.nn".into(), folder: ".".into(), text: script(rows, width) };
    let shown = Session::new(Options::default(), reporter).ir(&script, Some("run"), Stage::Optimised);
    let module = text::parse(&shown.unwrap_or_else(|exit| panic!("{exit:?}: {}", captured.err()))).unwrap();
    // A function comes behind those it needs.
    let entry = module.ids().last().unwrap();
    let params = module.graph(entry).param_types();
    let value = |ty: &Type| {
        let shape: Vec<usize> = ty.shape.iter().map(|size| size.as_const().unwrap() as usize).collect();
        Tensor::full(ty.dtype, &shape, 0.125)
    };
    let mut given: Vec<Tensor> = params[1..].iter().map(value).collect();
    let captures = given.split_off(given.len() - 2);
    assert!(captures.iter().all(|data| data.shape()[0] == rows), "the rows and the targets come last");
    (module, entry, given, captures)
}

#[test]
fn a_step_allocates_nothing() {
    // One that is computed by one thread, and one that is shared.
    for (rows, width, turns) in [(12, 3, 100), (256, 96, 2)] {
        let (module, entry, carry, captures) = training(rows, width);
        let mut compiled = Loop::new(&module, entry, 1000, &carry, &[], &captures, 1 << 30).unwrap();
        let (never, pool) = (AtomicBool::new(false), Pool::new(2));
        let mut allocations_of = |turns: Range<usize>| {
            let run = |_| {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                let (rows, ended) = compiled.run(turns.clone(), &never, &pool);
                let after = ALLOCATIONS.load(Ordering::Relaxed);
                assert!(ended.is_ok() && rows.iter().all(|rows| rows.shape() == [turns.len()]));
                after - before
            };
            // Other threads of the process, which begin late, allocate as well; hardly in every run.
            (0..3).map(run).min().unwrap()
        };
        let few = allocations_of(0..turns);
        let many = allocations_of(turns..11 * turns);
        assert!(few > 0, "what is emitted is allocated, so allocations are counted");
        assert_eq!(few, many, "a run of ten times as many turns allocates as often");
    }
}
