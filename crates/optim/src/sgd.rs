//! Stochastic gradient descent, with momentum.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use pleach_core::print::python_float;
use pleach_core::{DType, Element, Error, ParamId, Parameter, Result, Tensor};
use pleach_kernels::{Float, SgdStep, sgd_momentum_step, sgd_step};

use crate::coverage::OrphanWatch;
use crate::display::{flag, or_zero, write_optimizer};
use crate::fit::Place;
use crate::state::{StateValue, tensor_for};
use crate::{Optimizer, OptimizerState, check_groups};

/// Stochastic gradient descent: PyTorch's `torch.optim.SGD`.
///
/// For a gradient `g` (negated with `maximize`) of a parameter `p`:
///
/// ```text
/// d = g + weight_decay * p
/// b = d                                       at the parameter's first step
/// b = momentum * b + (1 - dampening) * d      later
/// p = p - lr * b                              (nesterov: d + momentum * b instead of b)
/// ```
///
/// Without momentum `b` is `d`. All parameters share the options, unless their group has its own:
///
/// ```
/// use pleach_core::{Parameter, Tensor};
/// use pleach_optim::{SGD, SgdGroup};
/// let (body, head) = (Parameter::new(Tensor::zeros([4])), Parameter::new(Tensor::zeros([2])));
/// let optimizer = SGD::with_groups(
///     [SgdGroup::new([body.share()]), SgdGroup::new([head.share()]).lr(1e-2)],
///     1e-3,
/// )
/// .momentum(0.9);
/// assert_eq!(optimizer.options(0).lr, 1e-3);
/// assert_eq!(optimizer.options(1).lr, 1e-2);
/// assert_eq!(optimizer.options(1).momentum, 0.9);
/// ```
///
/// Options are checked by the first [`step`](Optimizer::step); [`SGD::build`] checks them at once.
pub struct SGD {
    groups: Vec<SgdGroup>,
    defaults: SgdOptions,
    /// Momentum buffers, from a parameter's first step on.
    buffers: HashMap<ParamId, Tensor>,
    /// Whether groups and options were checked since they last changed.
    checked: bool,
    orphans: OrphanWatch,
}

/// The name of a momentum buffer in an [`OptimizerState`].
const MOMENTUM: &str = "momentum_buffer";

/// The options of [`SGD`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdOptions {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last step goes into the next one.
    pub momentum: f64,
    /// How much of the gradient is kept out of the momentum.
    pub dampening: f64,
    /// The L2 penalty.
    pub weight_decay: f64,
    /// Whether to look ahead along the momentum.
    pub nesterov: bool,
    /// Whether to climb instead of descend.
    pub maximize: bool,
}

impl SgdOptions {
    fn check(&self) -> Result<()> {
        let negative = |name: &str, value: f64| {
            if value < 0.0 || value.is_nan() {
                return Err(Error::value(format!("Invalid {name}: {value}")));
            }
            Ok(())
        };
        negative("learning rate", self.lr)?;
        negative("momentum value", self.momentum)?;
        negative("weight_decay value", self.weight_decay)?;
        if self.nesterov && (self.momentum <= 0.0 || self.dampening != 0.0) {
            return Err(Error::value(
                "Nesterov momentum requires a momentum and zero dampening",
            ));
        }
        Ok(())
    }
}

/// Parameters with options of their own; what is not set here is taken from the optimizer.
pub struct SgdGroup {
    params: Vec<Parameter>,
    lr: Option<f64>,
    momentum: Option<f64>,
    dampening: Option<f64>,
    weight_decay: Option<f64>,
    nesterov: Option<bool>,
    maximize: Option<bool>,
}

/// Writes the setters of a group and, with the same names, of the optimizer.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $ty:ty;)*) => {
        impl SgdGroup {$(
            $(#[$doc])*
            pub fn $name(mut self, $name: $ty) -> Self {
                self.$name = Some($name);
                self
            }
        )*}
        impl SGD {$(
            $(#[$doc])*
            ///
            /// For all groups that do not set it themselves.
            pub fn $name(mut self, $name: $ty) -> Self {
                self.defaults.$name = $name;
                self.checked = false;
                self
            }
        )*}
    };
}
options! {
    /// Sets the learning rate.
    lr: f64;
    /// Sets the momentum.
    momentum: f64;
    /// Sets the dampening of the momentum.
    dampening: f64;
    /// Sets the L2 penalty.
    weight_decay: f64;
    /// Turns Nesterov's look-ahead on or off.
    nesterov: bool;
    /// Turns climbing instead of descending on or off.
    maximize: bool;
}

