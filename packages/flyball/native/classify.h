/* 64 bytes -> which of them are digits, letters, ..., a bit each; and some of them moved together. For each kind of
 * processor its own way. */
#ifndef FLYBALL_CLASSIFY_H
#define FLYBALL_CLASSIFY_H

#include "core.h"

enum { LEVEL_PLAIN, LEVEL_AVX2, LEVEL_AVX512 };

typedef struct {
    uint64_t digit;   /* [0-9] */
    uint64_t card;    /* [2-6] */
    uint64_t word;    /* [A-Za-z0-9_] */
    uint64_t joined;  /* [A-Za-z0-9_.-] */
    uint64_t newline;
    uint64_t strange; /* other control characters than tab and return, and bytes that are no ASCII */
} Classes;

static inline __attribute__((always_inline)) Classes classify(int level, const uint8_t *p);

/* Write the bytes of `keep` without gaps, those of `zeros` as the digit 0; returns their number. Up to 64 bytes of `to`
 * are overwritten. */
static inline __attribute__((always_inline)) int compress(int level, uint8_t *to, const uint8_t *p, uint64_t keep,
                                                          uint64_t zeros);

/* Copy `size` bytes of 64 that can be read; zeros for the others. */
static inline __attribute__((always_inline)) void copy_upto(int level, uint8_t *to, const uint8_t *p, int size);

/* Bit `kind` of eight bytes, as a byte of bits. */
static inline uint64_t bits_of(uint64_t kinds, int kind) {
    return (kinds >> kind & 0x0101010101010101u) * 0x0102040810204080u >> 56;
}

static inline Classes classify_plain(const uint8_t *p) {
    Classes c = {0};
    uint8_t kinds[64];
    for (int i = 0; i < 64; i++) { /* compilers do this with vectors */
        uint8_t b = p[i], l = b | 32, digit = b >= '0' && b <= '9', letter = l >= 'a' && l <= 'z';
        uint8_t word = digit | letter | (b == '_'), white = (b == '\t') | (b == '\n') | (b == '\r');
        kinds[i] = (uint8_t)(digit | (b >= '2' && b <= '6') << 1 | word << 2 | (word | (b == '.') | (b == '-')) << 3 |
                             (b == '\n') << 4 | ((b >= 128) | ((b < 32) & !white)) << 5);
    }
    for (int at = 0; at < 64; at += 8) {
        uint64_t eight = 0;
        for (int i = 0; i < 8; i++) eight |= (uint64_t)kinds[at + i] << 8 * i; /* one load, where the low byte is first */
        c.digit |= bits_of(eight, 0) << at, c.card |= bits_of(eight, 1) << at, c.word |= bits_of(eight, 2) << at;
        c.joined |= bits_of(eight, 3) << at, c.newline |= bits_of(eight, 4) << at, c.strange |= bits_of(eight, 5) << at;
    }
    return c;
}

static inline void copy_upto_plain(uint8_t *to, const uint8_t *p, int size) {
    memset(to, 0, 64);
    memcpy(to, p, (size_t)size);
}

static inline int compress_plain(uint8_t *to, const uint8_t *p, uint64_t keep, uint64_t zeros) {
    int size = 0;
    for (int i = 0; i < 64; i++, keep >>= 1, zeros >>= 1) {
        to[size] = zeros & 1 ? '0' : p[i];
        size += keep & 1;
    }
    return size;
}

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET_AVX2 "avx2,bmi,bmi2,lzcnt,popcnt"
#define TARGET_AVX512 "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt"

__attribute__((target(TARGET_AVX2))) static inline Classes classify_avx2(const uint8_t *p) {
    Classes c = {0};
#define HALF_BITS(v, at) ((uint64_t)(uint32_t)_mm256_movemask_epi8(v) << (at))
#define HALF_UPTO(v, most) _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(most)), v)
#define HALF_IS(v, b) _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b))
    for (int at = 0; at < 64; at += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(p + at)), l = _mm256_or_si256(v, _mm256_set1_epi8(32));
        __m256i digit = HALF_UPTO(_mm256_sub_epi8(v, _mm256_set1_epi8('0')), 9);
        __m256i letter = HALF_UPTO(_mm256_sub_epi8(l, _mm256_set1_epi8('a')), 25);
        __m256i word = _mm256_or_si256(_mm256_or_si256(digit, letter), HALF_IS(v, '_'));
        __m256i newline = HALF_IS(v, '\n');
        __m256i usual = _mm256_or_si256(_mm256_or_si256(newline, HALF_IS(v, '\t')), HALF_IS(v, '\r'));
        /* compared as signed numbers, bytes over 127 are below 32 too */
        __m256i strange = _mm256_andnot_si256(usual, _mm256_cmpgt_epi8(_mm256_set1_epi8(32), v));
        c.digit |= HALF_BITS(digit, at);
        c.card |= HALF_BITS(HALF_UPTO(_mm256_sub_epi8(v, _mm256_set1_epi8('2')), 4), at);
        c.word |= HALF_BITS(word, at);
        c.joined |= HALF_BITS(_mm256_or_si256(word, _mm256_or_si256(HALF_IS(v, '.'), HALF_IS(v, '-'))), at);
        c.newline |= HALF_BITS(newline, at);
        c.strange |= HALF_BITS(strange, at);
    }
    return c;
}

/* For each byte of bits the places of those that are set, then places that give zeros. */
static uint8_t gathers[256][8];

