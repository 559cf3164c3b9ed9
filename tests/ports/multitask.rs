//! Several tasks: one trunk, and heads by name.

use pleach::prelude::*;

use crate::check;
use crate::layers::{GELU, Tanh};

#[derive(Module)]
struct MultiTask {
    trunk: Sequential,
    heads: ModuleDict,
}

impl MultiTask {
    fn new(tasks: &[(&str, usize)]) -> Result<Self> {
        let trunk = sequential![
            Linear::new(12, 16),
            Tanh,
            Dropout::new(0.3),
            Linear::new(16, 8),
            ReLU::new(),
        ];
        let mut heads = ModuleDict::new();
        for &(task, classes) in tasks {
            if classes == 1 {
                heads.insert(task, Linear::new(8, 1))?;
            } else {
                let head = sequential![Linear::new(8, 8), GELU, Linear::new(8, classes)];
                heads.insert(task, head)?;
            }
        }
        Ok(MultiTask { trunk, heads })
    }
}

impl ForwardMany for MultiTask {
    type Arguments<'a> = (&'a Tensor, &'a str);
    type Output = Tensor;

    fn forward(&self, (x, task): Self::Arguments<'_>) -> Result<Tensor> {
        self.heads[task].call(&self.trunk.call(x)?)
    }
}

#[test]
fn a_trunk_with_heads_by_name_is_pytorchs() -> Result<()> {
    check(
        "multitask",
        || MultiTask::new(&[("kind", 3), ("age", 1), ("colour", 4)]),
        || {
            let x = Tensor::randn([6, 12]);
            Ok((x, Tensor::randint(0, 3, [6])?, Tensor::rand([6, 1])))
        },
        |net, (x, kinds, ages)| {
            let (kind, age) = (net.call((x, "kind"))?, net.call((x, "age"))?);
            let of_kinds = CrossEntropyLoss::new().call(&kind, kinds)?;
            let loss = of_kinds.add(&MSELoss::new().call(&age, ages)?)?;
            Ok((vec![kind, age], loss))
        },
        |net| {
            let head = net.heads.get_module_as_mut::<Sequential>("kind")?;
            head.set(2, Linear::new(9, 3))?;
            net.call((&Tensor::zeros([2, 12]), "kind")).map(drop)
        },
    )
}
