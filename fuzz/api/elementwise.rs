//! Arithmetic, functions, comparisons and choices, element by element.

use pleach::{DType, Operand, Result, Tensor};

use super::{Call, Program, call};

fn unary(p: &mut Program, f: fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = f(&x)?;
    assert_eq!(y.shape(), x.shape());
    p.keep_and_go_back(y)
}

fn binary(p: &mut Program, f: fn(&Tensor, Operand) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let other = p.operand(&x)?;
    let y = f(&x, other)?;
    p.keep_and_go_back(y)
}

fn compare(p: &mut Program, f: fn(&Tensor, Operand) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let other = p.operand(&x)?;
    let y = f(&x, other)?;
    assert!(y.dtype() == DType::Bool && !y.requires_grad());
    p.keep(y)
}

pub const CALLS: &[Call] = &[
    call("Tensor::add", |p| binary(p, |x, y| x.add(y))),
    call("Tensor::add_alpha Tensor::sub_alpha", |p| {
        binary(p, |x, y| x.add_alpha(&y, 2)?.sub_alpha(&y, 0.5))
    }),
    call("Tensor::sub", |p| binary(p, |x, y| x.sub(y))),
    call("Tensor::mul", |p| binary(p, |x, y| x.mul(y))),
    call("Tensor::div", |p| binary(p, |x, y| x.div(y))),
    call("Tensor::floor_divide", |p| {
        binary(p, |x, y| x.floor_divide(y))
    }),
    call("Tensor::remainder", |p| binary(p, |x, y| x.remainder(y))),
    call("Tensor::pow", |p| binary(p, |x, y| x.pow(y))),
    call("Tensor::maximum", |p| binary(p, |x, y| x.maximum(y))),
    call("Tensor::minimum", |p| binary(p, |x, y| x.minimum(y))),
    call("Tensor::rsub Tensor::rdiv Tensor::rpow", |p| {
        let (x, value) = (p.tensor()?, p.bytes.scalar());
        let y = match p.bytes.below(3) {
            0 => x.rsub(value),
            1 => x.rdiv(value),
            _ => x.rpow(value),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::lerp", |p| {
        let x = p.tensor()?;
        let (end, weight) = (p.same_shape(&x)?, p.operand(&x)?);
        p.keep_and_go_back(x.lerp(&end, weight)?)
    }),
    call("Tensor::addcmul Tensor::addcdiv", |p| {
        let x = p.tensor()?;
        let (a, b, value) = (p.same_shape(&x)?, p.beside(&x)?, p.bytes.float());
        let y = match p.bytes.flag() {
            true => x.addcmul(&a, &b, value),
            false => x.addcdiv(&a, &b, value),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::exp", |p| unary(p, Tensor::exp)),
    call("Tensor::log", |p| unary(p, Tensor::log)),
    call("Tensor::log1p", |p| unary(p, Tensor::log1p)),
    call("Tensor::expm1", |p| unary(p, Tensor::expm1)),
    call("Tensor::sqrt", |p| unary(p, Tensor::sqrt)),
    call("Tensor::rsqrt", |p| unary(p, Tensor::rsqrt)),
    call("Tensor::reciprocal", |p| unary(p, Tensor::reciprocal)),
    call("Tensor::sin", |p| unary(p, Tensor::sin)),
    call("Tensor::cos", |p| unary(p, Tensor::cos)),
    call("Tensor::tanh", |p| unary(p, Tensor::tanh)),
    call("Tensor::sigmoid", |p| unary(p, Tensor::sigmoid)),
    call("Tensor::erf", |p| unary(p, Tensor::erf)),
    call("apply", |p| {
        use pleach_kernels::Function;
        let all = [
            Function::Exp,
            Function::Gelu,
            Function::Rsqrt,
            Function::Round,
            Function::Softplus {
                beta: p.bytes.float(),
                threshold: p.bytes.float(),
            },
        ];
        let (x, function) = (p.tensor()?, p.bytes.pick(&all));
        let operation = pleach::ElementWise {
            function,
            name: "own",
            grad_name: "OwnBackward",
        };
        p.keep_and_go_back(pleach::autograd::apply(operation, &x)?)
    }),
    call("Tensor::floor", |p| unary(p, Tensor::floor)),
    call("Tensor::ceil", |p| unary(p, Tensor::ceil)),
    call("Tensor::trunc", |p| unary(p, Tensor::trunc)),
    call("Tensor::round", |p| unary(p, Tensor::round)),
    call("Tensor::neg", |p| unary(p, Tensor::neg)),
    call("Tensor::abs", |p| unary(p, Tensor::abs)),
    call("Tensor::sign", |p| unary(p, Tensor::sign)),
    call("Tensor::relu", |p| unary(p, Tensor::relu)),
    call("Tensor::square", |p| unary(p, Tensor::square)),
    call("Tensor::isnan", |p| unary(p, Tensor::isnan)),
    call("Tensor::isfinite", |p| unary(p, Tensor::isfinite)),
    call("Tensor::contiguous", |p| unary(p, Tensor::contiguous)),
    call("Tensor::copy", |p| unary(p, Tensor::copy)),
    call("Tensor::detach", |p| unary(p, |x| Ok(x.detach()))),
    call("Tensor::float Tensor::double Tensor::long", |p| {
        unary(p, Tensor::float)?;
        unary(p, Tensor::double)?;
        unary(p, Tensor::long)
    }),
    call("Tensor::to_dtype", |p| {
        let (x, dtype) = (p.tensor()?, p.bytes.dtype());
        let y = x.to_dtype(dtype)?;
        assert_eq!((y.dtype(), y.shape()), (dtype, x.shape()));
        p.keep_and_go_back(y)
    }),
    call("Tensor::gt", |p| compare(p, |x, y| x.gt(y))),
    call("Tensor::ge", |p| compare(p, |x, y| x.ge(y))),
    call("Tensor::lt", |p| compare(p, |x, y| x.lt(y))),
    call("Tensor::le", |p| compare(p, |x, y| x.le(y))),
    call("Tensor::eq", |p| compare(p, |x, y| x.eq(y))),
    call("Tensor::ne", |p| compare(p, |x, y| x.ne(y))),
    call(
        "Tensor::logical_not Tensor::logical_and Tensor::logical_or",
        |p| {
            unary(p, Tensor::logical_not)?;
            let x = p.tensor()?;
            let y = p.beside(&x)?;
            p.keep(x.logical_and(&y)?)?;
            p.keep(x.logical_or(&y)?)
        },
    ),
    call("Tensor::equal Tensor::allclose", |p| {
        let x = p.tensor()?;
        assert!(x.equal(&x)? || x.isnan()?.any()?.item()? != 0.0);
        let y = p.beside(&x)?;
        let (rtol, atol) = (p.bytes.float(), p.bytes.float());
        x.allclose(&y, rtol, atol)?;
        x.equal(&y).map(drop)
    }),
    call("Tensor::where_cond", |p| {
        let x = p.tensor()?;
        let (mask, a, b) = (p.mask(&x)?, p.operand(&x)?, p.operand(&x)?);
        p.keep_and_go_back(Tensor::where_cond(&mask, a, b)?)
    }),
    call("Tensor::masked_fill", |p| {
        let x = p.tensor()?;
        let (mask, value) = (p.mask(&x)?, p.operand(&x)?);
        p.keep_and_go_back(x.masked_fill(&mask, value)?)
    }),
    call("Tensor::clamp", |p| {
        let x = p.tensor()?;
        let (a, b) = (p.bytes.maybe(|b| b.float()), p.bytes.maybe(|b| b.float()));
        p.keep_and_go_back(x.clamp(a, b)?)
    }),
    call("Tensor::softmax Tensor::log_softmax", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        let y = match p.bytes.flag() {
            true => x.softmax(dim),
            false => x.log_softmax(dim),
        }?;
        assert_eq!(y.shape(), x.shape());
        p.keep_and_go_back(y)
    }),
];
