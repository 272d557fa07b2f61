/* A text rewritten match by match, as re.sub does it: what masking (mask.c) and redaction (redact.c) share. The matchers
 * are those of regex_c.py. */
#ifndef FLYBALL_REWRITE_H
#define FLYBALL_REWRITE_H

#include "core.h"

#define GROUPS_MAX 8
#define GROUPS(g)          \
    int g[2 * GROUPS_MAX]; \
    memset(g, -1, sizeof g)
#define WORD_BYTES_MAX 32

typedef struct {
    uint8_t text[TEMPLATE_BYTES_MAX];
    int size;
    uint64_t holds[2]; /* which characters; kept up to date in what `Pair.now` points to */
} Text;

typedef int Matcher(const uint8_t *s, int n, int i, int *g);
typedef int Search(Matcher match, const uint64_t *first, const uint8_t *s, int n, int from, int *g);
/* Appends what stands for a match; g[0] and g[1] are its bounds. */
typedef void Replace(Text *out, const Text *in, const int *g);

/* A text that would outgrow its buffer keeps its size over the limit, and the caller gives up. */
static inline void put(Text *out, const uint8_t *from, int size) {
    if (size > 0 && out->size + size <= TEMPLATE_BYTES_MAX) memcpy(out->text + out->size, from, size);
    out->size += size;
}

static inline void put_text(Text *out, const char *text) { put(out, (const uint8_t *)text, (int)strlen(text)); }

static inline void same(Text *out, const Text *in, const int *g) { put(out, in->text + g[0], g[1] - g[0]); }

/* The place of a word in a list of lower-case ones, or -1. */
static inline int is_word_of(const char *const *words, const uint8_t *s, int n) {
    char word[WORD_BYTES_MAX];
    if (n <= 0 || n >= WORD_BYTES_MAX) return -1;
    for (int i = 0; i < n; i++) word[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    word[n] = 0;
    for (int at = 0; words[at]; at++)
        if (words[at][0] == word[0] && !strcmp(words[at], word)) return at;
    return -1;
}

/* A matcher that fails leaves the groups as they were: unset. */
static inline __attribute__((always_inline)) int search(Matcher match, const uint64_t *first, const uint8_t *s, int n,
                                                        int from, int *g) {
    for (int k = 2; k < 2 * GROUPS_MAX; k++) g[k] = -1;
    for (int i = from; i < n; i++) {
        if (!IS(first, s[i])) continue;
        int end = match(s, n, i, g);
        if (end >= 0) {
            g[0] = i, g[1] = end;
            return 1;
        }
    }
    return 0;
}

/* `in` with each match replaced, as re.sub does: in `out`; returns whether anything was. */
static inline __attribute__((always_inline)) int replace(Search find, Matcher match, const uint64_t *first, Replace with,
                                                         Text *in, Text *out) {
    int done = 0;
    GROUPS(g);
    out->size = 0;
    for (int at = 0; at < in->size && find(match, first, in->text, in->size, at, g); at = g[1]) {
        put(out, in->text + done, g[0] - done);
        with(out, in, g);
        done = g[1];
    }
    if (done) put(out, in->text + done, in->size - done);
    return done > 0;
}

#endif
