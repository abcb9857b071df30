//! Products of matrices: a call of a native kernel, or written out where they are tiny.

use cranelift_codegen::ir::{InstBuilder, Value};

use super::Data;
use super::calls::call_native;
use super::element::{Elements, register};
use super::function::Function;
use crate::exec::jit::plan::Product;
use crate::exec::jit::{micro, runtime};
use crate::tensor::DType;

/// Products of so few numbers are written out.
const WRITTEN_OUT: usize = 64;
/// Products of so many are shared by the threads: some microseconds.
const SHARED: usize = 1 << 19;

pub fn emit(f: &mut Function, data: &mut Data, product: &Product, scratch: Option<usize>) {
    let result = f.graph.node(product.node).results[0];
    let pointers = [f.pointer(&product.a), f.pointer(&product.b), f.pointer_to(result)];
    let n_products: usize = product.loops.iter().map(|turn| turn.count).product();
    let work = product.m * product.n * product.k * product.batches * n_products;
    if work <= WRITTEN_OUT && n_products == 1 {
        return write_out(f, product, pointers);
    }
    let scratch = match scratch {
        Some(offset) => f.in_frame(offset),
        None => f.int(0),
    };
    let (descriptor, address) = match product.dtype {
        DType::F32 => {
            data.products_f32.push(Box::new(product.descriptor()));
            let last = data.products_f32.last().expect("it was pushed");
            (&raw const **last as usize, micro::gemm_fn::<f32>() as usize)
        }
        _ => {
            data.products_f64.push(Box::new(product.descriptor()));
            let last = data.products_f64.last().expect("it was pushed");
            (&raw const **last as usize, micro::gemm_fn::<f64>() as usize)
        }
    };
    let shared = work / n_products.max(1) >= SHARED;
    walk(f, product, 0, pointers, &mut |f, [a, b, c]| {
        if shared {
            let address = match product.dtype {
                DType::F32 => runtime::product_fn::<f32>(),
                _ => runtime::product_fn::<f64>(),
            };
            let descriptor = f.int(descriptor);
            call_native(&mut f.b, address, &[f.context, descriptor, a, b, c], None);
            return;
        }
        let (descriptor, bias) = (f.int(descriptor), f.int(0));
        call_native(&mut f.b, address, &[descriptor, a, b, bias, c, scratch], None);
    });
}

/// The loops around the product.
fn walk(
    f: &mut Function,
    product: &Product,
    depth: usize,
    at: [Value; 3],
    call: &mut dyn FnMut(&mut Function, [Value; 3]),
) {
    let Some(turn) = product.loops.get(depth) else { return call(f, at) };
    let size = product.dtype.size_bytes() as i64;
    f.for_loop(turn.count, 1, &mut |f, idx| {
        let mut inside = at;
        for (pointer, &stride) in inside.iter_mut().zip(&turn.strides) {
            let beyond = f.b.ins().imul_imm_s(idx, stride as i64 * size);
            *pointer = f.b.ins().iadd(*pointer, beyond);
        }
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
