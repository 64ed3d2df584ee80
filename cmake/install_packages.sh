#!/usr/bin/env bash
# Installs the packages Ranvier is built with. This table is the only list of them: CMake reads the
# second column, the name by which it looks for the thing, to say which package is missing.
set -euo pipefail

table='
# group   looked for as   package, as Debian 12 and Ubuntu 24.04 name it
  build   c++             g++
  build   cmake           cmake
  build   git             git
  build   ninja           ninja-build
  build   Catch2          catch2
  build   CLI11           libcli11-dev
  build   Eigen3          libeigen3-dev
  build   HDF5            libhdf5-dev
  build   OpenCL          ocl-icd-opencl-dev
  build   OpenMP          libgomp1
  build   PNG             libpng-dev
  build   PkgConfig       pkg-config
  build   ZLIB            zlib1g-dev
  build   dnnl            libdnnl-dev
  build   fmt             libfmt-dev
  build   liblz4          liblz4-dev
  build   libzip          libzip-dev
  build   libzstd         libzstd-dev
  build   nlohmann_json   nlohmann-json3-dev
  build   spdlog          libspdlog-dev
  data    Fashion-MNIST   dataset-fashion-mnist
  fuzz    clang++-19      clang-19
  fuzz    libFuzzer       libclang-rt-19-dev
  fuzz    libomp          libomp-19-dev
  mpi     MPI             libopenmpi-dev
  mpi     mpirun          openmpi-bin
  test    Boost           libboost-context-dev
'

usage() {
  cat <<'END'
Usage: cmake/install_packages.sh [--print] [GROUP...]

Installs what is missing for building and testing Ranvier, with apt-get as root or through sudo.
Says nothing and needs no network when all is there.

  GROUP     also install:  data  the Fashion-MNIST images (30 MB)
                           fuzz  Clang with libFuzzer (300 MB), for tests/fuzz/run.sh
                           mpi   Open MPI, for training over several processes
                           test  Boost.Context, for tests of CUDA kernels without a GPU
  --print   print the packages, one per line, and install nothing
  --help    show this text

CUDA is optional and not among them: https://developer.nvidia.com/cuda-downloads
END
}

groups=' build '
print=false
for argument; do
  case $argument in
    --print) print=true ;;
    --help | -h) usage; exit ;;
    build | data | fuzz | mpi | test) groups+="$argument " ;;
    *) echo "install_packages.sh: unknown argument '$argument'; see --help." >&2; exit 2 ;;
  esac
done

wanted() {  # lines "name package" of the groups asked for
  while read -r group name package; do
    if [[ $groups == *" $group "* ]]; then echo "$name $package"; fi
  done <<<"$table"
}

if $print; then
  wanted | cut -d' ' -f2
  exit
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo 'This system has no apt-get. Ranvier needs the following, under the names Debian gives them:' >&2
  wanted | cut -d' ' -f2 | paste -sd' ' | fold -sw 96 >&2
  exit
fi

# A tool may come from elsewhere than apt: what the shell finds is there.
missing=()
installed=$(wanted | cut -d' ' -f2 |
  xargs dpkg-query -W -f ' ${Package} ${db:Status-Status}\n' 2>/dev/null) || true
while read -r name package; do
  [[ $installed == *" $package installed"* ]] || command -v "$name" >/dev/null || missing+=("$package")
done < <(wanted)
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo 'Some packages are missing, and neither root nor sudo is at hand. As root, run:' >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${missing[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"; }
apt update || echo 'The package lists could not be renewed; trying with those at hand.' >&2
if ! apt install --yes --no-install-recommends "${missing[@]}" </dev/null; then
  echo "apt-get could not install: ${missing[*]}" >&2
  echo 'Check the network and the sources in /etc/apt (on Ubuntu, "universe" must be on).' >&2
  exit 1
fi
