#!/usr/bin/env bash
# usage: isa_symbols.sh NAMESPACE OBJECTS LOWER_OBJECTS..., the objects in files, one path per line.
# Code shared by name (inline functions, templates) is kept once by the linker. If only a copy for
# newer processors held some, older ones would run it and stop at an illegal instruction. So what
# such a copy shares must lie in its own namespace or in objects that are linked before it.
set -euo pipefail
shared() { cat "$@" | xargs nm --defined-only | awk '$2 ~ /^[WVu]$/ { print $3 }' | sort -u; }

namespace=$1 objects=$2
shift 2
lower=$(mktemp)
trap 'rm -f "$lower"' EXIT
shared "$@" >"$lower"
stray=$(shared "$objects" | { grep -v "$namespace" || true; } | comm -23 - "$lower")
if [ -n "$stray" ]; then
  echo "Only the copy $namespace defines these; move them into its namespace or force them inline:"
  echo "$stray" | c++filt
  exit 1
fi
