//! Threads that share the work of one step after the other.
//!
//! A step of a training is some microseconds long, so the threads wait for the next part without sleeping for a while
//! before they park. Work is cut into parts. A thread takes the part of its own number first, so that it finds in its cache
//! what it computed before, and then whatever is left: a thread that the system runs late holds up nobody. Nothing that is computed depends on who computes it, or on how it was cut: sums are never cut.
#![allow(unsafe_code)] // A task lives on the stack of the caller, who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread waits without sleeping.
const PATIENCE: Duration = Duration::from_micros(60);
/// Looks at the flag between two looks at the clock.
const LOOKS: usize = 64;

/// What the threads do together: takes the number of the part.
type Task<'t> = dyn Fn(usize) + Sync + 't;

/// Some threads, the caller's own included.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// The round in the upper half, a bit for each of its parts that is still to be taken in the lower.
    ///
    /// Whoever takes a part by a successful exchange has seen the task of that round: the task is written before the round
    /// begins, and the next is not written before every part of this one is done. That no part is left is read here alone,
    /// so a thread that is late takes nothing while the next round is prepared.
    next: AtomicU64,
    task: AtomicPtr<&'static Task<'static>>,
    /// Parts that are done.
    n_done: AtomicUsize,
    /// For each worker whether it is parked, or about to be.
    parked: Vec<AtomicBool>,
    failed: AtomicBool,
    closed: AtomicBool,
}

impl Pool {
    /// Into how many parts work can be cut, and how many threads a pool has at most.
    pub const MOST_PARTS: usize = 32;

