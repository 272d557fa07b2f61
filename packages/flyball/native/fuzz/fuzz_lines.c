/* Any bytes through scanner, tally and learner: no fault, and each kind of instructions says the same. */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

int fuzz_one(const uint8_t *data, size_t size);

#define HOLDS(what) \
    if (!(what)) abort()
#define LEVELS 3
#define ROWS_MAX 4096

static void *room(size_t size) {
    void *given = malloc(size ? size : 1);
    HOLDS(given);
    return given;
}

/* What the scanner found new, learnt and merged. */
static void learn(const Scanned *found) {
    Columns *columns = flyball_columns_new(7);
    HOLDS(columns);
    int64_t *offsets = room((found->news_number + 1) * sizeof *offsets);
    uint64_t *shapes = room(found->news_number * sizeof *shapes);
    size_t first = 0;
    for (size_t i = 0; i < found->news_number; i++) offsets[i] = found->news[i].at, shapes[i] = found->news[i].id;
    offsets[found->news_number] = (int64_t)found->arena_size;
    if (found->news_number) first = (size_t)(offsets[1] - offsets[0]);
    HOLDS(!flyball_columns_learn(columns, found->arena, offsets, shapes, (int64_t)found->news_number));
    uint8_t *merged = room(3 * first + 1);
    if (found->news_number) HOLDS(flyball_columns_merge(columns, found->arena, offsets, (int64_t)found->news_number, merged) >= 0);
    free(merged), free(offsets), free(shapes);
    flyball_columns_free(columns);
}

/* What the scanner counted, as patterns. */
static void settle(Scanner *scanner) {
    Shapes *shapes = flyball_shapes_new();
    Columns *columns = flyball_columns_new(7);
    HOLDS(shapes && columns);
    HOLDS(!flyball_shapes_note(shapes, scanner));
    HOLDS(!flyball_shapes_know(shapes, 3, (const uint8_t *)"other", 5, 0, 0, 0));
    HOLDS(!flyball_shapes_harvest(shapes, scanner));
    flyball_scanner_forget(scanner);
    size_t counted = (size_t)flyball_shapes_counted(shapes);
    uint32_t *rest = room(counted * sizeof *rest), *roots = room(counted * sizeof *roots);
    uint64_t *ids = room(counted * sizeof *ids);
    HOLDS(flyball_shapes_learn(shapes, columns, rest) >= 0);
    int64_t patterns = flyball_shapes_patterns(shapes, columns, ids, roots);
    HOLDS(patterns >= 0 && (size_t)patterns <= counted);
    free(rest), free(roots), free(ids);
    flyball_columns_free(columns), flyball_shapes_free(shapes);
}

/* The same lines as texts, which lie side by side: their codes are in range, and as many as there are texts. */
static void scan_as_texts(Scanner *scanner, const uint8_t *lines, const uint32_t *begins, int64_t rows) {
    uint8_t *texts = room(begins[rows]);
    int32_t *offsets = room((size_t)(rows + 1) * sizeof *offsets), *codes = room((size_t)rows * sizeof *codes);
    offsets[0] = 0;
    for (int64_t row = 0; row < rows; row++) {
        size_t size = begins[row + 1] - begins[row] - (row % 7 != 6); /* some keep their newline */
        memcpy(texts + offsets[row], lines + begins[row], size);
        offsets[row + 1] = offsets[row] + (int32_t)size;
    }
    uint8_t *exact = realloc(texts, offsets[rows] ? (size_t)offsets[rows] : 1);
    HOLDS(exact);
    HOLDS(flyball_scan_texts(scanner, exact, offsets, rows, codes) == rows);
    Scanned found;
    flyball_scanner_look(scanner, &found);
    for (int64_t row = 0; row < rows; row++)
        HOLDS(codes[row] >= -2 && (codes[row] < 0 || (size_t)codes[row] < found.entries));
    free(exact), free(offsets), free(codes);
}

int fuzz_one(const uint8_t *data, size_t size) {
    size_t once = size, times = size ? 1 + data[0] % 5 : 1; /* what is longer than a block is read in parts */
    size = once * times;
    uint8_t *lines = room(size + 1);
    for (size_t i = 0; i < times; i++) memcpy(lines + i * once, data, once);
    lines[size] = '\n';
    uint32_t *begins[LEVELS];
    int32_t *codes[LEVELS];
    int64_t rows[LEVELS];
    uint64_t *ids[LEVELS];
    for (int level = 0; level < LEVELS; level++) {
        begins[level] = room((ROWS_MAX + 1) * sizeof **begins), codes[level] = room(ROWS_MAX * sizeof **codes);
        Scanner *scanner = flyball_scanner_new(1, 2, 3, 5, level);
        HOLDS(scanner);
        rows[level] = flyball_scan_lines(scanner, lines, (int64_t)size + 1, begins[level], codes[level], ROWS_MAX);
        HOLDS(rows[level] > 0 && begins[level][rows[level]] <= size + 1);
        Scanned found;
        flyball_scanner_look(scanner, &found);
        ids[level] = room((size_t)rows[level] * sizeof **ids);
        for (int64_t row = 0; row < rows[level]; row++) {
            int32_t code = codes[level][row];
            HOLDS(code >= -2 && (code < 0 || (size_t)code < found.entries));
            ids[level][row] = code < 0 ? (uint64_t)code : found.ids[code];
        }
        for (size_t i = 0; i < found.redacted_number; i++) {
            const Redacted *one = &found.redacted[i];
            HOLDS(one->row >= (i ? found.redacted[i - 1].row + 1 : 0) && one->row < rows[level] && codes[level][one->row] >= 0);
            HOLDS(one->size > 0 && one->at >= 0 && (size_t)(one->at + one->size) <= found.plain_size);
        }
        if (level == LEVELS - 1) learn(&found);
        HOLDS(flyball_tally(scanner, lines, begins[level], codes[level], rows[level], 0) >= 0);
        settle(scanner);
        scan_as_texts(scanner, lines, begins[level], rows[level]);
        flyball_scanner_free(scanner);
        HOLDS(rows[level] == rows[0] && !memcmp(begins[level], begins[0], (size_t)(rows[0] + 1) * sizeof **begins));
        HOLDS(!memcmp(ids[level], ids[0], (size_t)rows[0] * sizeof **ids));
    }
    for (int level = 0; level < LEVELS; level++) free(begins[level]), free(codes[level]), free(ids[level]);
    free(lines);
    return 0;
}
