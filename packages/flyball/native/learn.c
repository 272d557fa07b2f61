/* The learner's columns, as distill/templates.py has them: which templates differ in one token only, and whether that
 * token has shown enough values to be one.
 *
 * A column is what stands before and behind a token, as two hashes in one. Templates come and go as their bytes; of a
 * column that has not varied yet only the (few) shapes are kept. The words and patterns are those of the Python module
 * (learn.inc is made of it), which does templates that are not ASCII and hands their tokens over. */
#include <stdlib.h>

#include "scan.h"

#include "learn.inc"

#define LEARN_BYTES_MAX (1 << 15) /* more than any template has */
#define TOKENS_MAX LEARN_BYTES_MAX
#define WORD_BYTES_MAX 32
#define WORDS_ROOM 2048 /* of the table of words, a power of two well over their number */

/* What a word or a value is; Python hands these over for templates that are not ASCII. */
enum { OF_GRAMMAR = 1, OF_MEANING = 2, OF_UNITS = 4, OF_SLOT = 8 };
enum { IS_WILDCARD = 1, IS_UNIT = 2, IS_IDENTIFIER = 4, IS_CAPITALS = 8, IN_SLOT = 16 };

typedef struct {
    uint64_t hash;
    uint8_t kinds;
} Word;

typedef struct {
    uint32_t token;
    uint32_t kinds; /* IS_..., IN_SLOT */
} Place;

typedef struct {
    uint64_t context; /* 0: empty */
    uint64_t shapes[plain_words_min];
    uint8_t slot, varies, values, wildcards, units, identifiers, capitals;
} Column;

typedef struct {
    uint64_t hash, shape;
} Known;

typedef struct {
    uint64_t one, other;
} PairOf;

struct Columns {
    uint64_t seed;
    Word words[WORDS_ROOM];
    Column *columns;
    size_t columns_mask, columns_used;
    Known *known;
    size_t known_mask, known_used;
    PairOf *pairs;
    size_t pairs_used, pairs_room;
    uint8_t *work; /* templates to do next: shape, size, bytes */
    size_t work_used, work_room;
    uint32_t from[TOKENS_MAX + 1];
    uint64_t before[TOKENS_MAX + 1], behind[TOKENS_MAX + 1];
    Place places[columns_max];
};

static uint64_t hash_of(const uint8_t *s, size_t n, uint64_t seed) {
    uint64_t h = seed ^ n;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t x = 0;
        memcpy(&x, s + i, n - i < 8 ? n - i : 8);
        h = fold(x ^ h ^ 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u ^ seed);
    }
    return fold(h, 0xa0761d6478bd642fu) | 1;
}

static inline int is_alpha(uint8_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static inline int is_word(uint8_t c) { return IS_WORD(c); }

/* ---- words -------------------------------------------------------------------------------------------------------*/

static void add_words(Columns *c, const char *const *words, uint8_t kind) {
    for (; *words; words++) {
        uint64_t hash = hash_of((const uint8_t *)*words, strlen(*words), c->seed);
        size_t at = hash & (WORDS_ROOM - 1);
        while (c->words[at].hash && c->words[at].hash != hash) at = (at + 1) & (WORDS_ROOM - 1);
        c->words[at].hash = hash, c->words[at].kinds |= kind;
    }
}

static uint8_t kinds_of(const Columns *c, const uint8_t *s, int n, int fold_case) {
    uint8_t word[WORD_BYTES_MAX];
    if (n > WORD_BYTES_MAX) return 0;
    for (int i = 0; i < n; i++) word[i] = fold_case && s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i];
    uint64_t hash = hash_of(word, (size_t)n, c->seed);
    for (size_t at = hash & (WORDS_ROOM - 1); c->words[at].hash; at = (at + 1) & (WORDS_ROOM - 1))
        if (c->words[at].hash == hash) return c->words[at].kinds;
    return 0;
}

typedef int Matcher(const uint8_t *s, int n, int i, int *g);

