//! Functions of each element that networks seldom use, of pairs, questions, conversions, and the
//! activations that are no row of a table.

use pleach::autograd::apply;
use pleach::nn::functional::{self as F, Approximate};
use pleach::nn::layers::*;
use pleach::{DType, FloatPair, Operand, Result, Rounding, Tensor};
use pleach_kernels::Pair;

use super::create::asked_shape;
use super::{Call, Program, call};

fn unary(p: &mut Program, f: fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = f(&x)?;
    assert_eq!(y.shape(), x.shape());
    p.keep_and_go_back(y)
}

fn beside(p: &mut Program, f: fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = p.beside(&x)?;
    p.keep_and_go_back(f(&x, &y)?)
}

fn operand(p: &mut Program, f: fn(&Tensor, Operand) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = p.operand(&x)?;
    p.keep_and_go_back(f(&x, y)?)
}

fn question(p: &mut Program, f: fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = f(&x)?;
    assert!(y.dtype() == DType::Bool && !y.requires_grad() && y.shape() == x.shape());
    p.keep(y)
}

/// Several values, as many as there is room for.
fn steps(p: &mut Program) -> usize {
    let n = p.bytes.size();
    if p.may_have(&[n]) { n } else { p.bytes.small() }
}

/// Rows of one name each.
macro_rules! rows {
    ($how:ident: $($name:ident)*) => {
        [$(call(concat!("Tensor::", stringify!($name)), |p| $how(p, |x| x.$name()))),*]
    };
    (by $how:ident: $($name:ident)*) => {
        [$(call(concat!("Tensor::", stringify!($name)), |p| $how(p, |x, y| x.$name(y)))),*]
    };
}

pub const UNARY: &[Call] = &rows!(unary:
    tan asin acos atan sinh cosh asinh acosh atanh exp2 log2 log10 erfc erfinv lgamma digamma sinc
    frac deg2rad rad2deg positive sgn int short char byte bool half bfloat16);

pub const QUESTIONS: &[Call] = &rows!(question: isinf isposinf isneginf signbit);

pub const PAIRS: &[Call] = &rows!(by beside:
    atan2 hypot logaddexp logaddexp2 ldexp fmax fmin heaviside logical_xor);

pub const OPERANDS: &[Call] = &rows!(by operand:
    copysign xlogy float_power fmod isin clamp_min clamp_max fill);