__attribute__((constructor)) static void make_gathers(void) {
    for (int bits = 0; bits < 256; bits++) {
        memset(gathers[bits], 0x80, 8);
        for (int bit = 0, n = 0; bit < 8; bit++)
            if (bits >> bit & 1) gathers[bits][n++] = (uint8_t)bit;
    }
}

__attribute__((target(TARGET_AVX2))) static inline int compress_avx2(uint8_t *to, const uint8_t *p, uint64_t keep,
                                                                     uint64_t zeros) {
    const __m256i which_byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i which_bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    int size = 0;
    for (int at = 0; at < 64; at += 32) {
        __m256i bits = _mm256_shuffle_epi8(_mm256_set1_epi32((int)(zeros >> at)), which_byte);
        __m256i zero = _mm256_cmpeq_epi8(_mm256_and_si256(bits, which_bit), which_bit);
        __m256i v = _mm256_blendv_epi8(_mm256_loadu_si256((const __m256i *)(p + at)), _mm256_set1_epi8('0'), zero);
        __m128i halves[2] = {_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)};
        for (int i = 0; i < 4; i++, keep >>= 8) {
            __m128i gather = _mm_loadl_epi64((const __m128i *)gathers[keep & 255]);
            __m128i eight = i & 1 ? _mm_srli_si128(halves[i / 2], 8) : halves[i / 2];
            _mm_storel_epi64((__m128i *)(to + size), _mm_shuffle_epi8(eight, gather));
            size += __builtin_popcountll(keep & 255);
        }
    }
    return size;
}

/* 64 times all bits and 64 times none: what is read from 64 - n on masks all but n bytes. */
static const uint8_t upto[128] = {[0 ... 63] = 255};

__attribute__((target(TARGET_AVX2))) static inline void copy_upto_avx2(uint8_t *to, const uint8_t *p, int size) {
    for (int at = 0; at < 64; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(p + at));
        __m256i mask = _mm256_loadu_si256((const __m256i *)(upto + 64 - size + at));
        _mm256_storeu_si256((__m256i *)(to + at), _mm256_and_si256(bytes, mask));
    }
}

__attribute__((target(TARGET_AVX512))) static inline Classes classify_avx512(const uint8_t *p) {
    __m512i v = _mm512_loadu_si512(p), l = _mm512_or_si512(v, _mm512_set1_epi8(32));
#define WHOLE_UPTO(v, from, most) _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(from)), _mm512_set1_epi8(most))
#define WHOLE_IS(v, b) _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b))
    Classes c;
    c.digit = WHOLE_UPTO(v, '0', 9);
    c.card = WHOLE_UPTO(v, '2', 4);
    c.word = c.digit | WHOLE_UPTO(l, 'a', 25) | WHOLE_IS(v, '_');
    c.joined = c.word | WHOLE_IS(v, '.') | WHOLE_IS(v, '-');
    c.newline = WHOLE_IS(v, '\n');
    c.strange = _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(32)) & ~(c.newline | WHOLE_IS(v, '\t') | WHOLE_IS(v, '\r'));
    return c;
}

__attribute__((target(TARGET_AVX512))) static inline void copy_upto_avx512(uint8_t *to, const uint8_t *p, int size) {
    _mm512_storeu_si512(to, _mm512_maskz_loadu_epi8(_bzhi_u64(~(uint64_t)0, (unsigned)size), p));
}

__attribute__((target(TARGET_AVX512))) static inline int compress_avx512(uint8_t *to, const uint8_t *p, uint64_t keep,
                                                                         uint64_t zeros) {
    __m512i v = _mm512_mask_blend_epi8(zeros, _mm512_loadu_si512(p), _mm512_set1_epi8('0'));
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(keep, v));
    return __builtin_popcountll(keep);
}

/* Where three bytes one after another share a set of `sets`, each byte found by its lowest six bits, of 64 bytes and two
 * behind. */
__attribute__((target(TARGET_AVX512))) static inline uint64_t share_sets(const uint8_t *p, const uint8_t sets[3][64]) {
    __m512i shared = _mm512_set1_epi8(-1);
    for (int i = 0; i < 3; i++)
        shared = _mm512_and_si512(shared, _mm512_permutexvar_epi8(_mm512_loadu_si512(p + i), _mm512_loadu_si512(sets[i])));
    return _mm512_test_epi8_mask(shared, shared);
}

static inline int best_level(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return LEVEL_PLAIN;
    int all = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return all && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") ? LEVEL_AVX512 : LEVEL_AVX2;
}

#define FOR_LEVEL_CALL(name, ...)                              \
    (level == LEVEL_AVX512 ? name##_avx512(__VA_ARGS__)        \
     : level == LEVEL_AVX2 ? name##_avx2(__VA_ARGS__)          \
                           : name##_plain(__VA_ARGS__))
#else
static inline int best_level(void) { return LEVEL_PLAIN; }
#define FOR_LEVEL_CALL(name, ...) ((void)level, name##_plain(__VA_ARGS__))
#endif

static inline Classes classify(int level, const uint8_t *p) { return FOR_LEVEL_CALL(classify, p); }

static inline int compress(int level, uint8_t *to, const uint8_t *p, uint64_t keep, uint64_t zeros) {
    return FOR_LEVEL_CALL(compress, to, p, keep, zeros);
}

static inline void copy_upto(int level, uint8_t *to, const uint8_t *p, int size) {
    FOR_LEVEL_CALL(copy_upto, to, p, size);
}

#endif
