/* Shapes -> patterns: what was counted of each shape, and at the end which of them are one.
 *
 * A stream of a million lines brings thousands of shapes and some hundred patterns. Shapes therefore never become
 * objects of the interpreter: their templates, counts, times and examples stand here, the learner (learn.c) reads the
 * templates where they are, and only patterns are handed over. What distill/catalog.py says of age and roots holds: a
 * pattern's root is the shape whose first record is the oldest. */
#include <stdlib.h>

#include "scan.h"

#include "settle.inc"

#define NO_TIME INT64_MIN
#define TIME_GROUPS 9

typedef struct {
    uint64_t id;
    uint64_t count, first_at, last_at, example_at;
    int64_t first_us, last_us; /* the times those records state, or NO_TIME */
    uint8_t *template, *example;
    uint32_t template_size, example_size;
    uint8_t severity, is_ascii, is_noted;
} Shape;

struct Shapes {
    Shape *shapes;
    size_t used, room, noted;
    uint32_t *slots; /* number of a shape + 1, 0: empty */
    size_t slots_mask;
    Shape **ranked; /* by their first record */
    uint32_t *parents; /* of each rank: union-find */
    Counted *patterns;
    size_t counted, patterns_used;
    uint8_t *texts; /* of the patterns: template, example */
    size_t texts_used, texts_room;
};

/* ---- the time that a record states: parse.time_ns, in microseconds -------------------------------------------------*/

static int number(const uint8_t *s, int from, int to) {
    int value = 0;
    for (; from < to; from++) value = 10 * value + s[from] - '0';
    return value;
}

static int64_t days_before(int year, int month, int day) { /* since 1970, proleptic Gregorian */
    year -= month <= 2;
    int era = year / 400, of_era = year % 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_of(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0) ? 29 : days[month - 1];
}

static int64_t time_of(const uint8_t *s, const int *g) {
    int field[6];
    for (int i = 0; i < 6; i++) field[i] = number(s, g[2 * i + 2], g[2 * i + 3]);
    int year = field[0], month = field[1], day = field[2], offset = 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of(year, month)) return NO_TIME;
    if (field[3] > 23 || field[4] > 59 || field[5] > 59) return NO_TIME;
    if (g[16] >= 0 && (s[g[16]] == '+' || s[g[16]] == '-')) {
        int hours = number(s, g[16] + 1, g[16] + 3), minutes = number(s, g[17] - 2, g[17]);
        if (hours > 23 || minutes > 59) return NO_TIME;
        offset = (s[g[16]] == '-' ? -60 : 60) * (60 * hours + minutes);
    }
    int64_t seconds = days_before(year, month, day) * 86400 + field[3] * 3600 + field[4] * 60 + field[5] - offset, us = 0;
    if (seconds < days_before(1, 1, 1) * 86400 || seconds >= days_before(10000, 1, 1) * 86400) return NO_TIME;
    for (int i = 0; i < 6; i++) us = 10 * us + (g[14] >= 0 && g[14] + i < g[15] ? s[g[14] + i] - '0' : 0);
    return seconds * 1000000 + us;
}

static int64_t time_us(const uint8_t *text, size_t size) {
    uint8_t s[4 * time_chars];
    int n = 0, g[2 * TIME_GROUPS];
    for (int chars = 0; (size_t)n < size && n < (int)sizeof s; n++) {
        chars += (text[n] & 0xc0) != 0x80;
        if (chars > time_chars) break;
        s[n] = text[n] < 128 ? text[n] : 127;
    }
    for (int i = 0; i < n; i++) {
        if (!IS(first_time, s[i])) continue;
        memset(g, -1, sizeof g);
        if (match_time(s, n, i, g) >= 0) return time_of(s, g);
    }
    return NO_TIME;
}

/* ---- counting ----------------------------------------------------------------------------------------------------*/

