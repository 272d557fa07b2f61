/* Texts -> entries: one pass over the bytes of each text, and one look into a table.
 *
 * A text's key is the text with each token that holds a digit written as `0` (distill/mask.py: `keys`). Many texts
 * have few keys; what can be said of a key is found out once and kept in its entry: the shape, the severity it
 * states, and what must be looked at in each text that has it (a name of a secret, the beginning of a stack frame).
 * So a text costs the search for its variable tokens and a hash of what lies between them.
 *
 * A text with a secret is redacted first and never kept as it came: redact.c, `text_of`.
 *
 * What is rare is left to the interpreter, which knows all of it: the text is `odd`. Nothing here decides anything
 * that the pure path would decide otherwise; the tests hold one against the other.
 *
 * The hash is of 64 bits, with a secret seed, and keys are not compared: two keys fall together once in 2^64 pairs,
 * and nobody who does not know the seed can make it happen. */
#include <stdlib.h>

#include "classify.h"
#include "otlp.h"
#include "scan.h"

#define TEXT_BYTES_MAX 4096 /* as mask.MASK_CHARS_MAX: a longer text is odd */
#define WORDS_MAX (TEXT_BYTES_MAX / 64 + 1)
#define TOKENS_MAX (TEXT_BYTES_MAX / 2 + 1)
#define PADDING 16 /* bytes behind a text that may be read (and are not used) */

enum { CODE_BLANK = -1, CODE_ODD = -2 };
enum { NO_ENTRY = -1 };
enum { PENDING = 0 }; /* stands for the id of an entry until the interpreter has said it */

enum {
    IS_BLANK = 1,    /* white space only: no line of a file, but a body like any other */
    IS_PENDING = 2,  /* the interpreter says what the key's shape is */
    IS_SUSPECT = 4,  /* what is constant may name a secret */
    MAY_FRAME = 8,   /* may begin a stack frame */
    IS_SPECIAL = 16, /* holds JSON */
    MAY_GLOG = 32,   /* may begin with glog's header */
    IS_LONG = 64,    /* over KEY_BYTES_MAX: the interpreter masks it, and nothing else is known of it */
};

typedef struct {
    uint64_t hash; /* 0: empty */
    uint32_t entry;
    uint32_t flags;
} Slot;

struct Scanner {
    uint64_t seed[2], other;
    int level;
    Slot *slots;
    size_t slots_mask, slots_used;
    uint64_t *ids; /* of each entry */
    uint8_t *severities;
    Seen *seen;
    size_t entries, entries_room;
    uint64_t *known; /* ids of shapes, 0: empty */
    size_t known_mask, known_used, shapes_max;
    New *news;
    size_t news_used, news_room;
    uint8_t *arena;
    size_t arena_used, arena_room;
    OddText *odd;
    size_t odd_used, odd_room;
    int64_t *frames;
    size_t frames_used, frames_room;
    Redacted *redacted;
    size_t redacted_used, redacted_room;
    uint8_t *plain;
    size_t plain_used, plain_room;
    uint32_t *touched;
    size_t touched_room;
    uint32_t epoch;
    size_t examples_bytes;
    int failed; /* out of memory */
};

/* The tokens of a text that vary, as bounds; the rest is constant. */
typedef struct {
    int count;
    uint16_t from[TOKENS_MAX], to[TOKENS_MAX];
} Tokens;

/* ---- memory ------------------------------------------------------------------------------------------------------*/

#define ROOM(s, name, needed) grow((void **)&(s)->name, &(s)->name##_room, (needed), sizeof *(s)->name)

static int grow_entries(Scanner *s) {
    if (s->entries < s->entries_room) return 1;
    size_t room = s->entries_room ? 2 * s->entries_room : 1024;
    void *ids = realloc(s->ids, room * sizeof *s->ids);
    if (ids) s->ids = ids;
    void *severities = realloc(s->severities, room);
    if (severities) s->severities = severities;
    void *seen = realloc(s->seen, room * sizeof *s->seen);
    if (seen) s->seen = seen;
    if (!ids || !severities || !seen) return 0;
    s->entries_room = room;
    return 1;
}

static int grow_slots(Scanner *s) {
    size_t size = s->slots ? 2 * (s->slots_mask + 1) : 4096;
    Slot *slots = calloc(size, sizeof *slots);
    if (!slots) return 0;
    for (size_t i = 0; s->slots && i <= s->slots_mask; i++) {
        if (!s->slots[i].hash) continue;
        size_t at = s->slots[i].hash & (size - 1);
        while (slots[at].hash) at = (at + 1) & (size - 1);
        slots[at] = s->slots[i];
    }
    free(s->slots);
    s->slots = slots, s->slots_mask = size - 1;
    return 1;
}

/* Returns 1 when the id is (or now is) a known shape, 0 when it is over the cap, -1 without memory. */
static int know(Scanner *s, uint64_t id, int may_exceed, int *is_new) {
    *is_new = 0;
    if (!s->known || 2 * (s->known_used + 1) > s->known_mask) {
        size_t size = s->known ? 2 * (s->known_mask + 1) : 1024;
        uint64_t *known = calloc(size, sizeof *known);
        if (!known) return -1;
        for (size_t i = 0; s->known && i <= s->known_mask; i++) {
            if (!s->known[i]) continue;
            size_t at = s->known[i] & (size - 1);
            while (known[at]) at = (at + 1) & (size - 1);
            known[at] = s->known[i];
        }
        free(s->known);
        s->known = known, s->known_mask = size - 1;
    }
    size_t at = id & s->known_mask;
    for (; s->known[at]; at = (at + 1) & s->known_mask)
        if (s->known[at] == id) return 1;
    if (s->known_used >= s->shapes_max && !may_exceed) return 0;
    s->known[at] = id, s->known_used++, *is_new = 1;
    return 1;
}

