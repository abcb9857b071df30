//! Convolutions and gradients of filters, block by block: transformations around a product for each place.

use std::ops::Range;

use super::squares::{Strip, StripFn, memory_len};
use super::{PLACES, Winograd, filters};
use crate::exec::jit::micro::descriptor::{Descriptor, Strides};
use crate::exec::jit::micro::dispatch::Kernels;
use crate::exec::jit::micro::element::Element;
use crate::exec::jit::micro::gemm::LINE;

/// Where the squares of a block lie: channel by channel, or filter by filter: what is transformed together lies together.
#[derive(Clone, Copy)]
struct Squares {
    /// From a place to the next. A register more, for kernels write and read whole registers.
    place: usize,
    /// From a channel to the next. An odd number of lines of the cache, so that the channels of a place do not fall on each other.
    channel: usize,
}

impl Squares {
    /// For `n` squares at most.
    fn new<T>(n: usize, lanes: usize) -> Squares {
        let (place, line) = (n.next_multiple_of(lanes) + lanes, LINE / size_of::<T>());
        let lines = (PLACES * place).div_ceil(line);
        Squares { place, channel: (lines | 1) * line }
    }
}

/// What is transformed: pictures or results.
struct Side<T> {
    /// The first number.
    start: *mut T,
    /// From a picture to the next, from a channel and a row of it.
    strides: [usize; 3],
    /// Rows and columns.
    size: [usize; 2],
}

impl<T: Element> Kernels<T> {
    /// Into how many pieces the work of the results may be cut.
    pub fn n_blocks(&self, w: &Winograd) -> usize {
        w.n_blocks::<T>()
    }

    /// Into how many pieces the sums for the gradient of the filters are cut: always the same.
    pub fn n_sums(&self, w: &Winograd) -> usize {
        w.n_blocks::<T>().min(w.n_sums())
    }

    /// Numbers of memory for the sums of the gradient of the filters.
    pub fn sums_len(&self, w: &Winograd) -> usize {
        self.n_sums(w) * PLACES * w.filters * w.channels
    }

    /// Computes some blocks of the results.
    ///
    /// # Safety
    /// Filters and pictures may be read and results written for all elements the description names, and the results overlap
    /// none of them.
    pub unsafe fn winograd(
        &self,
        w: &Winograd,
        [filters, pictures]: [*const T; 2],
        results: *mut T,
        blocks: Range<usize>,
    ) {
        let [_, squares] = w.squares();
        let most = w.lines::<T>() * squares;
        let of_filters = PLACES * w.filters * w.channels;
        let places = Squares::new::<T>(most, self.lanes);
        let together = w.filters_together::<T>(self.tiles[0].len());
        let product = |filters: usize, n: usize| Descriptor::<T> {
            b: Strides { row: places.channel, column: 1, batch: 0 },
            c_row: places.channel,
            ..Descriptor::new(filters, n, w.channels)
        };
        let memory = self.strip_len(w);
        let panels = self.scratch_len(&product(together, most));
        T::with_scratch(of_filters + (w.channels + together) * places.channel + memory + panels, |scratch| {
            let (spread, scratch) = scratch.split_at_mut(of_filters);
            let (at_places, scratch) = scratch.split_at_mut(w.channels * places.channel);
            let (at_sums, scratch) = scratch.split_at_mut(together * places.channel);
            let (memory, panels) = scratch.split_at_mut(memory);
            // SAFETY: the caller's promise.
            unsafe {
                match w.size {
                    3 => filters::spread_all::<T, 3>(w, filters, spread),
                    _ => filters::spread_all::<T, 5>(w, filters, spread),
                }
            }
            for idx in blocks {
                let block = w.block::<T>(idx);
                let n = block.len() * squares;
                let (from, to) = (w.of_pictures(pictures), w.of_results(results));
                let (of_pictures, to_results) = (self.winograd.picture[w.kind()], self.winograd.result[w.kind()]);
                // SAFETY: the caller's promise for the lines of the block; the parts of the memory are long enough.
                unsafe {
                    self.transform(w, of_pictures, &from, 0..w.channels, &block, places, at_places, memory);
                    for first in (0..w.filters).step_by(together) {
                        let which = first..(first + together).min(w.filters);
                        for place in 0..PLACES {
                            let filter = spread[(place * w.filters + first) * w.channels..].as_ptr();
                            let (b, c) = (
                                at_places[place * places.place..].as_ptr(),
                                at_sums[place * places.place..].as_mut_ptr(),
                            );
                            let product = product(which.len(), n);
                            self.gemm_raw(&product, filter, b, std::ptr::null(), c, panels.as_mut_ptr());
                        }
                        self.transform(w, to_results, &to, which, &block, places, at_sums, memory);
                    }
                }
            }
        });
    }

