//! Trains a small network on the digits 0 to 4, then fine-tunes it on 5 to 9.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! No argument, no download; the same numbers at every run, on any number of threads.

#[path = "../digits/mod.rs"]
mod digits;
mod net;
mod train;

use std::error::Error;

use digits::digits;
use env_logger::Env;
use net::Net;
use pleach::prelude::*;
use train::{Outcome, train};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    // Shows warnings, such as of an optimizer whose layer was replaced.
    env_logger::Builder::from_env(Env::default().default_filter_or("warn")).init();
    manual_seed(0);
    let (low, high) = (digits()?.classes(0..5)?, digits()?.classes(5..10)?);
    let ((low_train, low_test), (high_train, high_test)) = (low.split()?, high.split()?);
    let (low, high) = ((&low_train, &low_test), (&high_train, &high_test));

    let mut net = Net::new(5)?;
    net.initialise()?;
    println!("{net}\n");
    for (name, p) in net.named_parameters() {
        println!(
            "{name:16} {:18} {:6}",
            format!("{:?}", p.shape()),
            p.numel()
        );
    }
    println!("{:35} {:6}\n", "in all", net.num_parameters());

    let sgd = SGD::builder(net.parameters())
        .lr(0.05)
        .momentum(0.9)
        .nesterov(true)
        .build()?;
    let mut outcomes = vec![train("0-4, from scratch", &mut net, sgd, low, 10)?];
    let trained = net;

    // Only a new head learns: the body keeps what it knows.
    let mut net = trained.deep_copy();
    net.requires_grad_(false);
    net.head = Linear::new(net.head.in_features, 5);
    let sgd = SGD::builder(net.head.parameters())
        .lr(1e-2)
        .momentum(0.9)
        .build()?;
    outcomes.push(train("5-9, body frozen", &mut net, sgd, high, 5)?);

    // Everything learns, the body ten times slower than the head.
    let mut net = trained.deep_copy();
    net.head = Linear::new(net.head.in_features, 5);
    let groups = [
        SgdGroup::new(net.body.parameters()).lr(1e-3),
        SgdGroup::new(net.head.parameters()),
    ];
    let sgd = SGD::with_groups(groups).lr(1e-2).momentum(0.9).build()?;
    outcomes.push(train("5-9, body slow, head fast", &mut net, sgd, high, 5)?);

    let mut net = Net::new(5)?;
    net.initialise()?;
    let sgd = SGD::builder(net.parameters())
        .lr(1e-2)
        .momentum(0.9)
        .build()?;
    outcomes.push(train("5-9, from scratch", &mut net, sgd, high, 5)?);

    report(&outcomes);
    Ok(())
}

fn report(outcomes: &[Outcome]) {
    println!(
        "\n{:28} {:>6} {:>9} {:>9} {:>8}",
        "digits", "epochs", "trained", "held out", "time"
    );
    for o in outcomes {
        println!(
            "{:28} {:>6} {:>9} {:>8.1}% {:>7.2}s",
            o.name,
            o.epochs,
            o.trained,
            o.accuracy * 100.0,
            o.time.as_secs_f64()
        );
    }
    let total: f64 = outcomes.iter().map(|o| o.time.as_secs_f64()).sum();
    println!("{:28} {:>34.2}s", "training in all", total);
}