/* ---- the hash ----------------------------------------------------------------------------------------------------*/

static inline uint64_t load8(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint64_t low_bytes(uint64_t x, int size) { return size >= 8 ? x : x & (((uint64_t)1 << 8 * size) - 1); }

/* A constant piece, which a variable token follows (or the end). Reads PADDING bytes behind it. */
static inline uint64_t hash_piece(uint64_t h, const uint8_t *p, int size, const uint64_t *seed) {
    uint64_t length = (uint64_t)size;
    for (; __builtin_expect(size > 16, 0); p += 16, size -= 16)
        h = fold(load8(p) ^ h ^ seed[0], load8(p + 8) ^ seed[1]);
    uint64_t a = low_bytes(load8(p), size), b = size > 8 ? low_bytes(load8(p + 8), size - 8) : 0;
    return fold(a ^ h ^ seed[0], b ^ (length << 56) ^ length ^ seed[1]);
}

/* ---- what a key says ---------------------------------------------------------------------------------------------*/

static inline uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* How secrets begin that have no name beside them and whose length counts: redact._PREFILTER looks at the text. */
static const char *const SECRET_HEADS[] = {"eyj", "aiza", "sk-", "sg.", "npm_", "akia", "asia", "abia", "acca", 0};

static int begins(const uint8_t *s, int n, const char *with) {
    int size = (int)strlen(with);
    return n >= size && !memcmp(s, with, size);
}

static int is_suspect_key(const uint8_t *key, int n) {
    for (int i = 0; i < n; i++) {
        if (!memchr("easn", lower(key[i]), 4)) continue; /* the first letters of all */
        for (const char *const *head = SECRET_HEADS; *head; head++) {
            int k = 0;
            while ((*head)[k] && i + k < n && lower(key[i + k]) == (uint8_t)(*head)[k]) k++;
            if (!(*head)[k]) return 1;
        }
    }
    return flyball_is_suspect(key, n);
}

/* Bytes over 127 as one that is no letter, no digit and no space: what the patterns take them for. */
static void as_ascii(uint8_t *to, const uint8_t *from, int n) {
    for (int i = 0; i < n; i++) to[i] = from[i] < 128 ? from[i] : 127;
}

static uint32_t flags_of(const uint8_t *key, int n) {
    uint32_t flags = 0;
    int blank = 0;
    while (blank < n && (key[blank] == ' ' || key[blank] == '\t' || key[blank] == '\r')) blank++;
    if (blank == n) return IS_BLANK;
    if (n > KEY_BYTES_MAX) return IS_LONG;
    if (flyball_is_special(key, n)) flags |= IS_SPECIAL;
    if (begins(key, n, "0 0")) flags |= MAY_GLOG;
    if (flyball_may_be_frame(key, n)) flags |= MAY_FRAME;
    if (is_suspect_key(key, n)) flags |= IS_SUSPECT;
    return flags;
}

/* ---- what a variable token says ----------------------------------------------------------------------------------*/

/* Three letters of each thing that redact._PREFILTER knows: a token with none of them is no secret. */
static const char STEMS[] =
    "beabaspaspwdseckeycretokautcoojwteyjakiasiabiaccghpghoghughsghrgitglpxoxhooslalivteswhssk-aizya2npmsg.pri";
static uint8_t stem_bits[1 << 12];

static inline int stem_of(const uint8_t *p) { return (p[0] & 31) << 10 | (p[1] & 31) << 5 | (p[2] & 31); }

static void make_stems(void) {
    for (const char *stem = STEMS; *stem; stem += 3) {
        int at = stem_of((const uint8_t *)stem);
        stem_bits[at >> 3] |= (uint8_t)(1 << (at & 7));
    }
}

/* Whether a stem begins at one of the places `pairs`, where two letters stand together. */
static inline int has_stem(const uint8_t *token, uint64_t pairs) {
    int found = 0;
    for (; pairs; pairs &= pairs - 1) {
        int at = stem_of(token + __builtin_ctzll(pairs));
        found |= stem_bits[at >> 3] >> (at & 7);
    }
    return found & 1;
}

/* The same for a token longer than a word of bits. */
static __attribute__((noinline)) int has_stem_anywhere(const uint8_t *token, int n) {
    int found = 0;
    for (int i = 0; i + 2 < n; i++) {
        int at = stem_of(token + i);
        found |= stem_bits[at >> 3] >> (at & 7);
    }
    return found & 1;
}

/* ---- a key that was not met before -------------------------------------------------------------------------------*/

static int key_of(const uint8_t *text, int n, const Tokens *tokens, uint8_t *key) {
    int size = 0, at = 0;
    for (int t = 0; t <= tokens->count; t++) {
        int until = t < tokens->count ? tokens->from[t] : n;
        memcpy(key + size, text + at, until - at);
        size += until - at;
        if (t < tokens->count) key[size++] = '0', at = tokens->to[t];
    }
    return size;
}

static int note_new(Scanner *s, uint64_t id, int64_t row, const uint8_t *template, int size) {
    if (!ROOM(s, news, s->news_used + 1) || !ROOM(s, arena, s->arena_used + size)) return 0;
    if (size) memcpy(s->arena + s->arena_used, template, (size_t)size);
    s->news[s->news_used++] = (New){.id = id, .row = row, .at = (int64_t)s->arena_used, .size = size};
    s->arena_used += size;
    return 1;
}

/* Give an entry the shape of its key; 0 where the interpreter must. `key` is overwritten. */
static int give_shape(Scanner *s, size_t entry, uint8_t *key, int n, int64_t row) {
    uint8_t template[TEMPLATE_BYTES_MAX], stated = 0;
    for (int i = 0; i < n; i++)
        if (key[i] > 127) return 0;
    int is_new, size = flyball_template(key, n, template, &stated);
    if (size < 0) return 0;
    uint64_t id = flyball_blake2b_64(template, (size_t)size);
    int admitted = know(s, id, 0, &is_new);
    if (admitted == 0) id = s->other, admitted = know(s, id, 1, &is_new), size = 0;
    if (admitted < 0 || (is_new && !note_new(s, id, row, template, size))) s->failed = 1;
    s->ids[entry] = id;
    s->severities[entry] = stated;
    return 1;
}

static __attribute__((noinline)) Slot *add_entry(Scanner *s, uint64_t hash, const uint8_t *text, int n,
                                                 const Tokens *tokens, int suspect, int stated, int64_t row) {
    if (!grow_entries(s) || (2 * (s->slots_used + 1) > s->slots_mask && !grow_slots(s))) {
        s->failed = 1;
        return 0;
    }
    uint8_t key[TEXT_BYTES_MAX + 1], ascii[TEXT_BYTES_MAX + 1];
    int size = key_of(text, n, tokens, key);
    as_ascii(ascii, key, size);
    uint32_t flags = stated < 0 ? flags_of(ascii, size) : 0;
    s->ids[s->entries] = PENDING;
    s->severities[s->entries] = 0;
    s->seen[s->entries] = (Seen){0};
    /* a text that may hold a secret must not become its shape's example: the next one gives the shape */
    if (!flags && (suspect || !give_shape(s, s->entries, key, size, row))) flags = IS_PENDING;
    if (stated > 0) s->severities[s->entries] = (uint8_t)stated;
    size_t at = hash & s->slots_mask;
    while (s->slots[at].hash) at = (at + 1) & s->slots_mask;
    s->slots[at] = (Slot){.hash = hash, .entry = (uint32_t)s->entries++, .flags = flags};
    s->slots_used++;
    return &s->slots[at];
}

/* ---- one text ----------------------------------------------------------------------------------------------------*/

/* A text as its classes of bytes, 64 a word. */
typedef struct {
    uint64_t digit[WORDS_MAX + 1], word[WORDS_MAX + 1], varies[WORDS_MAX]; /* the first two with a word of none behind */
} Masks;

typedef struct {
    int size;    /* of the text; for a line without its newline */
    int strange; /* holds other bytes than printable ASCII, tabs and returns */
    int newline; /* a body with several lines */
} Read;

static inline int next_set(const uint64_t *mask, int from, int words) {
    int at = from >> 6;
    if (at >= words) return words << 6;
    uint64_t word = mask[at] >> (from & 63);
    if (word) return from + __builtin_ctzll(word);
    while (++at < words)
        if (mask[at]) return (at << 6) + __builtin_ctzll(mask[at]);
    return words << 6;
}

static inline int next_clear(const uint64_t *mask, int from, int words) {
    int at = from >> 6;
    uint64_t word = ~mask[at] >> (from & 63);
    if (word) return from + __builtin_ctzll(word);
    while (++at < words)
        if (~mask[at]) return (at << 6) + __builtin_ctzll(~mask[at]);
    return words << 6;
}

/* How many bits are set right below `at`. */
static inline int run_below(const uint64_t *mask, int at) {
    int run = 0;
    while (at > 0) {
        int bits = ((at - 1) & 63) + 1;
        uint64_t clear = ~(mask[(at - 1) >> 6] << (64 - bits));
        int here = clear ? __builtin_clzll(clear) : 64;
        if (here < bits) return run + here;
        run += bits, at -= bits;
    }
    return run;
}

/* A token ends with its last letter or digit: dots and dashes behind that do not vary. */
static inline __attribute__((always_inline)) void trim(Masks *m, int last) {
    uint64_t behind = 0; /* whether the byte behind the word varies, as its highest bit */
    for (int w = last; w >= 0; w--) {
        uint64_t ends;
        while ((ends = m->varies[w] & ~m->word[w] & ~(m->varies[w] >> 1 | behind))) m->varies[w] ^= ends;
        behind = m->varies[w] << 63;
    }
}

/* Fill the masks of a text of `size` bytes, or of a line up to its newline (which must be there). */
static inline __attribute__((always_inline)) Read read_text(int level, Masks *m, const uint8_t *p, size_t size,
                                                            int is_line) {
    Read read = {0};
    uint64_t flooded = 0; /* whether a run with a digit goes on from the word before */
    for (int w = 0;; w++) {
        size_t at = 64 * (size_t)w, left = size - at;
        Classes c = classify(level, p + at, left);
        uint64_t keep = left >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
        int last = left <= 64;
        if (is_line && c.newline) keep = (c.newline & -c.newline) - 1, last = 1;
        if (!is_line) read.newline |= (c.newline & keep) != 0;
        read.strange |= (c.strange & keep) != 0;
        uint64_t digit = c.digit & keep, joined = c.joined & keep;
        uint64_t seeds = digit | (flooded & joined);
        m->digit[w] = digit, m->word[w] = c.word & keep;
        m->varies[w] = (joined & ~(joined + seeds)) | seeds; /* from the first digit of a run to its end */
        flooded = m->varies[w] >> 63;
        if (last) {
            read.size = (int)at + (keep == ~(uint64_t)0 ? 64 : __builtin_ctzll(~keep));
            m->digit[w + 1] = m->word[w + 1] = 0;
            trim(m, w);
            return read;
        }
        if (w + 1 == WORDS_MAX) {
            read.size = TEXT_BYTES_MAX + 1;
            return read;
        }
    }
}

/* The 64 bits from `at` on. */
static inline uint64_t bits_from(const uint64_t *mask, int at) {
    int bit = at & 63;
    return mask[at >> 6] >> bit | (mask[(at >> 6) + 1] << 1 << (63 - bit));
}

#define CARD 0x1ef /* digits where all forms of card numbers have them: the first four, and the sixth to ninth */

/* Whether a token may be a card's number or its first part: `digits` are those from its first byte on. */
static __attribute__((noinline)) int may_be_card(const uint8_t *p, int from, uint64_t digits) {
    static const uint64_t forms[] = {0x1fff, 0xbdef, 0xf7ef}; /* in one piece; 4-4-4-1; 4-6-4 */
    if (p[from] < '2' || p[from] > '6' || (from && (p[from - 1] == '-' || p[from - 1] == '.'))) return 0;
    for (int i = 0; i < 3; i++)
        if ((digits & forms[i]) == forms[i]) return 1;
    return 0;
}

/* The hash of a text's key; `suspect` when a token may be a secret. */
static inline __attribute__((always_inline)) uint64_t hash_key(const Masks *m, const uint8_t *p, int size,
                                                               uint64_t h, const uint64_t *seed, Tokens *tokens,
                                                               int *suspect) {
    int words = (size + 63) >> 6, at = 0, count = 0;
    while (1) {
        int digit = next_set(m->varies, at, words);
        if (digit >= size) break;
        int from = digit - run_below(m->word, digit), to = next_clear(m->varies, digit, words);
        h = hash_piece(h, p + at, from - at, seed);
        int size_of = to - from;
        uint64_t digits = bits_from(m->digit, from), letters = bits_from(m->word, from) & ~digits;
        if ((digits & CARD) == CARD) *suspect |= may_be_card(p, from, digits);
        uint64_t pairs = letters & letters >> 1 & (size_of >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << size_of) - 1);
        if (pairs) *suspect |= size_of > 64 ? has_stem_anywhere(p + from, size_of) : has_stem(p + from, pairs);
        tokens->from[count] = (uint16_t)from, tokens->to[count++] = (uint16_t)to;
        at = to;
    }
    tokens->count = count;
    return hash_piece(h, p + at, size - at, seed) + (uint64_t)count;
}

