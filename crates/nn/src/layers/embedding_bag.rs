//! [`EmbeddingBag`].

use pleach_core::print::python_str;
use pleach_core::{DType, Error, Parameter, Result, Tensor};

use super::embedding::{norm_text, refuse_sparse, reset_table, rows_and_width, table};
use crate::functional::{self, EmbeddingBagMode, EmbeddingBagOptions};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{ForwardMany, Module, Node};

/// A table of vectors of which bags are looked up by number, each as the mean (the default), the sum or
/// the largest elements of its vectors: [`functional::embedding_bag`].
///
/// It is called with the numbers, the offsets and the weights of single numbers:
/// `bag.call((&input, None, None))`.
///
/// Shapes: input of i64 or i32, either `[B, N]`, a bag a row, without offsets, or `[N]` with offsets
/// `[B]`, where each bag begins (`[B + 1]` with `include_last_offset`); the weights of single numbers
/// have the input's shape, and go with the mode `"sum"` alone. Output `[B, embedding_dim]`; a bag without
/// numbers gives zeros.
///
/// The weight starts standard normal. The row `padding_idx` starts at 0, is in no bag and gets no
/// gradient. With `max_norm`, a call first scales rows that it uses and that are longer down to that
/// norm, in the weight itself.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{ForwardMany, layers::EmbeddingBag};
///
/// let table = tensor![[1.0, 2.0], [3.0, 4.0]];
/// let mean = EmbeddingBag::from_pretrained(&table).build()?;
/// let y = mean.call((&tensor![[0, 1], [1, 1]], None, None))?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0, 3.0, 3.0, 4.0]);
/// assert_eq!(mean.to_string(), "EmbeddingBag(2, 2, mode='mean')");
///
/// let sum = EmbeddingBag::from_pretrained(&table).mode("sum").build()?;
/// let y = sum.call((&tensor![0, 1, 1], Some(&tensor![0, 1]), Some(&tensor![10.0, 0.5, 0.5])))?;
/// assert_eq!(y.to_vec::<f32>()?, [10.0, 20.0, 3.0, 4.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct EmbeddingBag {
    node: Node,
    /// Rows of the table.
    pub num_embeddings: usize,
    /// Length of a row.
    pub embedding_dim: usize,
    /// `[num_embeddings, embedding_dim]`.
    pub weight: Parameter,
    /// The norm that rows are scaled down to.
    pub max_norm: Option<f64>,
    /// Which norm that is.
    pub norm_type: f64,
    /// Whether a row's gradient is divided by how often a call names it.
    pub scale_grad_by_freq: bool,
    /// How the rows of a bag become one.
    #[module(skip)]
    pub mode: EmbeddingBagMode,
    /// PyTorch's flag for sparse gradients, which do not exist here: see
    /// [`EmbeddingBagBuilder::sparse`].
    pub sparse: bool,
    /// Whether the last offset is the end of the last bag.
    pub include_last_offset: bool,
    /// The row that is in no bag.
    pub padding_idx: Option<usize>,
}

impl EmbeddingBag {
    /// A layer with PyTorch's defaults, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`EmbeddingBagBuilder::build`].
    #[track_caller]
    pub fn new(num_embeddings: usize, embedding_dim: usize) -> Self {
        or_panic(Self::builder(num_embeddings, embedding_dim).build())
    }

    /// A layer with options.
    pub fn builder(num_embeddings: usize, embedding_dim: usize) -> EmbeddingBagBuilder {
        EmbeddingBagBuilder {
            size: [num_embeddings, embedding_dim],
            weight: None,
            freeze: false,
            max_norm: None,
            norm_type: 2.0,
            scale_grad_by_freq: false,
            mode: Ok(EmbeddingBagMode::Mean),
            sparse: false,
            include_last_offset: false,
            padding_idx: None,
            dtype: DType::F32,
        }
    }

    /// A layer with this table, `[num_embeddings, embedding_dim]`, which is frozen unless
    /// [`freeze(false)`](EmbeddingBagBuilder::freeze) says otherwise.
    pub fn from_pretrained(embeddings: impl Into<Tensor>) -> EmbeddingBagBuilder {
        let embeddings = embeddings.into();
        EmbeddingBagBuilder {
            weight: Some(embeddings),
            freeze: true,
            ..Self::builder(0, 0)
        }
    }

