//! One runner for each folder of golden data.

pub mod checkpoints;
pub mod init;
mod init_errors;
mod init_ops;
pub mod modules;
pub mod nn;
pub mod notebooks;
pub mod optim;
pub mod printing;
pub mod resnet;
pub mod rng;
pub mod vision;
