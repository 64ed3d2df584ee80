#!/usr/bin/env bash
# What cmake/install_packages.sh does on machines this one is not, by tools that only pretend.
set -euo pipefail
script=$(dirname "$0")/../../cmake/install_packages.sh
fake=$(mktemp -d)
trap 'rm -rf "$fake"' EXIT
for tool in bash cut env fold paste xargs; do ln -s "$(command -v $tool)" "$fake"; done

pretend() {  # NAME BODY: a tool of that name
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"$fake/$1"
  chmod +x "$fake/$1"
}
expect() {  # STATUS TEXT ARGUMENTS...: runs the script and looks for the text in what it says
  local status=0 wanted=$1 text=$2 said
  shift 2
  said=$(PATH=$fake bash "$script" "$@" 2>&1) || status=$?
  if [[ $status != "$wanted" || $said != *"$text"* || ($text == '' && $said != '') ]]; then
    printf 'expected status %s and "%s"; got %s and:\n%s\n' "$wanted" "$text" "$status" "$said"
    exit 1
  fi
}

expect 2 "unknown argument 'blas'" blas
expect 0 'libdnnl-dev' --print
expect 0 'dataset-fashion-mnist' --print data
expect 0 'This system has no apt-get. Ranvier needs'

pretend apt-get 'echo "apt-get $*"'
pretend dpkg-query 'shift 3; for package; do echo " $package installed"; done'
expect 0 ''

pretend dpkg-query 'echo " libfmt-dev installed"; echo " libdnnl-dev config-files"; exit 1'
if ((EUID == 0)); then
  expect 0 'install --yes --no-install-recommends g++ cmake git'
  expect 0 'libdnnl-dev liblz4-dev'
  pretend apt-get '[[ $* != *update ]]'
  expect 0 'The package lists could not be renewed'
  pretend apt-get '[[ $* != *install* ]]'
  expect 1 'apt-get could not install: g++'
else
  expect 1 'neither root nor sudo is at hand'
  pretend sudo 'echo "as root: $*"'
  expect 0 'as root: env DEBIAN_FRONTEND=noninteractive apt-get'
fi
