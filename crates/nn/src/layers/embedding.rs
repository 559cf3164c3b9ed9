//! [`Embedding`].

use pleach_core::autograd::is_grad_enabled;
use pleach_core::print::python_float;
use pleach_core::{DType, Error, Parameter, Result, Tensor, no_grad};
use pleach_init::normal_;

use super::default_init::{check_float, empty_parameter};
use crate::functional::{self, EmbeddingOptions, check_padding};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// A table of vectors, looked up by number: [`functional::embedding`].
///
/// Shapes: input `[*]` of i64 or i32, output `[*, embedding_dim]`.
///
/// The weight starts standard normal. The row `padding_idx` starts at 0 and gets no gradient. With
/// `max_norm`, a call first scales rows that it uses and that are longer down to that norm, in the
/// weight itself.
///
/// ```
/// use pleach::{manual_seed, tensor};
/// use pleach::nn::{Forward, layers::Embedding};
///
/// manual_seed(0);
/// let embedding = Embedding::builder(10, 2).padding_idx(-10).build()?;
/// let y = embedding.call(&tensor![[1, 0]])?;
/// assert_eq!(y.shape(), [1, 2, 2]);
/// assert_eq!(y.to_vec::<f32>()?[2..], [0.0, 0.0]);
/// assert_eq!(embedding.to_string(), "Embedding(10, 2, padding_idx=0)");
///
/// let known = Embedding::from_pretrained(tensor![[1.0, 2.0], [3.0, 4.0]]).build()?;
/// assert_eq!(known.call(&tensor![1])?.to_vec::<f32>()?, [3.0, 4.0]);
/// assert!(!known.weight.requires_grad());
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Embedding {
    node: Node,
    /// Rows of the table.
    pub num_embeddings: usize,
    /// Length of a row.
    pub embedding_dim: usize,
    /// `[num_embeddings, embedding_dim]`.
    pub weight: Parameter,
    /// The row that gets no gradient.
    pub padding_idx: Option<usize>,
    /// The norm that rows are scaled down to.
    pub max_norm: Option<f64>,
    /// Which norm that is.
    pub norm_type: f64,
    /// Whether a row's gradient is divided by how often a call names it.
    pub scale_grad_by_freq: bool,
    /// PyTorch's flag for sparse gradients, which do not exist here: see
    /// [`EmbeddingBuilder::sparse`].
    pub sparse: bool,
}

impl Embedding {
    /// A layer with PyTorch's defaults, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`EmbeddingBuilder::build`].
    #[track_caller]
    pub fn new(num_embeddings: usize, embedding_dim: usize) -> Self {
        or_panic(Self::builder(num_embeddings, embedding_dim).build())
    }

    /// A layer with options.
    pub fn builder(num_embeddings: usize, embedding_dim: usize) -> EmbeddingBuilder {
        EmbeddingBuilder {
            size: [num_embeddings, embedding_dim],
            weight: None,
            freeze: false,
            padding_idx: None,
            max_norm: None,
            norm_type: 2.0,
            scale_grad_by_freq: false,
            sparse: false,
            dtype: DType::F32,
        }
    }

    /// A layer with this table, `[num_embeddings, embedding_dim]`, which is frozen unless
    /// [`freeze(false)`](EmbeddingBuilder::freeze) says otherwise.
    pub fn from_pretrained(embeddings: impl Into<Tensor>) -> EmbeddingBuilder {
        let embeddings = embeddings.into();
        EmbeddingBuilder {
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
        if let Some(row) = self.padding_idx {
            text += &format!(", padding_idx={row}");
        }
        text += &norm_text(self.max_norm, self.norm_type, self.scale_grad_by_freq);
        if self.sparse {
            text += ", sparse=True";
        }
        text
    }
}

impl Forward for Embedding {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        refuse_sparse(self.sparse, &self.weight)?;
        if let Some(max_norm) = self.max_norm {
            functional::embedding_renorm_(&self.weight, input, max_norm, self.norm_type)?;
        }
        let options = EmbeddingOptions::new()
            .padding_idx(self.padding_idx.and_then(|row| i64::try_from(row).ok()))
            .scale_grad_by_freq(self.scale_grad_by_freq);
        functional::embedding(input, &self.weight.try_tensor()?, options)
    }
}

/// Options of an [`Embedding`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EmbeddingBuilder {
    size: [usize; 2],
    weight: Option<Tensor>,
    freeze: bool,
    padding_idx: Option<i64>,
    max_norm: Option<f64>,
    norm_type: f64,
    scale_grad_by_freq: bool,
    sparse: bool,
    dtype: DType,
}

