//! Writes planned functions as machine code.
#![allow(unsafe_code)] // Code is memory that was made executable.

mod calls;
mod element;
mod function;
mod loops;
mod member;
mod nest;
mod perf;
mod product;
mod region;
mod wide;

pub use function::status;

use std::any::Any;
use std::collections::HashMap;
use std::sync::OnceLock;

use cranelift_codegen::ir::{AbiParam, FuncRef, InstBuilder, UserFuncName, Value, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, isa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId as CodeId, Module as _, default_libcall_names};
use memmap2::MmapMut;

use super::Error;
use super::plan::{Kind, Plan, Step, kind};
use crate::exec::interp;
use crate::ir::{Graph, Module, NodeId, ValueId};
use crate::tensor::Tensor;
use function::Function;
use nest::Nest;
use region::Children;
use wide::{Program, Wide};

/// Address space for the code of one program; only what is written takes memory.
const CODE_SPACE: usize = 64 << 20;

/// A program being written.
pub struct Writer<'a> {
    module: &'a Module,
    code: JITModule,
    context: Context,
    builder: FunctionBuilderContext,
    data: Data,
    /// Innermost loops in wide registers; none for those that have no such code.
    wide: HashMap<Program, Option<Wide>>,
    /// The text of every function, if wanted.
    text: Option<Vec<String>>,
    /// What every function is called and how many bytes its code has, if `perf` is to know.
    names: Option<Vec<(CodeId, usize, String)>>,
}

/// What the code refers to by address.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "the code knows the addresses of what is boxed")]
pub struct Data {
    constants: Vec<Box<Tensor>>,
    descriptions: Vec<Box<dyn Any + Send + Sync>>,
}

impl Data {
    /// Keeps something as long as the code, and says where it is.
    pub fn keep<T: Any + Send + Sync>(&mut self, description: T) -> usize {
        let description = Box::new(description);
        let address = &raw const *description as usize;
        self.descriptions.push(description);
        address
    }

    /// Keeps bytes as long as the code, and says where the first lies.
    fn keep_bytes(&mut self, bytes: Vec<u8>) -> usize {
        let address = bytes.as_ptr().addr();
        self.descriptions.push(Box::new(bytes));
        address
    }
}

/// A function in memory: takes what the run shares and its frame, gives a status.
pub type Entry = unsafe extern "C" fn(context: *const super::runtime::Shared, frame: *mut u8) -> i64;

/// What came of a program.
pub struct Written {
    pub code: Code,
    /// In the order they were asked for.
    pub entries: Vec<Entry>,
    /// The text of every function, if it was wanted.
    pub text: Vec<String>,
}

/// Machine code, and what it refers to. The memory is freed with it.
pub struct Code {
    module: Option<JITModule>,
    #[allow(dead_code, reason = "the code refers to it by address")]
    data: Data,
}

// SAFETY: once it is finished nothing writes to the code or to what it refers to: constants, sites and descriptors are only
// read, and hold no cells. What a run writes lies in its own frame.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: whoever holds an entry also holds the code, so nothing runs in it any more.
            unsafe { module.free_memory() };
        }
    }
}

/// The loops of a group: what threads may share, what is left over, and the function of a part of the former.
struct Loops {
    nest: Nest,
    rest: Option<Nest>,
    part: Option<CodeId>,
}

fn target() -> Result<OwnedTargetIsa, Error> {
    let mut flags = settings::builder();
    let options = [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ];
    for (name, value) in options {
        flags.set(name, value).map_err(|error| Error::Machine(error.to_string()))?;
    }
    let builder: isa::Builder = cranelift_native::builder().map_err(|error| Error::Machine(error.to_string()))?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| Error::Machine(error.to_string()))
}

/// Fails if the system does not let a process execute what it wrote, as under `MemoryDenyWriteExecute` of systemd: the library
/// that keeps the code takes it for granted.
fn check_executable() -> Result<(), Error> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let try_it = || MmapMut::map_anon(1).and_then(MmapMut::make_exec).err().map(|error| error.to_string());
    match REFUSED.get_or_init(try_it) {
        Some(why) => Err(Error::Machine(format!("the system refuses executable memory ({why})"))),
        None => Ok(()),
    }
}

fn machine(error: cranelift_module::ModuleError) -> Error {
    Error::Machine(format!("{error:?}"))
}

