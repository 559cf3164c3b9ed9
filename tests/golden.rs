//! Golden tests: everything that PyTorch's recorded runs (tests/golden) can be compared with.
//!
//! Each test prints what it ran and what is out of scope, also when it passes.
//! `PLEACH_GOLDEN=folder cargo test --test golden` runs other data of the same layout.

// Every notebook example that is included brings the module that all of them share.
#![allow(clippy::duplicate_mod)]

mod support;

use support::families;

#[test]
fn init() {
    families::init::run();
}

#[test]
fn rng() {
    families::rng::run();
}

#[test]
fn nn() {
    families::nn::run("nn");
}

#[test]
fn norms() {
    families::nn::run("norms");
}

#[test]
fn optim() {
    families::optim::run("optim");
}

#[test]
fn module_db() {
    families::nn::run("module_db");
}

#[test]
fn op_db() {
    families::nn::run("op_db");
}

#[test]
fn shapes() {
    families::nn::run("shapes");
}

#[test]
fn optim_db() {
    families::optim::run("optim_db");
}

#[test]
fn error_db() {
    families::modules::run_error_db();
}

#[test]
fn modules() {
    families::modules::run();
}

#[test]
fn printing() {
    families::printing::run();
}

#[test]
fn notebooks() {
    families::notebooks::run();
}

#[test]
fn resnet() {
    families::resnet::run();
}

#[test]
fn checkpoints() {
    families::checkpoints::run();
}

#[test]
fn vision() {
    families::vision::run();
}

#[test]
fn utils() {
    families::nn::run("utils");
}

#[test]
fn lazy() {
    families::nn::run("lazy");
}

#[test]
fn parametrized() {
    families::nn::run("parametrized");
}

#[test]
fn activations() {
    families::nn::run("activations");
}

#[test]
fn positions() {
    families::nn::run("positions");
}

#[test]
fn spatial() {
    families::nn::run("spatial");
}

#[test]
fn losses() {
    families::nn::run("losses");
}

#[test]
fn edges() {
    families::nn::run("edges");
}

#[test]
fn halves() {
    families::nn::run("halves");
}

#[test]
fn in_place() {
    families::nn::run("in_place");
}
