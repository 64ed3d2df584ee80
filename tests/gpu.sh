#!/usr/bin/env bash
# Checks and measures Ranvier on a machine with a CUDA device.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'END'
Usage: tests/gpu.sh [--from FILE] [--report FILE] [--steps LIST]
       tests/gpu.sh --pack FILE

On a machine with a CUDA device and driver: runs every test tagged [cuda] (none may be skipped),
some of them under compute-sanitizer, the benchmarks, and the training on Fashion-MNIST, in less
than nine minutes, and writes what came of it as one Markdown report. Ends with an error if a test
failed.

  --from FILE    use the programs of an archive that --pack made, instead of building here
  --report FILE  where the report goes (default: gpu-report.md)
  --steps LIST   some of tests,sanitizer,bench,train, with commas (default: all)
  --pack FILE    where there is a build in build/release: write its programs, the libraries they
                 need but for those of CUDA, and Fashion-MNIST to an archive (about 50 MB)
  --help         show this text

cuDNN and cuBLAS are taken from the system, from CUDA_HOME, or from Python's NVIDIA packages.
END
}

from='' report=gpu-report.md steps=tests,sanitizer,bench,train pack=''
while (($#)); do
  case $1 in
    --from) from=${2:?--from needs a file}; shift ;;
    --report) report=${2:?--report needs a file}; shift ;;
    --steps) steps=${2:?--steps needs a list}; shift ;;
    --pack) pack=${2:?--pack needs a file}; shift ;;
    --help | -h) usage; exit ;;
    *) echo "gpu.sh: unknown argument '$1'; see --help." >&2; exit 2 ;;
  esac
  shift
done

programs='ranvier-bench ranvier-fashion-mnist ranvier-info ranvier-mnist ranvier-plan ranvier-shd'

pack_up() {  # FILE: see --pack
  local folder
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' RETURN
  mkdir "$folder"/bin "$folder"/lib "$folder"/data
  (cd build/release/bin && cp $programs ranvier_test_* "$folder"/bin) || return
  cp -L build/release/lib/libranvier.so.?.? build/release/lib/libranvier_*.so.?.? "$folder"/lib || return
  strip "$folder"/bin/* "$folder"/lib/*
  ldd "$folder"/bin/* | awk '$3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libpthread|libdl|librt|libresolv|libstdc\+\+|libgcc_s|libranvier[a-z_]*)\.so' |
    xargs cp -Lt "$folder"/lib
  for file in /usr/share/datasets/fashion-mnist/*.gz; do  # unpacked they become smaller
    gunzip -c "$file" >"$folder"/data/"$(basename "$file" .gz)" || return
  done
  XZ_OPT="-T0 -6" tar -C "$folder" -cJf "$1" .
}

if [[ -n $pack ]]; then
  pack_up "$pack" && ls -l "$pack"
  exit
fi

if [[ -n $from ]]; then
  tree=$(mktemp -d)
  tar -C "$tree" -xJf "$from" || python3 -c 'import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$from" "$tree" || exit
  data=(--data-dir "$tree"/data)
else
  cmake/install_packages.sh data && cmake --preset release -DRANVIER_CUDA=ON >build.log &&
    cmake --build --preset release >>build.log || { tail -n 40 build.log; exit 1; }
  tree=build/release data=()
fi

# Folders of cuDNN, cuBLAS and the runtime, wherever this machine keeps them.
library_folders() {
  echo "${CUDA_HOME:-/usr/local/cuda}/lib64"
  python3 - 2>/dev/null <<'END'
import glob, os, site
for folder in site.getsitepackages():
    print("\n".join(glob.glob(os.path.join(folder, "nvidia", "*", "lib"))))
END
}
LD_LIBRARY_PATH=$tree/lib:$(library_folders | paste -sd:):${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH RANVIER_REQUIRE_CUDA=1
bin=$tree/bin failed=0

wanted() { [[ ,$steps, == *,$1,* ]]; }
section() { printf '\n## %s\n\n' "$1" >>"$report"; }
run() {  # SECONDS COMMAND...: a listing that may not take longer
  local limit=$1 log
  shift
  log=$(mktemp)
  timeout --signal=INT --kill-after=10 "$limit" "$@" >"$log" 2>&1
  local status=$? ending=''
  ((status == 0)) || ending="Exit status $status; limit $limit s."
  { printf '```\n$ %s\n' "$(basename "$1") ${*:2}"; cat "$log"; printf '```\n%s\n' "$ending"; } |
    tee -a "$report"
  rm -f "$log"
  return $status
}

printf '# Ranvier on a CUDA device, %s\n' "$(date +%F)" >"$report"
section 'The machine'
run 20 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
run 20 "$bin"/ranvier-info

if wanted tests; then
  section 'Tests'
  for suite in "$bin"/ranvier_test_*; do
    "$suite" --list-tests '[cuda]' 2>&1 | grep -qE '^(0 matching|No test cases)' && continue
    run 120 "$suite" '[cuda]' || failed=1
  done
fi

if wanted sanitizer; then
  section 'compute-sanitizer'
  if command -v compute-sanitizer >/dev/null; then
    for tests in 'core [cuda]' 'ops [memcheck]' 'data [memcheck]'; do
      run 90 compute-sanitizer --report-api-errors no --error-exitcode 9 \
        "$bin"/ranvier_test_${tests% *} "${tests#* }" || failed=1
    done
  else
    echo 'compute-sanitizer is not on this machine.' | tee -a "$report"
  fi
fi

if wanted bench; then
  section 'Benchmarks'
  run 120 "$bin"/ranvier-bench --device cuda copy neurons delays fused linear-lif csnn mlp ssc || failed=1
  run 60 "$bin"/ranvier-bench --device cuda --autotune csnn mlp ssc || failed=1
fi

if wanted train; then
  section 'Fashion-MNIST'
  run 150 "$bin"/ranvier-fashion-mnist --device cuda --amp bf16 "${data[@]}" \
    --output-dir "$(mktemp -d)" || failed=1
fi

exit $failed