static int search(Matcher match, const uint64_t *first, const uint8_t *s, int n, int from, int *begin, int *end) {
    int g[16];
    for (int i = from; i < n; i++)
        if (IS(first, s[i]) && (*end = match(s, n, i, g)) >= 0) {
            *begin = i;
            return 1;
        }
    return 0;
}

/* templates._is_value */
static int is_value(const Columns *c, const uint8_t *s, int n) {
    int g[16], begin, end, letters = 0;
    for (int i = 0; i < n; i++) letters += is_alpha(s[i]);
    if (!letters || kinds_of(c, s, n, 1) & (OF_GRAMMAR | OF_MEANING) || match_outcome(s, n, 0, g) >= 0) return 0;
    for (int at = 0; search(match_part, first_part, s, n, at, &begin, &end); at = end)
        if (kinds_of(c, s + begin, end - begin, 1) & OF_MEANING || match_verb(s + begin, end - begin, 0, g) >= 0) return 0;
    return 1;
}

/* ---- a template's tokens and places ------------------------------------------------------------------------------*/

static inline int is_wildcard(const uint8_t *s, int n) { return n == 3 && s[0] == '<' && s[1] == '*' && s[2] == '>'; }

/* templates.TOKEN: fills `from` (with the end behind the last) and returns the number of tokens. */
static int tokens_of(Columns *c, const uint8_t *s, int n) {
    int count = 0;
    for (int i = 0; i < n;) {
        c->from[count++] = (uint32_t)i;
        if (n - i >= 3 && is_wildcard(s + i, 3)) {
            i += 3;
        } else if (is_word(s[i])) {
            int joins = s[i] != '_'; /* dots and dashes inside a word */
            for (i++; i < n; i++)
                if (!(is_word(s[i]) || s[i] == '$' || (joins && (s[i] == '.' || s[i] == '-') && i + 1 < n && is_word(s[i + 1]))))
                    break;
        } else if (is_space(s[i])) {
            while (i < n && is_space(s[i])) i++;
        } else {
            i++;
        }
    }
    c->from[count] = (uint32_t)n;
    return count;
}

static int starts(const uint8_t *s, int n, const char *with) {
    int size = (int)strlen(with);
    return n >= size && !memcmp(s, with, size);
}

/* templates._may_vary */
static int may_vary(const Columns *c, const uint8_t *s, int n, int at, int count, int leading) {
    int from = (int)c->from[at], to = (int)c->from[at + 1], dots = 0, begin, end;
    if (is_wildcard(s + from, to - from)) return 1;
    int until = (int)c->from[at + 3 <= count ? at + 3 : count];
    const uint8_t *after = s + to;
    int size = until - to;
    if (starts(after, size, "(") || starts(after, size, "::") || starts(after, size, "=") || starts(after, size, " =")) return 0;
    for (int i = from; i < to; i++) dots += s[i] == '.';
    if (leading && dots < 2) return 0;
    (void)n;
    if (dots > 1) return !search(match_enumerated, first_enumerated, s + from, to - from, 0, &begin, &end);
    return is_value(c, s + from, to - from);
}

/* templates._is_slot */
static int in_slot(const Columns *c, const uint8_t *s, int at, int count, int word_before) {
    int end = (int)c->from[at], start = (int)c->from[at > 2 ? at - 2 : 0];
    while (end > start && is_space(s[end - 1])) end--;
    if (end > start && (s[end - 1] == '=' || s[end - 1] == ':')) return 1;
    if (word_before >= 0) {
        int from = (int)c->from[word_before];
        if (kinds_of(c, s + from, (int)c->from[word_before + 1] - from, 1) & OF_SLOT) return 1;
    }
    if (!at || at + 1 >= count || c->from[at] - c->from[at - 1] != 1 || c->from[at + 2] - c->from[at + 1] != 1) return 0;
    uint8_t open = s[c->from[at] - 1], close = s[c->from[at + 1]];
    return (open == '(' && close == ')') || (open == '[' && close == ']') || (open == '<' && close == '>') ||
           (open == '{' && close == '}');
}

