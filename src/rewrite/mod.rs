//! Passes that change a function without changing what it computes, but for rounding.
//!
//! Each is a function on a module and one function of it, and keeps names and origins. [`prepare`] runs before every
//! differentiation, [`pipeline`] at the end; both leave results as they are but for rounding, so nothing a user sees
//! depends on how often they run.
//!
//! | pass | does |
//! |---|---|
//! | [`inline`](mod@inline) | bodies in the place of calls |
//! | [`stabilise`](mod@stabilise) | `log(softmax(x))`, `log(sigmoid(x))`, `log(1 + eˣ)` in forms that neither overflow nor cancel |
//! | [`simplify`](mod@simplify) | algebra: `x + 0`, transposes of transposes, sums of repeated values |
//! | [`choose`](mod@choose) | `select` in the place of elementwise choices, when nothing is differentiated any more |
//! | [`cse`](mod@cse) | equal nodes once |
//! | [`dce`](mod@dce) | unused nodes away |
//! | [`prune`](mod@prune) | unused parts of loops and choices away |
//! | [`pool_first`](mod@pool_first) | pools before the biases and rectifiers they are behind |
//! | [`rectify`](mod@rectify) | where a rectifier was given what is positive, seen from what it gave |
//! | [`segment`](mod@segment) | loops of loops in the place of loops that keep less for their adjoint |
//! | [`specialise`](mod@specialise) | a number for every size, when the arguments are there |

pub mod choose;
pub mod cse;
pub mod dce;
pub mod inline;
pub mod pool_first;
pub mod prune;
pub mod rebuild;
pub mod rectify;
pub mod segment;
pub mod simplify;
pub mod specialise;
pub mod stabilise;

pub use choose::choose;
pub use cse::cse;
pub use dce::dce;
pub use inline::{flatten, inline};
pub use pool_first::pool_first;
pub use prune::prune;
pub use rectify::rectify;
pub use segment::segment;
pub use simplify::simplify;
pub use stabilise::stabilise;

use crate::ir::verify::verify_after;
use crate::ir::{FuncId, Module};

/// Inlines and stabilises a function, as must be done before it is differentiated.
pub fn prepare(module: &mut Module, func: FuncId) {
    inline(module, func);
    simplify(module, func);
    cse(module, func);
    stabilise(module, func);
    dce(module, func);
}

/// Only what the numbers need, over `entry` and its regions: unstable expressions are rewritten, calls inlined, choices
/// made. What [`pipeline`] does beyond it changes speed and rounding.
pub fn least(module: &mut Module, entry: FuncId) {
    for func in module.reachable(entry) {
        choose(module, func);
        prepare(module, func);
        inline::drop_stops(module, func);
    }
    verify_after("the least rewriting", module);
}

/// Every pass over `entry` and the regions it needs, innermost first, once it has been expanded: its regions are its own
/// then.
pub fn pipeline(module: &mut Module, entry: FuncId) {
    pipeline_watched(module, entry, &mut |_, _| {});
}

/// The same, for those who look on: `seen` is told of every pass that was done, and given the module.
pub fn pipeline_watched(module: &mut Module, entry: FuncId, seen: &mut dyn FnMut(&'static str, &Module)) {
    for func in module.reachable(entry) {
        for (name, pass) in FIRST {
            pass(module, func);
            seen(name, module);
        }
        tidy_watched(module, func, seen);
    }
    // What a loop does not need to give, it does not need to compute.
    prune(module, entry);
    seen("prune", module);
    for func in module.reachable(entry) {
        for (name, pass) in LAST {
            pass(module, func);
            seen(name, module);
        }
        tidy_watched(module, func, seen);
    }
    verify_after("rewriting", module);
}

/// A pass over one function.
type Pass = fn(&mut Module, FuncId);

/// What [`prepare`] does, with the choices made before it and the stops dropped behind it.
const FIRST: [(&str, Pass); 7] = [
    ("choose", choose),
    ("inline", inline),
    ("simplify", simplify),
    ("cse", cse),
    ("stabilise", stabilise),
    ("dce", dce),
    ("inline", inline::drop_stops),
];

/// What is done when nothing is computed in vain any more.
const LAST: [(&str, Pass); 2] = [("pool_first", pool_first), ("rectify", rectify)];

const TIDY: [(&str, Pass); 3] = [("simplify", simplify), ("cse", cse), ("dce", dce)];

fn tidy_watched(module: &mut Module, func: FuncId, seen: &mut dyn FnMut(&'static str, &Module)) {
    for (name, pass) in TIDY {
        pass(module, func);
        seen(name, module);
    }
}
