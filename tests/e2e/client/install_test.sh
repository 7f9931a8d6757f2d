#!/usr/bin/env bash
# The SDK can be installed, and a project outside of the tree builds against it.
#   install_test.sh BUILD_DIR SOURCE_DIR CXX_COMPILER CXX_FLAGS
set -euo pipefail
build=$1 source=$2 compiler=$3 flags=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp -r "$source/client/cpp/examples/standalone" "$dir/project"
cmake --install "$build" --prefix "$dir/prefix" --component sluice-client
cmake -S "$dir/project" -B "$dir/build" -DCMAKE_PREFIX_PATH="$dir/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
      -DCMAKE_CXX_FLAGS="$flags"
cmake --build "$dir/build"
"$dir/build/my-worker" --help