    /// Draws the initial values again.
    ///
    /// # Errors
    /// If the padding's row is none of the weight's.
    pub fn reset_parameters(&self) -> Result<()> {
        reset_table(&self.weight, self.padding_idx)
    }

    fn extra_repr(&self) -> String {
        let mut text = format!("{}, {}", self.num_embeddings, self.embedding_dim);
        text += &norm_text(self.max_norm, self.norm_type, self.scale_grad_by_freq);
        text += &format!(", mode={}", python_str(&self.mode.to_string()));
        if let Some(row) = self.padding_idx {
            text += &format!(", padding_idx={row}");
        }
        text
    }
}

impl ForwardMany for EmbeddingBag {
    type Arguments<'a> = (&'a Tensor, Option<&'a Tensor>, Option<&'a Tensor>);
    type Output = Tensor;

    fn forward(&self, (input, offsets, psw): Self::Arguments<'_>) -> Result<Tensor> {
        refuse_sparse(self.sparse, &self.weight)?;
        if let Some(max_norm) = self.max_norm {
            functional::embedding_renorm_(&self.weight, input, max_norm, self.norm_type)?;
        }
        let options = EmbeddingBagOptions::new()
            .offsets(offsets)
            .scale_grad_by_freq(self.scale_grad_by_freq)
            .mode(self.mode)
            .per_sample_weights(psw)
            .include_last_offset(self.include_last_offset)
            .padding_idx(self.padding_idx.and_then(|row| i64::try_from(row).ok()));
        functional::embedding_bag(input, &self.weight.try_tensor()?, options)
    }
}

/// Options of an [`EmbeddingBag`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EmbeddingBagBuilder {
    size: [usize; 2],
    weight: Option<Tensor>,
    freeze: bool,
    max_norm: Option<f64>,
    norm_type: f64,
    scale_grad_by_freq: bool,
    mode: Result<EmbeddingBagMode>,
    sparse: bool,
    include_last_offset: bool,
    padding_idx: Option<i64>,
    dtype: DType,
}

impl EmbeddingBagBuilder {
    setters! {
        |builder| builder;
        /// The norm that rows are scaled down to when they are used (no norm, by default).
        max_norm: impl Into<Option<f64>> = max_norm.into();
        /// Which norm that is (2 by default).
        norm_type: f64 = norm_type;
        /// Whether a row's gradient is divided by how often a call names it (no, by default); not for
        /// the mode `"max"`.
        scale_grad_by_freq: bool = scale_grad_by_freq;
        /// How the rows of a bag become one: `"sum"`, `"mean"` (the default) or `"max"`, or an
        /// [`EmbeddingBagMode`].
        mode: impl TryInto<EmbeddingBagMode, Error: Into<Error>> = given(mode);
        /// PyTorch's flag for gradients that are sparse tensors (no, by default). There are none here: a
        /// layer with the flag computes, but calling it is an error while its weight needs a gradient.
        sparse: bool = sparse;
        /// Whether the last offset is the end of the last bag (no, by default).
        include_last_offset: bool = include_last_offset;
        /// The row that starts at 0 (unless the table is given), is in no bag and gets no gradient
        /// (none by default); a negative one counts from the end.
        padding_idx: impl Into<Option<i64>> = padding_idx.into();
        /// Whether the weight gets no gradient (no, by default, but yes for a table that was given).
        freeze: bool = freeze;
        /// The dtype of the weight (f32 by default); a table that was given keeps its own.
        dtype: DType = dtype;
    }

    /// Builds the layer and draws its initial values, unless the table is given.
    ///
    /// # Errors
    /// If the mode is unknown, the padding is not in the table, the table that was given has not two
    /// dimensions, the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<EmbeddingBag> {
        let mode = self.mode?;
        let (weight, padding_idx) = table(
            self.size,
            self.weight,
            self.padding_idx,
            self.dtype,
            "padding_idx must be within num_embeddings",
        )?;
        weight.set_requires_grad(!self.freeze)?;
        let [num_embeddings, embedding_dim] = rows_and_width(&weight)?;
        Ok(EmbeddingBag {
            node: Node::new(),
            num_embeddings,
            embedding_dim,
            weight,
            max_norm: self.max_norm,
            norm_type: self.norm_type,
            scale_grad_by_freq: self.scale_grad_by_freq,
            mode,
            sparse: self.sparse,
            include_last_offset: self.include_last_offset,
            padding_idx,
        })
    }
}
