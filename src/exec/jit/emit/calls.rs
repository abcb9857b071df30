//! Calls of native code.

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::Data;
use super::function::Function;
use crate::exec::jit::micro::{self, Element};
use crate::exec::jit::native::{self, MaxWindows, Padding, Scatter};
use crate::exec::jit::plan::{Operand, bytes, sizes};
use crate::exec::jit::runtime::{self, Site};
use crate::ir::op::Op;
use crate::ir::{Def, NodeId, ValueId};
use crate::tensor::DType;

/// Calls the C function at an address of this process.
pub fn call_native(b: &mut FunctionBuilder, address: usize, args: &[Value], result: Option<Type>) -> Option<Value> {
    let mut signature = Signature::new(b.func.signature.call_conv);
    for &arg in args {
        signature.params.push(AbiParam::new(b.func.dfg.value_type(arg)));
    }
    signature.returns.extend(result.map(AbiParam::new));
    let signature = b.import_signature(signature);
    let address = b.ins().iconst(types::I64, address as i64);
    let call = b.ins().call_indirect(signature, address, args);
    b.inst_results(call).first().copied()
}

impl Function<'_, '_> {
    pub fn int(&mut self, value: usize) -> Value {
        self.b.ins().iconst(types::I64, value as i64)
    }

    /// Calls a function that gives a status, and leaves if it is not done.
    fn call_or_leave(&mut self, address: usize, args: &[Value]) {
        let status = call_native(&mut self.b, address, args, Some(types::I64)).expect("it gives a status");
        self.leave_unless_done(status);
    }

    /// Copies bytes; both may be the same place.
    pub fn copy(&mut self, to: Value, from: Value, bytes: usize) {
        match bytes {
            0 => {}
            1 | 2 | 4 | 8 | 16 => {
                let ty = match bytes {
                    1 => types::I8,
                    2 => types::I16,
                    4 => types::I32,
                    8 => types::I64,
                    _ => types::I64X2,
                };
                let value = self.load(ty, from, 0);
                self.store(value, to, 0);
            }
            _ => {
                let n = self.int(bytes);
                call_native(&mut self.b, runtime::copy as *const () as usize, &[to, from, n], None);
            }
        }
    }
}

/// The address of the kernel of a function for an element type.
fn map_address(map: micro::Map, dtype: DType) -> usize {
    match dtype {
        DType::F32 => <f32 as Element>::kernels().map_fn(map) as usize,
        _ => <f64 as Element>::kernels().map_fn(map) as usize,
    }
}

/// A function of all elements.
pub fn vector(f: &mut Function, node: NodeId, map: micro::Map, arg: &Operand) {
    let result = f.graph.node(node).results[0];
    let ty = f.graph.ty(result);
    let (len, address) = (sizes(ty).iter().product(), map_address(map, ty.dtype));
    let (x, y) = (f.pointer(arg), f.pointer_to(result));
    let n = f.int(len);
    call_native(&mut f.b, address, &[x, y, n], None);
}

/// Keys, draws, rows of a tensor, and what surrounds it.
pub fn native(f: &mut Function, data: &mut Data, node: NodeId, args: &[Operand]) {
    let (op, result) = (f.graph.node(node).op.clone(), f.graph.node(node).results[0]);
    match op {
        Op::Fold(_) => {
            let pointers = [f.pointer(&args[0]), f.pointer(&args[1]), f.pointer_to(result)];
            call_native(&mut f.b, runtime::fold as *const () as usize, &pointers, None);
        }
        Op::Draw(draw) => {
            let n = sizes(f.graph.ty(result)).iter().product();
            let (key, to, n) = (f.pointer(&args[0]), f.pointer_to(result), f.int(n));
            call_native(&mut f.b, runtime::draw_fn(draw.dist, draw.dtype), &[key, to, n], None);
        }
        Op::Pad(pad) => {
            let ty = f.graph.ty(f.graph.node(node).args[0]);
            let padding = f.int(data.keep(Padding::new(&pad, ty.dtype, &sizes(ty))));
            let (from, to) = (f.pointer(&args[0]), f.pointer_to(result));
            call_native(&mut f.b, native::pad as *const () as usize, &[f.context, padding, from, to], None);
        }
        Op::Concat(concat) => {
            let size = f.graph.ty(result).dtype.size_bytes();
            let whole = sizes(f.graph.ty(result));
            let inner = whole[concat.axis + 1..].iter().product::<usize>() * size;
            let (n, step) = (whole[..concat.axis].iter().product(), whole[concat.axis] * inner);
            let to = f.pointer_to(result);
            let mut before = 0;
            for (k, arg) in args.iter().enumerate() {
                let bytes = sizes(f.graph.ty(f.graph.node(node).args[k]))[concat.axis] * inner;
                let (from, to) = (f.pointer(arg), f.offset(to, before as i64));
                let [n, row, step] = [n, bytes, step].map(|number| f.int(number));
                call_native(&mut f.b, native::copy_apart as *const () as usize, &[from, to, n, row, step], None);
                before += bytes;
            }
        }
        Op::ArgWindow(arg) => {
            let ty = f.graph.ty(f.graph.node(node).args[0]);
            let windows = f.int(data.keep(MaxWindows::new(arg.kind, &arg.windows, &sizes(ty))));
            let (from, to) = (f.pointer(&args[0]), f.pointer_to(result));
            call_native(&mut f.b, native::arg_window_fn(ty.dtype), &[f.context, windows, from, to], None);
        }
        Op::ReduceWindow(reduce) => {
            let ty = f.graph.ty(f.graph.node(node).args[0]);
            let windows = f.int(data.keep(MaxWindows::new(reduce.kind, &reduce.windows, &sizes(ty))));
            let (from, to) = (f.pointer(&args[0]), f.pointer_to(result));
            call_native(&mut f.b, native::pool_fn(ty.dtype), &[f.context, windows, from, to], None);
        }
        Op::ScatterAdd(scatter) => {
            let [index, few] = [0, 1].map(|k| sizes(f.graph.ty(f.graph.node(node).args[k])));
            let all = f.graph.ty(result);
            let scatter = Scatter::new(scatter.batch_axes, &index, &few, sizes(all)[scatter.batch_axes]);
            let (address, scatter) = (native::scatter_fn(all.dtype), f.int(data.keep(scatter)));
            let (index, few, all) = (f.pointer(&args[0]), f.pointer(&args[1]), f.pointer_to(result));
            f.call_or_leave(address, &[f.context, scatter, index, few, all]);
        }
        Op::Gather(gather) if gather.batch_axes > 0 => {
            let [all, index] = [0, 1].map(|k| sizes(f.graph.ty(f.graph.node(node).args[k])));
            let few = f.graph.ty(result);
            let bytes = few.dtype.size_bytes();
            let scatter = Scatter::new(gather.batch_axes, &index, &sizes(few), all[gather.batch_axes]);
            let (address, scatter) = (native::gather_fn(bytes), f.int(data.keep(scatter)));
            let (all, index, few) = (f.pointer(&args[0]), f.pointer(&args[1]), f.pointer_to(result));
            f.call_or_leave(address, &[f.context, scatter, index, few, all]);
        }
        _ => rows(f, node, args),
    }
}

