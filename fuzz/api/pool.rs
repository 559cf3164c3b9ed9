//! The pool: what calls take, and what their results must satisfy.

use pleach::nn::layers::Identity;
use pleach::nn::{Forward, Listing, StateDict};
use pleach::{Buffer, DType, Element, Operand, Parameter, Result, Tensor};

use super::Program;

const POOL: usize = 20;

/// Puts a value into a full pool in place of another.
fn put<T>(pool: &mut Vec<T>, slot: usize, value: T) {
    match pool.len() < POOL {
        true => pool.push(value),
        false => pool[slot % POOL] = value,
    }
}

/// What is true of every tensor.
pub fn check(t: &Tensor) {
    let shape = t.shape();
    assert_eq!((t.rank(), t.strides().len()), (shape.len(), shape.len()));
    let product = match shape.contains(&0) {
        true => 0,
        false => shape.iter().map(|&s| s as u128).product(),
    };
    assert_eq!(t.numel() as u128, product, "numel of {shape:?}");
    assert!(t.storage_offset() < t.storage_len() || t.numel() == 0);
    for (d, &size) in shape.iter().enumerate() {
        assert_eq!(t.size(d as i64).ok(), Some(size));
    }
    if let Some(grad) = t.grad() {
        assert_eq!(
            grad.shape(),
            shape,
            "a gradient has the shape of its tensor"
        );
        assert_eq!(grad.dtype(), t.dtype());
    }
}

fn elements<T: Element>(n: usize, value: impl Fn(usize) -> f64, shape: &[usize]) -> Result<Tensor> {
    let values: Vec<T> = (0..n).map(|i| T::from_f64(value(i))).collect();
    Tensor::from_vec(values, shape.to_vec())
}

