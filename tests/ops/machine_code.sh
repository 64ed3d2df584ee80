#!/usr/bin/env bash
# usage: machine_code.sh NVCC OBJECTS, a file that lists the objects of ranvier_cuda (none without
# CUDA). Reads the machine code of scans and fused layers with cuobjdump, which is CUOBJDUMP, on the
# PATH or beside NVCC. Four lanes have to be read and written at once, 16 bytes of f32 and 8 of
# 16-bit floats, nothing may lie in local memory, and no scan without learnables may compute in f64.
set -euo pipefail
nvcc=$1 objects=$2
skip() {
  echo "skipped: $1"
  exit 77
}
[ -e "$objects" ] || skip "this build has no CUDA library"
if [ -n "${CUOBJDUMP:-}" ]; then
  cuobjdump=$CUOBJDUMP
else
  cuobjdump=$(PATH=$PATH:$(dirname "$nvcc"):/usr/local/cuda/bin command -v cuobjdump) ||
    skip "cuobjdump is not on the PATH or beside nvcc; name it in CUOBJDUMP"
fi
export PATH=$PATH:$(dirname "$cuobjdump"):${NVDISASM_PATH:-}  # it calls nvdisasm
command -v nvdisasm >/dev/null || skip "nvdisasm is not on the PATH or beside cuobjdump"

failed=0
for kernels in neurons/scan_{f32,bf16,f16} fused/forward fused/backward_{f32,bf16,f16}; do
  if ! object=$(grep "/ops/${kernels}_cuda\.cu\.o$" "$objects"); then
    echo "no object of $kernels"
    exit 1
  fi
  report=$("$cuobjdump" -sass "$object" | c++filt |
    awk -f "$(dirname "$0")"/machine_code.awk) || failed=1
  echo "$kernels: $report"
done
exit $failed