impl EmbeddingBuilder {
    setters! {
        |builder| builder;
        /// The row that starts at 0 (unless the table is given) and gets no gradient (none by default); a
        /// negative one counts from the end.
        padding_idx: impl Into<Option<i64>> = padding_idx.into();
        /// The norm that rows are scaled down to when they are used (no norm, by default).
        max_norm: impl Into<Option<f64>> = max_norm.into();
        /// Which norm that is (2 by default).
        norm_type: f64 = norm_type;
        /// Whether a row's gradient is divided by how often a call names it (no, by default).
        scale_grad_by_freq: bool = scale_grad_by_freq;
        /// PyTorch's flag for gradients that are sparse tensors (no, by default). There are none here: a
        /// layer with the flag prints it and computes, but calling it is an error while its weight needs
        /// a gradient.
        sparse: bool = sparse;
        /// Whether the weight gets no gradient (no, by default, but yes for a table that was given).
        freeze: bool = freeze;
        /// The dtype of the weight (f32 by default); a table that was given keeps its own.
        dtype: DType = dtype;
    }

    /// Builds the layer and draws its initial values, unless the table is given.
    ///
    /// # Errors
    /// If the padding is not in the table, the table that was given has not two dimensions, the dtype
    /// is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<Embedding> {
        let (weight, padding_idx) = table(
            self.size,
            self.weight,
            self.padding_idx,
            self.dtype,
            "Padding_idx must be within num_embeddings",
        )?;
        weight.set_requires_grad(!self.freeze)?;
        let [num_embeddings, embedding_dim] = rows_and_width(&weight)?;
        Ok(Embedding {
            node: Node::new(),
            num_embeddings,
            embedding_dim,
            weight,
            padding_idx,
            max_norm: self.max_norm,
            norm_type: self.norm_type,
            scale_grad_by_freq: self.scale_grad_by_freq,
            sparse: self.sparse,
        })
    }
}

/// The table, given or drawn, and the padding's row in it.
pub(super) fn table(
    size: [usize; 2],
    given: Option<Tensor>,
    padding_idx: Option<i64>,
    dtype: DType,
    refusal: &str,
) -> Result<(Parameter, Option<usize>)> {
    check_float(given.as_ref().map_or(dtype, Tensor::dtype))?;
    let rows = match &given {
        Some(table) if table.rank() != 2 => {
            return Err(Error::shape(
                "Embeddings parameter is expected to be 2-dimensional",
            ));
        }
        Some(table) => table.shape()[0],
        None => size[0],
    };
    let padding = check_padding(padding_idx, rows).ok_or_else(|| Error::value(refusal))?;
    let weight = match given {
        Some(table) => Parameter::try_new(table.detach())?,
        None => {
            let weight = empty_parameter(&size, dtype)?;
            reset_table(&weight, padding)?;
            weight
        }
    };
    Ok((weight, padding))
}

/// The sizes of a table.
pub(super) fn rows_and_width(weight: &Parameter) -> Result<[usize; 2]> {
    <[usize; 2]>::try_from(weight.shape())
        .map_err(|_| Error::shape("Embeddings parameter is expected to be 2-dimensional"))
}

/// Draws a table's values; those of the padding are 0.
pub(super) fn reset_table(weight: &Parameter, padding: Option<usize>) -> Result<()> {
    normal_(weight, 0.0, 1.0)?;
    match padding {
        None => Ok(()),
        Some(row) => no_grad(|| weight.data().index_put_(row, 0.0).map(drop)),
    }
}

/// How the options of the norm print, where they are not the default.
pub(super) fn norm_text(max_norm: Option<f64>, norm_type: f64, by_frequency: bool) -> String {
    let mut text = String::new();
    if let Some(max_norm) = max_norm {
        text += &format!(", max_norm={}", python_float(max_norm));
    }
    if norm_type != 2.0 {
        text += &format!(", norm_type={}", python_float(norm_type));
    }
    if by_frequency {
        text += ", scale_grad_by_freq=True";
    }
    text
}

/// The refusal of a sparse gradient.
pub(super) fn refuse_sparse(sparse: bool, weight: &Parameter) -> Result<()> {
    match sparse && is_grad_enabled() && weight.requires_grad() {
        true => Err(Error::value(
            "sparse=True: there are no sparse tensors, so the weight's gradient cannot be one",
        )
        .with_hint("without `sparse` the gradient is a dense tensor; under `no_grad`, and for a frozen weight, the flag does not matter")),
        false => Ok(()),
    }
}
