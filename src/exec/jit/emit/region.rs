//! Loops and choices, whose functions are compiled for themselves.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, FuncRef, InstBuilder, Value, types};

use super::function::{Function, status};
use crate::exec::jit::plan::{Operand, Plan, bytes};
use crate::ir::op::{Op, Scan};
use crate::ir::{Node, NodeId, ValueId};

/// The functions of a region.
pub struct Children<'a> {
    pub plans: &'a [Plan],
    pub callees: &'a [FuncRef],
    /// Which of the values a loop carries have two places.
    pub swapped: &'a [usize],
}

/// Where the working memory of a region has what; the frames of its functions come behind, then second places.
const TURN: usize = 0;
const HOLDS: usize = 64;
const FRAMES: usize = 128;

pub fn emit(f: &mut Function, node: NodeId, args: &[Operand], children: &Children, scratch: usize) {
    let node = f.graph.node(node);
    let mut frames = vec![];
    let mut at = scratch + FRAMES;
    for child in children.plans {
        frames.push(f.in_frame(at));
        at += child.frame.next_multiple_of(64);
    }
    let callees = children.callees;
    let results = node.results.clone();
    match &node.op {
        Op::Scan(op) => {
            let mut seconds = vec![];
            for &slot in children.swapped {
                seconds.push((slot, f.in_frame(at)));
                at += bytes(f.graph.ty(results[slot])).next_multiple_of(64);
            }
            let memory = Memory { turn: f.in_frame(scratch + TURN), frame: frames[0], seconds };
            scan(f, op, node, args, callees[0], &memory);
        }
        Op::While(op) => {
            let places: Vec<Value> = results.iter().map(|&result| f.pointer_to(result)).collect();
            carry_in(f, args, &results, &places);
            let holds = f.in_frame(scratch + HOLDS);
            for (which, frame) in frames.iter().enumerate() {
                let carry = places.clone();
                let captures: Vec<Value> = args[op.n_carry..].iter().map(|arg| f.pointer(arg)).collect();
                let out = if which == 0 { vec![holds] } else { carry.clone() };
                fill(f, *frame, &[carry, captures, out].concat());
            }
            let (again, inside, after) = (f.b.create_block(), f.b.create_block(), f.b.create_block());
            f.b.ins().jump(again, &[]);
            f.b.switch_to_block(again);
            poll(f, None);
            call(f, callees[0], frames[0]);
            let more = f.load(types::I8, holds, 0);
            f.b.ins().brif(more, inside, &[], after, &[]);
            f.b.switch_to_block(inside);
            call(f, callees[1], frames[1]);
            f.b.ins().jump(again, &[]);
            f.b.switch_to_block(after);
        }
        Op::If(_) => {
            let cond = f.pointer(&args[0]);
            let holds = f.load(types::I8, cond, 0);
            let (then, otherwise, after) = (f.b.create_block(), f.b.create_block(), f.b.create_block());
            f.b.ins().brif(holds, then, &[], otherwise, &[]);
            for (which, block) in [then, otherwise].into_iter().enumerate() {
                f.b.switch_to_block(block);
                apply(f, &args[1..], &results, frames[which], callees[which]);
                f.b.ins().jump(after, &[]);
            }
            f.b.switch_to_block(after);
        }
        _ => apply(f, args, &results, frames[0], callees[0]),
    }
}

/// What a loop works with: where its turn is written down, the frame of its function, and the second places of the values
/// that have two.
struct Memory {
    turn: Value,
    frame: Value,
    seconds: Vec<(usize, Value)>,
}

