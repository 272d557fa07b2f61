#!/bin/sh
# Hold the compiled core against AddressSanitizer and UBSan:
#     safety.sh build                           the objects, the library and the fuzz targets, in build/fuzz
#     safety.sh test                            the differential tests, on that library
#     safety.sh run NAME [SECONDS [SEED]]       one fuzz target; the input that ends a run early is left in
#                                               build/fuzz/NAME.last (its size in the first eight bytes)
# A machine without gcc or its sanitizers says so and passes: Flyball runs there without the core, too.
set -eu
cd "$(dirname "$0")"
root=$(cd ../../../.. && pwd)
out=${FUZZ_OUT:-$root/build/fuzz}
export CC="${CC:-gcc}" PYTHON="${PYTHON:-python3}"
mkdir -p "$out"

missing() {
    command -v "${CC%% *}" >/dev/null 2>&1 || { echo "there is no C compiler ($CC)"; return; }
    echo 'void __sanitizer_cov_trace_pc(void) {} int main(void) { return 0; }' > "$out/probe.$$.c"
    $CC -fsanitize=address,undefined -fsanitize-coverage=trace-pc -c -o "$out/probe.$$.o" "$out/probe.$$.c" 2>/dev/null &&
        $CC -fsanitize=address,undefined -o "$out/probe.$$" "$out/probe.$$.o" 2>/dev/null ||
        echo "$CC has no AddressSanitizer and UBSan here"
    rm -f "$out/probe.$$" "$out/probe.$$.c" "$out/probe.$$.o"
}

why=$(missing)
if [ -n "$why" ]; then
    echo "flyball: $1: nothing was held against the sanitizers: $why"
    exit 0
fi
case $1 in
build) MAKEFLAGS= ${MAKE:-make} -s -j2 OUT="$out" CC="$CC" all ;;
run)
    name=$2
    "$out/fuzz_$name" "${3:-120}" "${4:-1}" "$out/$name.last" "corpus/$name"
    ;;
test)
    # chDB brings an allocator of its own and does not live with ASan: the conftest that opens it stays out
    library=$($CC -print-file-name=libasan.so)
    [ -e "$library" ] || { echo "flyball: test: nothing was held against the sanitizers: $CC has no libasan.so"; exit 0; }
    cd "$root"
    tests=packages/flyball/tests
    FLYBALL_CORE="$out/core.so" ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 LD_PRELOAD="$library" \
        "$PYTHON" -m pytest --noconftest -s -q -p no:randomly -p no:cacheprovider --hypothesis-profile=ci \
        $tests/distill/test_core.py $tests/distill/test_line_counts.py $tests/distill/test_learner.py \
        $tests/receivers/test_otlp_core.py
    ;;
esac