pub const CALLS: &[Call] = &[
    call("Tensor::logit", |p| {
        let (x, eps) = (p.tensor()?, p.bytes.maybe(|b| b.float()));
        p.keep_and_go_back(x.logit(eps)?)
    }),
    call("Tensor::nan_to_num", |p| {
        let (x, nan) = (p.tensor()?, p.bytes.float());
        let (a, b) = (p.bytes.maybe(|b| b.float()), p.bytes.maybe(|b| b.float()));
        p.keep_and_go_back(x.nan_to_num(nan, a, b)?)
    }),
    call("Tensor::round_decimals", |p| {
        let (x, decimals) = (p.tensor()?, p.bytes.whole());
        p.keep_and_go_back(x.round_decimals(decimals)?)
    }),
    call("Tensor::frexp", |p| {
        let (mantissa, exponent) = p.tensor()?.frexp()?;
        p.keep(exponent)?;
        p.keep_and_go_back(mantissa)
    }),
    call("Tensor::div_rounded", |p| {
        let x = p.tensor()?;
        let y = p.operand(&x)?;
        let y = match p.bytes.flag() {
            true => x.div_rounded(y, Rounding::Trunc),
            false => x.div_rounded(y, p.bytes.text(&["floor", "trunc", "up"])),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::isclose", |p| {
        let x = p.tensor()?;
        let y = p.beside(&x)?;
        let (rtol, atol) = (p.bytes.float(), p.bytes.float());
        let close = x.isclose(&y, rtol, atol, p.bytes.flag())?;
        p.keep(close)
    }),
    call("Tensor::where_true", |p| {
        let places = p.tensor()?.where_true()?;
        p.keep_all(places)
    }),
    call("apply", |p| {
        let x = p.tensor()?;
        let y = p.beside(&x)?;
        let pair = p.bytes.pick(&[Pair::Pow, Pair::Prelu, Pair::Ldexp]);
        p.keep_and_go_back(apply(FloatPair(pair), (&x, &y))?)
    }),
    call("Tensor::linspace_of Tensor::try_linspace_of", |p| {
        let (a, b, n, dtype) = (
            p.bytes.scalar(),
            p.bytes.scalar(),
            steps(p),
            p.bytes.dtype(),
        );
        let t = Tensor::try_linspace_of(a, b, n, dtype)?;
        assert_eq!(Tensor::linspace_of(a, b, n, dtype).shape(), t.shape());
        p.keep(t)
    }),
    call(
        "Tensor::logspace Tensor::try_logspace Tensor::logspace_of Tensor::try_logspace_of",
        |p| {
            let (a, b, n) = (p.bytes.scalar(), p.bytes.scalar(), steps(p));
            let t = Tensor::try_logspace(a, b, n)?;
            assert_eq!(Tensor::logspace(a, b, n).shape(), t.shape());
            let (base, dtype) = (p.bytes.float(), p.bytes.dtype());
            let t = Tensor::try_logspace_of(a, b, n, base, dtype)?;
            assert_eq!(Tensor::logspace_of(a, b, n, base, dtype).shape(), t.shape());
            p.keep(t)
        },
    ),
    call(
        "Tensor::new_zeros Tensor::try_new_zeros Tensor::new_ones Tensor::try_new_ones \
         Tensor::new_full Tensor::try_new_full",
        |p| {
            let (x, shape, value) = (p.tensor()?, asked_shape(p), p.bytes.scalar());
            if !p.may_have(&shape) {
                return Ok(());
            }
            p.keep(x.try_new_zeros(&shape[..])?)?;
            p.keep(x.try_new_ones(&shape[..])?)?;
            let full = x.try_new_full(&shape[..], value)?;
            assert_eq!(x.new_full(&shape[..], value).dtype(), x.dtype());
            assert_eq!(
                x.new_zeros(&shape[..]).shape(),
                x.new_ones(&shape[..]).shape()
            );
            p.keep(full)
        },
    ),
    call("functional::sigmoid functional::tanh", |p| {
        unary(p, F::sigmoid)?;
        unary(p, F::tanh)
    }),
    call("functional::softmin", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        p.keep_and_go_back(F::softmin(&x, dim)?)
    }),
    call("functional::gumbel_softmax", |p| {
        let (x, dim, tau, hard) = (p.tensor()?, p.bytes.dim(), p.bytes.float(), p.bytes.flag());
        p.keep_and_go_back(F::gumbel_softmax(&x, tau, hard, dim)?)
    }),
    call("functional::glu GLU::new", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        p.keep_module(GLU::new(dim));
        p.keep_and_go_back(F::glu(&x, dim)?)
    }),
    call(
        "functional::prelu PReLU::new PReLU::builder PReLUBuilder::num_parameters PReLUBuilder::init \
         PReLUBuilder::dtype PReLUBuilder::build PReLU::reset_parameters",
        |p| {
            let x = p.tensor()?;
            let weight = p.beside(&x)?;
            p.keep_module(PReLU::new());
            let layer = PReLU::builder().num_parameters(p.bytes.small());
            let layer = layer.init(p.bytes.float()).dtype(p.bytes.dtype()).build()?;
            layer.reset_parameters()?;
            p.keep_module(layer);
            p.keep_and_go_back(F::prelu(&x, &weight)?)
        },
    ),
    call(
        "functional::rrelu RReLU::new RReLU::builder RReLU::lower RReLU::upper RReLUBuilder::lower \
         RReLUBuilder::upper RReLUBuilder::inplace RReLUBuilder::build",
        |p| {
            let (x, a, b) = (p.tensor()?, p.bytes.float(), p.bytes.float());
            p.keep_module(RReLU::new());
            let y = F::rrelu(&x, a, b, p.bytes.flag());
            if let Ok(layer) = RReLU::builder().lower(a).upper(b).inplace(true).build() {
                assert!(layer.lower() == a && layer.upper() == b);
                p.keep_module(layer);
            }
            p.keep_and_go_back(y?)
        },
    ),
    call(
        "GELU::new GELU::builder GELUBuilder::approximate GELUBuilder::build",
        |p| {
            p.keep_module(GELU::new());
            let layer = match p.bytes.flag() {
                true => GELU::builder().approximate(Approximate::Tanh),
                false => GELU::builder().approximate(p.bytes.text(&["none", "tanh", "?"])),
            };
            p.keep_module(layer.build()?);
            Ok(())
        },
    ),
    call(
        "Softmax::new Softmin::new LogSoftmax::new Softmax2d::new",
        |p| {
            let dim = p.bytes.maybe(|b| b.dim());
            match p.bytes.below(4) {
                0 => p.keep_module(Softmax::new(dim)),
                1 => p.keep_module(Softmin::new(dim)),
                2 => p.keep_module(LogSoftmax::new(dim)),
                _ => p.keep_module(Softmax2d::new()),
            }
            Ok(())
        },
    ),
];