static uint32_t kinds_of_value(const Columns *c, const uint8_t *s, int n) {
    int g[16], begin, end;
    if (is_wildcard(s, n)) return IS_WILDCARD;
    uint32_t kinds = kinds_of(c, s, n, 0) & OF_UNITS ? IS_UNIT : 0;
    if (search(match_identifier, first_identifier, s, n, 0, &begin, &end)) kinds |= IS_IDENTIFIER;
    if (match_capitals(s, n, 0, g) >= 0) kinds |= IS_CAPITALS;
    return kinds;
}

/* templates._places: fills `places` and returns how many. */
static int places_of(Columns *c, const uint8_t *s, int n, int count) {
    int constant = 0, words = 0, places = 0, before = -1;
    for (int at = 0; at < count; at++) {
        int letters = 0, from = (int)c->from[at], to = (int)c->from[at + 1];
        for (int i = from; i < to; i++) letters += is_alpha(s[i]);
        constant += is_word(s[from]) && letters > 1;
    }
    for (int at = 0; at < count && words < columns_max; at++) {
        int letters = 0, from = (int)c->from[at], to = (int)c->from[at + 1], wildcard = is_wildcard(s + from, to - from);
        if (!wildcard && !is_word(s[from])) continue;
        for (int i = from; i < to; i++) letters += is_alpha(s[i]);
        int left = constant - (!wildcard && letters > 1);
        if (left >= constant_words_min && may_vary(c, s, n, at, count, words == 0)) {
            uint32_t kinds = kinds_of_value(c, s + from, to - from);
            if (in_slot(c, s, at, count, before)) kinds |= IN_SLOT;
            c->places[places++] = (Place){.token = (uint32_t)at, .kinds = kinds};
        }
        before = at, words++;
    }
    return places;
}

/* ---- the columns -------------------------------------------------------------------------------------------------*/

static int pair(Columns *c, uint64_t one, uint64_t other) {
    if (one == other) return 1;
    if (!grow((void **)&c->pairs, &c->pairs_room, c->pairs_used + 1, sizeof *c->pairs)) return 0;
    c->pairs[c->pairs_used++] = (PairOf){one, other};
    return 1;
}

static Column *column_of(Columns *c, uint64_t context) {
    if (!PLACE(c, columns)) return 0;
    size_t at = context & c->columns_mask;
    while (c->columns[at].context && c->columns[at].context != context) at = (at + 1) & c->columns_mask;
    if (!c->columns[at].context) c->columns_used++, c->columns[at].context = context;
    return &c->columns[at];
}

/* The shape that stands for a template known already, else this one, which is from now on; *is_new says which. */
static int know(Columns *c, uint64_t hash, uint64_t shape, uint64_t *stands, int *is_new) {
    if (!PLACE(c, known)) return 0;
    size_t at = hash & c->known_mask;
    while (c->known[at].hash && c->known[at].hash != hash) at = (at + 1) & c->known_mask;
    *is_new = !c->known[at].hash;
    if (*is_new) c->known[at] = (Known){hash, shape}, c->known_used++;
    *stands = c->known[at].shape;
    return 1;
}

/* templates._enough */
static int enough(const Column *column) {
    if (column->values < identifiers_min) return 0;
    if (column->wildcards || column->units == column->values || column->identifiers >= identifiers_min) return 1;
    return column->capitals >= slot_words_min || column->values >= (column->slot ? slot_words_min : plain_words_min);
}

/* templates._observe: whether the column varies from now on; -1 without memory. */
static int observe(Columns *c, Column *column, uint32_t kinds, uint64_t shape) {
    if (column->varies) return pair(c, column->shapes[0], shape) ? 0 : -1;
    if (!column->values) column->slot = (kinds & IN_SLOT) != 0;
    column->shapes[column->values++] = shape;
    column->wildcards += (kinds & IS_WILDCARD) != 0;
    column->units += (kinds & IS_UNIT) != 0;
    column->identifiers += (kinds & IS_IDENTIFIER) != 0;
    column->capitals += (kinds & IS_CAPITALS) != 0;
    if (!enough(column)) return 0;
    column->varies = 1;
    for (int i = 1; i < column->values; i++)
        if (!pair(c, column->shapes[0], column->shapes[i])) return -1;
    return 1;
}

