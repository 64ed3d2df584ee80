#!/usr/bin/env bash
# usage: format.sh [--fix]. Checks that code is formatted as .clang-format says, or makes it so.
# Only version 14 is asked, Debian 12's: each version has tastes of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in clang-format-14 clang-format; do
  [[ $($tool --version 2>&1) == *'version 14.'* ]] || continue
  [[ ${1:-} == --fix ]] && how=(-i) || how=(--dry-run -Werror)
  find . \( -name build -o -name .git \) -prune -o \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
    xargs -0 "$tool" "${how[@]}"
  exit
done
echo 'skipped: there is no clang-format 14 here'
