//! What ResNet-18 consists of, and where the time of a training step goes.
//!
//! ```text
//! cargo run --release --example looking_inside
//! ```
//!
//! Writes `trace.json` into the folder for temporary files, for `chrome://tracing` or Perfetto.

use pleach::autograd::profiler::{profile, record};
use pleach::prelude::*;
use pleach::vision::models::resnet18;

fn main() -> Result<()> {
    manual_seed(0);
    let model = resnet18();
    println!(
        "{}\n",
        summary(&model, &Tensor::zeros([1, 3, 224, 224]))?.depth(2)
    );

    let (x, labels) = (Tensor::randn([8, 3, 224, 224]), Tensor::arange(8));
    let (loss, mut optimizer) = (
        CrossEntropyLoss::new(),
        SGD::builder(model.parameters()).lr(0.1).build()?,
    );
    let mut step = || {
        optimizer.zero_grad();
        loss.call(&model.call(&x)?, &labels)?.backward()?;
        record("SGD.step", || optimizer.step())
    };
    // The first step gets its memory from the system.
    step()?;
    let (_, profile) = profile(step)?;
    println!("{profile}\n\n{}", profile.by_module().depth(1));
    let path = std::env::temp_dir().join("trace.json");
    std::fs::write(&path, profile.chrome_trace()).map_err(Error::other)?;
    println!("\n{}", path.display());
    Ok(())
}
