//! Making tensors, and reading them.

use pleach::{DType, Element, Result, Tensor};

use super::{Call, Program, call};

/// A shape that may be beyond any memory.
pub fn asked_shape(p: &mut Program) -> Vec<usize> {
    match p.bytes.flag() {
        true => p.shape(),
        false => (0..p.bytes.below(5)).map(|_| p.bytes.size()).collect(),
    }
}

fn arange_step(p: &mut Program) -> Result<()> {
    let (a, b, s) = (p.bytes.scalar(), p.bytes.scalar(), p.bytes.scalar());
    let n = ((b.to_f64() - a.to_f64()) / s.to_f64()).abs();
    if n > p.limits.affordable as f64 && n < p.limits.refused as f64 {
        return Ok(());
    }
    let t = Tensor::arange_step(a, b, s)?;
    p.keep(t)?;
    let dtype = p.bytes.dtype();
    p.keep(Tensor::arange_of(a, b, s, dtype)?)
}

fn values<T: Element>(p: &mut Program) -> Result<Tensor> {
    let n = p.bytes.small();
    let values: Vec<T> = (0..n).map(|i| T::from_i64(i as i64)).collect();
    let shape: Vec<usize> = match p.bytes.flag() {
        true => vec![n],
        false => (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect(),
    };
    match p.bytes.flag() {
        true => Tensor::from_slice(&values, shape),
        false => Tensor::from_vec(values, shape),
    }
}

fn read<T: Element>(t: &Tensor) -> Result<()> {
    let values = t.to_vec::<T>()?;
    assert_eq!(values.len(), t.numel());
    let array = t.array::<T>()?;
    assert_eq!(array.shape(), t.shape());
    assert_eq!(t.to_array::<T>()?.len(), t.numel());
    if t.is_contiguous() {
        assert_eq!(t.as_slice::<T>()?.len(), t.numel());
    }
    let back = Tensor::try_from_array(t.to_array::<T>()?.view())?;
    assert_eq!(Tensor::from(t.to_array::<T>()?).shape(), back.shape());
    assert_eq!((back.shape(), back.dtype()), (t.shape(), T::DTYPE));
    Ok(())
}

fn read_any(t: &Tensor, dtype: DType) -> Result<()> {
    match dtype {
        DType::F32 => read::<f32>(t),
        DType::F64 => read::<f64>(t),
        DType::I64 => read::<i64>(t),
        DType::I32 => read::<i32>(t),
        DType::I16 => read::<i16>(t),
        DType::I8 => read::<i8>(t),
        DType::U8 => read::<u8>(t),
        DType::Bool => read::<bool>(t),
        DType::F16 | DType::BF16 => t.as_slice::<f32>().map(drop),
    }
}

fn update<T: Element>(p: &mut Program) -> Result<()> {
    let mut t = p.tensor()?;
    let value = T::from_f64(p.bytes.float());
    match p.bytes.below(3) {
        0 => t.update::<T>(|mut all| all.fill(value))?,
        1 => t.update_slice::<T>(|all| all.fill(value))?,
        _ => t.as_mut_slice::<T>()?.fill(value),
    }
    p.keep(t)
}

fn bytes_round_trip(p: &mut Program) -> Result<()> {
    let t = p.tensor()?;
    let mut bytes = t.to_le_bytes();
    let back = Tensor::from_le_bytes(&bytes, t.shape().to_vec(), t.dtype())?;
    assert_eq!(back.try_to_le_bytes()?, bytes);
    bytes.truncate(p.bytes.below(bytes.len() + 1));
    let shape: Vec<usize> = (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect();
    let dtype = p.bytes.dtype();
    p.keep(Tensor::from_le_bytes(&bytes, shape, dtype)?)
}

pub const CALLS: &[Call] = &[
    call(
        "Tensor::zeros Tensor::ones Tensor::zeros_of Tensor::ones_of",
        |p| {
            let (shape, dtype) = (p.shape(), p.bytes.dtype());
            p.keep(Tensor::zeros(shape.clone()))?;
            p.keep(Tensor::ones(shape.clone()))?;
            p.keep(Tensor::zeros_of(shape.clone(), dtype))?;
            p.keep(Tensor::ones_of(shape, dtype))
        },
    ),
    call(
        "Tensor::full Tensor::full_of Tensor::scalar Tensor::full_like",
        |p| {
            let (shape, value) = (p.shape(), p.bytes.byte());
            p.keep(Tensor::full(shape.clone(), value))?;
            p.keep(Tensor::scalar(f64::from(value)))?;
            // One is a value of every dtype.
            let full = Tensor::full_of(shape, 1, p.bytes.dtype());
            p.keep(full.full_like(true))
        },
    ),
    call("checked_numel check_room", |p| {
        let (shape, dtype) = (asked_shape(p), p.bytes.dtype());
        let n = pleach::checked_numel(&shape)?;
        assert_eq!(shape.contains(&0), n == 0);
        match p.may_have(&shape) {
            true => pleach::check_room(&shape, dtype),
            false => Ok(()),
        }
    }),
    call(
        "Window::count Window::padded Window::span Window::smallest Window::within",
        |p| {
            let window = pleach::Window {
                kernel: p.bytes.size(),
                stride: p.bytes.size(),
                padding: p.bytes.size(),
                dilation: p.bytes.size(),
            };
            let size = p.bytes.size();
            window.within(size)?;
            if let Ok(least) = usize::try_from(window.smallest(size))
                && size > 0
            {
                assert_eq!(window.count(least)?, Some(size));
            }
            let (count, padded, span) = (window.count(size)?, window.padded(size)?, window.span()?);
            assert_eq!(count.is_none(), span > padded);
            Ok(())
        },
    ),
    call(
        "Tensor::try_zeros Tensor::try_ones Tensor::try_zeros_of Tensor::try_ones_of \
         Tensor::try_full Tensor::try_full_of",
        |p| {
            let (shape, dtype, value) = (asked_shape(p), p.bytes.dtype(), p.bytes.scalar());
            if !p.may_have(&shape) {
                return Ok(());
            }
            let made = match p.bytes.below(6) {
                0 => Tensor::try_zeros(shape.clone()),
                1 => Tensor::try_ones(shape.clone()),
                2 => Tensor::try_zeros_of(shape.clone(), dtype),
                3 => Tensor::try_ones_of(shape.clone(), dtype),
                4 => Tensor::try_full(shape.clone(), value),
                _ => Tensor::try_full_of(shape.clone(), value, dtype),
            }?;
            assert_eq!(made.shape(), shape);
            p.keep(made)
        },
    ),
    call(
        "Tensor::zeros_like Tensor::ones_like Tensor::try_zeros_like Tensor::try_ones_like \
         Tensor::try_full_like Tensor::try_scalar",
        |p| {
            let (t, dtype) = (p.tensor()?, p.bytes.dtype());
            let t = t.to_dtype(dtype)?;
            p.keep(t.zeros_like())?;
            p.keep(t.ones_like())?;
            p.keep(t.try_zeros_like()?)?;
            p.keep(t.try_ones_like()?)?;
            let value = p.bytes.scalar();
            p.keep(Tensor::try_scalar(value)?)?;
            let full = t.try_full_like(value)?;
            assert_eq!((full.shape(), full.dtype()), (t.shape(), dtype));
            p.keep(full)
        },
    ),
    call(
        "Tensor::arange Tensor::eye Tensor::eye_rect Tensor::linspace",
        |p| {
            let n = p.bytes.small();
            p.keep(Tensor::arange(n))?;
            p.keep(Tensor::eye(n))?;
            let m = p.bytes.small();
            p.keep(Tensor::eye_rect(n, m))?;
            let (a, b) = (p.bytes.float(), p.bytes.float());
            p.keep(Tensor::linspace(a, b, n))
        },
    ),
    call(
        "Tensor::try_arange Tensor::try_eye Tensor::try_eye_rect Tensor::try_linspace",
        |p| {
            let (a, b, n) = (p.bytes.float(), p.bytes.float(), p.bytes.size());
            if !p.may_have(&[n]) {
                return Ok(());
            }
            let made = match p.bytes.below(4) {
                0 => Tensor::try_arange(n),
                3 if p.may_have(&[n, 2]) => Tensor::try_eye_rect(2, n),
                1 if p.may_have(&[n, n]) => Tensor::try_eye(n),
                _ => Tensor::try_linspace(a, b, n),
            }?;
            p.keep(made)
        },
    ),
    call("Tensor::arange_step Tensor::arange_of", arange_step),
    call("Tensor::from_vec Tensor::from_slice", |p| {
        let t = match p.bytes.below(3) {
            0 => values::<f32>(p),
            1 => values::<u8>(p),
            _ => values::<i64>(p),
        }?;
        p.keep(t)
    }),
    call(
        "Tensor::from_le_bytes Tensor::to_le_bytes Tensor::try_to_le_bytes",
        bytes_round_trip,
    ),
    call(
        "Tensor::to_vec Tensor::array Tensor::to_array Tensor::try_from_array \
         Tensor::as_slice",
        |p| {
            let t = p.tensor()?;
            read_any(&t, t.dtype()).or_else(|error| match t.dtype() {
                DType::F16 | DType::BF16 => Ok(()),
                dtype if t.requires_grad() => read_any(&t.detach(), dtype).and(Err(error)),
                _ => Err(error),
            })?;
            let dtype = p.bytes.dtype();
            read_any(&t, dtype)
        },
    ),
    call(
        "Tensor::to_vec_f64 Tensor::try_to_vec_f64 Tensor::item Tensor::item_i64",
        |p| {
            let t = p.tensor()?;
            assert_eq!(t.to_vec_f64().len(), t.try_to_vec_f64()?.len());
            t.item_i64()?;
            t.item().map(drop)
        },
    ),
    call(
        "Tensor::update Tensor::update_slice Tensor::as_mut_slice",
        |p| match p.bytes.below(3) {
            0 => update::<f32>(p),
            1 => update::<bool>(p),
            _ => update::<i64>(p),
        },
    ),
    call(
        "Tensor::shape Tensor::size Tensor::strides Tensor::rank Tensor::numel Tensor::dtype \
         Tensor::is_contiguous Tensor::storage_len Tensor::storage_offset Tensor::storage_id \
         Tensor::shares_memory_with Tensor::value_id ValueId::is_of",
        |p| {
            let (a, b) = (p.tensor()?, p.tensor()?);
            assert!(a.value_id().is_of(&a));
            assert!(a.shares_memory_with(&a) || a.numel() == 0);
            if a.storage_id() != b.storage_id() {
                assert!(!a.value_id().is_of(&b));
            }
            super::pool::check(&a);
            let dim = p.bytes.dim();
            a.size(dim).map(drop)
        },
    ),
    call(
        "DType::is_float DType::size_of DType::torch_name DType::c_name DType::promote \
         Scalar::to Scalar::wrapping_to Scalar::to_f64 Scalar::dtype",
        |p| {
            let (a, b) = (p.bytes.dtype(), p.bytes.dtype());
            assert_eq!(a.promote(b), b.promote(a));
            assert!(!a.torch_name().is_empty() && !a.c_name().is_empty() && a.size_of() > 0);
            let s = p.bytes.scalar();
            let _ = (
                s.to::<u8>().is_ok(),
                s.to::<bool>(),
                s.wrapping_to::<i8>(),
                s.to_f64(),
            );
            assert_eq!(s.dtype().is_float(), matches!(s, pleach::Scalar::Float(_)));
            Ok(())
        },
    ),
];
