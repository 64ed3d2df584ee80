#!/usr/bin/env bash
# From a clean clone to a trained spiking network: installs, builds, trains, says where to look.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'END'
Usage: apps/quickstart.sh [TRAINER_OPTIONS...]

Installs missing packages, builds Ranvier and trains a small convolutional spiking network on
Fashion-MNIST: at most five minutes of training on two cores. The settings are those of
apps/quickstart.toml; what is given here goes to the trainer and comes first, for instance

  --data-dir DIR     read the four IDX files from DIR, not from Debian's dataset-fashion-mnist
  --epochs N         train longer
  --channels 128     train the full network of the SpikingJelly tutorial
  --output-dir DIR   write elsewhere than runs/quickstart

and all else that build/release/bin/ranvier-fashion-mnist --help lists.
END
}

groups=(data)
output=runs/quickstart
for ((i = 1; i <= $#; ++i)); do
  next=$((i + 1))
  case ${!i} in
    --help | -h) usage; exit ;;
    --data-dir | --data-dir=*) groups=() ;;
    --output-dir) output=${!next:-} ;;
    --output-dir=*) output=${!i#*=} ;;
  esac
done

"$root/cmake/install_packages.sh" "${groups[@]}"

echo 'Building (minutes the first time, seconds after)'
(
  cd "$root"
  mkdir -p build
  cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
  cmake --build --preset release --target ranvier-fashion-mnist
)

echo 'Training'
start=$SECONDS
"$root/build/release/bin/ranvier-fashion-mnist" --config "$root/apps/quickstart.toml" "$@"

cat <<END

Trained in $((SECONDS - start)) s. Open in a browser, or read on:
  $output/report.html   curves, confusion matrix, spike rasters, firing rates
  $output/metrics.csv   a row per epoch
Next: apps/quickstart.sh --channels 128 --epochs 1 trains the full network;
      tests/run.sh proves that everything works; README.md shows how to write your own.
END
