//! Questions about each element: the answers are bool and carry no gradient.

use pleach_kernels::Number;

use super::elementwise::{map, zip};
use super::operand::{IntoOperand, Operand, result_type};
use crate::{DType, Element, Error, Result, Tensor};

/// What floats are asked; integers and truth values never are so.
macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident |$x:ident: $T:ident| $answer:expr;)*) => {
        /// # Questions about each element
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the memory cannot be had.
            pub fn $name(&self) -> Result<Tensor> {
                let x = self.detach().to_dtype(self.dtype().comparable())?;
                if !x.dtype().is_float() {
                    return Tensor::try_zeros_of(self.shape(), DType::Bool);
                }
                Ok(dispatch_float!(stringify!($name), x.dtype(), $T => {
                    map(&x, |$x: $T| $answer)?
                }))
            }
        )*}
    };
}

questions! {
    /// True where an element is infinite.
    isinf |x: T| x.abs() == T::HIGHEST;
    /// True where an element is plus infinity.
    isposinf |x: T| x == T::HIGHEST;
    /// True where an element is minus infinity.
    isneginf |x: T| x == T::LOWEST;
}

/// # Questions about each element
impl Tensor {
    /// True where an element has a minus: also where it is -0.0 or a negative nan.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn signbit(&self) -> Result<Tensor> {
        let x = self.detach().to_dtype(self.dtype().comparable())?;
        match x.dtype().is_float() {
            true => Ok(dispatch_float!("signbit_cpu", x.dtype(), T => {
                map(&x, |x: T| x.is_sign_negative())?
            })),
            false => x.lt(0),
        }
    }

    /// True where exactly one of two elements is non-zero.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn logical_xor(&self, other: &Tensor) -> Result<Tensor> {
        self.ne(0)?.ne(&other.ne(0)?)
    }

    /// True where `|self - other| <= atol + rtol * |other|`, or both are equal, or (on request) both nan.
    /// PyTorch's defaults are `rtol = 1e-5`, `atol = 1e-8`, `equal_nan = false`.
    ///
    /// ```
    /// use pleach::tensor;
    /// let close = tensor![1.0, 2.0].isclose(&tensor![1.00001, 2.1], 1e-4, 0.0, false)?;
    /// assert_eq!(close.to_vec::<bool>()?, [true, false]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, the dtypes differ, or a tolerance is negative.
    pub fn isclose(&self, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
        if self.dtype() != other.dtype() {
            return Err(Error::dtype(format!(
                "{} did not match {}",
                self.dtype().torch_name(),
                other.dtype().torch_name()
            )));
        }
        for (name, value) in [("rtol", rtol), ("atol", atol)] {
            if value < 0.0 || value.is_nan() {
                return Err(Error::value(format!(
                    "{name} must be greater than or equal to zero, but got {}",
                    crate::print::general(value, 6)
                )));
            }
        }
        let (x, y) = (self.detach(), other.detach());
        if matches!(x.dtype(), DType::F32 | DType::F64) {
            return dispatch_float!("isclose", x.dtype(), T => {
                let (rtol, atol) = (<T as Element>::from_f64(rtol), <T as Element>::from_f64(atol));
                // What is infinite is close to its equal alone.
                let near = move |x: T, y: T| {
                    let actual = (x - y).abs();
                    actual <= (y * rtol).abs() + atol && actual < T::INFINITY
                };
                zip(&x, &y, move |x: T, y: T| {
                    let both_nan = equal_nan && x.is_nan() && y.is_nan();
                    (x == y) | near(x, y) | both_nan
                })
            });
        }
        let mut close = x.eq(&y)?;
        if equal_nan && x.dtype().is_float() {
            close = close.logical_or(&x.isnan()?.logical_and(&y.isnan()?)?)?;
        }
        if rtol == 0.0 && atol == 0.0 {
            return Ok(close);
        }
        let wide = |t: Tensor| match t.dtype() {
            DType::Bool => t.to_dtype(DType::U8),
            _ => Ok(t),
        };
        let (x, y) = (wide(x)?, wide(y)?);
        let allowed = y.mul(rtol)?.abs()?.add(atol)?;
        let actual = x.sub(&y)?.abs()?;
        close.logical_or(&actual.isfinite()?.logical_and(&actual.le(&allowed)?)?)
    }

    /// True where an element is one of `test`'s: of a tensor's, or the number itself. A nan is none.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![1, 2, 3].isin(&tensor![3, 1])?.to_vec::<bool>()?, [true, false, true]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If either is bool.
    pub fn isin(&self, test: impl IntoOperand) -> Result<Tensor> {
        self.is_in(&test.into_operand())
    }

    fn is_in(&self, test: &Operand) -> Result<Tensor> {
        let common = result_type(self, test);
        let test = test.to_tensor(common)?;
        if common == DType::Bool {
            return Err(Error::dtype(
                "Unsupported input type encountered for isin(): Bool",
            ));
        }
        let comparable = |t: &Tensor| {
            let t = t.detach().to_dtype(common)?.to_dtype(common.comparable())?;
            t.contiguous()
        };
        let (x, test) = (comparable(self)?, comparable(&test)?);
        Ok(dispatch_number!("isin", x.dtype(), T => {
            let mut sorted = test.to_vec::<T>()?;
            sorted.retain(|v| !Number::is_nan(*v));
            sorted.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            let sorted = &sorted[..];
            map(&x, |x: T| {
                let at = sorted.partition_point(|v| *v < x);
                sorted.get(at).is_some_and(|v| *v == x)
            })?
        }))
    }

    /// The places where an element is not zero, as one i64 tensor for each dimension: PyTorch's
    /// `torch.where(condition)`. A 0-d tensor counts as one of one element.
    ///
    /// ```
    /// use pleach::tensor;
    /// let places = tensor![[true, false], [true, true]].where_true()?;
    /// assert_eq!(places[0].to_vec::<i64>()?, [0, 1, 1]);
    /// assert_eq!(places[1].to_vec::<i64>()?, [0, 0, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn where_true(&self) -> Result<Vec<Tensor>> {
        let hits = self.ne(0)?.contiguous()?;
        let hits = hits.as_slice::<bool>()?;
        let mut places = vec![0; pleach_kernels::count_true(hits)];
        pleach_kernels::true_places(hits, &mut places);
        let shape = match self.rank() {
            0 => &[1],
            _ => self.shape(),
        };
        let mut after: usize = shape.iter().product();
        let along = |size: &usize| {
            after /= (*size).max(1);
            let index = places.iter().map(|at| (at / after.max(1) % size) as i64);
            Tensor::from_vec(index.collect::<Vec<i64>>(), [places.len()])
        };
        shape.iter().map(along).collect()
    }
}