impl Program<'_> {
    /// Keeps a result, if its elements can be counted in reasonable time or not at all.
    pub fn keep(&mut self, t: Tensor) -> Result<()> {
        check(&t);
        let n = t.numel();
        if n <= self.limits.kept && t.storage_len() <= self.limits.affordable as usize {
            let slot = self.bytes.byte() as usize;
            put(&mut self.tensors, slot, t);
        }
        Ok(())
    }

    pub fn keep_two(&mut self, (a, b): (Tensor, Tensor)) -> Result<()> {
        self.keep(a)?;
        self.keep(b)
    }

    pub fn keep_all(&mut self, all: Vec<Tensor>) -> Result<()> {
        all.into_iter().take(4).try_for_each(|t| self.keep(t))
    }

    /// Whether a result of so many elements may be asked for.
    pub fn may_have(&self, sizes: &[usize]) -> bool {
        let product = sizes
            .iter()
            .try_fold(1u128, |n, &s| n.checked_mul(s as u128));
        match product {
            Some(n) => n <= self.limits.affordable || n >= self.limits.refused,
            None => true,
        }
    }

    /// Whether windows of a padded image of so many elements may be asked for. A stride makes the
    /// result smaller, so what no memory holds must be far beyond it, and the stride short.
    pub fn may_pad(&self, elements: usize, padding: &[usize], stride: &[usize]) -> bool {
        let asked = padding
            .iter()
            .fold(elements as u128, |n, &s| n.saturating_mul(s as u128 + 1));
        let short = stride.iter().all(|&s| s <= 100);
        asked <= self.limits.affordable || (short && asked >= self.limits.refused << 20)
    }

    /// A shape of a tensor that exists.
    pub fn shape(&mut self) -> Vec<usize> {
        let rank = self.bytes.pick(&[2, 1, 3, 4, 0, 2, 5, 1, 6, 3, 4, 2]);
        self.shape_of_rank(rank)
    }

    pub fn shape_of_rank(&mut self, rank: usize) -> Vec<usize> {
        let mut left = self.limits.kept;
        (0..rank)
            .map(|_| {
                let size = self.bytes.small().min(left);
                left /= size.max(1);
                size
            })
            .collect()
    }

    /// A new tensor of a shape: its values, layout and place in a graph come from the bytes.
    pub fn make(&mut self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let pattern = self.bytes.byte();
        let special = self.bytes.float();
        let at = self.bytes.byte() as usize;
        let value = move |i: usize| match pattern % 8 {
            0 | 1 => ((i * 7 + at) % 13) as f64 * 0.375 - 1.5,
            2 => i as f64,
            3 => (i % 3) as f64,
            4 if i == at => special,
            5 => special,
            6 => 0.0,
            _ => ((i * 31 + at) % 101) as f64 / 100.0,
        };
        let layout = self.bytes.below(8);
        let rank = shape.len();
        let mut stored = shape.to_vec();
        let d = if rank > 0 { at % rank } else { 0 };
        // A size of 0 may stand beside sizes that no memory holds.
        let has_room = rank > 0 && shape.iter().all(|&size| size <= self.limits.kept);
        match layout {
            // Transposed, a part of a larger one, expanded, flipped in memory order.
            1 | 2 => stored.reverse(),
            3 if has_room => stored[d] = 2 * stored[d] + 1,
            4 if rank > 0 => stored[d] = stored[d].min(1),
            _ => {}
        }
        let n = stored.iter().product();
        let t = match dtype {
            DType::F32 => elements::<f32>(n, value, &stored),
            DType::F64 => elements::<f64>(n, value, &stored),
            DType::I64 => elements::<i64>(n, value, &stored),
            DType::I32 => elements::<i32>(n, value, &stored),
            DType::I16 => elements::<i16>(n, value, &stored),
            DType::I8 => elements::<i8>(n, value, &stored),
            DType::U8 => elements::<u8>(n, value, &stored),
            DType::Bool => elements::<bool>(n, value, &stored),
            DType::F16 | DType::BF16 => elements::<f64>(n, value, &stored)?.to_dtype(dtype),
        }?;
        let t = match layout {
            1 | 2 => t.permute((0..rank as i64).rev().collect::<Vec<_>>())?,
            3 if has_room => t.slice_dim(d as i64, 1, None, 2)?,
            4 if rank > 0 => t.expand(shape.iter().map(|&s| s as i64).collect::<Vec<_>>())?,
            _ => t,
        };
        assert_eq!(t.shape(), shape);
        match dtype.is_float() && self.bytes.one_in(3) {
            true => t.requires_grad_(true),
            false => Ok(t),
        }
    }

    /// A new tensor of this shape, mostly f32.
    pub fn floats(&mut self, shape: &[usize]) -> Result<Tensor> {
        let dtype = match self.bytes.byte() {
            0..=199 => DType::F32,
            200..=239 => DType::F64,
            _ => self.bytes.dtype(),
        };
        self.make(shape, dtype)
    }

    pub fn fresh(&mut self) -> Result<Tensor> {
        let shape = self.shape();
        let dtype = self.bytes.dtype();
        self.make(&shape, dtype)
    }

    /// A tensor of the pool, or a new one.
    pub fn tensor(&mut self) -> Result<Tensor> {
        let number = self.bytes.byte() as usize;
        if number >= 200 || self.tensors.is_empty() {
            let t = self.fresh()?;
            put(&mut self.tensors, number, t.clone());
            return Ok(t);
        }
        Ok(self.tensors[number % self.tensors.len()].clone())
    }

    /// A tensor of the pool or a new one, of a rank.
    pub fn of_rank(&mut self, ranks: &[usize]) -> Result<Tensor> {
        let t = self.tensor()?;
        if ranks.contains(&t.rank()) || self.bytes.one_in(16) {
            return Ok(t);
        }
        let rank = self.bytes.pick(ranks);
        let shape = self.shape_of_rank(rank);
        self.floats(&shape)
    }

    /// What may fit a tensor in an operation of two, and what may not.
    pub fn beside(&mut self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.shape().to_vec();
        match self.bytes.below(8) {
            0 => return self.tensor(),
            1 => return Ok(x.clone()),
            2 => shape.clear(),
            3 => {
                let d = self.bytes.below(shape.len().max(1));
                shape.iter_mut().skip(d).take(1).for_each(|s| *s = 1);
            }
            4 => drop(shape.drain(..shape.len().min(1))),
            5 if shape.len() < 6 => shape.insert(0, 2),
            _ => {}
        }
        let dtype = match self.bytes.below(4) {
            0 => self.bytes.dtype(),
            _ => x.dtype(),
        };
        if !self.may_have(&shape) || shape.iter().product::<usize>() > 2 * self.limits.kept {
            return Ok(x.clone());
        }
        self.make(&shape, dtype)
    }

    /// A tensor of exactly a tensor's shape, mostly.
    pub fn same_shape(&mut self, x: &Tensor) -> Result<Tensor> {
        match self.bytes.one_in(8) || x.numel() > self.limits.kept {
            true => self.beside(x),
            false => {
                let dtype = x.dtype();
                self.make(x.shape(), dtype)
            }
        }
    }

    pub fn operand(&mut self, x: &Tensor) -> Result<Operand> {
        match self.bytes.below(3) {
            0 => Ok(self.bytes.scalar().into()),
            1 => Ok(self.parameter()?.tensor().into()),
            _ => Ok(self.beside(x)?.into()),
        }
    }

    /// A mask that fits a tensor, mostly.
    pub fn mask(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = self.beside(x)?;
        match self.bytes.one_in(16) {
            true => Ok(y),
            false => y.to_dtype(DType::Bool),
        }
    }

    /// Positions below `n`, mostly.
    pub fn positions(&mut self, shape: &[usize], n: usize) -> Result<Tensor> {
        let count: usize = shape.iter().product();
        let start = self.bytes.byte() as usize;
        let mut values: Vec<i64> = (0..count)
            .map(|i| ((i * 5 + start) % n.max(1)) as i64)
            .collect();
        if self.bytes.one_in(4)
            && let Some(first) = values.first_mut()
        {
            *first = self.bytes.whole();
        }
        let t = Tensor::from_vec(values, shape.to_vec())?;
        match self.bytes.one_in(6) {
            true => {
                let dtype = self.bytes.dtype();
                t.to_dtype(dtype)
            }
            false => Ok(t),
        }
    }

    pub fn parameter(&mut self) -> Result<Parameter> {
        let number = self.bytes.byte() as usize;
        if number >= 200 || self.parameters.is_empty() {
            let data = self.fresh()?;
            let parameter = match self.bytes.one_in(4) {
                true => Parameter::frozen(data),
                false => Parameter::try_new(data)?,
            };
            put(&mut self.parameters, number, parameter.share());
            return Ok(parameter);
        }
        Ok(self.parameters[number % self.parameters.len()].share())
    }

    pub fn keep_parameter(&mut self, parameter: Parameter) {
        let slot = self.bytes.byte() as usize;
        put(&mut self.parameters, slot, parameter);
    }

    pub fn buffer(&mut self) -> Result<Buffer> {
        let number = self.bytes.byte() as usize;
        if number >= 200 || self.buffers.is_empty() {
            let data = self.tensor()?;
            let buffer = match self.bytes.flag() {
                true => Buffer::new(data),
                false => Buffer::non_persistent(data),
            };
            put(&mut self.buffers, number, buffer.share());
            return Ok(buffer);
        }
        Ok(self.buffers[number % self.buffers.len()].share())
    }

    pub fn keep_module(&mut self, module: impl Into<Box<dyn Forward>>) {
        let slot = self.bytes.byte() as usize;
        let module = module.into();
        // Containers of containers would grow without end.
        if module.named_modules_with(Listing::with_duplicates()).len() <= 40 {
            put(&mut self.modules, slot, module);
        }
    }

    /// A module of the pool: another handle to it.
    pub fn module(&mut self) -> Box<dyn Forward> {
        let number = self.bytes.byte() as usize;
        match self.modules.len() {
            0 => Identity::new().into(),
            n => self.modules[number % n].share_forward(),
        }
    }

    pub fn state_dict(&mut self) -> StateDict {
        let number = self.bytes.byte() as usize;
        match self.state_dicts.len() {
            0 => StateDict::new(),
            n => self.state_dicts[number % n].clone(),
        }
    }

    pub fn keep_state_dict(&mut self, dict: StateDict) {
        let slot = self.bytes.byte() as usize;
        put(&mut self.state_dicts, slot, dict);
    }

    /// The sum of a result, backward: what was computed has a gradient, or an error.
    pub fn backward_of(&mut self, t: &Tensor) -> Result<()> {
        if t.requires_grad() && t.numel() <= self.limits.kept {
            t.sum()?.backward()?;
        }
        Ok(())
    }

    /// Keeps a result; now and then with a step backward through what led to it.
    pub fn keep_and_go_back(&mut self, t: Tensor) -> Result<()> {
        if self.bytes.one_in(3) {
            self.backward_of(&t)?;
        }
        self.keep(t)
    }
}