static int is_utf8(const uint8_t *p, int n) {
    for (int i = 0; i < n;) {
        uint8_t c = p[i];
        int more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : -1;
        if (more < 0 || i + more >= n) return 0;
        for (int k = 1; k <= more; k++)
            if ((p[i + k] & 0xc0) != 0x80) return 0;
        if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] > 0x9f) || (c == 0xf0 && p[i + 1] < 0x90) ||
            (c == 0xf4 && p[i + 1] > 0x8f))
            return 0;
        i += more + 1;
    }
    return 1;
}

/* Whether strange bytes are all of UTF-8 text or of colours. Other control characters are the interpreter's, and so are the two letters
 * that are an s and a k (U+017F, U+212A) where case does not count. */
static __attribute__((noinline)) int is_plain_utf8(const uint8_t *p, int n) {
    for (int i = 0; i < n; i++) {
        if (p[i] < 32 && p[i] != '\t' && p[i] != '\r' && p[i] != 27) return 0;
        if (i && ((p[i - 1] == 0xc5 && p[i] == 0xbf) || (i > 1 && p[i - 2] == 0xe2 && p[i - 1] == 0x84 && p[i] == 0xaa)))
            return 0;
    }
    return is_utf8(p, n);
}

static int note_odd(Scanner *s, int64_t row, int64_t entry) {
    if (!ROOM(s, odd, s->odd_used + 1)) {
        s->failed = 1;
        return CODE_ODD;
    }
    s->odd[s->odd_used++] = (OddText){.row = row, .entry = entry};
    return CODE_ODD;
}

