//! How a tensor prints: which elements are read, and what follows them.

use std::fmt;

use super::History;
use crate::print::{
    Block, Cells, PrintOptions, close, print_options, python_bool, python_tuple, shown,
};
use crate::{DType, Element, Tensor};

/// PyTorch's `print(tensor)`, under the [print options](crate::print::PrintOptions) in force; a
/// precision in the format (`{x:.2}`) stands above theirs.
///
/// Only the elements that are shown are read, so a large tensor prints as fast as a small one.
///
/// ```
/// use pleach::{tensor, Tensor};
/// assert_eq!(tensor![[1.0, -2.0], [0.0, 3.0]].to_string(), "\
/// tensor([[ 1., -2.],
///         [ 0.,  3.]])");
/// let x = tensor![0.5].requires_grad_(true)?;
/// assert_eq!(x.to_string(), "tensor([0.5000], requires_grad=True)");
/// assert_eq!((&x * 2.0).to_string(), "tensor([1.], grad_fn=<MulBackward0>)");
/// assert_eq!(format!("{:.1}", x.detach()), "tensor([0.5])");
/// assert_eq!(Tensor::zeros([2, 0]).to_string(), "tensor([], size=(2, 0))");
/// # Ok::<(), pleach::Error>(())
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = print_options();
        if let Some(precision) = f.precision() {
            options.precision = precision;
        }
        let body = self.body_text(&options);
        f.write_str(&close(&body, &self.suffixes(), &options))
    }
}

