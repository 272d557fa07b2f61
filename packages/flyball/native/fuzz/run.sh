#!/bin/sh
# Build each fuzz_*.c with the core, AddressSanitizer and UBSan, and let it run: run.sh [SECONDS [SEED]]
# The input that ends a run early is left in build/fuzz/NAME.last (its size in the first eight bytes).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${FUZZ_OUT:-$here/../../../../build/fuzz}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cc=${CC:-gcc}
flags="-std=gnu11 -O1 -g -no-pie -Wall -Wextra -Werror -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
(cd "$here/.." && ${PYTHON:-python3} -c "
import pathlib, sys, rules_c
for name, text in rules_c.files().items():
    pathlib.Path(sys.argv[1], name).write_text(text)" "$out")
for target in "$here"/fuzz_*.c; do
    name=$(basename "$target" .c)
    for source in "$target" "$here"/../*.c; do
        # shellcheck disable=SC2086
        $cc $flags -fsanitize-coverage=trace-pc -I"$here/.." -I"$out" -c -o "$out/$name-$(basename "$source" .c).o" "$source"
    done
    # shellcheck disable=SC2086
    $cc $flags -o "$out/$name" "$out/$name"-*.o "$here/driver.c"
    "$out/$name" "${1:-120}" "${2:-1}" "$out/$name.last" "$here/corpus/${name#fuzz_}"
done
