/* What a text, or a key for all texts that have it, looks like; for scan.c. */
#ifndef FLYBALL_LOOKS_H
#define FLYBALL_LOOKS_H

#include "core.h"

/* What a key says of its texts, and so what must be looked at in each. */
enum {
    IS_BLANK = 1,    /* white space only: no line of a file, but a body like any other */
    IS_PENDING = 2,  /* the interpreter says what the key's shape is */
    IS_SUSPECT = 4,  /* what is constant may name a secret */
    MAY_FRAME = 8,   /* may begin a stack frame */
    IS_SPECIAL = 16, /* holds JSON */
    MAY_GLOG = 32,   /* may begin with glog's header */
    IS_LONG = 64,    /* over KEY_BYTES_MAX: the interpreter masks it, and nothing else is known of it */
};

/* The flags of an ASCII key, but for IS_PENDING. */
uint32_t flyball_flags_of(const uint8_t *key, int n);

/* Whether strange bytes are all of UTF-8 text or of colours. Other control characters are the interpreter's, and so are
 * the two letters that are an s and a k (U+017F, U+212A) where case does not count. */
int flyball_is_plain_utf8(const uint8_t *p, int n);

/* A text without its colours (parse._COLOUR), in `out`; its size. */
int flyball_without_colours(const uint8_t *p, int n, uint8_t *out);

static inline int is_glog_level(uint8_t c) { return (c == 'I') | (c == 'W') | (c == 'E') | (c == 'F'); }

/* glog: a letter for the level, month and day, then the time: I0102 15:04:05 */
static inline int is_glog(const uint8_t *p, int n) {
    if (n < 7 || !is_glog_level(p[0]) || p[5] != ' ') return 0;
    for (int i = 1; i < 7; i++)
        if (i != 5 && (p[i] < '0' || p[i] > '9')) return 0;
    return 1;
}

/* Bytes over 127 as one that is no letter, no digit and no space: what the patterns take them for. */
static inline void as_ascii(uint8_t *to, const uint8_t *from, int n) {
    for (int i = 0; i < n; i++) to[i] = from[i] < 128 ? from[i] : 127;
}

#endif
