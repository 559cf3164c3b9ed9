//! Initialisers.

use pleach::init::{self, FanMode, Nonlinearity};
use pleach::{Generator, Parameter, Result, Tensor};

use super::{Call, Program, call};

/// Fills a parameter, its data or a tensor, from the current generator or one of its own.
macro_rules! filled {
    ($p:ident, $f:ident($($arg:expr),*)) => {{
        let which = $p.bytes.below(4);
        let parameter: Parameter = $p.parameter()?;
        let generator = Generator::seeded($p.bytes.byte());
        let mut t: Tensor = $p.tensor()?;
        let (shape, dtype) = (t.shape().to_vec(), t.dtype());
        match which {
            0 => init::$f(&parameter, $($arg),*).map(drop)?,
            1 => init::$f(&mut parameter.data(), $($arg),*).map(drop)?,
            2 => init::$f(init::with(&generator, &mut t), $($arg),*).map(drop)?,
            _ => init::$f(&mut t, $($arg),*).map(drop)?,
        }
        assert_eq!((t.shape(), t.dtype()), (&shape[..], dtype));
        $p.keep(t)
    }};
}

const MODES: [&str; 4] = ["fan_in", "fan_out", "FAN_IN", "fan"];
const FUNCTIONS: [&str; 6] = ["relu", "leaky_relu", "tanh", "selu", "linear", "?"];

#[allow(deprecated)]
fn old_names(p: &mut Program) -> Result<()> {
    let (a, b) = (p.bytes.float(), p.bytes.float());
    let n = p.bytes.size();
    match p.bytes.below(11) {
        0 => filled!(p, uniform(a, b)),
        1 => filled!(p, normal(a, b)),
        2 => filled!(p, constant(a)),
        3 => filled!(p, eye()),
        4 => filled!(p, dirac(n)),
        5 => filled!(p, xavier_uniform(a)),
        6 => filled!(p, xavier_normal(a)),
        7 => filled!(p, kaiming_uniform(a, FanMode::FanIn, Nonlinearity::Relu)),
        8 => filled!(p, kaiming_normal(a, FanMode::FanOut, Nonlinearity::Tanh)),
        9 => filled!(p, orthogonal(a)),
        _ => filled!(p, sparse(a, b)),
    }
}

pub const CALLS: &[Call] = &[
    call("init::constant_ init::with", |p| {
        let value = p.bytes.scalar();
        filled!(p, constant_(value))
    }),
    call("init::ones_ init::zeros_ init::eye_", |p| {
        match p.bytes.below(3) {
            0 => filled!(p, ones_()),
            1 => filled!(p, zeros_()),
            _ => filled!(p, eye_()),
        }
    }),
    call("init::dirac_", |p| {
        let groups = p.bytes.size();
        filled!(p, dirac_(groups))
    }),
    call("init::uniform_ init::normal_", |p| {
        let (a, b) = (p.bytes.float(), p.bytes.float());
        match p.bytes.flag() {
            true => filled!(p, uniform_(a, b)),
            false => filled!(p, normal_(a, b)),
        }
    }),
    call("init::trunc_normal_", |p| {
        let (mean, std) = (p.bytes.float(), p.bytes.float());
        let (a, b) = (p.bytes.float(), p.bytes.float());
        filled!(p, trunc_normal_(mean, std, a, b))
    }),
    call("init::xavier_uniform_ init::xavier_normal_", |p| {
        let gain = p.bytes.float();
        match p.bytes.flag() {
            true => filled!(p, xavier_uniform_(gain)),
            false => filled!(p, xavier_normal_(gain)),
        }
    }),
    call("init::kaiming_uniform_ init::kaiming_normal_", |p| {
        let a = p.bytes.float();
        let (mode, function) = (p.bytes.text(&MODES), p.bytes.text(&FUNCTIONS));
        match p.bytes.flag() {
            true => filled!(p, kaiming_uniform_(a, mode, function)),
            false => filled!(p, kaiming_normal_(a, mode, function)),
        }
    }),
    call("init::orthogonal_ init::sparse_", |p| {
        let (a, b) = (p.bytes.float(), p.bytes.float());
        match p.bytes.flag() {
            true => filled!(p, orthogonal_(a)),
            false => filled!(p, sparse_(a, b)),
        }
    }),
    call(
        "init::calculate_gain init::calculate_fan_in_and_fan_out",
        |p| {
            let (name, slope) = (p.bytes.text(&FUNCTIONS), p.bytes.maybe(|b| b.float()));
            init::calculate_gain(name, slope)?;
            let shape: Vec<usize> = (0..p.bytes.below(5)).map(|_| p.bytes.size()).collect();
            init::calculate_fan_in_and_fan_out(&shape).map(drop)
        },
    ),
    call(
        "init::uniform init::normal init::constant init::eye init::dirac init::xavier_uniform \
         init::xavier_normal init::kaiming_uniform init::kaiming_normal init::orthogonal \
         init::sparse",
        old_names,
    ),
];