/// The same text as [`Display`](fmt::Display).
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Tensor {
    fn body_text(&self, options: &PrintOptions) -> String {
        if self.numel() == 0 {
            return "[]".to_string();
        }
        let edge = (self.numel() > options.threshold).then_some(options.edgeitems);
        let cells = if self.dtype().is_float() {
            let values = dispatch_all!(self.dtype(), T => self.visible(edge, T::to_f64));
            Cells::floats(&values, options)
        } else {
            Cells::plain(self.plain_texts(edge))
        };
        let block = Block {
            cells: &cells,
            linewidth: options.linewidth,
            edge,
        };
        block.text(self.shape())
    }

    /// What stands behind the elements, in order (spec: printing, 1.6).
    fn suffixes(&self) -> Vec<String> {
        let mut suffixes = Vec::new();
        let empty = self.numel() == 0;
        if empty && self.rank() != 1 {
            suffixes.push(format!("size={}", python_tuple(self.shape())));
        }
        let named_by_its_text = match self.dtype() {
            DType::F32 => true,
            // Without an element to show there is nothing to tell them by.
            DType::I64 | DType::Bool => !empty,
            _ => false,
        };
        if !named_by_its_text {
            suffixes.push(format!("dtype={}", self.dtype()));
        }
        match self.history() {
            History::None | History::Blocked(_) => {}
            History::Leaf(_) => suffixes.push("requires_grad=True".to_string()),
            History::Op { node, .. } => suffixes.push(format!("grad_fn=<{}>", node.name())),
        }
        suffixes
    }

    /// The visible elements of a tensor of integers or booleans, as Python writes them.
    pub(crate) fn plain_texts(&self, edge: Option<usize>) -> Vec<String> {
        match self.dtype() {
            DType::Bool => self.visible(edge, |v: bool| python_bool(v).to_string()),
            dtype => dispatch_all!(dtype, T => self.visible(edge, |v: T| v.to_i64().to_string())),
        }
    }

    /// The visible elements in row-major order; no other is read.
    fn visible<T: Element, V>(&self, edge: Option<usize>, convert: impl Fn(T) -> V) -> Vec<V> {
        let data = self
            .base_slice::<T>()
            .expect("the caller dispatched on the dtype");
        let mut offsets = vec![0];
        for (&size, &stride) in self.shape().iter().zip(self.strides()) {
            offsets = offsets
                .iter()
                .flat_map(|&start| shown(size, edge).map(move |at| start + at * stride))
                .collect();
        }
        offsets.iter().map(|&at| convert(data[at])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::{Operation, Own, apply};
    use crate::print::with_print_options;
    use crate::{Parameter, Result, tensor};

    fn text(values: &[f32]) -> String {
        Tensor::from(ndarray::aview1(values)).to_string()
    }

    // The expected texts are those of the printing spec's prose.

    #[test]
    fn the_smallest_value_shown_decides_between_fixed_and_scientific() {
        assert_eq!(text(&[1.0, 2000.0]), "tensor([1.0000e+00, 2.0000e+03])");
        assert_eq!(text(&[-0.0, 0.0]), "tensor([-0., 0.])");
        assert_eq!(text(&[f32::NEG_INFINITY, 0.5]), "tensor([  -inf, 0.5000])");
        assert_eq!(text(&[f32::NAN, 1.0]), "tensor([nan, 1.])");
        assert_eq!(Tensor::scalar(9.9e-5).to_string(), "tensor(9.9000e-05)");
    }

    #[test]
    fn scalars_print_without_brackets() -> Result<()> {
        let x = Tensor::scalar(3.0);
        assert_eq!(x.to_string(), "tensor(3.)");
        assert_eq!(x.to_dtype(DType::I64)?.to_string(), "tensor(3)");
        assert_eq!(x.to_dtype(DType::Bool)?.to_string(), "tensor(True)");
        assert_eq!(
            x.to_dtype(DType::BF16)?.to_string(),
            "tensor(3., dtype=torch.bfloat16)"
        );
        Ok(())
    }

    #[test]
    fn a_tensor_without_elements_names_what_cannot_be_seen() -> Result<()> {
        let of =
            |shape: &[usize], dtype| Tensor::zeros(shape).to_dtype(dtype).map(|x| x.to_string());
        assert_eq!(of(&[0], DType::F32)?, "tensor([])");
        assert_eq!(of(&[0], DType::I64)?, "tensor([], dtype=torch.int64)");
        assert_eq!(of(&[0], DType::Bool)?, "tensor([], dtype=torch.bool)");
        assert_eq!(
            of(&[0, 3], DType::F64)?,
            "tensor([], size=(0, 3), dtype=torch.float64)"
        );
        Ok(())
    }

    #[test]
    fn summaries_start_above_the_threshold() {
        assert!(!Tensor::zeros([1000]).to_string().contains("..."));
        assert_eq!(
            Tensor::zeros([1001]).to_string(),
            "tensor([0., 0., 0.,  ..., 0., 0., 0.])"
        );
        // Short dimensions are shown whole.
        let row = "[0., 0., 0.,  ..., 0., 0., 0.]";
        assert_eq!(
            Tensor::zeros([3, 500]).to_string(),
            format!("tensor([{row},\n        {row},\n        {row}])")
        );
    }

    #[test]
    fn a_hidden_element_changes_nothing() -> Result<()> {
        let mut x = Tensor::zeros([1001]);
        x.update::<f32>(|mut x| x[[500]] = 1e-9)?;
        assert_eq!(x.to_string(), "tensor([0., 0., 0.,  ..., 0., 0., 0.])");
        Ok(())
    }

    #[test]
    fn a_huge_view_reads_only_what_it_shows() -> Result<()> {
        // Reading all 10^14 elements would never end.
        let x = tensor![[1.0], [2.0]].expand([10_000_000, 2, 5_000_000])?;
        let x = x.transpose(0, 2)?;
        let matrix = "[[1., 1., 1.,  ..., 1., 1., 1.],\n         [2., 2., 2.,  ..., 2., 2., 2.]]";
        let start = format!("tensor([{matrix},\n\n        {matrix},\n\n");
        assert!(x.to_string().starts_with(&start), "{x}");
        assert!(x.to_string().contains("]],\n\n        ...,\n\n        [["));
        Ok(())
    }

    #[test]
    fn views_print_the_elements_they_show() -> Result<()> {
        let x = Tensor::arange(6).view([2, 3])?;
        assert_eq!(
            x.transpose(0, 1)?.to_string(),
            "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])"
        );
        assert_eq!(x.select(1, 2)?.to_string(), "tensor([2, 5])");
        Ok(())
    }

    #[derive(Clone)]
    struct House;

    impl Operation for House {
        type Inputs<'a> = &'a Tensor;
        type Outputs = Tensor;
        fn name(&self) -> &'static str {
            "house"
        }
        fn grad_name(&self) -> &'static str {
            "HouseBackward7"
        }
        fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
            x.add(1.0)
        }
    }

    #[test]
    fn a_history_is_named_by_its_operation() -> Result<()> {
        let x = tensor![0.5].requires_grad_(true)?;
        let y = apply(House, &x)?;
        assert_eq!(y.to_string(), "tensor([1.5000], grad_fn=<HouseBackward7>)");
        assert_eq!(y.detach().to_string(), "tensor([1.5000])");
        Ok(())
    }

    #[test]
    fn a_parameter_has_a_header_and_its_data_has_none() -> Result<()> {
        let w = Parameter::new(tensor![0.5]);
        assert_eq!(
            w.to_string(),
            "Parameter containing:\ntensor([0.5000], requires_grad=True)"
        );
        assert_eq!(w.data().to_string(), "tensor([0.5000])");
        w.set_requires_grad(false)?;
        assert_eq!(w.to_string(), "Parameter containing:\ntensor([0.5000])");
        Ok(())
    }

    #[test]
    fn no_edge_items_leave_the_dots_alone() {
        // `_vector_str` and `_tensor_str_with_formatter` of torch/_tensor_str.py with edgeitems 0.
        let options = PrintOptions {
            threshold: 1,
            edgeitems: 0,
            ..PrintOptions::default()
        };
        with_print_options(options, || {
            assert_eq!(Tensor::zeros([3]).to_string(), "tensor([...])");
            assert_eq!(Tensor::zeros([3, 2]).to_string(), "tensor([...])");
        });
    }
}