    /// Computes one of the sums of the gradient of the filters of what comes back for the results.
    ///
    /// # Safety
    /// Results and pictures may be read for all elements the description names, and `sums` written for [`Kernels::sums_len`]
    /// numbers; it overlaps none of them.
    pub unsafe fn winograd_sum(&self, w: &Winograd, [results, pictures]: [*const T; 2], sums: *mut T, which: usize) {
        let [_, squares] = w.squares();
        let most = w.lines::<T>() * squares;
        let places = Squares::new::<T>(most, self.lanes);
        let product = |n: usize, accumulate: bool| Descriptor::<T> {
            a: Strides { row: places.channel, column: 1, batch: 0 },
            b: Strides { row: 1, column: places.channel, batch: 0 },
            accumulate,
            ..Descriptor::new(w.filters, w.channels, n)
        };
        let memory = self.strip_len(w);
        let panels = self.scratch_len(&product(most, true));
        let (n_blocks, n_sums) = (self.n_blocks(w), self.n_sums(w));
        T::with_scratch((w.channels + w.filters) * places.channel + memory + panels, |scratch| {
            let (at_places, scratch) = scratch.split_at_mut(w.channels * places.channel);
            let (at_back, scratch) = scratch.split_at_mut(w.filters * places.channel);
            let (memory, panels) = scratch.split_at_mut(memory);
            let (first, end) = (which * n_blocks / n_sums, (which + 1) * n_blocks / n_sums);
            for idx in first..end {
                let block = w.block::<T>(idx);
                let n = block.len() * squares;
                let (pictures, back) = (w.of_pictures(pictures), w.of_results(results.cast_mut()));
                let (of_pictures, of_back) = (self.winograd.picture[w.kind()], self.winograd.spread[w.kind()]);
                // SAFETY: the caller's promise for the lines of the block; the parts of the memory are long enough.
                unsafe {
                    self.transform(w, of_pictures, &pictures, 0..w.channels, &block, places, at_places, memory);
                    self.transform(w, of_back, &back, 0..w.filters, &block, places, at_back, memory);
                    for place in 0..PLACES {
                        let start = place * places.place;
                        let (a, b) = (at_back[start..].as_ptr(), at_places[start..].as_ptr());
                        let sum = sums.add((which * PLACES + place) * w.filters * w.channels);
                        self.gemm_raw(&product(n, idx > first), a, b, std::ptr::null(), sum, panels.as_mut_ptr());
                    }
                }
            }
        });
    }

    /// Writes the gradient of some of the filters, from all sums.
    ///
    /// # Safety
    /// `sums` may be read for [`Kernels::sums_len`] numbers and `filters` written for all elements the description names.
    pub unsafe fn winograd_filters(&self, w: &Winograd, sums: *const T, filters: *mut T, which: Range<usize>) {
        for f in which {
            // SAFETY: the caller's promise.
            unsafe {
                match w.size {
                    3 => filters::gather_one::<T, 3>(w, sums, self.n_sums(w), filters, f),
                    _ => filters::gather_one::<T, 5>(w, sums, self.n_sums(w), filters, f),
                }
            }
        }
    }

    /// Numbers of memory that the transformation of a strip of a block needs.
    fn strip_len(&self, w: &Winograd) -> usize {
        let [lines, squares] = w.squares();
        memory_len(w.step(), w.lines::<T>().min(lines), squares, self.lanes)
    }

    /// Transforms the lines of a block for some channels, or filters, to or from places.
    ///
    /// # Safety
    /// What is transformed may be read or written for these channels in all pictures of the block.
    #[expect(clippy::too_many_arguments, reason = "what, how, and the memory for it")]
    unsafe fn transform(
        &self,
        w: &Winograd,
        how: StripFn<T>,
        side: &Side<T>,
        channels: Range<usize>,
        block: &Range<usize>,
        places: Squares,
        at_places: &mut [T],
        memory: &mut [T],
    ) {
        let [lines, squares] = w.squares();
        assert!(at_places.len() >= channels.len() * places.channel && memory.len() >= self.strip_len(w));
        let (at_places, memory) = (at_places.as_mut_ptr(), memory.as_mut_ptr());
        for (idx, channel) in channels.enumerate() {
            let (mut next, mut to) = (block.start, at_places.wrapping_add(idx * places.channel));
            while next < block.end {
                let (picture, line) = (next / lines, next % lines);
                let n = (lines - line).min(block.end - next);
                let [per_picture, per_channel, row] = side.strides;
                let first = picture * per_picture + channel * per_channel + w.step() * line * row;
                // SAFETY: the caller's promise; whole registers are written in order, so what a strip writes too much is
                // written again, or lies behind the last place, or between it and the next.
                unsafe {
                    how(&Strip {
                        rows: side.start.wrapping_add(first),
                        row,
                        n_rows: side.size[0] - w.step() * line,
                        columns: side.size[1],
                        lines: n,
                        squares,
                        places: to,
                        step: places.place,
                        memory,
                    });
                }
                to = to.wrapping_add(n * squares);
                next += n;
            }
        }
    }
}

impl Winograd {
    fn of_pictures<T>(&self, start: *const T) -> Side<T> {
        Side { start: start.cast_mut(), strides: self.picture, size: self.out.map(|size| size + self.size - 1) }
    }

    fn of_results<T>(&self, start: *mut T) -> Side<T> {
        Side { start, strides: self.result, size: self.out }
    }
}
