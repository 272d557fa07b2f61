/* Key -> template, as distill/parse.py (`head`) and distill/mask.py (`mask`) do it in Python, on ASCII.
 *
 * The patterns are those of the Python modules (rules.inc is made of them); what stands here is the order in which
 * they apply and what replaces a match. Two differential tests hold both against each other. */
#include "rewrite.h"

#include "rules.inc"

#define PASSES_MAX 8 /* as mask.PASSES_MAX */

static inline int has(const Text *t, char c) { return IS(t->holds, c); }

static void note_characters(Text *t) {
    uint64_t low = 0, high = 0;
    for (int i = 0; i < t->size; i++) {
        uint64_t bit = (uint64_t)1 << (t->text[i] & 63), is_high = (uint64_t)0 - (t->text[i] >> 6 & 1);
        low |= bit & ~is_high, high |= bit & is_high;
    }
    t->holds[0] = low, t->holds[1] = high;
}

/* The same for a pattern each match of which holds a 0 with nothing before it that no match can begin with. */
static inline __attribute__((always_inline)) int search_zero(Matcher match, const uint64_t *first, const uint8_t *s,
                                                             int n, int from, int *g) {
    for (int at = from; at < n;) {
        const uint8_t *zero = memchr(s + at, '0', (size_t)(n - at));
        if (!zero) return 0;
        int start = (int)(zero - s), after = start + 1;
        while (start > from && IS(first, s[start - 1])) start--;
        for (; start < after; start++) {
            if (!IS(first, s[start])) continue;
            int end = match(s, n, start, g);
            if (end >= 0) {
                g[0] = start, g[1] = end;
                return 1;
            }
        }
        at = after;
    }
    return 0;
}

/* ---- what replaces a match; the names are those of mask.py ------------------------------------------------------ */

static void zero(Text *out, const Text *in, const int *g) { (void)in, (void)g, put_text(out, "0"); }
static void hollow(Text *out, const Text *in, const int *g) { (void)in, (void)g, put_text(out, "(0)"); }
static void list(Text *out, const Text *in, const int *g) { (void)in, (void)g, put_text(out, "[0]"); }

static void quoted(Text *out, const Text *in, const int *g) {
    for (int k = 2; k <= 4; k++) /* the first of double, single, tick that is there and not empty */
        if (g[2 * k] >= 0 && g[2 * k + 1] > g[2 * k]) {
            if (is_word_of(states, in->text + g[2 * k], g[2 * k + 1] - g[2 * k]) >= 0) {
                same(out, in, g);
                return;
            }
            break;
        }
    if (g[4] >= 0) {
        put_text(out, "\"");
        if (g[2] >= 0 && g[3] > g[2]) put(out, in->text + g[2], g[3] - g[2]), put_text(out, " ");
        put_text(out, "0\"");
    } else {
        put_text(out, g[6] >= 0 ? "'0'" : "`0`");
    }
}

static void key_value(Text *out, const Text *in, const int *g) {
    const uint8_t *s = in->text, *value = s + g[8];
    int size = g[9] - g[8];
    GROUPS(none);
    if (!memchr(value, '0', size) &&
        (is_word_of(meaning, s + g[2], g[3] - g[2]) >= 0 || is_word_of(states, value, size) >= 0 ||
         match_enum(value, size, 0, none) == size)) {
        same(out, in, g);
        return;
    }
    put(out, s + g[2], g[3] - g[2]);
    put(out, s + g[4], g[5] - g[4]);
    put_text(out, "=");
    put(out, s + g[6], g[7] - g[6]);
    put_text(out, size > 1 && value[size - 1] == '.' ? "0." : "0");
}

static void dotted(Text *out, const Text *in, const int *g) {
    GROUPS(none);
    if (search(match_telling_name, first_telling_name, in->text + g[0], g[1] - g[0], 0, none))
        same(out, in, g);
    else
        put_text(out, "0");
}

static void colons(Text *out, const Text *in, const int *g) {
    if (memchr(in->text + g[0], '0', g[1] - g[0]))
        put_text(out, "0");
    else
        same(out, in, g);
}

static void compound(Text *out, const Text *in, const int *g) {
    uint8_t lead = in->text[g[0]];
    if ((lead == '$' || lead == '*') && g[1] - g[0] > 1) put(out, &lead, 1);
    put_text(out, "0");
}

/* ---- the passes --------------------------------------------------------------------------------------------------*/

enum {
    RULE_quoted, RULE_url, RULE_path, RULE_address, RULE_dotted, RULE_key_value, RULE_hollow, RULE_emptiness, RULE_date,
    RULE_hex_word, RULE_colons, RULE_compound, RULE_size, RULE_under, RULE_stars, RULE_list, RULE_run, RULES
};

/* Two texts that change roles with each replacement. `version` counts the changes; a rule that left a version as it was
 * need not look at it again. */
