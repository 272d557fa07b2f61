/* Texts -> their keys (distill/mask.py: `keys`), and where a part that varies may be a secret.
 *
 * No branch asks about single tokens, nor about where lines end: a word of 64 bits says of 64 bytes which vary, and what
 * is kept of them is moved together in one go. So the keys of lines that lie side by side lie side by side. */
#ifndef FLYBALL_KEY_H
#define FLYBALL_KEY_H

#include "classify.h"

#define TEXT_BYTES_MAX 4096 /* as mask.MASK_CHARS_MAX: a longer text is odd */
#define BLOCK_BYTES 8192    /* are read at once; twice the longest text, so that a line fits */
#define WORDS_MAX (BLOCK_BYTES / 64)
#define PADDING 66 /* bytes behind a block that may be read (and are not used) */
#define SEEDS 8

/* A block as its classes of bytes, 64 a word, and its key. */
typedef struct {
    int words, newlines; /* `newlines`: whether there are any */
    uint64_t digit[WORDS_MAX + 1], word[WORDS_MAX + 1]; /* with a word of none behind */
    uint64_t newline[WORDS_MAX], strange[WORDS_MAX];
    uint64_t varies[WORDS_MAX];
    uint64_t card[WORDS_MAX];                    /* 2 to 6, behind no dot or dash */
    uint64_t stems[WORDS_MAX], cards[WORDS_MAX]; /* where a secret's head, a card's number may begin */
    int marks_number, lines;
    uint16_t marks[BLOCK_BYTES + 1]; /* where the strange and the suspect begin; BLOCK_BYTES ends the list */
    uint16_t ends[BLOCK_BYTES + 2], key_ends[BLOCK_BYTES + 2]; /* of each line in the block, of its key: the newline */
    int size;
    uint8_t bytes[BLOCK_BYTES + 64];     /* the key */
    uint8_t copy[BLOCK_BYTES + PADDING]; /* of a text with too little behind it */
} Block;

/* Where `size` bytes can be read and PADDING behind them: at p, or a copy. */
static inline const uint8_t *padded(Block *b, const uint8_t *p, int size, const uint8_t *end) {
    if (__builtin_expect(end - p >= size + PADDING, 1)) return p;
    memcpy(b->copy, p, (size_t)size);
    memset(b->copy + size, 0, PADDING);
    return b->copy;
}

/* ---- what varies -------------------------------------------------------------------------------------------------*/

/* The lowest bits, as many as `number`. */
static inline uint64_t lowest(int number) { return number >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << number) - 1; }

/* Classify `size` bytes: where the first digit of each run stands, and what of the run follows it. */
static inline __attribute__((always_inline)) void classify_block(int level, Block *b, const uint8_t *p, int size) {
    uint64_t flooded = 0, punctuated = 0; /* whether a run with a digit, a dot or dash goes on from the word before */
    int w = 0;
    b->newlines = 0;
    for (int left = size; left > 0; left -= 64, w++) {
        Classes c = classify(level, p + 64 * w);
        uint64_t there = lowest(left), digit = c.digit & there, joined = c.joined & there;
        uint64_t seeds = digit | (flooded & joined), punctuation = c.joined & ~c.word;
        b->digit[w] = digit, b->word[w] = c.word & there;
        b->newline[w] = c.newline & there, b->strange[w] = c.strange & there;
        b->newlines |= b->newline[w] != 0;
        b->varies[w] = (joined & ~(joined + seeds)) | seeds; /* from the first digit of a run to its end */
        b->card[w] = c.card & ~(punctuation << 1 | punctuated);
        flooded = b->varies[w] >> 63, punctuated = punctuation >> 63;
    }
    b->words = w;
    b->digit[w] = b->word[w] = 0;
}

/* The seeds, and what of `through` lies right below them without a gap. */
static inline uint64_t flood_down(uint64_t seeds, uint64_t through) {
    for (int step = 1; step < 64; step *= 2) seeds |= through & seeds >> step, through &= through >> step;
    return seeds;
}

/* The highest bits of a word down to its first gap. */
static inline uint64_t highest_run(uint64_t word) { return ~word ? ~(~(uint64_t)0 >> __builtin_clzll(~word)) : word; }

