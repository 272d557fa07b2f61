/* The scanner and the learner as others call them: distill/scanner.py, learner.py, settle.py and the fuzz target. */
#ifndef FLYBALL_SCAN_H
#define FLYBALL_SCAN_H

#include "core.h"

typedef struct Scanner Scanner;
typedef struct Columns Columns;
typedef struct Shapes Shapes;

/* A shape not met before, of one call: the row of the first of its texts, and where its template stands in the arena. */
typedef struct {
    uint64_t id;
    int64_t row;
    int64_t at, size;
} New;

/* A text that is left to the interpreter, and the entry that waits for its shape (or -1). */
typedef struct {
    int64_t row;
    int64_t entry;
} OddText;

/* A text from which secrets were removed, and where what is left stands among such texts. */
typedef struct {
    int64_t row;
    int64_t at, size;
} Redacted;

/* What a call left, on the scanner's memory, until the next call. */
typedef struct {
    const uint64_t *ids; /* of each entry: its shape, 0 where the interpreter has not said it yet */
    const uint8_t *severities;
    size_t entries;
    const New *news;
    size_t news_number;
    const uint8_t *arena;
    size_t arena_size;
    const OddText *odd;
    size_t odd_number;
    const int64_t *frames; /* rows that are stack frames */
    size_t frames_number;
    const Redacted *redacted; /* ascending by row */
    size_t redacted_number;
    const uint8_t *plain; /* their texts */
    size_t plain_size;
} Scanned;

/* What a request's records are counted by: room for each. `bodies` is where in the request a body begins. */
typedef struct {
    int32_t *codes;
    uint64_t *times; /* nanoseconds: the record's time, else when it was observed */
    uint8_t *severities;
    uint32_t *bodies;
} LogColumns;

/* What was counted of an entry: how often, where in the stream first and last, and how those texts begin. */
typedef struct {
    uint64_t count, first_at, last_at;
    uint8_t *first, *last;
    uint16_t first_size, last_size, last_room;
    uint32_t last_row, epoch;
} Seen;

/* A pattern: the shape that names it (and its rank by age), what was counted, the earliest and the latest time stated in
 * microseconds since 1970 (INT64_MIN: none), and where its template and then its example stand among the texts. The
 * template has size 0 where the interpreter must merge it. */
typedef struct {
    uint64_t id, count;
    int64_t first_us, last_us, at, template_size, example_size;
    uint32_t rank, severity;
} Counted;

EXPORT Scanner *flyball_scanner_new(uint64_t seed_1, uint64_t seed_2, uint64_t other, uint64_t shapes_max, int level);
EXPORT void flyball_scanner_free(Scanner *s);
EXPORT void flyball_scanner_forget(Scanner *s);
EXPORT int flyball_scanner_know(Scanner *s, const uint64_t *ids, int64_t n);
EXPORT void flyball_scanner_settle(Scanner *s, int64_t entry, uint64_t id, uint8_t severity);
EXPORT void flyball_scanner_look(const Scanner *s, Scanned *out);
EXPORT int64_t flyball_scan_texts(Scanner *s, const uint8_t *data, const int32_t *offsets, int64_t rows, int32_t *codes);
EXPORT int64_t flyball_scan_logs(Scanner *s, const uint8_t *payload, int64_t size, LogColumns *out, int64_t rows_max);
EXPORT int64_t flyball_scan_lines(Scanner *s, const uint8_t *data, int64_t size, uint32_t *begins, int32_t *codes,
                                  int64_t rows_max);
EXPORT int64_t flyball_tally(Scanner *s, const uint8_t *data, const uint32_t *begins, const int32_t *codes, int64_t rows,
                             uint64_t at);
Seen *flyball_scanner_seen(Scanner *s);

EXPORT Columns *flyball_columns_new(uint64_t seed);
EXPORT void flyball_columns_free(Columns *c);
EXPORT void flyball_columns_begin(Columns *c);
EXPORT int flyball_columns_learn(Columns *c, const uint8_t *templates, const int64_t *offsets, const uint64_t *shapes,
                                 int64_t number);
int flyball_columns_learn_one(Columns *c, const uint8_t *template, int size, uint64_t shape);
EXPORT int flyball_columns_learn_tokens(Columns *c, const uint8_t *s, int64_t n, const uint32_t *from, int64_t count,
                                        const uint32_t *places, int64_t places_number, uint64_t shape);
EXPORT int64_t flyball_columns_merge(Columns *c, const uint8_t *templates, const int64_t *offsets, int64_t number,
                                     uint8_t *out);
EXPORT void flyball_columns_look(const Columns *c, const void **out);

EXPORT Shapes *flyball_shapes_new(void);
EXPORT void flyball_shapes_free(Shapes *t);
EXPORT int flyball_shapes_harvest(Shapes *t, Scanner *s);
EXPORT int flyball_shapes_note(Shapes *t, const Scanner *s);
EXPORT int64_t flyball_shapes_fresh(const Shapes *t, const Scanner *s);
EXPORT int64_t flyball_shapes_noted(const Shapes *t, uint64_t *ids);
EXPORT int flyball_shapes_add(Shapes *t, const uint64_t *ids, const uint8_t *severities, const uint64_t *places,
                              const uint8_t *texts, const int32_t *offsets, int64_t number);
EXPORT int flyball_shapes_know(Shapes *t, uint64_t id, const uint8_t *template, int64_t size, const uint8_t *example,
                               int64_t example_size, uint64_t place);
EXPORT int64_t flyball_shapes_count(Shapes *t, uint64_t id);
EXPORT int64_t flyball_shapes_counted(const Shapes *t);
EXPORT int64_t flyball_shapes_learn(Shapes *t, Columns *c, uint32_t *rest);
EXPORT void flyball_shapes_join(Shapes *t, const uint64_t *pairs, int64_t number);
EXPORT int64_t flyball_shapes_patterns(Shapes *t, Columns *c, uint64_t *ids, uint32_t *roots);
EXPORT const Counted *flyball_shapes_look(const Shapes *t, const uint8_t **texts);
EXPORT const uint8_t *flyball_shapes_template(const Shapes *t, int64_t rank, int64_t *size);

#endif