/* glog: a letter for the level, month and day, then the time: I0102 15:04:05 */
static int is_glog(const uint8_t *p, int n) {
    if (n < 7 || !memchr("IWEF", p[0], 4) || p[5] != ' ') return 0;
    for (int i = 1; i < 7; i++)
        if (i != 5 && (p[i] < '0' || p[i] > '9')) return 0;
    return 1;
}

/* The entry of a key, made when it is new. `stated` is the severity beside a text within another (a message in JSON; 0
 * for none), -1 for a text as it came: the same words are two entries then, as no flag of the first concerns the
 * second. */
static inline __attribute__((always_inline)) const Slot *slot_of(Scanner *s, const Masks *masks, const uint8_t *p, int n,
                                                                 int stated, int64_t row, Tokens *tokens, int *suspect) {
    uint64_t start = s->seed[0] + (uint64_t)(stated + 1) * 0x9e3779b97f4a7c15u;
    uint64_t hash = hash_key(masks, p, n, start, s->seed, tokens, suspect) | 1;
    size_t at = hash & s->slots_mask;
    while (s->slots[at].hash != hash) {
        if (!s->slots[at].hash) return add_entry(s, hash, p, n, tokens, *suspect, stated, row);
        at = (at + 1) & s->slots_mask;
    }
    return &s->slots[at];
}