    /// As many threads, one at least.
    pub fn new(n_threads: usize) -> Pool {
        let n_workers = n_threads.clamp(1, Pool::MOST_PARTS) - 1;
        let shared = Arc::new(Shared {
            next: AtomicU64::new(0),
            task: AtomicPtr::new(std::ptr::null_mut()),
            n_done: AtomicUsize::new(0),
            parked: (0..n_workers).map(|_| AtomicBool::new(false)).collect(),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let spawn = |worker: usize| {
            let shared = shared.clone();
            let named = std::thread::Builder::new().name(format!("nabla {}", worker + 1));
            named.spawn(move || work(&shared, worker)).ok()
        };
        // Where the system gives no more threads there are fewer.
        let workers: Vec<JoinHandle<()>> = (0..n_workers).map_while(spawn).collect();
        Pool { shared, workers }
    }

    /// How many threads there are.
    pub fn n_threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` with 0, 1, … `n_parts` − 1, each once on any thread, and waits for all of them.
    ///
    /// # Panics
    /// If the task panics, or there are more than [`Pool::MOST_PARTS`] parts.
    pub fn run(&self, n_parts: usize, task: &Task<'_>) {
        if self.workers.is_empty() || n_parts <= 1 {
            return (0..n_parts).for_each(task);
        }
        let shared = &*self.shared;
        // SAFETY: nobody uses the reference after this function returns: it waits until every part is done.
        let task: &'static Task<'static> = unsafe { std::mem::transmute::<&Task<'_>, &'static Task<'static>>(task) };
        let mut place = task;
        shared.task.store(&raw mut place, Ordering::Relaxed);
        shared.n_done.store(0, Ordering::Relaxed);
        let round = (shared.next.load(Ordering::Relaxed) >> 32) + 1;
        assert!(n_parts <= Pool::MOST_PARTS, "work is cut into a few parts");
        let parts = u64::from(u32::MAX >> (Pool::MOST_PARTS - n_parts));
        shared.next.store(round << 32 | parts, Ordering::SeqCst);
        for (parked, worker) in shared.parked.iter().zip(&self.workers).take(n_parts - 1) {
            if parked.load(Ordering::SeqCst) && parked.swap(false, Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        take_parts(shared, 0);
        let mut looks = 0usize;
        while shared.n_done.load(Ordering::Acquire) < n_parts {
            looks += 1;
            // Where others want the processors, a worker in the middle of a part may wait for this very thread.
            if looks.is_multiple_of(1024) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        assert!(!shared.failed.swap(false, Ordering::Relaxed), "a thread panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches what its tasks panic with.
            let _ = worker.join();
        }
    }
}

/// Takes parts of the round until there are none, that of the thread's own number first.
fn take_parts(shared: &Shared, thread: usize) {
    let mut next = shared.next.load(Ordering::Acquire);
    loop {
        let left = next as u32;
        if left == 0 {
            return;
        }
        let is_left = |part: usize| part < Pool::MOST_PARTS && left >> part & 1 == 1;
        let part = if is_left(thread) { thread } else { left.trailing_zeros() as usize };
        let task = shared.task.load(Ordering::Relaxed);
        match shared.next.compare_exchange_weak(next, next & !(1 << part), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: this part is taken and not done, so the caller of the round waits and its task lives; see `next`.
                let task = unsafe { *task };
                if catch_unwind(AssertUnwindSafe(|| task(part))).is_err() {
                    shared.failed.store(true, Ordering::Relaxed);
                }
                shared.n_done.fetch_add(1, Ordering::Release);
                next = shared.next.load(Ordering::Acquire);
            }
            Err(other) => next = other,
        }
    }
}

/// What a worker does all its life.
fn work(shared: &Shared, worker: usize) {
    let mut seen = 0;
    while wait(shared, worker, seen) {
        seen = shared.next.load(Ordering::Acquire) >> 32;
        take_parts(shared, worker + 1);
    }
}

/// Waits for the round after `seen`; false if the pool is closed.
fn wait(shared: &Shared, worker: usize, seen: u64) -> bool {
    let came = || shared.next.load(Ordering::SeqCst) >> 32 != seen || shared.closed.load(Ordering::SeqCst);
    let began = Instant::now();
    'spin: loop {
        for _ in 0..LOOKS {
            if came() {
                break 'spin;
            }
            std::hint::spin_loop();
        }
        if began.elapsed() > PATIENCE {
            break;
        }
    }
    while !came() {
        // The flag first, then another look: a round that begins now either is seen or unparks.
        shared.parked[worker].store(true, Ordering::SeqCst);
        if came() {
            break;
        }
        std::thread::park();
    }
    shared.parked[worker].store(false, Ordering::SeqCst);
    !shared.closed.load(Ordering::SeqCst)
}

/// One of `n_parts` parts of `0..n`, in pieces of `unit`: as even as can be, the first parts have more.
pub fn share(n: usize, unit: usize, part: usize, n_parts: usize) -> std::ops::Range<usize> {
    let units = n.div_ceil(unit);
    let at = |part: usize| (units / n_parts * part + (units % n_parts).min(part)) * unit;
    at(part).min(n)..at(part + 1).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_round_after_round() {
        for n_threads in [1, 2, 3, 7] {
            let pool = Pool::new(n_threads);
            for n_parts in [1, 2, 5, 16] {
                let sums: Vec<AtomicUsize> = (0..n_parts).map(|_| AtomicUsize::new(0)).collect();
                for round in 0..300 {
                    pool.run(n_parts, &|part| _ = sums[part].fetch_add(round, Ordering::Relaxed));
                    if round % 100 == 50 {
                        // Long enough for the threads to park.
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
                assert!(sums.iter().all(|sum| sum.load(Ordering::Relaxed) == 299 * 300 / 2));
            }
        }
    }

    #[test]
    fn a_thread_that_is_late_takes_nothing_of_the_next_round() {
        // A round of few parts is followed by one of many: a thread that looks for a third part of the first finds none.
        let pool = Pool::new(3);
        let sums: Vec<AtomicUsize> = (0..16).map(|_| AtomicUsize::new(0)).collect();
        for round in 0..100_000 {
            let n_parts = if round % 2 == 0 { 2 } else { 16 };
            let done = AtomicUsize::new(0);
            pool.run(n_parts, &|part| {
                sums[part].fetch_add(1, Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(done.load(Ordering::Relaxed), n_parts, "in round {round}");
        }
        assert!(sums[..2].iter().all(|sum| sum.load(Ordering::Relaxed) == 100_000));
        assert!(sums[2..].iter().all(|sum| sum.load(Ordering::Relaxed) == 50_000));
    }

    #[test]
    fn shares_are_whole_and_even() {
        for (n, unit, n_parts) in [(100, 8, 3), (7, 8, 2), (64, 8, 4), (0, 4, 2), (1000, 48, 7)] {
            let shares: Vec<_> = (0..n_parts).map(|part| share(n, unit, part, n_parts)).collect();
            assert_eq!(shares[0].start, 0);
            assert_eq!(shares[n_parts - 1].end, n);
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            let sizes = || shares.iter().map(|share| share.len());
            assert!(sizes().max() <= sizes().min().map(|least| least + 2 * unit));
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let panicked = catch_unwind(AssertUnwindSafe(|| pool.run(4, &|part| assert_ne!(part, 3))));
        assert!(panicked.is_err());
        let ran = AtomicUsize::new(0);
        pool.run(2, &|_| _ = ran.fetch_add(1, Ordering::Relaxed));
        assert_eq!(ran.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn idle_threads_sleep() {
        // A worker parks soon after its last round, so that it takes no time of the processor.
        let pool = Pool::new(3);
        pool.run(3, &|_| {});
        let began = Instant::now();
        while !pool.shared.parked.iter().all(|parked| parked.load(Ordering::SeqCst)) {
            assert!(began.elapsed() < Duration::from_secs(20), "the workers do not park");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