impl SgdGroup {
    /// A group of these parameters.
    pub fn new(params: impl IntoIterator<Item = Parameter>) -> Self {
        SgdGroup {
            params: params.into_iter().collect(),
            lr: None,
            momentum: None,
            dampening: None,
            weight_decay: None,
            nesterov: None,
            maximize: None,
        }
    }

    fn set(&mut self, options: SgdOptions) {
        self.lr = Some(options.lr);
        self.momentum = Some(options.momentum);
        self.dampening = Some(options.dampening);
        self.weight_decay = Some(options.weight_decay);
        self.nesterov = Some(options.nesterov);
        self.maximize = Some(options.maximize);
    }

    fn options(&self, defaults: &SgdOptions) -> SgdOptions {
        SgdOptions {
            lr: self.lr.unwrap_or(defaults.lr),
            momentum: self.momentum.unwrap_or(defaults.momentum),
            dampening: self.dampening.unwrap_or(defaults.dampening),
            weight_decay: self.weight_decay.unwrap_or(defaults.weight_decay),
            nesterov: self.nesterov.unwrap_or(defaults.nesterov),
            maximize: self.maximize.unwrap_or(defaults.maximize),
        }
    }
}

fn no_group(group: usize) -> Error {
    Error::index(format!("there is no parameter group {group}"))
}

impl SGD {
    /// An optimizer of one group of parameters.
    pub fn new(params: impl IntoIterator<Item = Parameter>, lr: f64) -> Self {
        Self::with_groups([SgdGroup::new(params)], lr)
    }

    /// An optimizer of several groups; `lr` is the rate of those that set none.
    pub fn with_groups(groups: impl IntoIterator<Item = SgdGroup>, lr: f64) -> Self {
        SGD {
            groups: groups.into_iter().collect(),
            defaults: SgdOptions {
                lr,
                momentum: 0.0,
                dampening: 0.0,
                weight_decay: 0.0,
                nesterov: false,
                maximize: false,
            },
            buffers: HashMap::new(),
            checked: false,
            orphans: OrphanWatch::default(),
        }
    }

    /// Checks groups and options now instead of at the first step.
    ///
    /// # Errors
    /// If an option is outside its domain or the groups are unusable (see [`check_groups`]).
    pub fn build(mut self) -> Result<Self> {
        self.check()?;
        Ok(self)
    }

    /// The options of a group, by its number.
    ///
    /// # Panics
    /// If there is no such group; see [`SGD::try_options`].
    #[track_caller]
    pub fn options(&self, group: usize) -> SgdOptions {
        match self.try_options(group) {
            Ok(options) => options,
            Err(e) => panic!("{e}"),
        }
    }

    /// [`SGD::options`] as a `Result`.
    ///
    /// # Errors
    /// If there is no such group.
    pub fn try_options(&self, group: usize) -> Result<SgdOptions> {
        let found = self.groups.get(group).ok_or_else(|| no_group(group))?;
        Ok(found.options(&self.defaults))
    }

    /// Adds a group, as for layers that are unfrozen later.
    pub fn add_group(&mut self, group: SgdGroup) {
        self.groups.push(group);
        self.checked = false;
    }

    /// Sets the learning rate of every group, also of those that have their own.
    pub fn set_lr(&mut self, lr: f64) {
        self.defaults.lr = lr;
        self.groups.iter_mut().for_each(|g| g.lr = None);
        self.checked = false;
    }

    /// Sets the learning rate of one group.
    ///
    /// # Panics
    /// If there is no such group; see [`SGD::try_set_group_lr`].
    #[track_caller]
    pub fn set_group_lr(&mut self, group: usize, lr: f64) {
        if let Err(e) = self.try_set_group_lr(group, lr) {
            panic!("{e}");
        }
    }

    /// [`SGD::set_group_lr`] as a `Result`.
    ///
    /// # Errors
    /// If there is no such group.
    pub fn try_set_group_lr(&mut self, group: usize, lr: f64) -> Result<()> {
        let found = self.groups.get_mut(group);
        found.ok_or_else(|| no_group(group))?.lr = Some(lr);
        self.checked = false;
        Ok(())
    }

    /// The momentum buffer of a parameter, after its first step with momentum.
    pub fn momentum_buffer(&self, parameter: &Parameter) -> Option<&Tensor> {
        self.buffers.get(&parameter.id())
    }

