//! What changes a tensor, a parameter or its data in place.

use pleach::no_grad;

use super::index::{index_of, lined_up, scattered};
use super::{Call, call};

/// Calls a method that a tensor, a parameter and its data have in common on one of the three.
macro_rules! in_place {
    (|$p:ident, $x:ident| [$($var:ident = $make:expr),*] $method:ident($($arg:expr),*)) => {
        call(
            concat!(
                "Tensor::", stringify!($method),
                " Parameter::", stringify!($method),
                " Data::", stringify!($method)
            ),
            |$p| {
                let which = $p.bytes.below(8);
                let parameter = $p.parameter()?;
                let $x = match which {
                    0..=2 => parameter.tensor(),
                    _ => $p.tensor()?,
                };
                $(let $var = $make;)*
                match which {
                    0 => parameter.$method($($arg),*).map(drop),
                    1 => no_grad(|| parameter.$method($($arg),*).map(drop)),
                    2 => parameter.data().$method($($arg),*).map(drop),
                    _ => {
                        // A copy is nobody else's, so it is really changed in place.
                        let mut changed = match which {
                            3..=5 => $x.copy()?,
                            _ => $x.clone(),
                        };
                        changed.$method($($arg),*)?;
                        assert_eq!(changed.shape(), $x.shape());
                        assert_eq!(changed.dtype(), $x.dtype());
                        $p.keep_and_go_back(changed)
                    }
                }
            },
        )
    };
}

