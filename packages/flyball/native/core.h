/* What the parts of the compiled core share. Plain C against libc; every exported name begins with flyball_. */
#ifndef FLYBALL_CORE_H
#define FLYBALL_CORE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* What the matchers of regex_c.py ask of a byte below 128. */
#define IS(bits, c) ((bits)[(c) >> 6] >> ((c) & 63) & 1)
#define IS_WORD(c) (((c) >= '0' && (c) <= '9') || (((c) | 32) >= 'a' && ((c) | 32) <= 'z') || (c) == '_')

/* White space as Python's `re` has it, of ASCII. */
static inline int is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31); }

static inline uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* Both halves of a product in one: every bit of it depends on both factors. */
static inline uint64_t fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Make room for `needed` items of `each` bytes, doubling; 0 without memory, and the array is as it was. */
static inline int grow(void **array, size_t *room, size_t needed, size_t each) {
    if (needed <= *room) return 1;
    size_t more = *room ? *room : 64;
    while (more < needed) more *= 2;
    void *bigger = realloc(*array, more * each);
    if (!bigger) return 0;
    *array = bigger, *room = more;
    return 1;
}

/* Make room for one more in a table of items that begin with their key of 64 bits (0: none), each found from the place
 * its lowest bits say on; at most half of the places are taken. 0 without memory, and the table is as it was. */
static inline int make_place(void **items, size_t *mask, size_t used, size_t each) {
    if (*items && 2 * (used + 1) <= *mask) return 1;
    size_t size = *items ? 2 * (*mask + 1) : 1024;
    uint8_t *from = *items, *to = calloc(size, each);
    if (!to) return 0;
    for (size_t i = 0; from && i <= *mask; i++) {
        uint64_t key, taken;
        memcpy(&key, from + i * each, sizeof key);
        if (!key) continue;
        size_t at = key & (size - 1);
        for (; memcpy(&taken, to + at * each, sizeof taken), taken; at = (at + 1) & (size - 1)) {}
        memcpy(to + at * each, from + i * each, each);
    }
    free(from);
    *items = to, *mask = size - 1;
    return 1;
}

#define PLACE(s, name) make_place((void **)&(s)->name, &(s)->name##_mask, (s)->name##_used, sizeof *(s)->name)

/* Bytes of a key that the core masks; the interpreter masks longer ones. It bounds the depth of matching, too. */
#define KEY_BYTES_MAX 1024
/* Bytes of a text that the core looks at closer: for secrets, for a stack frame. Longer ones are the interpreter's. */
#define LOOK_BYTES_MAX 2048
/* A pass of masking can lengthen a text by a third ("() ()" becomes "(0) (0)"), `<*>` for `0` thrice. */
#define TEMPLATE_BYTES_MAX (8 * KEY_BYTES_MAX)

/* The template of an ASCII key in `out` (TEMPLATE_BYTES_MAX bytes), the severity it states in `severity`; its
 * length, or -1 when the interpreter must do it. mask.c */
int flyball_template(const uint8_t *key, int key_size, uint8_t *out, uint8_t *severity);

/* What redaction looks for: secrets that a name or their form tells, and card numbers. */
enum { MAY_BE_NAMED = 1, MAY_BE_CARD = 2, MAY_BE_SECRET = 3 };

/* Of an ASCII text of at most LOOK_BYTES_MAX bytes: whether redaction must look at it (redact.RULES) for secrets of these
 * kinds. redact.c */
int flyball_is_suspect(const uint8_t *text, int size, int kinds);

/* An ASCII text without its secrets in `out` (LOOK_BYTES_MAX bytes); its size, 0 when there were none, -1 when the
 * interpreter must say: it is long, or a private key begins in it. redact.c */
int flyball_redact(const uint8_t *text, int size, uint8_t *out);

/* Whether an ASCII text of at most LOOK_BYTES_MAX bytes is a stack frame (traces.FRAME_RE2). mask.c */
int flyball_is_frame(const uint8_t *text, int size);

/* Of an ASCII key: whether a text with it holds JSON (parse._SPECIAL), and whether one may be a stack frame. mask.c */
int flyball_is_special(const uint8_t *key, int size);
int flyball_may_be_frame(const uint8_t *key, int size);

/* The number of the OpenTelemetry range that a level word stands for (parse.severity_of), 0 for none. mask.c */
uint8_t flyball_severity_of(const uint8_t *word, int size);

/* The message of a line of JSON and the severity that it states (parse._of_map); 0 when the interpreter must say. json.c */
int flyball_json_message(const uint8_t *line, int size, const uint8_t **text, int *text_size, uint8_t *severity);

/* BLAKE2b with a digest of 8 bytes, read big-endian. blake2b.c */
uint64_t flyball_blake2b_64(const uint8_t *data, size_t size);

#endif