    /// Checks that each parameter that has a gradient can be stepped.
    fn check_group(&self, number: usize) -> Result<()> {
        let group = &self.groups[number];
        let has_momentum = group.options(&self.defaults).momentum != 0.0;
        for (index, parameter) in group.params.iter().enumerate() {
            let Some(grad) = parameter.grad() else {
                continue;
            };
            let place = Place {
                optimizer: "SGD",
                group: number,
                index,
            };
            place.check(parameter, "gradient", &grad)?;
            if !matches!(grad.dtype(), DType::F32 | DType::F64) {
                return Err(Error::not_implemented("sgd", grad.dtype()));
            }
            if let Some(buffer) = self.momentum_buffer(parameter).filter(|_| has_momentum) {
                place.check(parameter, MOMENTUM, buffer)?;
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if !self.checked {
            for group in &self.groups {
                group.options(&self.defaults).check()?;
            }
            check_groups(&self.parameters())?;
            self.checked = true;
        }
        Ok(())
    }
}

/// PyTorch's text. `differentiable`, `foreach` and `fused` say how PyTorch computes; they are shown
/// with its defaults.
///
/// ```
/// use pleach_core::{Parameter, Tensor};
/// use pleach_optim::SGD;
/// let optimizer = SGD::new([Parameter::new(Tensor::zeros([2]))], 0.1).momentum(0.9);
/// assert_eq!(
///     optimizer.to_string(),
///     "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    \
///      fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0.9\n    nesterov: False\n    \
///      weight_decay: 0\n)"
/// );
/// ```
impl fmt::Display for SGD {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = (0..self.groups.len()).map(|group| {
            let options = self.options(group);
            vec![
                ("dampening", or_zero(options.dampening)),
                ("differentiable", flag(false)),
                ("foreach", "None".to_string()),
                ("fused", "None".to_string()),
                ("lr", python_float(options.lr)),
                ("maximize", flag(options.maximize)),
                ("momentum", or_zero(options.momentum)),
                ("nesterov", flag(options.nesterov)),
                ("weight_decay", or_zero(options.weight_decay)),
            ]
        });
        write_optimizer(f, "SGD", groups)
    }
}

impl Optimizer for SGD {
    fn step(&mut self) -> Result<()> {
        self.check()?;
        let groups: Vec<&[Parameter]> = self.groups.iter().map(|g| g.params.as_slice()).collect();
        self.orphans.check("SGD", &groups);
        // Everything is checked before anything is changed.
        for group in 0..self.groups.len() {
            self.check_group(group)?;
        }
        for group in &self.groups {
            let options = group.options(&self.defaults);
            for parameter in &group.params {
                let Some(grad) = parameter.grad() else {
                    continue;
                };
                match grad.dtype() {
                    DType::F32 => step::<f32>(parameter, &grad, &options, &mut self.buffers),
                    DType::F64 => step::<f64>(parameter, &grad, &options, &mut self.buffers),
                    other => Err(Error::not_implemented("sgd", other)),
                }?;
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<&[Parameter]> {
        self.groups.iter().map(|g| g.params.as_slice()).collect()
    }

    fn state_dict(&self) -> OptimizerState {
        let options = |group| {
            let options = self.options(group);
            let named = [
                ("lr", StateValue::Float(options.lr)),
                ("momentum", StateValue::or_zero(options.momentum)),
                ("dampening", StateValue::or_zero(options.dampening)),
                ("weight_decay", StateValue::or_zero(options.weight_decay)),
                ("nesterov", StateValue::Bool(options.nesterov)),
                ("maximize", StateValue::Bool(options.maximize)),
                ("foreach", StateValue::None),
                ("differentiable", StateValue::Bool(false)),
                ("fused", StateValue::None),
            ];
            named.map(|(name, value)| (name.to_string(), value)).into()
        };
        let own = |parameter: &Parameter| {
            let buffer = self.momentum_buffer(parameter).into_iter();
            buffer
                .map(|b| (MOMENTUM.to_string(), StateValue::Tensor(b.clone())))
                .collect()
        };
        OptimizerState::of(&self.parameters(), options, own)
    }

    fn load_state_dict(&mut self, state: &OptimizerState) -> Result<()> {
        let groups: Vec<&[Parameter]> = self.groups.iter().map(|g| g.params.as_slice()).collect();
        let parameters = state.parameters(&groups)?;
        let mut all_options = Vec::new();
        for group in &state.param_groups {
            let options = SgdOptions {
                lr: group.number("lr")?,
                momentum: group.number("momentum")?,
                dampening: group.number("dampening")?,
                weight_decay: group.number("weight_decay")?,
                nesterov: group.flag("nesterov")?,
                maximize: group.flag("maximize")?,
            };
            options.check()?;
            all_options.push(options);
        }
        let mut buffers = HashMap::new();
        for (number, own) in &state.state {
            let buffer = own.iter().find(|(name, _)| name == MOMENTUM);
            if let (Some((_, StateValue::Tensor(buffer))), Some(parameter)) =
                (buffer, parameters.get(number))
            {
                let buffer = tensor_for(MOMENTUM, *number, buffer, parameter)?;
                buffers.insert(parameter.id(), buffer);
            }
        }
        for (group, options) in self.groups.iter_mut().zip(all_options) {
            group.set(options);
        }
        self.buffers = buffers;
        self.checked = false;
        Ok(())
    }
}

/// One parameter's step, in one pass over parameter, gradient and buffer.
fn step<T: Element + Float>(
    parameter: &Parameter,
    grad: &Tensor,
    options: &SgdOptions,
    buffers: &mut HashMap<ParamId, Tensor>,
) -> Result<()> {
    let step = SgdStep {
        lr: options.lr,
        momentum: options.momentum,
        dampening: options.dampening,
        weight_decay: options.weight_decay,
        nesterov: options.nesterov,
        maximize: options.maximize,
    };
    let dense = match grad.is_contiguous() {
        true => Cow::Borrowed(grad),
        false => Cow::Owned(grad.contiguous()?),
    };
    let grad = dense.as_slice::<T>()?;
    if options.momentum == 0.0 {
        return parameter.update_slice::<T>(|p| sgd_step(&step, p, grad));
    }
    let mut first = false;
    let buffer = buffers.entry(parameter.id()).or_insert_with(|| {
        first = true;
        Tensor::zeros_of(parameter.shape(), T::DTYPE)
    });
    let mut result = Ok(());
    buffer.update_slice::<T>(|b| {
        result = parameter.update_slice::<T>(|p| sgd_momentum_step(&step, p, b, grad, first));
    })?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::tensor;

    fn values(p: &Parameter) -> Vec<f32> {
        p.data().to_vec::<f32>().unwrap()
    }

    fn with_grad(value: f32, grad: f32) -> Parameter {
        let p = Parameter::new(tensor![value]);
        p.set_grad(Some(tensor![grad])).unwrap();
        p
    }

    #[test]
    fn a_parameter_without_gradient_is_left_alone() {
        let (p, q) = (with_grad(1.0, 1.0), Parameter::new(tensor![5.0]));
        let mut sgd = SGD::new([p.share(), q.share()], 0.5).weight_decay(0.1);
        sgd.step().unwrap();
        assert_eq!(values(&q), [5.0]);
        assert!((values(&p)[0] - 0.45).abs() < 1e-6);
    }

    #[test]
    fn the_first_step_ignores_dampening() {
        let p = with_grad(0.0, 1.0);
        let mut sgd = SGD::new([p.share()], 1.0).momentum(0.5).dampening(0.75);
        sgd.step().unwrap();
        assert_eq!(values(&p), [-1.0]);
        sgd.step().unwrap(); // 0.5 * 1 + 0.25 * 1
        assert_eq!(values(&p), [-1.75]);
        assert_eq!(sgd.momentum_buffer(&p).unwrap().item().unwrap(), 0.75);
    }

    #[test]
    fn bad_options_and_groups_are_errors_with_pytorchs_texts() {
        let p = || with_grad(0.0, 1.0);
        let text = |sgd: SGD| sgd.build().err().unwrap().to_string();
        assert_eq!(text(SGD::new([p()], -0.1)), "Invalid learning rate: -0.1");
        assert_eq!(
            text(SGD::new([p()], 0.1).momentum(-1.0)),
            "Invalid momentum value: -1"
        );
        assert_eq!(
            text(SGD::new([p()], 0.1).nesterov(true)),
            "Nesterov momentum requires a momentum and zero dampening"
        );
        assert_eq!(
            text(SGD::new([], 0.1)),
            "optimizer got an empty parameter list"
        );
        let twice = p();
        let groups = [SgdGroup::new([twice.share()]), SgdGroup::new([twice])];
        assert_eq!(
            text(SGD::with_groups(groups, 0.1)),
            "some parameters appear in more than one parameter group"
        );
        assert!(SGD::new([p()], f64::NAN).step().is_err());
    }

    #[test]
    fn a_parameter_given_twice_in_a_group_is_stepped_twice() {
        let p = with_grad(1.0, 1.0);
        SGD::new([p.share(), p.share()], 0.25).step().unwrap();
        assert_eq!(values(&p), [0.5]);
    }

    #[test]
    fn a_graph_keeps_the_values_it_saw() {
        let p = with_grad(3.0, 1.0);
        let loss = p.tensor().mul(p.tensor()).unwrap().sum().unwrap();
        SGD::new([p.share()], 1.0).step().unwrap();
        p.zero_grad();
        loss.backward().unwrap();
        assert_eq!(p.grad().unwrap().item().unwrap(), 6.0);
    }
}
