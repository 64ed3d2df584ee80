#!/usr/bin/env bash
# usage: neurons_spills.sh NVCC INCLUDE_DIR. Compiles the neurons' CUDA kernels and reads what ptxas
# says of them: a membrane that spills to memory would cost a read and a write per step. The PTX on
# the way there has to keep the rules of machine_code.sh, which needs cuobjdump and this does not.
set -euo pipefail
nvcc=$1 include=$2
if [ -z "$nvcc" ]; then
  echo "skipped: no nvcc"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
report=$(for kernels in scan_{bf16,f32,f64} recurrent_{f32,f64}; do
  "$nvcc" -std=c++20 -arch=sm_90 -cubin --fmad=false --expt-relaxed-constexpr --extended-lambda \
    -DFMT_USE_CONSTEXPR=1 -Xptxas=-v -I"$include" --keep --keep-dir "$folder" \
    ops/neurons/"$kernels"_cuda.cu -o "$folder"/cubin 2>&1
done)
kernels=$(grep -c 'bytes stack frame' <<<"$report" || true)
spilling=$(grep 'bytes stack frame' <<<"$report" | grep -vc ' 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads' || true)
echo "$kernels kernels, $spilling of them use stack or spill; at most \
$(grep -oE 'Used [0-9]+' <<<"$report" | sort -k2 -n | tail -1 | cut -d' ' -f2) registers"
failed=0
for ptx in scan_bf16 scan_f32; do
  accesses=$(c++filt <"$folder/${ptx}_cuda.ptx" | awk -f "$(dirname "$0")"/machine_code.awk) ||
    failed=1
  echo "$ptx: $accesses"
done
[ "$failed" -eq 0 ] && [ "$kernels" -gt 50 ] && [ "$spilling" -eq 0 ]
