//! Trains or fine-tunes a model on images, with a checkpoint after every epoch.
//!
//! ```text
//! cargo run --release --example finetune -- DATA [options]
//! ```
//!
//! `DATA` is a folder of images (`DATA/cat/1.png`; with `train` and `val` in it, these are used),
//! a folder with the files of MNIST, or a file of images as MNIST has it (`…-images-idx3-ubyte`,
//! the labels beside it). `--help` lists the options. A run that was killed goes on from its last
//! checkpoint when the same command is given again, and ends with the same weights as if nothing
//! had happened.

mod arguments;
mod data;
mod run;
mod train;

use std::error::Error;
use std::process::ExitCode;

use arguments::Arguments;
use data::Data;
use pleach::prelude::*;
use run::Run;

fn main() -> ExitCode {
    let outcome = match Arguments::parse() {
        Ok(Some(arguments)) => finetune(&arguments),
        Ok(None) => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Err(e) => Err(e),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("finetune: {e}");
            ExitCode::FAILURE
        }
    }
}

fn finetune(arguments: &Arguments) -> std::result::Result<(), Box<dyn Error>> {
    manual_seed(arguments.seed);
    let Data {
        train,
        test,
        classes,
        preparation,
    } = Data::open(arguments)?;
    println!(
        "{} images to train, {} to test, {} classes",
        train.len(),
        test.len(),
        classes.len()
    );
    let mut run = Run::start(arguments, classes, preparation)?;
    let train = DataLoader::builder(train)
        .batch_size(arguments.batch)
        .shuffle(true)
        // A batch norm cannot train on a last batch of one image.
        .drop_last(true)
        .num_workers(arguments.workers)
        .build()?;
    let test = DataLoader::builder(test)
        .batch_size(arguments.batch)
        .num_workers(arguments.workers)
        .build()?;
    if train.is_empty() || test.is_empty() {
        return Err("there must be at least one batch to train and one to test".into());
    }
    while run.epochs_done < arguments.epochs {
        let trained = train::epoch(&mut run, &train, arguments)?;
        let tested = train::test(&run, &test)?;
        run.epochs_done += 1;
        run.accuracy = tested.accuracy;
        run.save(&arguments.checkpoint)?;
        println!(
            "epoch {}/{}: train loss {:.4}, accuracy {:.4}; test loss {:.4}, accuracy {:.4}; {:.1} s",
            run.epochs_done,
            arguments.epochs,
            trained.loss,
            trained.accuracy,
            tested.loss,
            tested.accuracy,
            (trained.time + tested.time).as_secs_f64(),
        );
    }
    println!(
        "accuracy {:.4} after {} epochs; {}",
        run.accuracy,
        run.epochs_done,
        arguments.checkpoint.display()
    );
    Ok(())
}