/* The code of a text within another, which was found to hold no secret; `end` is that of what may be read. */
static inline __attribute__((always_inline)) int32_t scan_within(Scanner *s, int level, const uint8_t *p, int n,
                                                                 const uint8_t *end, int stated, int64_t row) {
    Masks masks;
    Tokens tokens;
    uint8_t copy[TEXT_BYTES_MAX + PADDING];
    int suspect = 0;
    read_text(level, &masks, p, (size_t)n, 0);
    if (end - p < n + PADDING) {
        memcpy(copy, p, (size_t)n);
        memset(copy + n, 0, PADDING);
        p = copy;
    }
    const Slot *slot = slot_of(s, &masks, p, n, stated, row, &tokens, &suspect);
    if (!slot) return CODE_ODD;
    if (s->ids[slot->entry] == PENDING) {
        uint8_t key[TEXT_BYTES_MAX + 1];
        if (!give_shape(s, slot->entry, key, key_of(p, n, &tokens, key), row)) return note_odd(s, row, slot->entry);
        if (stated > 0) s->severities[slot->entry] = (uint8_t)stated;
    }
    return (int32_t)slot->entry;
}

typedef int32_t Within(Scanner *s, const uint8_t *p, int n, const uint8_t *end, int stated, int64_t row);

/* A text without its colours (parse._COLOUR), in `out`; its size. */
static int without_colours(const uint8_t *p, int n, uint8_t *out) {
    int size = 0;
    for (int i = 0; i < n; i++) {
        int end = i + 2;
        if (p[i] == 27 && i + 1 < n && p[i + 1] == '[') {
            while (end < n && ((p[end] >= '0' && p[end] <= '9') || p[end] == ';')) end++;
            if (end < n && p[end] == 'm') {
                i = end;
                continue;
            }
        }
        out[size++] = p[i];
    }
    return size;
}

/* A text with colours that is plain text without them; odd when it is anything else. */
static __attribute__((noinline)) int32_t scan_coloured(Scanner *s, const uint8_t *p, int n, int64_t row, int is_line,
                                                       Within *within) {
    uint8_t plain[TEXT_BYTES_MAX + PADDING], ascii[KEY_BYTES_MAX];
    if (n > KEY_BYTES_MAX) return note_odd(s, row, NO_ENTRY);
    int size = without_colours(p, n, plain);
    for (int i = 0; i < size; i++)
        if (plain[i] == 27) return note_odd(s, row, NO_ENTRY);
    as_ascii(ascii, p, n);
    if (flyball_is_suspect(ascii, n) || (is_line && flyball_is_frame(ascii, n))) return note_odd(s, row, NO_ENTRY);
    as_ascii(ascii, plain, size);
    if (flyball_is_special(ascii, size) || is_glog(plain, size)) return note_odd(s, row, NO_ENTRY);
    return within(s, plain, size, plain + sizeof plain, 0, row);
}

/* A text without secrets and colours: the message in it, or all of it. */
static int32_t scan_message(Scanner *s, int is_special, const uint8_t *p, int n, const uint8_t *end, int64_t row,
                            Within *within) {
    if (is_special) {
        const uint8_t *message;
        uint8_t stated;
        int size;
        if (!flyball_json_message(p, n, &message, &size, &stated)) return note_odd(s, row, NO_ENTRY);
        return within(s, message, size, end, stated, row);
    }
    if (is_glog(p, n)) {
        int from = 5;
        while (from < n && (p[from] == ' ' || p[from] == '\t' || p[from] == '\r')) from++;
        return within(s, p + from, n - from, end, flyball_severity_of(p, 1), row);
    }
    return within(s, p, n, end, 0, row);
}

/* flyball_redact; a suspect text with letters that are no ASCII is the interpreter's, whose patterns know them. */
static int redact(const uint8_t *p, const uint8_t *ascii, int n, uint8_t *out) {
    if (!memcmp(p, ascii, (size_t)n)) return flyball_redact(ascii, n, out);
    return flyball_is_suspect(ascii, n) ? -1 : 0;
}

