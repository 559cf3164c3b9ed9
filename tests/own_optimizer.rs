//! Optimizers of a crate outside: one that is a rule for each parameter, and one that looks at all
//! of them. Both are saved to a file and go on from it.

use std::fmt;

use pleach::checkpoint::Dict;
use pleach::optim::{
    Float, Optimizer, OptimizerState, Rule, RuleOptimizer, StateValue, Step, not_negative,
    optimizer_options,
};
use pleach::prelude::*;

optimizer_options! {
    /// Lion (Chen et al., 2023).
    pub struct LionOptions {
        /// The learning rate.
        lr: f64 = 1e-4,
        /// How much of the mean goes into a step, and how much of it is kept.
        betas: (f64, f64) = (0.9, 0.99),
        /// The decay of the weights.
        weight_decay: f64 = 0.0,
    }
}

impl Rule for LionOptions {
    const NAME: &'static str = "Lion";

    fn state(&self) -> &'static [&'static str] {
        &["exp_avg"]
    }

    fn check(&self) -> Result<()> {
        not_negative("learning rate", self.lr)?;
        not_negative("weight_decay value", self.weight_decay)
    }

    fn step<T: Float>(&self, step: Step<'_, '_, T>) {
        let [lr, keep] = [self.lr, 1.0 - self.lr * self.weight_decay].map(T::from_f64);
        let [now, later] = [self.betas.0, self.betas.1].map(T::from_f64);
        let [mean] = step.state else { return };
        for ((p, g), m) in step
            .parameter
            .iter_mut()
            .zip(step.grad)
            .zip(mean.iter_mut())
        {
            let way = now * *m + (T::ONE - now) * *g;
            let sign = match way > T::ZERO {
                true => T::ONE,
                false if way < T::ZERO => -T::ONE,
                false => way,
            };
            *p = *p * keep - lr * sign;
            *m = later * *m + (T::ONE - later) * *g;
        }
    }
}

type Lion = RuleOptimizer<LionOptions>;

fn lion(w: &Parameter) -> Result<Lion> {
    let options = LionOptions {
        lr: 0.25,
        weight_decay: 0.1,
        ..LionOptions::default()
    };
    Lion::builder([w.share()]).options(options).build()
}

/// A step on the sum of squares.
fn descend(w: &Parameter, optimizer: &mut dyn Optimizer) -> Result<()> {
    optimizer.zero_grad();
    w.tensor().square()?.sum()?.backward()?;
    optimizer.step()
}

/// Saves an optimizer's state to a file, and loads it into another one.
fn through_a_file(name: &str, from: &dyn Optimizer, to: &mut dyn Optimizer) -> Result<()> {
    let path = std::env::temp_dir().join(format!("pleach-{name}-{}.pth", std::process::id()));
    save(Dict::new().with("optimizer", from.state_dict()), &path)?;
    let loaded = load(&path)?;
    std::fs::remove_file(path).expect("the file is there");
    to.load_state_dict(&loaded.get("optimizer")?.optimizer_state()?)
}

/// The values are those of the same steps of PyTorch's `torch.optim.Optimizer` with this rule:
///
/// ```text
/// p.mul_(1 - lr * weight_decay); u = (m * b1 + p.grad * (1 - b1)).sign_()
/// p.add_(u, alpha=-lr); m.mul_(b2).add_(p.grad, alpha=1 - b2)
/// ```
#[test]
fn a_rule_of_ones_own_steps_prints_stops_and_goes_on() -> Result<()> {
    let w = Parameter::new(Tensor::from_vec(vec![1.0, -2.0, 0.1], [3])?);
    let mut first = lion(&w)?;
    for _ in 0..3 {
        descend(&w, &mut first)?;
    }
    let mut second = Lion::new([w.share()]);
    through_a_file("lion", &first, &mut second)?;
    for _ in 0..3 {
        descend(&w, &mut second)?;
    }
    let close = |got: &[f64], expected: [f64; 3]| {
        let far = got.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-12);
        assert!(!far, "{got:?}, expected {expected:?}");
    };
    close(
        &w.data().to_vec::<f64>()?,
        [
            -0.050248688720703205,
            -0.3088196123046876,
            0.10374628566894531,
        ],
    );
    let mean = second.state(&w, "exp_avg").expect("it was stepped");
    close(
        &mean.to_vec::<f64>()?,
        [
            0.03831009752893753,
            -0.14819256202975015,
            -0.002995374271793753,
        ],
    );
    let text =
        "Lion (\nParameter Group 0\n    betas: (0.9, 0.99)\n    lr: 0.25\n    weight_decay: 0.1\n)";
    assert_eq!(
        (first.to_string(), second.to_string()),
        (text.into(), text.into())
    );
    assert_eq!(second.lr(0)?, 0.25);
    let error = second.set_lr(0, -1.0).unwrap_err();
    assert_eq!(error.to_string(), "Invalid learning rate: -1.0");
    Ok(())
}

