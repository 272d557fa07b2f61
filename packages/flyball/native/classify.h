/* 64 bytes -> which of them are digits, letters, ..., a bit each; for each kind of processor its own way. */
#ifndef FLYBALL_CLASSIFY_H
#define FLYBALL_CLASSIFY_H

#include "core.h"

enum { LEVEL_PLAIN, LEVEL_AVX2, LEVEL_AVX512 };

typedef struct {
    uint64_t digit;   /* [0-9] */
    uint64_t word;    /* [A-Za-z0-9_] */
    uint64_t joined;  /* [A-Za-z0-9_.-] */
    uint64_t newline;
    uint64_t strange; /* other control characters than tab and return, and bytes that are no ASCII */
} Classes;

/* What `left` bytes (at least one is there) are; bits behind them mean nothing. */
static inline __attribute__((always_inline)) Classes classify(int level, const uint8_t *p, size_t left);

static inline Classes classify_plain(const uint8_t *p, size_t left) {
    Classes c = {0};
    int n = left < 64 ? (int)left : 64;
    for (int i = 0; i < n; i++) {
        uint8_t b = p[i], l = b | 32;
        uint64_t digit = b >= '0' && b <= '9', letter = l >= 'a' && l <= 'z', word = digit | letter | (b == '_');
        c.digit |= digit << i;
        c.word |= word << i;
        c.joined |= (uint64_t)(word | (b == '.') | (b == '-')) << i;
        c.newline |= (uint64_t)(b == '\n') << i;
        c.strange |= (uint64_t)(b >= 128 || (b < 32 && b != '\t' && b != '\n' && b != '\r')) << i;
    }
    return c;
}

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET_AVX2 "avx2,bmi,bmi2,lzcnt"
#define TARGET_AVX512 "avx512f,avx512bw,avx512vl,avx2,bmi,bmi2,lzcnt"

__attribute__((target(TARGET_AVX2))) static inline Classes classify_avx2(const uint8_t *p, size_t left) {
    uint8_t copy[64] __attribute__((aligned(32)));
    if (__builtin_expect(left < 64, 0)) {
        memcpy(copy, p, left);
        memset(copy + left, 0, 64 - left);
        p = copy;
    }
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
        c.word |= HALF_BITS(word, at);
        c.joined |= HALF_BITS(_mm256_or_si256(word, _mm256_or_si256(HALF_IS(v, '.'), HALF_IS(v, '-'))), at);
        c.newline |= HALF_BITS(newline, at);
        c.strange |= HALF_BITS(strange, at);
    }
    return c;
}

__attribute__((target(TARGET_AVX512))) static inline Classes classify_avx512(const uint8_t *p, size_t left) {
    __mmask64 there = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
    __m512i v = _mm512_maskz_loadu_epi8(there, p), l = _mm512_or_si512(v, _mm512_set1_epi8(32));
#define WHOLE_UPTO(v, from, most) _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(from)), _mm512_set1_epi8(most))
#define WHOLE_IS(v, b) _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b))
    Classes c;
    c.digit = WHOLE_UPTO(v, '0', 9);
    c.word = c.digit | WHOLE_UPTO(l, 'a', 25) | WHOLE_IS(v, '_');
    c.joined = c.word | WHOLE_IS(v, '.') | WHOLE_IS(v, '-');
    c.newline = WHOLE_IS(v, '\n');
    c.strange = _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(32)) & ~(c.newline | WHOLE_IS(v, '\t') | WHOLE_IS(v, '\r'));
    return c;
}

static inline int best_level(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return LEVEL_PLAIN;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") ? LEVEL_AVX512 : LEVEL_AVX2;
}

static inline __attribute__((always_inline)) Classes classify(int level, const uint8_t *p, size_t left) {
    if (level == LEVEL_AVX512) return classify_avx512(p, left);
    if (level == LEVEL_AVX2) return classify_avx2(p, left);
    return classify_plain(p, left);
}
#else
static inline int best_level(void) { return LEVEL_PLAIN; }
static inline __attribute__((always_inline)) Classes classify(int level, const uint8_t *p, size_t left) {
    (void)level;
    return classify_plain(p, left);
}
#endif

#endif
