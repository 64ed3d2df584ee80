#!/usr/bin/env bash
# Sets up, builds and runs every test: as released, under the address and undefined-behaviour
# sanitizers, what has threads of its own (loader, local ranks) under the thread sanitizer, and
# ranks under mpirun on emulated CUDA devices.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'END'
Usage: tests/run.sh [--quick] [--preset NAME] [--jobs N] [-- CTEST_ARGUMENTS...]

Installs missing packages, then configures, builds and tests. Quick when nothing has changed.

  --quick         the release build only, without the others
  --preset NAME   this preset only: release, dev, asan, tsan, emulated or coverage
  --jobs N        compile and test N at a time (default: one per processor)
  --help          show this text

What follows -- goes to ctest, as in: tests/run.sh --quick -- -R neurons
END
}

presets=(release asan tsan emulated)
jobs=$(nproc)
while (($#)); do
  case $1 in
    --quick) presets=(release) ;;
    --preset) presets=("${2:?--preset needs a name}"); shift ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --help | -h) usage; exit ;;
    --) shift; break ;;
    *) echo "run.sh: unknown argument '$1'; see --help." >&2; exit 2 ;;
  esac
  shift
done

summary=()
check() {  # builds a preset and runs its tests
  local preset=$1 log=build/$1/ctest.log start=$SECONDS
  shift
  echo "== $preset: configure and build"
  cmake --preset "$preset" >"build/$preset.log" 2>&1 || { cat "build/$preset.log"; return 1; }
  cmake --build --preset "$preset" --parallel "$jobs"
  echo "== $preset: test"
  ctest --preset "$preset" --parallel "$jobs" --no-tests=error "$@" | tee "$log"
  summary+=("$preset: $(grep 'tests passed' "$log"), $((SECONDS - start)) s with the build")
}

cmake/install_packages.sh mpi test
mkdir -p build
for preset in "${presets[@]}"; do
  trap 'echo "== FAILED: $preset" >&2' ERR
  check "$preset" "$@"
done
printf '%s\n' '== All passed' "${summary[@]}"