/* A token begins where the word with its first digit does, and ends with its last letter or digit: dots and dashes behind
 * that do not vary. */
static inline void bound_tokens(Block *b) {
    uint64_t behind = 0; /* all ones when the byte behind the word varies */
    for (int w = b->words - 1; w >= 0; w--) {
        uint64_t through = b->varies[w] | b->word[w];
        b->varies[w] = flood_down(b->varies[w] & b->word[w], through) | (behind & highest_run(through));
        behind = -(b->varies[w] & 1);
    }
}

/* ---- what a variable token says ----------------------------------------------------------------------------------*/

/* Three letters of each thing that redact._PREFILTER knows: a token with none of them is no secret. */
static const char STEMS[] =
    "beabaspaspwdseckeycretokautcoojwteyjakiasiabiaccghpghoghughsghrgitglpxoxhooslalivteswhssk-aizya2npmsg.pri";
static uint8_t stem_bits[1 << 12];
static uint8_t stem_sets[3][64]; /* of the first, second and third byte: in which sets of stems it is */

static inline int stem_of(const uint8_t *p) { return (p[0] & 31) << 10 | (p[1] & 31) << 5 | (p[2] & 31); }

__attribute__((constructor)) static void make_stems(void) {
    int sets[32] = {0}, firsts = 0; /* stems with the same first letter are one set; some sets share a bit */
    for (const char *stem = STEMS; *stem; stem += 3) {
        int at = stem_of((const uint8_t *)stem), *set = &sets[*stem & 31];
        stem_bits[at >> 3] |= (uint8_t)(1 << (at & 7));
        if (!*set) *set = 1 << firsts++ % 8;
        for (int i = 0; i < 3; i++)
            for (int half = 0; half < 64; half += 32) stem_sets[i][half | (stem[i] & 31)] |= (uint8_t)*set;
    }
}

static inline int is_stem(const uint8_t *p) {
    int at = stem_of(p);
    return stem_bits[at >> 3] >> (at & 7) & 1;
}

/* Which of the places in a word of bytes begin a stem. */
static inline uint64_t exact_stems(const uint8_t *p, uint64_t places) {
    uint64_t found = 0;
    for (; places; places &= places - 1) found |= is_stem(p + __builtin_ctzll(places)) ? places & -places : 0;
    return found;
}

/* Where in word `w` two letters of a token may begin a secret's head, where digits stand as all forms of card numbers
 * have them (the first four, and the sixth to ninth), and where strange bytes begin. */
static inline __attribute__((always_inline)) uint64_t marks_of(int level, Block *b, const uint8_t *p, int w,
                                                               uint64_t starts) {
    uint64_t letters = b->word[w] & ~b->digit[w], next = b->word[w + 1] & ~b->digit[w + 1];
    uint64_t pairs = letters & (letters >> 1 | next << 63) & b->varies[w];
    uint64_t digits = b->digit[w], more = b->digit[w + 1]; /* 128 bits; shifting them as one is slow */
    uint64_t two = digits & (digits >> 1 | more << 63), more_two = more & more >> 1;
    uint64_t four = two & (two >> 2 | more_two << 62), more_four = more_two & more_two >> 2;
#ifdef __x86_64__
    b->stems[w] = level == LEVEL_AVX512 ? pairs & share_sets(p, stem_sets) : exact_stems(p, pairs);
#else
    (void)level;
    b->stems[w] = exact_stems(p, pairs);
#endif
    b->cards[w] = starts & b->card[w] & four & (four >> 5 | more_four << 59);
    return b->stems[w] | b->cards[w] | (b->strange[w] & ~(b->strange[w] << 1));
}

static inline int is_set(const uint64_t *mask, int at) { return mask[at >> 6] >> (at & 63) & 1; }

enum { IS_STRANGE = 4 }; /* beside MAY_BE_NAMED and MAY_BE_CARD */