typedef struct {
    Text one, two;
    Text *now, *next;
    int version, left[RULES];
} Pair;

/* `next` is what a rule made of `now`. */
static void take(Pair *p, int rule) {
    Text *t = p->next;
    if (t->size > TEMPLATE_BYTES_MAX || t->size != p->now->size || memcmp(t->text, p->now->text, (size_t)t->size)) {
        p->next = p->now, p->now = t, p->version++;
        if (t->size <= TEMPLATE_BYTES_MAX) note_characters(t);
    } else {
        p->left[rule] = p->version;
    }
}

#define APPLY_WITH(find, rule, with)                                                    \
    do {                                                                                \
        if (p->left[RULE_##rule] == p->version) break;                                  \
        if (replace(find, match_##rule, first_##rule, with, p->now, p->next))           \
            take(p, RULE_##rule);                                                       \
        else                                                                            \
            p->left[RULE_##rule] = p->version;                                          \
        if (p->now->size > TEMPLATE_BYTES_MAX) return;                                  \
    } while (0)
#define APPLY(rule, with) APPLY_WITH(search, rule, with)

/* re.sub(r"\s+", " ", text); returns whether anything was. */
static int squeeze(Text *t) {
    int to = 0, from = 0;
    while (from < t->size && !(is_space(t->text[from]) && (t->text[from] != ' ' || (from + 1 < t->size && is_space(t->text[from + 1])))))
        from++;
    if (from == t->size) return 0;
    to = from;
    for (int i = from; i < t->size; i++) {
        if (!is_space(t->text[i])) {
            t->text[to++] = t->text[i];
        } else {
            t->text[to++] = ' ';
            while (i + 1 < t->size && is_space(t->text[i + 1])) i++;
        }
    }
    t->size = to;
    return 1;
}

static void strip(Text *t) {
    int from = 0;
    while (t->size && is_space(t->text[t->size - 1])) t->size--;
    while (from < t->size && is_space(t->text[from])) from++;
    t->size -= from;
    memmove(t->text, t->text + from, t->size);
}

/* mask._dotted: a name at the very start, before ": ", says who speaks. */
static void mask_dotted(Pair *p) {
    GROUPS(g);
    int start = match_leading_name(p->now->text, p->now->size, 0, g);
    if (start <= 0) {
        APPLY(dotted, dotted);
        return;
    }
    Text rest, masked; /* looking behind must not see what was cut off */
    rest.size = p->now->size - start;
    memcpy(rest.text, p->now->text + start, rest.size);
    if (!replace(search, match_dotted, first_dotted, dotted, &rest, &masked)) return;
    p->next->size = start + masked.size;
    if (p->next->size <= TEMPLATE_BYTES_MAX) {
        memcpy(p->next->text, p->now->text, start);
        memcpy(p->next->text + start, masked.text, masked.size);
    }
    take(p, RULE_dotted);
}

/* mask._pass. A rule is passed over where the text lacks what each of its matches holds. */
static void pass(Pair *p) {
    if (has(p->now, '"') || has(p->now, '\'') || has(p->now, '`')) APPLY(quoted, quoted);
    if (has(p->now, '/') && has(p->now, ':')) APPLY(url, zero);
    if (has(p->now, '/') || has(p->now, '\\')) APPLY(path, zero);
    if (has(p->now, '@')) APPLY(address, zero);
    if (has(p->now, '.')) mask_dotted(p);
    if (p->now->size > TEMPLATE_BYTES_MAX) return;
    if (has(p->now, '=')) APPLY(key_value, key_value);
    if (has(p->now, '(')) APPLY(hollow, hollow);
    APPLY(emptiness, zero);
    if (has(p->now, '0')) APPLY(date, zero);
    APPLY(hex_word, zero);
    if (has(p->now, ':') && has(p->now, '0')) APPLY(colons, colons);
    if (has(p->now, '0')) {
        APPLY_WITH(search_zero, compound, compound);
        APPLY_WITH(search_zero, size, zero);
        if (has(p->now, '<')) APPLY(under, zero);
        if (has(p->now, '*')) APPLY(stars, zero);
    }
    if (has(p->now, '[') && has(p->now, ',')) APPLY(list, list);
    if (has(p->now, '0')) APPLY_WITH(search_zero, run, zero);
    if (squeeze(p->now)) p->version++;
}

/* mask.mask: the template of a text, in `out`; its size, or -1 when it outgrew its buffer. */
static int mask(Pair *p, uint8_t *out) {
    Text *t = p->now;
    int to = 0;
    for (int i = 0; i < t->size; i++) { /* `<*>` and runs of digits are one 0 */
        uint8_t c = t->text[i];
        if (c == '<' && i + 2 < t->size && t->text[i + 1] == '*' && t->text[i + 2] == '>') c = '0', i += 2;
        if (c >= '0' && c <= '9') {
            if (to && t->text[to - 1] == '0') continue;
            c = '0';
        }
        t->text[to++] = c;
    }
    t->size = to;
    squeeze(t);
    strip(t);
    note_characters(t);
    p->version = 1;
    memset(p->left, 0, sizeof p->left);
    for (int i = 0, version = 0; i < PASSES_MAX && version != p->version; i++) {
        version = p->version;
        pass(p);
        if (p->now->size > TEMPLATE_BYTES_MAX) return -1;
    }
    int size = 0;
    for (int i = 0; i < p->now->size; i++) {
        if (size + 3 > TEMPLATE_BYTES_MAX) return -1;
        if (p->now->text[i] == '0')
            memcpy(out + size, "<*>", 3), size += 3;
        else
            out[size++] = p->now->text[i];
    }
    return size;
}

/* ---- the head of a line: parse.head ------------------------------------------------------------------------------*/

uint8_t flyball_severity_of(const uint8_t *s, int n) {
    while (n && is_space(s[n - 1])) n--;
    while (n && is_space(*s)) s++, n--;
    int at = is_word_of(level_words, s, n);
    return at < 0 ? 0 : level_numbers[at];
}

#define FIELD_LEVEL_CHARS 512
#define LATER_LEVEL_CHARS 128

/* parse._stated */
static uint8_t stated(const uint8_t *s, int n) {
    uint8_t severity;
    GROUPS(g);
    if (match_leading_level(s, n, 0, g) >= 0 && (severity = flyball_severity_of(s + g[2], g[3] - g[2]))) return severity;
    if ((memchr(s, '=', (size_t)n) || memchr(s, ':', (size_t)n)) &&
        search(match_field_level, first_field_level, s, n < FIELD_LEVEL_CHARS ? n : FIELD_LEVEL_CHARS, 0, g) &&
        (severity = flyball_severity_of(s + g[2], g[3] - g[2])))
        return severity;
    if (search(match_later_level, first_later_level, s, n < LATER_LEVEL_CHARS ? n : LATER_LEVEL_CHARS, 0, g))
        return flyball_severity_of(s + g[2], g[3] - g[2]);
    return 0;
}

/* parse._logfmt, for a text that is logfmt: moves *s and *n to its message, if it has one. */
static int logfmt(const uint8_t **s, int *n) {
    GROUPS(g);
    if (!memchr(*s, '=', *n) || match_logfmt(*s, *n, 0, g) < 0) return 0;
    if (search(match_logfmt_message, first_logfmt_message, *s, *n, 0, g)) {
        int group = g[2] >= 0 && g[3] > g[2] ? 2 : g[4] >= 0 && g[5] > g[4] ? 4 : 0;
        if (group) *n = g[group + 1] - g[group], *s += g[group];
    }
    return 1;
}

/* parse.head: moves *s and *n to the message and returns the severity stated. */
static uint8_t head(const uint8_t **s, int *n) {
    int end, stamped = 0;
    GROUPS(g);
    while (*n && is_space((*s)[*n - 1])) --*n;
    while (*n && is_space(**s)) ++*s, --*n;
    const uint8_t *whole = *s;
    int size = *n;
    if (logfmt(s, n)) return stated(whole, size);
    while ((end = match_stamp(*s, *n, 0, g)) >= 0) *s += end, *n -= end, stamped = 1;
    int found = stamped ? match_prefix_level(*s, *n, 0, g) : match_bracket_level(*s, *n, 0, g);
    if (found < 0) found = stamped ? match_letter_level(*s, *n, 0, g) : match_numbered_level(*s, *n, 0, g);
    uint8_t severity = found < 0 ? stated(*s, *n) : flyball_severity_of(*s + g[2], g[3] - g[2]);
    if (found >= 0) {
        *s += found, *n -= found;
        if ((end = match_stamp(*s, *n, 0, g)) >= 0) *s += end, *n -= end;
    }
    if (found >= 0 || stamped) logfmt(s, n);
    return severity;
}

int flyball_template(const uint8_t *key, int key_size, uint8_t *out, uint8_t *severity) {
    if (key_size > KEY_BYTES_MAX) return -1;
    Pair pair = {.now = &pair.one, .next = &pair.two};
    const uint8_t *s = key;
    int n = key_size;
    *severity = head(&s, &n);
    memcpy(pair.one.text, s, n);
    pair.one.size = n;
    return mask(&pair, out);
}

int flyball_is_special(const uint8_t *key, int size) {
    GROUPS(g);
    return search(match_special, first_special, key, size, 0, g);
}

int flyball_may_be_frame(const uint8_t *key, int size) {
    if (size && is_space(key[0])) return 1;
    for (int at = 0; frame_starts[at]; at++) {
        int length = (int)strlen(frame_starts[at]);
        if (size >= length && !memcmp(key, frame_starts[at], length)) return 1;
    }
    return 0;
}

int flyball_is_frame(const uint8_t *text, int size) {
    GROUPS(g);
    return match_frame(text, size, 0, g) >= 0;
}
