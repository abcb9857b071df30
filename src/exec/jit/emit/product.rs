//! Products of matrices: a call of a native kernel, or written out where they are tiny.

use cranelift_codegen::ir::{FuncRef, InstBuilder, Value, types};

use super::Data;
use super::calls::call_native;
use super::element::{Elements, register};
use super::function::Function;
use crate::exec::jit::plan::{Operand, Product, Slide, Turn, Winograd, bytes};
use crate::exec::jit::{micro, native, runtime};
use crate::ir::ValueId;
use crate::tensor::DType;

/// Products of so many are shared by the threads: some microseconds.
const SHARED: usize = 1 << 19;

/// Products that are not shared one by one are shared by the turns of the loop around them if there are so many.
const MANY: usize = 8;

/// Whether threads share the turns of the outermost loop around the products.
pub fn shares_turns(product: &Product) -> bool {
    let Some(turn) = product.loops.first() else { return false };
    let work = product.work();
    turn.count > 1
        && turn.strides[2] != 0
        && work >= SHARED
        && (product.count() >= MANY || work / product.count() < SHARED)
}

/// Writes the product; `part` is the function of [`emit_part`], for the threads to share.
pub fn emit(f: &mut Function, data: &mut Data, product: &Product, scratch: Option<usize>, part: Option<FuncRef>) {
    let result = product.result;
    check_extents(f, product.dtype, [&product.a, &product.b], result, product.extents());
    let pointers = [f.pointer(&product.a), f.pointer(&product.b), f.pointer_to(result)];
    if product.is_written_out() {
        return write_out(f, product, pointers);
    }
    if !product.sums.is_empty() {
        let bytes = f.int(bytes(f.graph.ty(result)));
        call_native(&mut f.b, runtime::zero as *const () as usize, &[pointers[2], bytes], None);
    }
    if let Some(part) = part {
        let (part, count) = (f.b.ins().func_addr(types::I64, part), f.int(product.loops[0].count));
        let address = runtime::parallel as *const () as usize;
        call_native(&mut f.b, address, &[f.context, f.frame, part, count], None);
        return;
    }
    let kernel = Kernel::new(data, product);
    let scratch = match scratch {
        Some(offset) => f.in_frame(offset),
        None => f.int(0),
    };
    let bias = bias(f, product);
    let shared = product.work() / product.count().max(1) >= SHARED;
    walk(f, product, 0, pointers, &mut |f, [a, b, c]| {
        let descriptor = f.int(kernel.descriptor);
        if shared {
            call_native(&mut f.b, kernel.shared, &[f.context, descriptor, a, b, bias, c, scratch], None);
        } else {
            call_native(&mut f.b, kernel.alone, &[descriptor, a, b, bias, c, scratch], None);
        }
    });
}

/// Writes a function that runs some turns of the outermost loop.
pub fn emit_part(f: &mut Function, data: &mut Data, product: &Product, from: Value, to: Value) {
    let pointers = [f.pointer(&product.a), f.pointer(&product.b), f.pointer_to(product.result)];
    let kernel = Kernel::new(data, product);
    let bias = bias(f, product);
    f.for_range(from, to, &mut |f, idx| {
        let inside = product.moved(f, &product.loops[0], pointers, idx);
        walk(f, product, 1, inside, &mut |f, [a, b, c]| {
            let (descriptor, none) = (f.int(kernel.descriptor), f.int(0));
            call_native(&mut f.b, kernel.of_thread, &[descriptor, a, b, bias, c, none], None);
        });
    });
}

/// Where the row lies that is added, or null.
fn bias(f: &mut Function, product: &Product) -> Value {
    let Some(bias) = &product.bias else { return f.int(0) };
    check_extent(f, product.dtype, (bias.root, bias.view.offset), product.n);
    f.pointer(bias)
}

/// Calls the kernel for an operand that slides.
pub fn slide(f: &mut Function, data: &mut Data, slide: &Slide) {
    let result = f.graph.node(slide.node).results[0];
    let [a, b, c] = [f.pointer(&slide.a), f.pointer(&slide.b), f.pointer_to(result)];
    let address = native::sliding_fn(slide.dtype, slide.work >= SHARED);
    for part in &slide.parts {
        check_extents(f, slide.dtype, [&slide.a, &slide.b], result, part.extents());
        let description = f.int(data.keep(part.clone()));
        call_native(&mut f.b, address, &[f.context, description, a, b, c], None);
    }
}