/* What the mark at a place says: which kinds of secret may begin there, or that something strange does. */
static int look_at_mark(const Block *b, const uint8_t *p, int at) {
    static const uint64_t forms[] = {0x1fff, 0xbdef, 0xf7ef}; /* in one piece; 4-4-4-1; 4-6-4 */
    int found = is_set(b->strange, at) ? IS_STRANGE : 0;
    if (is_set(b->stems, at) && is_stem(p + at)) found |= MAY_BE_NAMED;
    if (is_set(b->cards, at)) {
        unsigned __int128 digits = (unsigned __int128)b->digit[(at >> 6) + 1] << 64 | b->digit[at >> 6];
        for (int i = 0; i < 3; i++)
            if (((uint64_t)(digits >> (at & 63)) & forms[i]) == forms[i]) found |= MAY_BE_CARD;
    }
    return found;
}

/* ---- the key -----------------------------------------------------------------------------------------------------*/

/* Note where the lines of word `w` end, and their keys. `keep` is what the key keeps of it. */
static inline __attribute__((always_inline)) void note_lines(Block *b, int w, uint64_t newlines, uint64_t keep) {
    int line = b->lines;
    b->lines += __builtin_popcountll(newlines);
    do { /* two at once, needed or not: no branch asks how many there are */
        for (int i = 0; i < 2; i++, newlines &= newlines - 1, line++) {
            uint64_t below = (newlines - 1) & ~newlines;
            b->ends[line] = (uint16_t)(64 * w + __builtin_popcountll(below));
            b->key_ends[line] = (uint16_t)(b->size + __builtin_popcountll(keep & below));
        }
    } while (__builtin_expect(newlines != 0, 0));
}

/* The key of a block's first `size` bytes, which have been classified. */
static inline __attribute__((always_inline)) void make_keys(int level, Block *b, const uint8_t *p, int size,
                                                            int with_lines) {
    uint64_t before = 0; /* whether the last byte of the word before varies */
    b->words = (size + 63) >> 6;
    bound_tokens(b);
    b->size = b->marks_number = b->lines = 0;
    for (int w = 0; w < b->words; w++) {
        uint64_t varies = b->varies[w], starts = varies & ~(varies << 1 | before), there = lowest(size - 64 * w);
        uint64_t keep = (~varies | starts) & there;
        before = varies >> 63;
        uint64_t marks = marks_of(level, b, p + 64 * w, w, starts) & there;
        for (; __builtin_expect(marks != 0, 0); marks &= marks - 1)
            b->marks[b->marks_number++] = (uint16_t)(64 * w + __builtin_ctzll(marks));
        if (with_lines) note_lines(b, w, b->newline[w] & there, keep);
        b->size += compress(level, b->bytes + b->size, p + 64 * w, keep, starts);
    }
    b->marks[b->marks_number] = BLOCK_BYTES;
}

/* Up to where the lines of a classified block are whole; 0 when there is no newline. */
static inline int whole_lines(const Block *b) {
    for (int w = b->words - 1; w >= 0; w--)
        if (b->newline[w]) return 64 * w + 64 - __builtin_clzll(b->newline[w]);
    return 0;
}

static inline uint64_t load8(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint64_t mix(const uint8_t *p, uint64_t h, const uint64_t *seeds) {
    uint64_t a = fold(load8(p) ^ seeds[0], load8(p + 8) ^ seeds[1] ^ h);
    uint64_t b = fold(load8(p + 16) ^ seeds[2], load8(p + 24) ^ seeds[3] ^ h);
    uint64_t c = fold(load8(p + 32) ^ seeds[4], load8(p + 40) ^ seeds[5] ^ h);
    uint64_t d = fold(load8(p + 48) ^ seeds[6], load8(p + 56) ^ seeds[7] ^ h);
    return (a ^ b) + (c ^ d);
}

/* The hash of a key, behind which 64 bytes can be read. `start` and `seeds` are secret: who does not know them cannot
 * make two keys fall together. */
static inline __attribute__((always_inline)) uint64_t hash_key(int level, const uint8_t *key, int size, uint64_t start,
                                                               const uint64_t *seeds) {
    uint64_t h = start + (uint64_t)size;
    uint8_t last[64];
    int left = size;
    for (; left > 64; left -= 64, key += 64) h = mix(key, h, seeds);
    copy_upto(level, last, key, left);
    h = mix(last, h, seeds);
    return fold(h ^ seeds[0], (uint64_t)size ^ seeds[1]);
}

#endif
