#!/bin/sh
# Applies each mutant to a copy of the last commit, and says after how many short seeds the bed finds
# it: ./run.sh [NAME…], with CURFEW_LONG=1 after how many long ones in release, which some of them need.
# A bed that finds nothing wrong with them would find nothing at all.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
copy=$(mktemp -d)
git -C "$here" worktree add --quiet --detach "$copy" HEAD
trap 'git -C "$here" worktree remove --force "$copy"' EXIT
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/../../../target/mutants}"
export CURFEW_SEEDS="${CURFEW_SEEDS:-200}" CURFEW_STOP=1 RUST_BACKTRACE=0
profile=--release
[ -n "${CURFEW_LONG:-}" ] || { profile=; export CURFEW_QUICK=1; }
[ $# -gt 0 ] || set -- $(cd "$here" && ls *.patch | sed 's/\.patch$//')
for name; do
    git -C "$copy" checkout --quiet .
    git -C "$copy" apply "$here/$name.patch"
    said=$(cd "$copy" && cargo test --quiet $profile --test faultbed many_seeds -- --nocapture 2>&1) || true
    wrong=$(printf '%s\n' "$said" | sed -n 's/^seed \([0-9]*\) is wrong$/\1/p' | head -n 1)
    why=$(printf '%s\n' "$said" | sed -n 's/^seed [0-9]*: //p' | head -n 1 | cut -c 1-150)
    echo "$name: $([ -n "$wrong" ] && echo "found by seed $wrong: $why" || echo "not found in $CURFEW_SEEDS seeds")"
done