static int grow_slots(Shapes *t) {
    size_t size = t->slots ? 2 * (t->slots_mask + 1) : 4096;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots) return 0;
    for (size_t i = 0; i < t->used; i++) {
        size_t at = t->shapes[i].id & (size - 1);
        while (slots[at]) at = (at + 1) & (size - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(t->slots);
    t->slots = slots, t->slots_mask = size - 1;
    return 1;
}

/* The shape with this id, made when it is not there; 0 without memory. */
static Shape *shape_of(Shapes *t, uint64_t id) {
    if (2 * (t->used + 1) > t->slots_mask && !grow_slots(t)) return 0;
    size_t at = id & t->slots_mask;
    for (; t->slots[at]; at = (at + 1) & t->slots_mask)
        if (t->shapes[t->slots[at] - 1].id == id) return &t->shapes[t->slots[at] - 1];
    if (!grow((void **)&t->shapes, &t->room, t->used + 1, sizeof *t->shapes)) return 0;
    t->shapes[t->used] = (Shape){.id = id, .first_at = UINT64_MAX, .example_at = UINT64_MAX, .first_us = NO_TIME, .last_us = NO_TIME};
    t->slots[at] = (uint32_t)++t->used;
    return &t->shapes[t->used - 1];
}

static int keep(uint8_t **kept, uint32_t *kept_size, const uint8_t *text, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, text, size);
    free(*kept);
    *kept = copy, *kept_size = (uint32_t)size;
    return 1;
}

static int set_template(Shape *shape, const uint8_t *template, size_t size) {
    if (shape->template) return 1;
    shape->is_ascii = 1;
    for (size_t i = 0; i < size; i++) shape->is_ascii &= template[i] < 128;
    return keep(&shape->template, &shape->template_size, template, size);
}

/* Take over what a scanner counted; its keys must be forgotten next. -1 without memory. */
EXPORT int flyball_shapes_harvest(Shapes *t, Scanner *s) {
    Scanned found;
    flyball_scanner_look(s, &found);
    Seen *seen = flyball_scanner_seen(s);
    for (size_t i = 0; i < found.entries; i++, seen++) {
        if (!seen->count) continue;
        Shape *shape = shape_of(t, found.ids[i]);
        if (!shape) return -1;
        shape->count += seen->count;
        if (found.severities[i] > shape->severity) shape->severity = found.severities[i];
        if (!shape->last_at || seen->last_at > shape->last_at)
            shape->last_at = seen->last_at, shape->last_us = time_us(seen->last, seen->last_size);
        if (seen->first_at < shape->first_at)
            shape->first_at = seen->first_at, shape->first_us = time_us(seen->first, seen->first_size);
        if (seen->first_at < shape->example_at) {
            free(shape->example);
            shape->example = seen->first, shape->example_size = seen->first_size, shape->example_at = seen->first_at;
            seen->first = 0;
        }
    }
    return 0;
}

/* The templates of the shapes that a scanner's last call found new. -1 without memory. */
EXPORT int flyball_shapes_note(Shapes *t, const Scanner *s) {
    Scanned found;
    flyball_scanner_look(s, &found);
    for (size_t i = 0; i < found.news_number; i++) {
        Shape *shape = shape_of(t, found.news[i].id);
        if (!shape || !set_template(shape, found.arena + found.news[i].at, (size_t)found.news[i].size)) return -1;
        t->noted += !shape->is_noted, shape->is_noted = 1;
    }
    return 0;
}

/* How many of those were not noted yet, of this or another scanner. */
EXPORT int64_t flyball_shapes_fresh(const Shapes *t, const Scanner *s) {
    Scanned found;
    flyball_scanner_look(s, &found);
    int64_t fresh = 0;
    for (size_t i = 0; i < found.news_number; i++) {
        uint64_t id = found.news[i].id;
        size_t at = id & t->slots_mask;
        while (t->slots && t->slots[at] && t->shapes[t->slots[at] - 1].id != id) at = (at + 1) & t->slots_mask;
        fresh += !t->slots || !t->slots[at] || !t->shapes[t->slots[at] - 1].is_noted;
    }
    return fresh;
}

/* The shapes noted, in `ids` unless it is null; how many those are. */
EXPORT int64_t flyball_shapes_noted(const Shapes *t, uint64_t *ids) {
    for (size_t i = 0; ids && i < t->used; i++)
        if (t->shapes[i].is_noted) *ids++ = t->shapes[i].id;
    return (int64_t)t->noted;
}

/* Count records that the interpreter did: shape, severity, place in the stream; their texts between Arrow's offsets
 * say the time. -1 without memory. */