/// Calls the kernels for a convolution with 3×3 filters, or for the gradient of these.
pub fn winograd(f: &mut Function, data: &mut Data, winograd: &Winograd, scratch: Option<usize>) {
    let result = f.graph.node(winograd.node).results[0];
    let [in_filters, in_pictures, in_results] = winograd.shape.extents();
    let (in_a, in_c) = if winograd.is_gradient { (in_results, in_filters) } else { (in_filters, in_results) };
    check_extents(f, winograd.dtype, [&winograd.a, &winograd.b], result, [in_a, in_pictures, in_c]);
    let [a, b, c] = [f.pointer(&winograd.a), f.pointer(&winograd.b), f.pointer_to(result)];
    let description = f.int(data.keep(winograd.shape));
    if winograd.is_gradient {
        let sums = f.in_frame(scratch.expect("a gradient has sums"));
        let address = native::winograd_gradient_fn(winograd.dtype);
        call_native(&mut f.b, address, &[f.context, description, a, b, c, sums], None);
    } else {
        let address = native::winograd_fn(winograd.dtype);
        call_native(&mut f.b, address, &[f.context, description, a, b, c], None);
    }
}

/// Kernels believe what they are told of A, B and C, so it is looked at here: how many numbers it names of each.
fn check_extents(f: &Function, dtype: DType, operands: [&Operand; 2], result: ValueId, extents: [usize; 3]) {
    let [a, b] = operands.map(|operand| (operand.root, operand.view.offset));
    [a, b, (result, 0)].into_iter().zip(extents).for_each(|(start, extent)| check_extent(f, dtype, start, extent));
}

fn check_extent(f: &Function, dtype: DType, (root, offset): (ValueId, i64), extent: usize) {
    let n = bytes(f.graph.ty(root)) / dtype.size_bytes();
    assert!(offset >= 0 && offset as usize + extent <= n, "a kernel would leave an operand of {n} numbers");
}

/// What code knows of a product: where it is described, and the functions that compute it.
struct Kernel {
    descriptor: usize,
    /// With memory of the frame.
    alone: usize,
    /// With memory of the thread.
    of_thread: usize,
    /// By all threads.
    shared: usize,
}

impl Kernel {
    fn new(data: &mut Data, product: &Product) -> Kernel {
        match product.dtype {
            DType::F32 => Kernel::of(data, product.descriptor(|x| x as f32)),
            _ => Kernel::of(data, product.descriptor(|x| x)),
        }
    }

    fn of<T: micro::Element>(data: &mut Data, descriptor: micro::Descriptor<T>) -> Kernel {
        Kernel {
            descriptor: data.keep(descriptor),
            alone: micro::gemm_fn::<T>() as usize,
            of_thread: native::product_of_thread_fn::<T>(),
            shared: native::product_fn::<T>(),
        }
    }
}

impl Product {
    /// A turn of a loop further on.
    fn moved(&self, f: &mut Function, turn: &Turn, at: [Value; 3], idx: Value) -> [Value; 3] {
        let size = self.dtype.size_bytes() as i64;
        let mut inside = at;
        for (pointer, &stride) in inside.iter_mut().zip(&turn.strides) {
            let beyond = f.b.ins().imul_imm_s(idx, stride as i64 * size);
            *pointer = f.b.ins().iadd(*pointer, beyond);
        }
        inside
    }
}

/// The loops around the product, then those over what is added up.
fn walk(
    f: &mut Function,
    product: &Product,
    depth: usize,
    at: [Value; 3],
    call: &mut dyn FnMut(&mut Function, [Value; 3]),
) {
    let Some(turn) = product.loops.iter().chain(&product.sums).nth(depth) else { return call(f, at) };
    f.for_loop(turn.count, 1, &mut |f, idx| {
        let inside = product.moved(f, turn, at, idx);
        walk(f, product, depth + 1, inside, call);
    });
}

/// Every multiplication as an instruction of its own.
fn write_out(f: &mut Function, product: &Product, [a, b, c]: [Value; 3]) {
    let dtype = product.dtype;
    let (ty, size) = (register(dtype, 1), dtype.size_bytes() as i64);
    let place = |strides: &micro::Strides, batch: usize, row: usize, column: usize| {
        (batch * strides.batch + row * strides.row + column * strides.column) as i64 * size
    };
    for i in 0..product.m {
        for j in 0..product.n {
            let mut sum: Option<Value> = None;
            for batch in 0..product.batches {
                for k in 0..product.k {
                    let x = f.load(ty, a, place(&product.at_a, batch, i, k));
                    let y = f.load(ty, b, place(&product.at_b, batch, k, j));
                    let term = f.b.ins().fmul(x, y);
                    sum = Some(match sum {
                        None => term,
                        Some(sum) => f.b.ins().fadd(sum, term),
                    });
                }
            }
            let sum = sum.unwrap_or_else(|| Elements { b: &mut f.b, lanes: 1 }.constant(dtype, 0.0));
            f.store(sum, c, (i * product.c_row + j) as i64 * size);
        }
    }
}
