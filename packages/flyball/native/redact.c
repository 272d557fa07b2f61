/* Redaction of a text as flyball_sdk/redact.py (`redact_text`) does it in Python, on ASCII.
 *
 * Patterns, their order and which function replaces their matches come from redact.RULES (redact.inc is made of them);
 * here stand those functions, under the names they have there. A rule is tried where its hints may occur: where all
 * letters of one stand in pairs as they do in it. */
#include "rewrite.h"

#include "redact.inc"

#define WILDCARD "<*>"
#define CARD_DIGITS_MAX 32

/* Which two characters stand together in a text, in lower case; by 12 of their bits. */
typedef struct {
    uint64_t bits[64];
} Pairs;

static Pairs pairs_of(const uint8_t *s, int n) {
    Pairs pairs = {0};
    uint8_t last = n ? lower(s[0]) : 0;
    for (int i = 1; i < n; i++) {
        uint8_t c = lower(s[i]);
        pairs.bits[last & 63] |= (uint64_t)1 << (c & 63);
        last = c;
    }
    return pairs;
}

static int may_hold(const Pairs *pairs, const char *const *hints) {
    for (const char *const *hint = hints; *hint; hint++) {
        const char *c = *hint;
        while (c[1] && pairs->bits[c[0] & 63] >> (c[1] & 63) & 1) c++;
        if (!c[1]) return 1;
    }
    return !*hints;
}

static inline int begin_of(const int *g, int group) { return g[2 * group]; }
static inline int size_of(const int *g, int group) { return g[2 * group + 1] - g[2 * group]; }

static inline void put_group(Text *out, const Text *in, const int *g, int group) {
    put(out, in->text + begin_of(g, group), size_of(g, group));
}

/* ---- what replaces a match; the names are those of redact.py ------------------------------------------------------ */

static void whole(Text *out, const Text *in, const int *g) { (void)in, (void)g, put_text(out, WILDCARD); }
static void after_head(Text *out, const Text *in, const int *g) { put_group(out, in, g, 1), put_text(out, WILDCARD); }
static void url_user(Text *out, const Text *in, const int *g) { (void)in, (void)g, put_text(out, "://" WILDCARD); }

static void credential(Text *out, const Text *in, const int *g) {
    const uint8_t *token = in->text + begin_of(g, 2);
    int size = size_of(g, 2);
    GROUPS(none);
    if (search(match_telling_credential, first_telling_credential, token, size, 0, none) ||
        (size == (int)strlen(WILDCARD) && !memcmp(token, WILDCARD, strlen(WILDCARD))))
        after_head(out, in, g);
    else
        same(out, in, g);
}

static int ends_with(const uint8_t *s, int n, const char *lower) {
    int size = (int)strlen(lower);
    for (int i = 0; i < size; i++)
        if (n < size || (s[n - size + i] | 32) != (uint8_t)lower[i]) return 0;
    return 1;
}

/* Whether a value follows a token's name and a colon as prose does: "invalid token: unexpected end of input". */
static int is_prose(const uint8_t *name, int name_size, const uint8_t *sep, int sep_size, const uint8_t *value, int size) {
    int from = 0, to = sep_size;
    while (from < to && is_space(sep[from])) from++;
    while (from < to && is_space(sep[to - 1])) to--;
    GROUPS(none);
    return to - from == 1 && sep[from] == ':' && sep_size > 1 &&
           (ends_with(name, name_size, "token") || ends_with(name, name_size, "jwt")) &&
           !search(match_telling_value, first_telling_value, value, size, 0, none);
}

