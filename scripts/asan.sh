#!/usr/bin/env bash
# Runs the tests of the kernels under the address sanitizer, on every instruction set of this machine.
# PLEACH_TEST_SIZES=small makes the heavy tests leave out their large shapes; `--cfg pleach_asan` turns the
# buffers' cache off, so that each buffer ends where its memory does.
set -euo pipefail
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-gnu
if [ "$(rustc -vV | sed -n 's/^host: //p')" != "$target" ]; then
  echo "asan.sh: only for $target; nothing was run"
  exit 0
fi
# The sanitizer is a nightly flag, which this variable lets a stable compiler take.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address --cfg pleach_asan"
export CARGO_TARGET_DIR=target/asan
export PLEACH_TEST_SIZES=small
# Memory that cannot be had is refused, as without the sanitizer, which would end the program.
export ASAN_OPTIONS=allocator_may_return_null=1

isas="scalar"
grep -qw avx2 /proc/cpuinfo && isas+=" avx2"
grep -qw avx512vl /proc/cpuinfo && isas+=" avx512"
for isa in $isas; do
  printf -- '-- address sanitizer, %s\n' "$isa"
  PLEACH_ISA=$isa cargo test --locked --target "$target" -p pleach-kernels --lib "$@"
done