/* A template that stands for a varying column is compared next. */
static int push(Columns *c, const uint8_t *s, int n, int from, int to, uint64_t shape) {
    uint32_t size = (uint32_t)(n - (to - from) + 3);
    size_t needed = c->work_used + 12 + size;
    if (!grow((void **)&c->work, &c->work_room, needed, 1)) return 0;
    uint8_t *at = c->work + c->work_used;
    memcpy(at, &shape, 8), memcpy(at + 8, &size, 4), at += 12;
    memcpy(at, s, (size_t)from), memcpy(at + from, "<*>", 3);
    memcpy(at + from + 3, s + to, (size_t)(n - to));
    c->work_used = needed;
    return 1;
}

/* One template with its tokens and places; 0 without memory. */
static int learn(Columns *c, const uint8_t *s, int n, int count, int places, uint64_t shape) {
    c->before[0] = c->behind[count] = c->seed | 1;
    for (int i = 0; i < count; i++)
        c->before[i + 1] = fold(c->before[i] ^ hash_of(s + c->from[i], c->from[i + 1] - c->from[i], c->seed), 0xe7037ed1a0b428dbu);
    for (int i = count - 1; i >= 0; i--)
        c->behind[i] = fold(c->behind[i + 1] ^ hash_of(s + c->from[i], c->from[i + 1] - c->from[i], c->seed), 0x8ebc6af09c88c6e3u);
    for (int p = 0; p < places; p++) {
        int at = (int)c->places[p].token;
        Column *column = column_of(c, fold(c->before[at] ^ 0x589965cc75374cc3u, c->behind[at + 1] ^ 0x1d8e4e27c47d124fu) | 1);
        int varied = column ? observe(c, column, c->places[p].kinds, shape) : -1;
        if (varied < 0 || (varied && !push(c, s, n, (int)c->from[at], (int)c->from[at + 1], shape))) return 0;
    }
    return 1;
}

/* Whether the template is new; if not it is one with what stands for it already. -1 without memory. */
static int is_new_template(Columns *c, const uint8_t *s, int n, uint64_t shape) {
    uint64_t stands;
    int is_new;
    if (!know(c, hash_of(s, (size_t)n, c->seed), shape, &stands, &is_new) || !pair(c, stands, shape)) return -1;
    return is_new;
}

/* ---- what the interpreter calls (distill/learner.py) --------------------------------------------------------------*/

EXPORT Columns *flyball_columns_new(uint64_t seed) {
    Columns *c = calloc(1, sizeof *c);
    if (!c) return 0;
    c->seed = seed;
    add_words(c, grammar, OF_GRAMMAR), add_words(c, meaning, OF_MEANING);
    add_words(c, units, OF_UNITS), add_words(c, slot_words, OF_SLOT);
    return c;
}

