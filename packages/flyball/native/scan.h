/* The scanner and the learner as others call them: distill/scanner.py, distill/learner.py and the fuzz target. */
#ifndef FLYBALL_SCAN_H
#define FLYBALL_SCAN_H

#include "core.h"

typedef struct Scanner Scanner;
typedef struct Columns Columns;

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
} Scanned;

/* What a request's records are counted by: room for each. `bodies` is where in the request a body begins. */
typedef struct {
    int32_t *codes;
    uint64_t *times; /* nanoseconds: the record's time, else when it was observed */
    uint8_t *severities;
    uint32_t *bodies;
} LogColumns;

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
EXPORT int flyball_tally(Scanner *s, const uint8_t *data, const uint32_t *begins, const int32_t *codes, int64_t rows,
                         uint64_t at);
EXPORT int64_t flyball_tallied(const Scanner *s, uint64_t *out, uint8_t *texts);

EXPORT Columns *flyball_columns_new(uint64_t seed);
EXPORT void flyball_columns_free(Columns *c);
EXPORT void flyball_columns_begin(Columns *c);
EXPORT int flyball_columns_learn(Columns *c, const uint8_t *templates, const int64_t *offsets, const uint64_t *shapes,
                                 int64_t number);
EXPORT int flyball_columns_learn_tokens(Columns *c, const uint8_t *s, int64_t n, const uint32_t *from, int64_t count,
                                        const uint32_t *places, int64_t places_number, uint64_t shape);
EXPORT int64_t flyball_columns_merge(Columns *c, const uint8_t *templates, const int64_t *offsets, int64_t number,
                                     uint8_t *out);

#endif