/* What redaction left of a text, PADDING bytes behind it: that is kept as the row's text, whatever is kept of it. */
static int32_t scan_redacted(Scanner *s, const uint8_t *p, int n, int64_t row, Within *within) {
    int32_t code = scan_message(s, flyball_is_special(p, n), p, n, p + n + PADDING, row, within);
    if (code < 0) return code;
    if (!ROOM(s, redacted, s->redacted_used + 1) || !ROOM(s, plain, s->plain_used + (size_t)n)) {
        s->failed = 1;
        return CODE_BLANK; /* counted nowhere, as the call says that it failed */
    }
    memcpy(s->plain + s->plain_used, p, (size_t)n);
    s->redacted[s->redacted_used++] = (Redacted){.row = row, .at = (int64_t)s->plain_used, .size = n};
    s->plain_used += (size_t)n;
    return code;
}

/* What an entry with flags asks to look at in the text itself. */
static __attribute__((noinline)) int32_t look_closer(Scanner *s, const Slot *slot, int suspect, const uint8_t *p, int n,
                                                     const uint8_t *end, const Tokens *tokens, int64_t row, int is_line,
                                                     Within *within) {
    uint8_t ascii[LOOK_BYTES_MAX];
    int is_long = n > LOOK_BYTES_MAX;
    if (slot->flags & IS_LONG) return note_odd(s, row, NO_ENTRY);
    if (!is_long) as_ascii(ascii, p, n);
    if (is_line && slot->flags & MAY_FRAME && (is_long || flyball_is_frame(ascii, n))) {
        if (ROOM(s, frames, s->frames_used + 1))
            s->frames[s->frames_used++] = row;
        else
            s->failed = 1;
        return note_odd(s, row, NO_ENTRY); /* most are inside a trace and no text of their own */
    }
    if (is_line && slot->flags & IS_BLANK) return CODE_BLANK;
    if (suspect || slot->flags & IS_SUSPECT) {
        uint8_t plain[LOOK_BYTES_MAX + PADDING];
        int size = is_long ? -1 : redact(p, ascii, n, plain);
        if (size < 0) return note_odd(s, row, NO_ENTRY);
        if (size) return scan_redacted(s, plain, size, row, within);
    }
    if (slot->flags & IS_SPECIAL || (slot->flags & MAY_GLOG && is_glog(p, n)))
        return scan_message(s, slot->flags & IS_SPECIAL, p, n, end, row, within);
    if (s->ids[slot->entry] == PENDING) {
        uint8_t key[TEXT_BYTES_MAX + 1];
        if (!give_shape(s, slot->entry, key, key_of(p, n, tokens, key), row)) return note_odd(s, row, slot->entry);
    }
    return (int32_t)slot->entry;
}

/* The code of one text: its entry, CODE_BLANK, or CODE_ODD (then it is noted). `used` is set to its size. */
static inline __attribute__((always_inline)) int32_t scan_text(Scanner *s, int level, const uint8_t *p, size_t size,
                                                               const uint8_t *end, int64_t row, int is_line,
                                                               size_t *used, Within *within) {
    Masks masks;
    Tokens tokens;
    Read read = read_text(level, &masks, p, size, is_line);
    if (__builtin_expect(read.size > TEXT_BYTES_MAX, 0)) {
        const uint8_t *newline = is_line ? memchr(p, '\n', size) : 0;
        *used = newline ? (size_t)(newline - p) : size;
        return note_odd(s, row, NO_ENTRY);
    }
    *used = (size_t)read.size;
    if (__builtin_expect(read.strange | read.newline, 0)) {
        if (read.newline || !is_plain_utf8(p, read.size)) return note_odd(s, row, NO_ENTRY);
        if (memchr(p, 27, (size_t)read.size)) return scan_coloured(s, p, read.size, row, is_line, within);
    }
    uint8_t copy[TEXT_BYTES_MAX + PADDING];
    if (__builtin_expect(end - p < read.size + PADDING, 0)) {
        memcpy(copy, p, (size_t)read.size);
        memset(copy + read.size, 0, PADDING);
        p = copy, end = copy + sizeof copy;
    }
    int suspect = 0;
    const Slot *slot = slot_of(s, &masks, p, read.size, -1, row, &tokens, &suspect);
    if (!slot) return CODE_ODD;
    if (__builtin_expect(!(slot->flags | (uint32_t)suspect), 1)) return (int32_t)slot->entry;
    return look_closer(s, slot, suspect, p, read.size, end, &tokens, row, is_line, within);
}

static inline __attribute__((always_inline)) int64_t scan_texts(Scanner *s, int level, const uint8_t *data,
                                                                const int32_t *offsets, int64_t rows, int32_t *codes,
                                                                Within *within) {
    const uint8_t *end = data + offsets[rows];
    size_t used;
    for (int64_t row = 0; row < rows; row++)
        codes[row] = scan_text(s, level, data + offsets[row], (size_t)(offsets[row + 1] - offsets[row]), end, row, 0, &used,
                               within);
    return rows;
}

static inline __attribute__((always_inline)) int64_t scan_lines(Scanner *s, int level, const uint8_t *data, size_t size,
                                                                uint32_t *begins, int32_t *codes, int64_t rows_max,
                                                                Within *within) {
    size_t at = 0;
    int64_t row = 0;
    for (; at < size && row < rows_max; row++) {
        size_t used;
        begins[row] = (uint32_t)at;
        codes[row] = scan_text(s, level, data + at, size - at, data + size, row, 1, &used, within);
        at += used + 1;
    }
    begins[row] = (uint32_t)at;
    return row;
}