/// Steps along the gradient of all parameters, divided by its length.
struct Normalised {
    parameters: Vec<Parameter>,
    lr: f64,
    steps: i64,
}

impl fmt::Display for Normalised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Normalised (lr: {})", self.lr)
    }
}

impl Optimizer for Normalised {
    fn step(&mut self) -> Result<()> {
        let mut square = 0.0;
        for grad in self.parameters.iter().filter_map(Parameter::grad) {
            square += grad.square()?.sum()?.item()?;
        }
        for p in &self.parameters {
            if let Some(grad) = p.grad() {
                p.data().sub_(grad.mul(self.lr / f64::sqrt(square))?)?;
            }
        }
        self.steps += 1;
        Ok(())
    }

    fn parameters(&self) -> Vec<&[Parameter]> {
        vec![&self.parameters]
    }

    fn option(&self, _: usize, name: &str) -> Result<StateValue> {
        match name {
            "lr" => Ok(StateValue::Float(self.lr)),
            "steps" => Ok(StateValue::Int(self.steps)),
            _ => Err(Error::value(format!("there is no option {name}"))),
        }
    }

    fn set_option(&mut self, _: usize, name: &str, value: StateValue) -> Result<()> {
        match (name, value.number()) {
            ("lr", Some(lr)) => self.lr = lr,
            ("steps", Some(steps)) => self.steps = steps as i64,
            _ => return Err(Error::value(format!("no {name} is {value}"))),
        }
        Ok(())
    }

    fn state_dict(&self) -> OptimizerState {
        let options = |group| {
            let named = ["lr", "steps"].map(|name| (name.to_string(), self.option(group, name)));
            let known = named
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.ok()?)));
            known.collect()
        };
        OptimizerState::of(&self.parameters(), options, |_| Vec::new())
    }

    fn load_state_dict(&mut self, state: &OptimizerState) -> Result<()> {
        state.parameters(&self.parameters())?;
        let group = &state.param_groups[0];
        (self.lr, self.steps) = (group.number("lr")?, group.number("steps")? as i64);
        Ok(())
    }
}

#[test]
fn an_optimizer_of_all_parameters_steps_stops_and_goes_on() -> Result<()> {
    let w = Parameter::new(tensor![3.0, 4.0]);
    let of = |lr| Normalised {
        parameters: vec![w.share()],
        lr,
        steps: 0,
    };
    let (mut first, mut second) = (of(1.0), of(9.0));
    descend(&w, &mut first)?;
    through_a_file("normalised", &first, &mut second)?;
    second.set_lr_of_all(2.0)?;
    descend(&w, &mut second)?;
    // Both steps go along (0.6, 0.8).
    let values = w.data().to_vec::<f32>()?;
    assert!(
        (values[0] - 1.2).abs() < 1e-6 && (values[1] - 1.6).abs() < 1e-6,
        "{values:?}"
    );
    assert_eq!(
        (second.steps, second.lr(0)?, second.initial_lr(0)?),
        (2, 2.0, 2.0)
    );
    Ok(())
}