EXPORT int flyball_shapes_add(Shapes *t, const uint64_t *ids, const uint8_t *severities, const uint64_t *places,
                              const uint8_t *texts, const int32_t *offsets, int64_t number) {
    for (int64_t i = 0; i < number; i++) {
        Shape *shape = shape_of(t, ids[i]);
        if (!shape) return -1;
        size_t size = (size_t)(offsets[i + 1] - offsets[i]);
        shape->count++;
        if (severities[i] > shape->severity) shape->severity = severities[i];
        if (places[i] < shape->first_at)
            shape->first_at = places[i], shape->first_us = time_us(texts + offsets[i], size);
        if (!shape->last_at || places[i] > shape->last_at)
            shape->last_at = places[i], shape->last_us = time_us(texts + offsets[i], size);
    }
    return 0;
}

/* A shape that the interpreter found, with the example that stands at that place. -1 without memory. */
EXPORT int flyball_shapes_know(Shapes *t, uint64_t id, const uint8_t *template, int64_t size, const uint8_t *example,
                               int64_t example_size, uint64_t place) {
    Shape *shape = shape_of(t, id);
    if (!shape || !set_template(shape, template, (size_t)size)) return -1;
    if (place >= shape->example_at) return 0;
    shape->example_at = place;
    return keep(&shape->example, &shape->example_size, example, (size_t)example_size) ? 0 : -1;
}

/* How many records have this shape. */
EXPORT int64_t flyball_shapes_count(Shapes *t, uint64_t id) {
    Shape *shape = shape_of(t, id);
    return shape ? (int64_t)shape->count : 0;
}

/* How many shapes were counted. */
EXPORT int64_t flyball_shapes_counted(const Shapes *t) {
    int64_t counted = 0;
    for (size_t i = 0; i < t->used; i++) counted += t->shapes[i].count > 0;
    return counted;
}

/* ---- settling ----------------------------------------------------------------------------------------------------*/

static int by_first(const void *one, const void *other) {
    uint64_t a = (*(Shape *const *)one)->first_at, b = (*(Shape *const *)other)->first_at;
    return (a > b) - (a < b);
}

static uint32_t root_of(const Shapes *t, uint32_t rank) {
    while (t->parents[rank] != rank) rank = t->parents[rank] = t->parents[t->parents[rank]];
    return rank;
}

/* Shapes, as their ranks, are one pattern; the older root wins. */
EXPORT void flyball_shapes_join(Shapes *t, const uint64_t *pairs, int64_t number) {
    for (int64_t i = 0; i < number; i++) {
        uint32_t a = root_of(t, (uint32_t)pairs[2 * i]), b = root_of(t, (uint32_t)pairs[2 * i + 1]);
        t->parents[a > b ? a : b] = a < b ? a : b;
    }
}

/* Rank the counted shapes by age and compare those that are ASCII; the ranks of the others are left in `rest`, which
 * has room for all. Returns how many those are, -1 without memory. */
EXPORT int64_t flyball_shapes_learn(Shapes *t, Columns *c, uint32_t *rest) {
    int64_t left = 0;
    t->ranked = malloc((t->used + 1) * sizeof *t->ranked), t->parents = malloc((t->used + 1) * sizeof *t->parents);
    t->counted = 0;
    if (!t->ranked || !t->parents) return -1;
    for (size_t i = 0; i < t->used; i++)
        if (t->shapes[i].count) t->ranked[t->counted++] = &t->shapes[i];
    qsort(t->ranked, t->counted, sizeof *t->ranked, by_first);
    for (size_t i = 0; i < t->counted; i++) t->parents[i] = (uint32_t)i;
    for (size_t i = 0; i < t->counted; i++) {
        const Shape *shape = t->ranked[i];
        if (!shape->is_ascii) {
            rest[left++] = (uint32_t)i;
            continue;
        }
        flyball_columns_begin(c);
        if (flyball_columns_learn_one(c, shape->template, (int)shape->template_size, i) < 0) return -1;
        const void *found[4];
        flyball_columns_look(c, found);
        flyball_shapes_join(t, found[0], (int64_t)(size_t)found[1]);
    }
    return left;
}

static int put(Shapes *t, const uint8_t *text, size_t size) {
    if (!grow((void **)&t->texts, &t->texts_room, t->texts_used + size, 1)) return 0;
    if (size) memcpy(t->texts + t->texts_used, text, size);
    t->texts_used += size;
    return 1;
}

/* The merged template of a pattern, whose shapes follow one another in `members`; `to` has room for three times the
 * first. Its size; 0 where one is not ASCII, -1 without memory. */
