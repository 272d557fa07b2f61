/* What a text or a key looks like: see looks.h. */
#include "looks.h"

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
    return flyball_is_suspect(key, n, MAY_BE_SECRET);
}

uint32_t flyball_flags_of(const uint8_t *key, int n) {
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

int flyball_is_plain_utf8(const uint8_t *p, int n) {
    for (int i = 0; i < n; i++) {
        if (p[i] < 32 && p[i] != '\t' && p[i] != '\r' && p[i] != 27) return 0;
        if (i && ((p[i - 1] == 0xc5 && p[i] == 0xbf) || (i > 1 && p[i - 2] == 0xe2 && p[i - 1] == 0x84 && p[i] == 0xaa)))
            return 0;
    }
    return is_utf8(p, n);
}

int flyball_without_colours(const uint8_t *p, int n, uint8_t *out) {
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
