#!/usr/bin/env bash
# usage: neurons_spills.sh NVCC INCLUDE_DIR. Compiles the neurons' CUDA kernels and reads what ptxas
# says of them: a membrane that spills to memory would cost a read and a write per step.
set -euo pipefail
nvcc=$1 include=$2
if [ -z "$nvcc" ]; then
  echo "skipped: no nvcc"
  exit 0
fi
cubin=$(mktemp)
trap 'rm -f "$cubin"' EXIT
report=$(for kernels in scan_{bf16,f32,f64} recurrent_{f32,f64}; do
  "$nvcc" -std=c++20 -arch=sm_90 -cubin --fmad=false --expt-relaxed-constexpr --extended-lambda \
    -DFMT_USE_CONSTEXPR=1 -Xptxas=-v -I"$include" ops/neurons/"$kernels"_cuda.cu -o "$cubin" 2>&1
done)
kernels=$(grep -c 'bytes stack frame' <<<"$report" || true)
spilling=$(grep 'bytes stack frame' <<<"$report" | grep -vc ' 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads' || true)
echo "$kernels kernels, $spilling of them use stack or spill; at most \
$(grep -oE 'Used [0-9]+' <<<"$report" | sort -k2 -n | tail -1 | cut -d' ' -f2) registers"
[ "$kernels" -gt 50 ] && [ "$spilling" -eq 0 ]
