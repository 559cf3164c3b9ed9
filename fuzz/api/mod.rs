//! Programs of the public API, read from bytes: a pool of tensors, parameters, modules and
//! optimizers, and a sequence of calls that pick from it. What a call returns goes back into the
//! pool, an error is fine; a panic, a hang or an abort is a finding.
//!
//! The target `api` runs them under libFuzzer, `tests/public_api.rs` some random ones with the
//! ordinary tests, where it also holds the list of calls against the list of public functions.

mod autograd;
mod bytes;
mod create;
mod data;
mod elementwise;
mod functional;
mod functions;
mod in_place;
mod index;
mod init;
mod layers;
mod left_out;
mod losses;
mod modules;
mod norms;
mod optim;
mod pool;
mod print;
mod products;
mod random;
mod reduce;
mod shapes;
mod spatial;
mod statistics;
mod utils;
mod views;
mod watched;

use pleach::nn::{Forward, StateDict};
use pleach::optim::Optimizer;
use pleach::{Buffer, Parameter, Result, Tensor};

use bytes::Bytes;

#[allow(unused_imports)] // by the target
pub use left_out::LEFT_OUT;

/// A call of one public function, or of several that belong together.
pub struct Call {
    /// The functions it calls, with a space between: `Tensor::add`, `functional::conv2d`.
    pub names: &'static str,
    run: fn(&mut Program) -> Result<()>,
}

const fn call(names: &'static str, run: fn(&mut Program) -> Result<()>) -> Call {
    Call { names, run }
}

/// Every call there is, by subject.
pub const CALLS: &[&[Call]] = &[
    create::CALLS,
    elementwise::CALLS,
    reduce::CALLS,
    products::CALLS,
    shapes::CALLS,
    views::CALLS,
    index::CALLS,
    statistics::CALLS,
    in_place::CALLS,
    autograd::CALLS,
    functional::CALLS,
    functions::UNARY,
    functions::QUESTIONS,
    functions::PAIRS,
    functions::OPERANDS,
    functions::CALLS,
    layers::CALLS,
    losses::CALLS,
    spatial::CALLS,
    modules::CALLS,
    norms::CALLS,
    optim::CALLS,
    init::CALLS,
    random::CALLS,
    data::CALLS,
    print::CALLS,
    watched::CALLS,
    utils::CALLS,
];

/// How much a program may ask for.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Elements of a tensor that goes back into the pool.
    pub kept: usize,
    /// Elements that a result may have: what is larger is not asked for, unless it has at least
    /// `refused` elements, which no memory holds.
    pub affordable: u128,
    /// See `affordable`.
    pub refused: u128,
    /// Whether sizes may be beyond any memory, and numbers at the ends of their types.
    pub absurd: bool,
    /// Calls of a program.
    pub calls: usize,
}

impl Limits {
    #[allow(dead_code)] // each includer has one of the two
    /// For a process whose address space is limited to about 4 GiB.
    pub const IN_4_GIB: Limits = Limits {
        kept: 4096,
        affordable: 1 << 22,
        refused: 1 << 32,
        absurd: true,
        calls: 60,
    };

    #[allow(dead_code)]
    /// For a process that could have all of a machine's memory, and that is not optimised.
    pub const QUICK: Limits = Limits {
        kept: 512,
        affordable: 1 << 16,
        refused: 1 << 44,
        absurd: true,
        calls: 40,
    };
}

/// A program that runs.
pub struct Program<'a> {
    bytes: Bytes<'a>,
    limits: Limits,
    tensors: Vec<Tensor>,
    parameters: Vec<Parameter>,
    buffers: Vec<Buffer>,
    modules: Vec<Box<dyn Forward>>,
    state_dicts: Vec<StateDict>,
    optimizers: Vec<Box<dyn Optimizer>>,
}

/// Runs the program that the bytes stand for, and shows every call that it makes to `seen`.
pub fn run(bytes: &[u8], limits: Limits, mut seen: impl FnMut(&'static str)) {
    let mut program = Program {
        bytes: Bytes::new(bytes, limits.absurd),
        limits,
        tensors: Vec::new(),
        parameters: Vec::new(),
        buffers: Vec::new(),
        modules: Vec::new(),
        state_dicts: Vec::new(),
        optimizers: Vec::new(),
    };
    // Programs must not depend on each other.
    pleach::manual_seed(program.bytes.byte());
    let calls: Vec<&Call> = CALLS.iter().copied().flatten().collect();
    for _ in 0..limits.calls {
        if program.bytes.is_empty() {
            break;
        }
        let call = calls[program.bytes.below(calls.len().max(257))];
        seen(call.names);
        if let Err(error) = (call.run)(&mut program) {
            assert!(!error.to_string().is_empty(), "an error without a text");
        }
    }
}