impl<'a> Writer<'a> {
    /// Begins a program of functions of `module`; with `text`, what is written can be read.
    pub fn new(module: &'a Module, text: bool) -> Result<Writer<'a>, Error> {
        check_executable()?;
        let mut builder = JITBuilder::with_isa(target()?, default_libcall_names());
        let memory =
            ArenaMemoryProvider::new_with_size(CODE_SPACE).map_err(|error| Error::Machine(error.to_string()))?;
        builder.memory_provider(Box::new(memory));
        let code = JITModule::new(builder);
        let context = code.make_context();
        Ok(Writer {
            module,
            code,
            context,
            builder: FunctionBuilderContext::new(),
            data: Data::default(),
            wide: HashMap::new(),
            text: text.then(Vec::new),
            names: perf::is_wanted().then(Vec::new),
        })
    }

    /// Writes a function and those it calls.
    pub fn function(&mut self, plan: &Plan) -> Result<CodeId, Error> {
        let mut children: HashMap<usize, Vec<CodeId>> = HashMap::new();
        for (idx, step) in plan.steps.iter().enumerate() {
            if let Step::Region { children: plans, .. } = step {
                let ids = plans.iter().map(|plan| self.function(plan)).collect::<Result<_, _>>()?;
                children.insert(idx, ids);
            }
        }
        let module = self.module;
        let graph = module.graph(plan.func);
        let constants = self.constants(plan)?;
        let name = &module.func(plan.func).name;
        let mut loops: HashMap<usize, Loops> = HashMap::new();
        let mut parts: HashMap<usize, CodeId> = HashMap::new();
        let mut data = std::mem::take(&mut self.data);
        for (idx, step) in plan.steps.iter().enumerate() {
            if let Step::Product(product) = step
                && product::shares_turns(product)
            {
                let part = self.define(4, false, name, plan, &constants, &mut |f, params| {
                    product::emit_part(f, &mut data, product, params[2], params[3]);
                })?;
                parts.insert(idx, part);
            }
            let Step::Loop(group) = step else { continue };
            let (mut nest, mut rest) = Nest::new(graph, group).into_blocks();
            for nest in [&mut nest].into_iter().chain(&mut rest) {
                nest.wide = self.wide(graph, nest, &mut data)?;
            }
            let mut part = None;
            if nest.can_be_shared() {
                part = Some(self.define(4, false, name, plan, &constants, &mut |f, params| {
                    loops::emit_part(f, &nest, params[2], params[3]);
                })?);
            }
            loops.insert(idx, Loops { nest, rest, part });
        }
        let written = self.define(2, true, name, plan, &constants, &mut |f, _| {
            for (idx, step) in plan.steps.iter().enumerate() {
                let scratch = plan.scratch.get(&idx).copied();
                match step {
                    Step::Loop(_) => {
                        let Loops { nest, rest, part } = &loops[&idx];
                        let part = part.map(|part| f.callee(part));
                        loops::emit(f, nest, part);
                        rest.iter().for_each(|rest| loops::emit(f, rest, None));
                    }
                    Step::Vector { node, map, arg } => calls::vector(f, *node, *map, arg),
                    Step::Product(product) => {
                        let part = parts.get(&idx).map(|&part| f.callee(part));
                        product::emit(f, &mut data, product, scratch, part);
                    }
                    Step::Slide(slide) => product::slide(f, &mut data, slide),
                    Step::Winograd(it) => product::winograd(f, &mut data, it, scratch),
                    Step::Return { node, found, args } => calls::give_back(f, &mut data, *node, *found, args),
                    Step::Native { node, args } => calls::native(f, &mut data, *node, args),
                    Step::Kernel { node, args } => {
                        calls::kernel(f, &mut data, *node, args, scratch.expect("a kernel has a table"));
                    }
                    Step::Region { node, args, children: plans, swapped } => {
                        let callees: Vec<FuncRef> = children[&idx].iter().map(|&id| f.callee(id)).collect();
                        let scratch = scratch.expect("a region has frames");
                        region::emit(f, *node, args, &Children { plans, callees: &callees, swapped }, scratch);
                    }
                }
            }
            calls::copies(f);
        });
        self.data = data;
        written
    }

    /// The innermost loop of a nest in wide registers, if it is worth it; code for the same ops is written once.
    fn wide(&mut self, graph: &Graph, nest: &Nest, data: &mut Data) -> Result<Option<Wide>, Error> {
        let Some(program) = nest.is_long().then(|| Program::new(graph, nest)).flatten() else { return Ok(None) };
        if let Some(&known) = self.wide.get(&program) {
            return Ok(known);
        }
        let mut wide = None;
        if let Some(code) = wide::assemble(&program) {
            let id = self.code.declare_anonymous_function(&wide::signature()).map_err(machine)?;
            self.code.define_function_bytes(id, 16, &code.bytes, &[]).map_err(machine)?;
            if let Some(text) = &mut self.text {
                let lines = wide::text(&program).unwrap_or_default();
                text.push(format!("; an innermost loop, {} elements a register\n{lines}", code.lanes));
            }
            if let Some(names) = &mut self.names {
                names.push((id, code.bytes.len(), "loop".to_string()));
            }
            let constants = data.keep_bytes(code.constants);
            wide = Some(Wide { code: id, constants, lanes: code.lanes });
        }
        self.wide.insert(program, wide);
        Ok(wide)
    }

    /// Writes a function of `n_params` numbers: what the run shares, the frame, and what `body` knows. If it gives a status,
    /// that is DONE at the end.
    fn define(
        &mut self,
        n_params: usize,
        gives_status: bool,
        name: &str,
        plan: &Plan,
        constants: &HashMap<ValueId, *const u8>,
        body: &mut dyn FnMut(&mut Function, &[Value]),
    ) -> Result<CodeId, Error> {
        let mut signature = self.code.make_signature();
        signature.params.extend(vec![AbiParam::new(types::I64); n_params]);
        if gives_status {
            signature.returns.push(AbiParam::new(types::I64));
        }
        let id = self.code.declare_anonymous_function(&signature).map_err(machine)?;
        self.context.func.signature = signature;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let params = b.block_params(entry).to_vec();
        let graph = self.module.graph(plan.func);
        let (context, frame) = (params[0], params[1]);
        let mut f = Function { b, code: &mut self.code, graph, plan, constants, context, frame };
        body(&mut f, &params);
        if gives_status {
            let done = f.b.ins().iconst(types::I64, status::DONE);
            f.b.ins().return_(&[done]);
        } else {
            f.b.ins().return_(&[]);
        }
        f.b.seal_all_blocks();
        let config = f.code.target_config();
        f.b.finalize(config);
        if let Some(text) = &mut self.text {
            text.push(format!("; {name}, {} bytes of frame\n{}", plan.frame, self.context.func.display()));
        }
        self.code.define_function(id, &mut self.context).map_err(machine)?;
        if let Some(names) = &mut self.names {
            let bytes = self.context.compiled_code().map_or(0, |code| code.code_info().total_size as usize);
            names.push((id, bytes, name.to_string()));
        }
        self.code.clear_context(&mut self.context);
        Ok(id)
    }

    /// Computes the constants of a function and keeps them.
    fn constants(&mut self, plan: &Plan) -> Result<HashMap<ValueId, *const u8>, Error> {
        let graph = self.module.graph(plan.func);
        let mut places = HashMap::new();
        for (idx, node) in graph.nodes().iter().enumerate() {
            if kind(graph, NodeId(idx as u32)) != Kind::Constant {
                continue;
            }
            let never = std::sync::atomic::AtomicBool::new(false);
            let context = crate::exec::Context { interrupt: &never, memory_limit: usize::MAX };
            let value = interp::eval_op(self.module, &node.op, vec![], &[], &context);
            let value = value.map_err(|fault| Error::Sizes(format!("{fault:?}")))?.remove(0);
            let value = Box::new(value);
            places.insert(node.results[0], super::runtime::address(&value));
            self.data.constants.push(value);
        }
        Ok(places)
    }

    /// Makes what was written executable.
    pub fn finish(mut self, entries: &[CodeId]) -> Result<Written, Error> {
        self.code.finalize_definitions().map_err(|error| Error::Machine(error.to_string()))?;
        if let Some(names) = self.names.take() {
            perf::add(names.into_iter().map(|(id, bytes, name)| (self.code.get_finalized_function(id), bytes, name)));
        }
        let entries = entries.iter().map(|&id| {
            let address = self.code.get_finalized_function(id);
            // SAFETY: the function was written with this signature.
            unsafe { std::mem::transmute::<*const u8, Entry>(address) }
        });
        let entries = entries.collect();
        let code = Code { module: Some(self.code), data: self.data };
        Ok(Written { code, entries, text: self.text.unwrap_or_default() })
    }
}