EXPORT void flyball_columns_free(Columns *c) {
    if (!c) return;
    void *all[] = {c->columns, c->known, c->pairs, c->work, c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* Forget the pairs and the work of earlier calls. */
EXPORT void flyball_columns_begin(Columns *c) { c->pairs_used = c->work_used = 0; }

/* Learn one ASCII template and what comes of it. -1 without memory. */
int flyball_columns_learn_one(Columns *c, const uint8_t *template, int size, uint64_t shape) {
    uint8_t copy[LEARN_BYTES_MAX];
    const uint8_t *s = template;
    int n = size;
    size_t floor = c->work_used;
    while (n <= LEARN_BYTES_MAX) {
        int is_new = is_new_template(c, s, n, shape);
        int count = is_new > 0 ? tokens_of(c, s, n) : 0;
        if (is_new < 0 || (is_new && !learn(c, s, n, count, places_of(c, s, n, count), shape))) return -1;
        if (c->work_used == floor) break;
        size_t at = floor; /* the last one pushed */
        uint32_t bytes;
        while (memcpy(&bytes, c->work + at + 8, 4), at + 12 + bytes < c->work_used) at += 12 + bytes;
        n = (int)bytes;
        if (n <= LEARN_BYTES_MAX) memcpy(copy, c->work + at + 12, bytes);
        s = copy, c->work_used = at;
    }
    return 0;
}

/* Learn ASCII templates, one behind another: offsets[i] to offsets[i + 1] is that of shapes[i]. -1 without memory. */
EXPORT int flyball_columns_learn(Columns *c, const uint8_t *templates, const int64_t *offsets, const uint64_t *shapes,
                                 int64_t number) {
    for (int64_t i = 0; i < number; i++)
        if (flyball_columns_learn_one(c, templates + offsets[i], (int)(offsets[i + 1] - offsets[i]), shapes[i]) < 0) return -1;
    return 0;
}

/* Learn one template whose tokens Python found: `from` has count + 1 bounds in bytes. What comes of it stays in `work`:
 * 8 bytes shape, 4 bytes size, then the template, each. 1 if it was new, -1 without memory. */
EXPORT int flyball_columns_learn_tokens(Columns *c, const uint8_t *s, int64_t n, const uint32_t *from, int64_t count,
                                        const uint32_t *places, int64_t places_number, uint64_t shape) {
    if (n > LEARN_BYTES_MAX || count > TOKENS_MAX || places_number > columns_max) return 0;
    int is_new = is_new_template(c, s, (int)n, shape);
    if (is_new <= 0) return is_new;
    memcpy(c->from, from, (size_t)(count + 1) * sizeof *from);
    memcpy(c->places, places, (size_t)places_number * sizeof *c->places);
    return learn(c, s, (int)n, (int)count, (int)places_number, shape) ? 1 : -1;
}

/* ASCII templates as one, with `<*>` where their tokens differ (templates.merge, one after another): in `out`, which has
 * room for three times the first; returns its size. */
EXPORT int64_t flyball_columns_merge(Columns *c, const uint8_t *templates, const int64_t *offsets, int64_t number,
                                     uint8_t *out) {
    const uint8_t *first = templates + offsets[0];
    int count, size = (int)(offsets[1] - offsets[0]);
    if (size > LEARN_BYTES_MAX) return -1;
    uint8_t varies[TOKENS_MAX];
    uint32_t *from = malloc((TOKENS_MAX + 1) * sizeof *from);
    if (!from) return -1;
    count = tokens_of(c, first, size);
    memset(varies, 0, (size_t)count);
    memcpy(from, c->from, (size_t)(count + 1) * sizeof *from);
    for (int64_t i = 1; i < number; i++) {
        const uint8_t *other = templates + offsets[i];
        int other_size = (int)(offsets[i + 1] - offsets[i]);
        if (other_size > LEARN_BYTES_MAX || tokens_of(c, other, other_size) != count) continue;
        for (int t = 0; t < count; t++) {
            uint32_t length = from[t + 1] - from[t];
            varies[t] |= length != c->from[t + 1] - c->from[t] || memcmp(first + from[t], other + c->from[t], length) != 0;
        }
    }
    int64_t to = 0;
    for (int t = 0; t < count; t++) {
        uint32_t length = from[t + 1] - from[t];
        if (varies[t])
            memcpy(out + to, "<*>", 3), to += 3;
        else
            memcpy(out + to, first + from[t], length), to += length;
    }
    free(from);
    return to;
}

EXPORT void flyball_columns_look(const Columns *c, const void **out) {
    const void *all[] = {c->pairs, (const void *)c->pairs_used, c->work, (const void *)c->work_used};
    memcpy(out, all, sizeof all);
}
