//! Four initialisers, and what becomes of a signal on its way through ten layers of ReLU: forward
//! hooks collect the mean, the deviation and the share of zeros after each activation.

use std::sync::{Arc, Mutex};

use pleach::prelude::*;

const DEPTH: usize = 10;
const WIDTH: usize = 128;

type Initialise = fn(&Parameter) -> Result<&Parameter>;

/// What a hook saw after one layer.
struct Seen {
    mean: f64,
    std: f64,
    zeros: f64,
}

/// Runs the network once; the statistics after each ReLU, in order.
fn watch(net: &Sequential, x: &Tensor) -> Result<Vec<Seen>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut hooks = Vec::new();
    for m in net.modules() {
        if m.is::<ReLU>() {
            let seen = seen.clone();
            hooks.push(m.register_forward_hook(move |_, _, output| {
                let y = &output[0];
                seen.lock().unwrap().push(Seen {
                    mean: y.mean()?.item()?,
                    std: y.std()?.item()?,
                    zeros: y.eq(0.0)?.float()?.mean()?.item()?,
                });
                Ok(())
            })?);
        }
    }
    no_grad(|| net.call(x))?;
    for hook in hooks {
        hook.remove();
    }
    let seen = seen.lock().unwrap().drain(..).collect();
    Ok(seen)
}

fn main() -> Result<()> {
    manual_seed(0);
    let x = Tensor::randn([512, WIDTH]);

    let initialisers: [(&str, Initialise); 4] = [
        ("normal, 0.01", |w| init::normal_(w, 0.0, 0.01)),
        ("xavier", |w| init::xavier_uniform_(w, 1.0)),
        ("kaiming", |w| {
            init::kaiming_normal_(w, 0.0, "fan_in", "relu")
        }),
        ("orthogonal, √2", |w| init::orthogonal_(w, 2f64.sqrt())),
    ];

    let mut last = Vec::new();
    for (name, initialise) in initialisers {
        let mut net = Sequential::new();
        for _ in 0..DEPTH {
            net.push(Linear::new(WIDTH, WIDTH));
            net.push(ReLU::new());
        }
        net.try_apply(&mut |m| {
            if let Some(linear) = m.downcast_ref::<Linear>() {
                initialise(&linear.weight)?;
                init::zeros_(linear.bias.as_ref().unwrap())?;
            }
            Ok(())
        })?;

        let seen = watch(&net, &x)?;
        println!("{name}");
        println!("{:>7} {:>12} {:>12} {:>7}", "layer", "mean", "std", "zeros");
        for (i, s) in seen.iter().enumerate() {
            println!(
                "{:>7} {:>12.3e} {:>12.3e} {:>6.1}%",
                i + 1,
                s.mean,
                s.std,
                s.zeros * 100.0
            );
        }
        println!();
        assert_eq!(seen.len(), DEPTH);
        last.push(seen[DEPTH - 1].std / seen[0].std);

        // The hooks are gone: another call is seen by nobody.
        no_grad(|| net.call(&x))?;
    }

    // Kaiming and orthogonal keep the signal, Xavier loses half of its power at every ReLU, and
    // the small weights kill it.
    let [small, xavier, kaiming, orthogonal] = last.try_into().unwrap();
    assert!(small < 1e-6, "{small}");
    assert!((1e-3..0.2).contains(&xavier), "{xavier}");
    assert!((0.4..2.5).contains(&kaiming), "{kaiming}");
    assert!((0.4..2.5).contains(&orthogonal), "{orthogonal}");
    Ok(())
}
