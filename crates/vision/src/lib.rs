//! Models, datasets and transforms for images, as in torchvision: its names, order, arguments,
//! initial weights and random numbers.
//!
//! ```
//! use pleach::{Tensor, manual_seed};
//! use pleach::nn::{Forward, Module, layers::Linear};
//! use pleach::vision::models::resnet18;
//!
//! manual_seed(0);
//! let mut model = resnet18(); // the weights are those of torchvision for this seed
//! model.fc = Linear::new(512, 10);
//! model.eval();
//! assert_eq!(model.call(&Tensor::zeros([1, 3, 32, 32]))?.shape(), [1, 10]);
//! # Ok::<(), pleach::Error>(())
//! ```
//!
//! Features: `gzip` (on by default) reads compressed data files, `image` image files (PNG, JPEG,
//! BMP, PNM, TIFF, WebP);
//! `weights` downloads trained weights by plain HTTP, for which it needs a mirror, `https` from
//! torchvision's own address.

#![forbid(unsafe_code)]

// The derive writes paths of the facade, which here is the crate that has them.
extern crate pleach_nn as pleach;

pub mod datasets;
mod error;
pub mod models;
mod room;
pub mod transforms;
#[cfg(feature = "weights")]
pub mod weights;

pub use error::{Error, Result};