/* Records of an OTLP request: the codes of their bodies, and what else is counted by. -1 when the walker gave up. */
static inline __attribute__((always_inline)) int64_t scan_logs(Scanner *s, int level, const uint8_t *payload, size_t size,
                                                               LogColumns *out, int64_t rows_max, Within *within) {
    OtlpWalker walker;
    OtlpRecord record;
    int64_t row = 0;
    int got;
    otlp_begin(&walker, payload, size);
    while ((got = otlp_next(&walker, &record)) > 0 && row < rows_max) {
        if (got != OTLP_RECORD) continue;
        size_t used;
        const uint8_t *body = record.body.size ? record.body.at : payload;
        out->times[row] = record.time_ns ? record.time_ns : record.observed_ns;
        out->severities[row] = record.severity;
        out->bodies[row] = (uint32_t)(body - payload);
        out->codes[row] = record.body_kind == OTLP_BODY_OTHER
                              ? note_odd(s, row, NO_ENTRY)
                              : scan_text(s, level, body, record.body.size, payload + size, row, 0, &used, within);
        row++;
    }
    return got == OTLP_UNUSUAL ? -1 : row;
}

/* One copy of the loops for each kind of processor. */
#define FOR_LEVEL(name, level, attribute)                                                                          \
    attribute static int32_t within_##name(Scanner *s, const uint8_t *p, int n, const uint8_t *end, int stated,    \
                                           int64_t row) {                                                          \
        return scan_within(s, level, p, n, end, stated, row);                                                      \
    }                                                                                                              \
    attribute static int64_t texts_##name(Scanner *s, const uint8_t *data, const int32_t *offsets, int64_t rows,   \
                                          int32_t *codes) {                                                        \
        return scan_texts(s, level, data, offsets, rows, codes, within_##name);                                    \
    }                                                                                                              \
    attribute static int64_t lines_##name(Scanner *s, const uint8_t *data, size_t size, uint32_t *begins,          \
                                          int32_t *codes, int64_t rows_max) {                                      \
        return scan_lines(s, level, data, size, begins, codes, rows_max, within_##name);                           \
    }                                                                                                              \
    attribute static int64_t logs_##name(Scanner *s, const uint8_t *payload, size_t size, LogColumns *out,         \
                                         int64_t rows_max) {                                                       \
        return scan_logs(s, level, payload, size, out, rows_max, within_##name);                                   \
    }

FOR_LEVEL(plain, LEVEL_PLAIN, )
#ifdef __x86_64__
FOR_LEVEL(avx2, LEVEL_AVX2, __attribute__((target(TARGET_AVX2))))
FOR_LEVEL(avx512, LEVEL_AVX512, __attribute__((target(TARGET_AVX512))))
#define DISPATCH(s, kind, ...)                                    \
    ((s)->level == LEVEL_AVX512 ? kind##_avx512(s, __VA_ARGS__)   \
     : (s)->level == LEVEL_AVX2 ? kind##_avx2(s, __VA_ARGS__)     \
                                : kind##_plain(s, __VA_ARGS__))
#else
#define DISPATCH(s, kind, ...) kind##_plain(s, __VA_ARGS__)
#endif

static void begin_call(Scanner *s) {
    s->news_used = s->arena_used = s->odd_used = s->frames_used = s->redacted_used = s->plain_used = 0;
}

/* ---- what the interpreter calls (distill/scanner.py) --------------------------------------------------------------*/

/* Forget all keys; the shapes stay known. */
EXPORT void flyball_scanner_forget(Scanner *s) {
    for (size_t i = 0; i < s->entries; i++) free(s->seen[i].first), free(s->seen[i].last);
    s->entries = s->slots_used = s->examples_bytes = 0;
    if (s->slots) memset(s->slots, 0, (s->slots_mask + 1) * sizeof *s->slots);
}

EXPORT void flyball_scanner_free(Scanner *s) {
    if (!s) return;
    flyball_scanner_forget(s);
    void *all[] = {s->slots, s->ids, s->severities, s->seen,  s->known,   s->news, s->arena,
                   s->odd,   s->frames, s->redacted, s->plain, s->touched, s};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

EXPORT Scanner *flyball_scanner_new(uint64_t seed_1, uint64_t seed_2, uint64_t other, uint64_t shapes_max, int level) {
    Scanner *s = calloc(1, sizeof *s);
    if (!s) return 0;
    make_stems();
    int best = best_level(), is_new;
    *s = (Scanner){.seed = {seed_1, seed_2}, .other = other, .shapes_max = shapes_max, .level = level < best ? level : best};
    if (!grow_slots(s) || know(s, 1, 1, &is_new) < 0) {
        flyball_scanner_free(s);
        return 0;
    }
    s->known_used = 0; /* the 1 made the table and is no shape */
    return s;
}

/* Shapes met elsewhere are known from now on; -1 without memory. */
EXPORT int flyball_scanner_know(Scanner *s, const uint64_t *ids, int64_t n) {
    int is_new;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] && know(s, ids[i], 1, &is_new) < 0) return -1;
    return 0;
}

/* The codes of texts (UTF-8) between Arrow's offsets; -1 without memory. */
EXPORT int64_t flyball_scan_texts(Scanner *s, const uint8_t *data, const int32_t *offsets, int64_t rows, int32_t *codes) {
    begin_call(s);
    DISPATCH(s, texts, data, offsets, rows, codes);
    return s->failed ? -1 : rows;
}

/* The codes of the records of an OTLP request with logs, at most `rows_max`: of the others nothing is said. Returns how
 * many; -1 for a request that upb must judge, -2 without memory. */
EXPORT int64_t flyball_scan_logs(Scanner *s, const uint8_t *payload, int64_t size, LogColumns *out, int64_t rows_max) {
    begin_call(s);
    int64_t rows = DISPATCH(s, logs, payload, (size_t)size, out, rows_max);
    return s->failed ? -2 : rows;
}

/* The codes of the first lines of `data`, which ends with a newline, at most `rows_max`; where each begins, and in
 * begins[rows] where the next one would. Returns how many rows; -1 without memory. */
EXPORT int64_t flyball_scan_lines(Scanner *s, const uint8_t *data, int64_t size, uint32_t *begins, int32_t *codes,
                                  int64_t rows_max) {
    begin_call(s);
    int64_t rows = DISPATCH(s, lines, data, (size_t)size, begins, codes, rows_max);
    return s->failed ? -1 : rows;
}

/* The interpreter found out what a pending entry's shape is. */
EXPORT void flyball_scanner_settle(Scanner *s, int64_t entry, uint64_t id, uint8_t severity) {
    if (entry < 0 || (size_t)entry >= s->entries) return;
    s->ids[entry] = id;
    s->severities[entry] = severity;
}

/* What the last call left. */
EXPORT void flyball_scanner_look(const Scanner *s, Scanned *out) {
    *out = (Scanned){s->ids,      s->severities, s->entries,     s->news,     s->news_used,     s->arena, s->arena_used, s->odd,
                     s->odd_used, s->frames,     s->frames_used, s->redacted, s->redacted_used, s->plain, s->plain_used};
}

/* ---- counting lines ----------------------------------------------------------------------------------------------*/

#define SEEN_BYTES_MAX 256       /* as parse.TIME_CHARS: a line says its time in its beginning */
#define EXAMPLES_BYTES_MAX (1 << 26) /* so much is kept of first texts, which serve as examples, in full */

static int keep_text(uint8_t **kept, uint16_t *size, uint16_t *room, const uint8_t *text, size_t n, size_t most) {
    if (n > most) n = most;
    if (n > *room || !*kept) {
        uint8_t *bigger = realloc(*kept, n ? n : 1);
        if (!bigger) return 0;
        *kept = bigger, *room = (uint16_t)n;
    }
    memcpy(*kept, text, n);
    *size = (uint16_t)n;
    return 1;
}

/* What may be kept of a row's text: what redaction left of it, where it held a secret. */
static const uint8_t *text_of(const Scanner *s, const uint8_t *data, const uint32_t *begins, uint32_t row, size_t *size) {
    size_t low = 0, high = s->redacted_used;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->redacted[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->redacted_used && s->redacted[low].row == row) {
        *size = (size_t)s->redacted[low].size;
        return s->plain + s->redacted[low].at;
    }
    *size = begins[row + 1] - begins[row] - 1;
    return data + begins[row];
}

/* Count the first lines of the last call under their entries (negative codes are passed over); `at` is the position of
 * the first in the stream. Returns from how many of them secrets were removed, -1 without memory. */
EXPORT int64_t flyball_tally(Scanner *s, const uint8_t *data, const uint32_t *begins, const int32_t *codes, int64_t rows,
                             uint64_t at) {
    if (!ROOM(s, touched, s->entries)) return -1;
    size_t touched = 0, size;
    int64_t redacted = 0;
    s->epoch++;
    for (int64_t row = 0; row < rows; row++) {
        if (codes[row] < 0) continue;
        Seen *seen = &s->seen[codes[row]];
        if (seen->epoch != s->epoch) seen->epoch = s->epoch, s->touched[touched++] = (uint32_t)codes[row];
        if (!seen->count++) {
            uint16_t room = 0;
            seen->first_at = at + begins[row];
            size_t most = s->examples_bytes < EXAMPLES_BYTES_MAX ? TEXT_BYTES_MAX : SEEN_BYTES_MAX;
            const uint8_t *text = text_of(s, data, begins, (uint32_t)row, &size);
            if (!keep_text(&seen->first, &seen->first_size, &room, text, size, most)) return -1;
            s->examples_bytes += seen->first_size;
        }
        seen->last_row = (uint32_t)row;
    }
    for (size_t i = 0; i < touched; i++) {
        Seen *seen = &s->seen[s->touched[i]];
        seen->last_at = at + begins[seen->last_row];
        const uint8_t *text = text_of(s, data, begins, seen->last_row, &size);
        if (!keep_text(&seen->last, &seen->last_size, &seen->last_room, text, size, SEEN_BYTES_MAX)) return -1;
    }
    for (size_t i = 0; i < s->redacted_used && s->redacted[i].row < rows; i++) redacted += codes[s->redacted[i].row] >= 0;
    return redacted;
}

/* Of each entry what was counted, for settle.c to take. */
Seen *flyball_scanner_seen(Scanner *s) { return s->seen; }