static int64_t merge(Columns *c, Shape *const *members, size_t number, uint8_t *to) {
    size_t size = 0;
    for (size_t i = 0; i < number; i++) {
        if (!members[i]->is_ascii) return 0;
        size += members[i]->template_size;
    }
    uint8_t *templates = malloc(size + 1);
    int64_t *offsets = malloc((number + 1) * sizeof *offsets), merged = -1;
    if (templates && offsets) {
        offsets[0] = 0;
        for (size_t i = 0; i < number; i++) {
            memcpy(templates + offsets[i], members[i]->template, members[i]->template_size);
            offsets[i + 1] = offsets[i] + members[i]->template_size;
        }
        merged = flyball_columns_merge(c, templates, offsets, (int64_t)number, to);
    }
    free(templates), free(offsets);
    return merged;
}

static int put_pattern(Shapes *t, Columns *c, Shape *const *members, size_t number, uint32_t rank) {
    Counted *p = &t->patterns[t->patterns_used++];
    *p = (Counted){.rank = rank, .id = members[0]->id, .first_us = NO_TIME, .last_us = NO_TIME, .at = (int64_t)t->texts_used};
    for (size_t i = 0; i < number; i++) {
        p->count += members[i]->count;
        if (members[i]->severity > p->severity) p->severity = members[i]->severity;
        int64_t times[] = {members[i]->first_us, members[i]->last_us};
        for (int k = 0; k < 2; k++) {
            if (times[k] == NO_TIME) continue;
            if (p->first_us == NO_TIME || times[k] < p->first_us) p->first_us = times[k];
            if (p->last_us == NO_TIME || times[k] > p->last_us) p->last_us = times[k];
        }
    }
    if (number == 1) {
        p->template_size = members[0]->template_size;
        if (!put(t, members[0]->template, members[0]->template_size)) return 0;
    } else {
        uint8_t *merged = malloc(3 * members[0]->template_size + 1);
        p->template_size = merged ? merge(c, members, number, merged) : -1;
        int done = p->template_size >= 0 && put(t, merged, (size_t)p->template_size);
        free(merged);
        if (!done) return 0;
    }
    p->example_size = members[0]->example_size;
    return put(t, members[0]->example, members[0]->example_size);
}

/* Make the patterns, the oldest first: of each rank its shape's id, and its root's rank in `ids` and `roots`.
 * Returns how many patterns, -1 without memory. */
EXPORT int64_t flyball_shapes_patterns(Shapes *t, Columns *c, uint64_t *ids, uint32_t *roots) {
    size_t n = t->counted, groups = 0;
    uint32_t *from = calloc(n + 2, sizeof *from); /* of each root: where its members begin */
    Shape **members = malloc((n + 1) * sizeof *members);
    int failed = !from || !members;
    for (size_t i = 0; i < n && !failed; i++) {
        ids[i] = t->ranked[i]->id, roots[i] = root_of(t, (uint32_t)i);
        groups += roots[i] == i;
        from[roots[i] + 2]++;
    }
    t->patterns = failed ? 0 : malloc((groups + 1) * sizeof *t->patterns);
    failed = !t->patterns;
    for (size_t i = 2; i < n + 2 && !failed; i++) from[i] += from[i - 1];
    for (size_t i = 0; i < n && !failed; i++) members[from[roots[i] + 1]++] = t->ranked[i];
    for (size_t i = 0; i < n && !failed; i++)
        if (roots[i] == i) failed = !put_pattern(t, c, members + from[i], from[i + 1] - from[i], (uint32_t)i);
    free(from), free(members);
    return failed ? -1 : (int64_t)t->patterns_used;
}

EXPORT const Counted *flyball_shapes_look(const Shapes *t, const uint8_t **texts) {
    *texts = t->texts;
    return t->patterns;
}

/* The template of a rank, for those that the interpreter compares and merges. */
EXPORT const uint8_t *flyball_shapes_template(const Shapes *t, int64_t rank, int64_t *size) {
    *size = t->ranked[rank]->template_size;
    return t->ranked[rank]->template;
}

EXPORT Shapes *flyball_shapes_new(void) { return calloc(1, sizeof(Shapes)); }

EXPORT void flyball_shapes_free(Shapes *t) {
    if (!t) return;
    for (size_t i = 0; i < t->used; i++) free(t->shapes[i].template), free(t->shapes[i].example);
    void *all[] = {t->shapes, t->slots, t->ranked, t->parents, t->patterns, t->texts, t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}
