#!/usr/bin/env bash
# The tests that take longer than the ordinary test command may: the kernels on images of every height with
# every width from 1 to 300, instruction sets, threads, floats and windows taking turns.
# Arguments are handed to cargo test, such as `conv::` for the convolutions alone.
set -euo pipefail
cd "$(dirname "$0")/.."

export PLEACH_TEST_SIZES=all
time cargo test --locked -p pleach-kernels --test sizes "$@"
