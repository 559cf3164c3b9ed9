#!/usr/bin/env bash
# Runs the pool of threads through the interleavings of its threads: crates/kernels/src/threads/model.rs.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg loom"
export CARGO_TARGET_DIR=target/loom
exec cargo test --locked --release --manifest-path crates/kernels/loom/Cargo.toml --lib "$@"
