//! Policy and value over one trunk, as in PyTorch's actor-critic example.

use pleach::prelude::*;

use crate::check;

#[derive(Module)]
struct Policy {
    affine1: Linear,
    action_head: Linear,
    value_head: Linear,
}

impl ForwardMany for Policy {
    type Arguments<'a> = &'a Tensor;
    type Output = (Tensor, Tensor);

    fn forward(&self, x: &Tensor) -> Result<Self::Output> {
        let x = self.affine1.call(x)?.relu()?;
        let action_prob = self.action_head.call(&x)?.softmax(-1)?;
        Ok((action_prob, self.value_head.call(&x)?))
    }
}

fn smooth_l1_sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let distance = x.sub(y)?.abs()?;
    let (near, far) = (distance.square()? * 0.5, &distance - 0.5);
    Tensor::where_cond(&distance.lt(1.0)?, near, far)?.sum()
}

#[test]
fn an_actor_critic_is_pytorchs() -> Result<()> {
    check(
        "actor_critic",
        || {
            Ok(Policy {
                affine1: Linear::new(4, 128),
                action_head: Linear::new(128, 2),
                value_head: Linear::new(128, 1),
            })
        },
        || {
            let states = Tensor::randn([5, 4]);
            let actions = Tensor::randint(0, 2, [5])?;
            Ok((states, actions, Tensor::randn([5])))
        },
        |net, (states, actions, returns)| {
            let (probs, values) = net.call(states)?;
            let chosen = probs.gather(1, &actions.unsqueeze(1)?)?;
            let log_prob = chosen.squeeze_dim(1)?.log()?;
            let value = values.squeeze_dim(1)?;
            let advantage = returns.sub(&value)?.detach();
            let policy_loss = log_prob.neg()?.mul(&advantage)?.sum()?;
            let loss = policy_loss.add(&smooth_l1_sum(&value, returns)?)?;
            Ok((vec![probs, values], loss))
        },
        |net| net.call(&Tensor::zeros([2, 5])).map(drop),
    )
}
