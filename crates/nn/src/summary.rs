//! [`summary`]: what a model consists of and what it computes, as a table.

mod column;
mod rows;
mod table;

use pleach_core::autograd::trace::trace;
use pleach_core::{Error, Generator, Result, Tensor, no_grad};

pub use self::column::SummaryColumn;
pub use self::rows::SummaryRow;
use self::rows::{bytes_of, trainable};
use crate::{Forward, Module, Node};

/// What a model consists of and what it computes for an input; [`summary`] makes it.
///
/// Its text is the table of Python's `torchinfo`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The calls of modules in the order in which they began.
    pub rows: Vec<SummaryRow>,
    /// The number of elements of all parameters, each counted once.
    pub parameters: usize,
    /// How many of them require a gradient.
    pub trainable: usize,
    /// The multiply-adds of the whole model: the products that its convolutions, linear layers and
    /// matrix products sum.
    pub multiply_adds: u64,
    /// The size of the inputs.
    pub input_bytes: usize,
    /// The size of the parameters.
    pub parameter_bytes: usize,
    /// The size of the outputs of layers with parameters, and of their gradients.
    pub forward_backward_bytes: usize,
    depth: usize,
    columns: Vec<SummaryColumn>,
    names: bool,
}

impl Summary {
    /// How many elements of parameters require no gradient.
    pub fn non_trainable(&self) -> usize {
        self.parameters - self.trainable
    }

    /// How deep the printed table goes (3 by default); a row at that depth stands for all below it.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The columns of the printed table (output shape, parameters and multiply-adds by default).
    #[must_use]
    pub fn columns(mut self, columns: &[SummaryColumn]) -> Self {
        self.columns = columns.to_vec();
        self
    }

    /// Whether the printed table has the names of members beside their types (no, by default).
    #[must_use]
    pub fn names(mut self, names: bool) -> Self {
        self.names = names;
        self
    }
}

/// Runs a model once and says what it consists of: each call of a module with its shapes, parameters
/// and multiply-adds, and their sums.
///
/// As in `torchinfo`, the model runs in evaluation mode and without recording gradients; afterwards
/// every module is in the mode it was in. Running statistics do not change, and what the model draws
/// from the thread's generator is given back.
///
/// Multiply-adds are counted by the operations that ran, whoever called them; `torchinfo` estimates
/// them from layers' parameters, biases and normalisations among them.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{layers::{Conv2d, Flatten, Linear, ReLU}, sequential, summary};
/// let net = sequential![Conv2d::new(3, 8, 3), ReLU::new(), Flatten::new(), Linear::new(288, 10)];
/// let summary = summary(&net, &Tensor::zeros([1, 3, 8, 8]))?;
/// assert_eq!(summary.parameters, 3 * 8 * 9 + 8 + 288 * 10 + 10);
/// assert_eq!(summary.multiply_adds, 6 * 6 * 8 * 3 * 9 + 288 * 10);
/// let text = summary.to_string();
/// let lines: Vec<_> = text.lines().skip(3).take(4).map(str::trim_end).collect();
/// assert_eq!(lines, [
///     "Sequential                               [1, 10]                   --                        --",
///     "├─Conv2d: 1-1                            [1, 8, 6, 6]              224                       7,776",
///     "├─ReLU: 1-2                              [1, 8, 6, 6]              --                        --",
///     "├─Flatten: 1-3                           [1, 288]                  --                        --",
/// ]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// What the model returns.
pub fn summary<M: Forward + ?Sized>(model: &M, input: &Tensor) -> Result<Summary> {
    summary_of(model, |model| model.call(input))
}

/// [`summary`] of a model that is called by a function: one with several inputs, say.
///
/// ```
/// use pleach::nn::{ForwardMany, Module, layers::Linear, Forward, summary_of};
/// use pleach::{Result, Tensor};
///
/// #[derive(Module)]
/// struct Sum {
///     left: Linear,
///     right: Linear,
/// }
/// impl ForwardMany for Sum {
///     type Arguments<'a> = (&'a Tensor, &'a Tensor);
///     type Output = Tensor;
///     fn forward(&self, (a, b): Self::Arguments<'_>) -> Result<Tensor> {
///         self.left.call(a)?.add(self.right.call(b)?)
///     }
/// }
/// let net = Sum { left: Linear::new(4, 2), right: Linear::new(3, 2) };
/// let (a, b) = (Tensor::ones([5, 4]), Tensor::ones([5, 3]));
/// let summary = summary_of(&net, |net| net.call((&a, &b)))?;
/// assert_eq!(summary.multiply_adds, 5 * 4 * 2 + 5 * 3 * 2);
/// assert_eq!(summary.input_bytes, 5 * (4 + 3) * 4);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// What `run` returns.
pub fn summary_of<M: Module + ?Sized, R>(
    model: &M,
    run: impl FnOnce(&M) -> Result<R>,
) -> Result<Summary> {
    let root = model.as_module();
    let generator = Generator::new();
    generator
        .set_state(&Generator::current().get_state())
        .map_err(Error::other)?;
    let graph = {
        let _modes = Evaluating::begin(root);
        let run = || trace(|| run(model));
        generator.scope(|| no_grad(run))?.1
    };
    let rows = rows::rows(root, &graph);
    let outermost = graph
        .calls()
        .iter()
        .filter(|call| call.module().caller().is_none());
    let inputs = outermost.flat_map(|call| call.inputs());
    let layers = rows.iter().filter(|row| row.is_leaf && row.parameters > 0);
    let mut summary = Summary {
        // As much again for gradients.
        forward_backward_bytes: layers.fold(0, |sum, row| {
            row.output_bytes.saturating_mul(2).saturating_add(sum)
        }),
        rows,
        parameters: 0,
        trainable: 0,
        multiply_adds: graph.operations().iter().map(|o| o.multiply_adds()).sum(),
        input_bytes: inputs.fold(0, |sum, &value| {
            bytes_of(graph.shape(value), graph.dtype(value)).saturating_add(sum)
        }),
        parameter_bytes: 0,
        depth: 3,
        columns: vec![
            SummaryColumn::OutputSize,
            SummaryColumn::Parameters,
            SummaryColumn::MultiplyAdds,
        ],
        names: false,
    };
    for parameter in root.parameters() {
        summary.parameters += parameter.numel();
        summary.trainable += trainable(&parameter);
        let bytes = bytes_of(&parameter.shape(), parameter.dtype());
        summary.parameter_bytes = summary.parameter_bytes.saturating_add(bytes);
    }
    Ok(summary)
}

/// Evaluation mode for all modules; the old modes come back when this is dropped.
struct Evaluating(Vec<(Node, bool)>);

impl Evaluating {
    fn begin(root: &dyn Module) -> Self {
        let mut modes = Vec::new();
        root.each_node(&mut |node| {
            modes.push((node.share(), node.training_set()));
            node.set_training(false);
        });
        Evaluating(modes)
    }
}

impl Drop for Evaluating {
    fn drop(&mut self) {
        for (node, training) in &self.0 {
            node.set_training(*training);
        }
    }
}