/// What comes back to windows, given to their largest elements.
pub fn give_back(f: &mut Function, data: &mut Data, node: NodeId, found: NodeId, args: &[Operand; 2]) {
    let (result, found) = (f.graph.node(node).results[0], f.graph.node(found));
    let Op::ArgWindow(arg) = &found.op else { unreachable!("{} finds no elements of windows", found.op.name()) };
    let ty = f.graph.ty(found.args[0]);
    let windows = f.int(data.keep(MaxWindows::new(arg.kind, &arg.windows, &sizes(ty))));
    let (from, few, to) = (f.pointer(&args[0]), f.pointer(&args[1]), f.pointer_to(result));
    call_native(&mut f.b, native::return_fn(ty.dtype), &[f.context, windows, from, few, to], None);
}

fn rows(f: &mut Function, node: NodeId, args: &[Operand]) {
    let node = f.graph.node(node);
    let x = sizes(f.graph.ty(node.args[0]));
    let result = node.results[0];
    let row_bytes = x[1..].iter().product::<usize>() * f.graph.ty(result).dtype.size_bytes();
    let total = f.int(x[0]);
    let n = match node.op {
        Op::Rows(_) => sizes(f.graph.ty(result))[0],
        _ => sizes(f.graph.ty(node.args[1])).iter().product(),
    };
    let address = match node.op {
        Op::Rows(_) => runtime::copy_rows as *const () as usize,
        _ => runtime::gather_rows as *const () as usize,
    };
    let (from, which, to) = (f.pointer(&args[0]), f.pointer(&args[1]), f.pointer_to(result));
    let (n, row_bytes) = (f.int(n), f.int(row_bytes));
    f.call_or_leave(address, &[from, which, to, total, n, row_bytes]);
}

/// The kernel of the interpreter.
pub fn kernel(f: &mut Function, data: &mut Data, node: NodeId, args: &[Operand], scratch: usize) {
    let node = f.graph.node(node);
    let described = |values: &[ValueId]| {
        values.iter().map(|&value| (f.graph.ty(value).dtype, sizes(f.graph.ty(value)))).collect::<Vec<_>>()
    };
    let site = Site { op: node.op.clone(), args: described(&node.args), results: described(&node.results) };
    let address = data.keep(site);
    let table = f.in_frame(scratch);
    for (idx, arg) in args.iter().enumerate() {
        let pointer = f.pointer(arg);
        f.store(pointer, table, 8 * idx as i64);
    }
    for (idx, &result) in node.results.iter().enumerate() {
        let pointer = f.pointer_to(result);
        f.store(pointer, table, 8 * (args.len() + idx) as i64);
    }
    let (site, results) = (f.int(address), f.offset(table, 8 * args.len() as i64));
    f.call_or_leave(runtime::kernel as *const () as usize, &[site, table, results]);
}

/// What is copied to the places of results at the end. Arguments may lie where other results go, so they are copied twice.
pub fn copies(f: &mut Function) {
    let plan = f.plan;
    let size = |f: &Function, idx: usize| bytes(f.graph.ty(f.graph.results()[idx]));
    let is_param = |f: &Function, operand: &Operand| matches!(f.graph.value(operand.root).def, Def::Param(_));
    let mut at = plan.scratch.get(&plan.steps.len()).copied().unwrap_or(0);
    let mut second = vec![];
    for (idx, operand) in &plan.copies {
        let bytes = size(f, *idx);
        let from = f.pointer(operand);
        if is_param(f, operand) && plan.copies.len() > 1 {
            let kept = f.in_frame(at);
            f.copy(kept, from, bytes);
            second.push((*idx, kept, bytes));
            at += bytes.next_multiple_of(64);
        } else {
            second.push((*idx, from, bytes));
        }
    }
    for (idx, from, bytes) in second {
        let to = f.result_pointer(idx);
        f.copy(to, from, bytes);
    }
}
