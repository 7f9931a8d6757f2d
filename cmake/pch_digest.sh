#!/bin/sh
# Writes a digest of all that a precompiled header holds: pch_digest.sh OUT HEADER COMPILER ARGUMENT…
# The same in every clone, so that clones share what they have compiled with it.
set -eu
out=$1
header=$2
shift 2
# shellcheck disable=SC2094  # The dependency file names the output; nothing reads it here.
# -w: GCC warns of the pragma with which CMake begins a header that is included.
"$@" -w -x c++-header -E -P -MD -MT "$out" -MF "$out.d" "$header" | sha256sum >"$out"
