#!/usr/bin/env bash
# Searches for inputs that break a parser.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'END'
Usage: tests/fuzz/run.sh [--seconds N] [--jobs N] [TARGET...]

Builds the preset "fuzz" and runs libFuzzer on every target, or on those named (evt, npz, ...).
Prints a line for each; ends with an error if one found an input that breaks its parser.

  --seconds N   search for N seconds per target (default 60)
  --jobs N      search in N targets at a time (default: one per processor)
  --help        show this text

What was found worth keeping stays in build/fuzz/corpus/TARGET and is where the next search starts.
Inputs that break a parser are written to build/fuzz/findings; look at one with
  build/fuzz/bin/ranvier_fuzz_TARGET --replay FILE
END
}

seconds=60
jobs=$(nproc)
targets=()
while (($#)); do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --help | -h) usage; exit ;;
    -*) echo "run.sh: unknown argument '$1'; see --help." >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done

all=()
for source in tests/fuzz/*_fuzz.cpp; do
  name=${source##*/}
  all+=("${name%_fuzz.cpp}")
done
for target in "${targets[@]}"; do
  [[ " ${all[*]} " == *" $target "* ]] || {
    echo "run.sh: there is no target '$target'; there are ${all[*]}." >&2
    exit 2
  }
done
((${#targets[@]})) || targets=("${all[@]}")

cmake/install_packages.sh fuzz
mkdir -p build
cmake --preset fuzz >build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
cmake --build --preset fuzz --parallel "$jobs" --target \
  "${targets[@]/#/ranvier_fuzz_}" "${targets[@]/#/ranvier_libfuzzer_}"

search() {  # TARGET SECONDS: prints what came of it
  local corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log status=0 runs covered
  mkdir -p "$corpus" build/fuzz/findings
  build/fuzz/bin/ranvier_fuzz_"$1" --write-seeds "$corpus"
  build/fuzz/bin/ranvier_libfuzzer_"$1" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix=build/fuzz/findings/"$1"- "$corpus" >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  printf '%-20s %6s s  %9s inputs  %6s edges  %5s kept  %s\n' "$1" "$2" "${runs:-?}" \
    "${covered:-?}" "$(find "$corpus" -type f | wc -l)" \
    "$( ((status)) && echo "FINDING: see $log" || echo 'no finding')"
  return "$status"
}
export -f search
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c "search {} $seconds"