fn scan(f: &mut Function, op: &Scan, node: &Node, args: &[Operand], callee: FuncRef, memory: &Memory) {
    let Memory { turn: turn_at, frame, ref seconds } = *memory;
    let count = op.count.as_const().expect("specialise gave every size a number") as usize;
    let (carried, ys) = node.results.split_at(op.n_carry);
    let places: Vec<Value> = carried.iter().map(|&result| f.pointer_to(result)).collect();
    let (mut read, mut written) = (places.clone(), places.clone());
    for &(slot, second) in seconds {
        // The last turn, if all are taken, is to write where the result lies.
        let first = if count.is_multiple_of(2) { &mut written } else { &mut read };
        first[slot] = second;
    }
    carry_in(f, args, carried, &read);
    if count == 0 {
        return;
    }
    let rest: Vec<Value> = args[op.n_carry..].iter().map(|arg| f.pointer(arg)).collect();
    let stacks: Vec<Value> = ys.iter().map(|&y| f.pointer_to(y)).collect();
    fill(f, frame, &[&[turn_at], &read[..], &rest, &written, &stacks].concat());
    // What is cut into rows or stacked: its place in the table, its start, the bytes of a row.
    let of_xs =
        (0..op.n_xs).map(|k| (1 + op.n_carry + k, rest[k], bytes(f.graph.ty(node.args[op.n_carry + k])) / count));
    let first_y = 1 + args.len() + op.n_carry;
    // Where the frame says from where a carried value is read and to where it is written.
    let cells = |slot: usize| [8 * (1 + slot) as i64, 8 * (1 + args.len() + slot) as i64];
    let of_ys = ys.iter().enumerate().map(|(k, &y)| (first_y + k, stacks[k], bytes(f.graph.ty(y)) / count));
    let rows: Vec<(usize, Value, usize)> = of_xs.chain(of_ys).collect();

    let broken = f.b.create_block();
    let may_stop = (op.stoppable && ys.is_empty()).then_some(broken);
    f.for_loop(count, 1, &mut |f, step| {
        let turn = if op.reverse {
            let last = f.int(count - 1);
            f.b.ins().isub(last, step)
        } else {
            step
        };
        f.store(turn, turn_at, 0);
        for &(slot, start, row) in &rows {
            let beyond = f.b.ins().imul_imm_s(turn, row as i64);
            let pointer = f.b.ins().iadd(start, beyond);
            f.store(pointer, frame, 8 * slot as i64);
        }
        poll(f, may_stop);
        call(f, callee, frame);
        for &(slot, _) in seconds {
            let [read, written] = cells(slot);
            let (before, after) = (f.load(types::I64, frame, read), f.load(types::I64, frame, written));
            f.store(after, frame, read);
            f.store(before, frame, written);
        }
    });
    f.b.ins().jump(broken, &[]);
    f.b.switch_to_block(broken);
    // Nothing is copied unless an odd number of turns was left out.
    for &(slot, _) in seconds {
        let last = f.load(types::I64, frame, cells(slot)[0]);
        f.copy(places[slot], last, bytes(f.graph.ty(carried[slot])));
    }
}

/// Copies what a loop carries to where its first turn reads it.
fn carry_in(f: &mut Function, args: &[Operand], carried: &[ValueId], places: &[Value]) {
    for ((arg, &result), &to) in args.iter().zip(carried).zip(places) {
        let from = f.pointer(arg);
        f.copy(to, from, bytes(f.graph.ty(result)));
    }
}

/// Calls a function with these arguments and results.
fn apply(f: &mut Function, args: &[Operand], results: &[ValueId], frame: Value, callee: FuncRef) {
    let args: Vec<Value> = args.iter().map(|arg| f.pointer(arg)).collect();
    let results: Vec<Value> = results.iter().map(|&result| f.pointer_to(result)).collect();
    fill(f, frame, &[args, results].concat());
    call(f, callee, frame);
}

/// Writes the table at the head of a frame.
fn fill(f: &mut Function, frame: Value, pointers: &[Value]) {
    for (idx, &pointer) in pointers.iter().enumerate() {
        f.store(pointer, frame, 8 * idx as i64);
    }
}

fn call(f: &mut Function, callee: FuncRef, frame: Value) {
    let call = f.b.ins().call(callee, &[f.context, frame]);
    let status = f.b.inst_results(call)[0];
    f.leave_unless_done(status);
}

/// Ends the loop if the user asked to stop: at a block if that is a result, else the function.
fn poll(f: &mut Function, may_stop: Option<Block>) {
    // The flag is the first thing that functions share.
    let flag = f.load(types::I64, f.context, 0);
    let raised = f.load(types::I8, flag, 0);
    let on = f.b.create_block();
    match may_stop {
        Some(block) => _ = f.b.ins().brif(raised, block, &[], on, &[]),
        None => {
            let stop = f.b.create_block();
            f.b.set_cold_block(stop);
            let raised = f.b.ins().icmp_imm_s(IntCC::NotEqual, raised, 0);
            f.b.ins().brif(raised, stop, &[], on, &[]);
            f.b.switch_to_block(stop);
            let interrupted = f.b.ins().iconst(types::I64, status::INTERRUPTED);
            f.b.ins().return_(&[interrupted]);
        }
    }
    f.b.switch_to_block(on);
}