pub const CALLS: &[Call] = &[
    in_place!(|p, x| [value = p.bytes.scalar()] fill_(value)),
    in_place!(|p, x| [] zero_()),
    in_place!(|p, x| [y = p.beside(&x)?] copy_(&y)),
    in_place!(|p, x| [y = p.operand(&x)?] add_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] sub_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] mul_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] div_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] pow_(y)),
    in_place!(|p, x| [] neg_()),
    in_place!(|p, x| [] relu_()),
    in_place!(|p, x| [] abs_()),
    in_place!(|p, x| [] exp_()),
    in_place!(|p, x| [] log_()),
    in_place!(|p, x| [] sqrt_()),
    in_place!(|p, x| [] rsqrt_()),
    in_place!(|p, x| [] reciprocal_()),
    in_place!(|p, x| [] tanh_()),
    in_place!(|p, x| [] sigmoid_()),
    in_place!(|p, x| [] floor_()),
    in_place!(|p, x| [] round_()),
    in_place!(|p, x| [y = p.operand(&x)?] remainder_(y)),
    in_place!(|p, x| [] acos_()),
    in_place!(|p, x| [] acosh_()),
    in_place!(|p, x| [] asin_()),
    in_place!(|p, x| [] asinh_()),
    in_place!(|p, x| [] atan_()),
    in_place!(|p, x| [] atanh_()),
    in_place!(|p, x| [] ceil_()),
    in_place!(|p, x| [] cos_()),
    in_place!(|p, x| [] cosh_()),
    in_place!(|p, x| [] deg2rad_()),
    in_place!(|p, x| [] digamma_()),
    in_place!(|p, x| [] erf_()),
    in_place!(|p, x| [] erfc_()),
    in_place!(|p, x| [] erfinv_()),
    in_place!(|p, x| [] exp2_()),
    in_place!(|p, x| [] expm1_()),
    in_place!(|p, x| [] frac_()),
    in_place!(|p, x| [] lgamma_()),
    in_place!(|p, x| [] log10_()),
    in_place!(|p, x| [] log1p_()),
    in_place!(|p, x| [] log2_()),
    in_place!(|p, x| [] rad2deg_()),
    in_place!(|p, x| [] sgn_()),
    in_place!(|p, x| [] sign_()),
    in_place!(|p, x| [] sin_()),
    in_place!(|p, x| [] sinc_()),
    in_place!(|p, x| [] sinh_()),
    in_place!(|p, x| [] square_()),
    in_place!(|p, x| [] tan_()),
    in_place!(|p, x| [] trunc_()),
    in_place!(|p, x| [eps = p.bytes.maybe(|b| b.float())] logit_(eps)),
    in_place!(|p, x| [a = p.bytes.float(), b = p.bytes.maybe(|b| b.float())] nan_to_num_(a, b, None)),
    in_place!(|p, x| [y = p.operand(&x)?] copysign_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] floor_divide_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] fmod_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] xlogy_(y)),
    in_place!(|p, x| [y = p.beside(&x)?] atan2_(&y)),
    in_place!(|p, x| [y = p.beside(&x)?] heaviside_(&y)),
    in_place!(|p, x| [y = p.beside(&x)?] hypot_(&y)),
    in_place!(|p, x| [y = p.beside(&x)?] ldexp_(&y)),
    in_place!(|p, x| [k = p.bytes.dim()] tril_(k)),
    in_place!(|p, x| [k = p.bytes.dim()] triu_(k)),
    in_place!(|p, x| [y = p.operand(&x)?] clamp_min_(y)),
    in_place!(|p, x| [y = p.operand(&x)?] clamp_max_(y)),
    in_place!(|p, x| [a = p.bytes.float(), b = p.bytes.maybe(|b| b.float())] clamp_(a, b)),
    in_place!(|p, x| [mask = p.mask(&x)?, value = p.bytes.scalar()] masked_fill_(&mask, value)),
    in_place!(|p, x| [a = p.same_shape(&x)?, b = p.beside(&x)?, v = p.bytes.float()]
        addcmul_(&a, &b, v)),
    in_place!(|p, x| [a = p.same_shape(&x)?, b = p.beside(&x)?, v = p.bytes.float()]
        addcdiv_(&a, &b, v)),
    in_place!(|p, x| [end = p.same_shape(&x)?, weight = p.bytes.float()] lerp_(&end, weight)),
    in_place!(|p, x| [index = index_of(p, &x)?, value = p.operand(&x)?]
        index_put_(&index[..], value)),
    in_place!(|p, x| [index = index_of(p, &x)?, value = p.operand(&x)?]
        index_put_accumulate_(&index[..], value)),
    in_place!(|p, x| [a = lined_up(p, &x)?, value = p.bytes.scalar()] index_fill_(a.0, &a.1, value)),
    in_place!(|p, x| [a = lined_up(p, &x)?] index_copy_(a.0, &a.1, &a.2)),
    in_place!(|p, x| [a = lined_up(p, &x)?] index_add_(a.0, &a.1, &a.2)),
    in_place!(|p, x| [a = lined_up(p, &x)?, own = p.bytes.flag()]
        index_reduce_(a.0, &a.1, &a.2, "amax", own)),
    in_place!(|p, x| [a = scattered(p, &x)?] scatter_(a.0, &a.1, &a.2)),
    in_place!(|p, x| [a = scattered(p, &x)?] scatter_add_(a.0, &a.1, &a.2)),
    in_place!(|p, x| [a = scattered(p, &x)?, own = p.bytes.flag()]
        scatter_reduce_(a.0, &a.1, &a.2, "mean", own)),
    in_place!(|p, x| [mask = p.mask(&x)?, y = p.same_shape(&x)?] masked_scatter_(&mask, &y)),
    in_place!(|p, x| [index = p.positions(&[3], x.numel())?, y = p.make(&[3], x.dtype())?]
        put_(&index, &y, true)),
    in_place!(|p, x| [dim = p.bytes.dim()] cumsum_(dim)),
    in_place!(|p, x| [dim = p.bytes.dim()] cumprod_(dim)),
    in_place!(|p, x| [a = p.bytes.float(), b = p.bytes.float()] uniform_(a, b)),
    in_place!(|p, x| [a = p.bytes.float(), b = p.bytes.float()] normal_(a, b)),
    in_place!(|p, x| [y = p.operand(&x)?] bernoulli_(y)),
    in_place!(|p, x| [lambda = p.bytes.float()] exponential_(lambda)),
    in_place!(|p, x| [] random_()),
    in_place!(|p, x| [a = p.bytes.whole(), b = p.bytes.whole()] random_range_(a, b)),
];