static void value(Text *out, const Text *in, const int *g) {
    const uint8_t *s = in->text, *text = s + begin_of(g, named_secret_value);
    int size = size_of(g, named_secret_value), end = size;
    if (is_word_of(not_secret, text, size) >= 0 ||
        is_prose(s + begin_of(g, named_secret_name), size_of(g, named_secret_name), s + begin_of(g, named_secret_sep),
                 size_of(g, named_secret_sep), text, size)) {
        same(out, in, g);
        return;
    }
    put_group(out, in, g, named_secret_head);
    int quote = size > 1 && text[0] == '\\' ? 2 : 1;
    if (text[quote - 1] == '"' || text[quote - 1] == '\'') {
        put(out, text, quote), put_text(out, WILDCARD), put(out, text, quote);
        return;
    }
    while (end && memchr(",;)]}.", text[end - 1], 6)) end--;
    put_text(out, WILDCARD);
    put(out, text + end, size - end);
}

/* Whether the digits of s are of a card's issuer and have the check digit of ISO/IEC 7812-1, annex B. */
static int is_card(const uint8_t *s, int n) {
    uint8_t digits[CARD_DIGITS_MAX];
    int count = 0, total = 0;
    GROUPS(g);
    for (int i = 0; i < n && count < CARD_DIGITS_MAX; i++)
        if (s[i] >= '0' && s[i] <= '9') digits[count++] = s[i];
    if (match_issuers(digits, count, 0, g) < 0) return 0;
    for (int i = 0; i < count; i++) {
        int digit = (digits[count - 1 - i] - '0') * (i % 2 ? 2 : 1);
        total += digit > 9 ? digit - 9 : digit;
    }
    return total % 10 == 0;
}

/* How much of a match of the card's pattern is a number: all, or what stands before a short last group; 0 for none. */
static int card_size(const uint8_t *s, int n) {
    if (is_card(s, n)) return n;
    int shorter = n;
    while (shorter && s[shorter - 1] != ' ') shorter--;
    return shorter && n - shorter <= 3 && is_card(s, shorter - 1) ? shorter - 1 : 0;
}

static void card(Text *out, const Text *in, const int *g) {
    int size = card_size(in->text + g[0], g[1] - g[0]);
    if (size) put_text(out, WILDCARD);
    put(out, in->text + g[0] + size, g[1] - g[0] - size);
}

/* ---- what scan.c calls ---------------------------------------------------------------------------------------------*/

static int has_card(const uint8_t *text, int size) {
    GROUPS(g);
    for (int at = 0; search(match_card, first_card, text, size, at, g); at = g[1])
        if (card_size(text + g[0], g[1] - g[0])) return 1;
    return 0;
}

#define MAY_HOLD(rule, with) (*hints_##rule && may_hold(&pairs, hints_##rule)) ||

static int has_named(const uint8_t *text, int size) {
    GROUPS(g);
    Pairs pairs = pairs_of(text, size);
    int may_be_named = EACH_RULE(MAY_HOLD) 0;
    return may_be_named && search(match_suspect, first_suspect, text, size, 0, g);
}

int flyball_is_suspect(const uint8_t *text, int size, int kinds) {
    return (kinds & MAY_BE_NAMED && has_named(text, size)) || (kinds & MAY_BE_CARD && has_card(text, size));
}

#define APPLY(rule, with)                                                                                 \
    if (may_hold(&pairs, hints_##rule) &&                                                                 \
        replace(search, match_##rule, first_##rule, with, now, next)) {                                   \
        Text *last = now;                                                                                 \
        now = next, next = last;                                                                          \
        if (now->size > LOOK_BYTES_MAX) return -1;                                                        \
    }

int flyball_redact(const uint8_t *text, int size, uint8_t *out) {
    Text one, two, *now = &one, *next = &two;
    Pairs pairs = pairs_of(text, size); /* replacing makes no hint */
    GROUPS(g);
    if (size > LOOK_BYTES_MAX) return -1;
    if (may_hold(&pairs, hints_private_key) && search(match_private_key, first_private_key, text, size, 0, g))
        return -1; /* it goes on in the lines that follow, and they are joined first */
    memcpy(one.text, text, (size_t)size), one.size = size;
    EACH_RULE(APPLY)
    if (now->size == size && !memcmp(now->text, text, (size_t)size)) return 0;
    memcpy(out, now->text, (size_t)now->size);
    return now->size;
}
