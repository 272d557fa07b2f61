/* Any bytes through check, walk and fill: no fault, and the three agree with each other. */
#include <stdlib.h>

#include "otlp_columns.h"
#include "scan.h"

int fuzz_one(const uint8_t *data, size_t size);

#define HOLDS(what) \
    if (!(what)) abort()
#define KNOWN_BYTES_MAX (1 << 20)
#define SCANNED_MAX 64
#define EXPORTS 2 /* the same twice: the second finds its attributes known */

static Attributes *known;

static void *room(uint64_t size) {
    void *given = malloc(size ? size : 1);
    HOLDS(given);
    return given;
}

/* In the place of Python: what the core does not decode has its bytes for key and text. */
static void learn(void) {
    uint64_t number, bytes;
    flyball_attributes_fresh(known, &number, &bytes);
    size_t ends = (number + 1) * sizeof(int32_t);
    Fresh fresh = {room(ends), room(bytes), room(ends), room(bytes), room(ends), room(bytes + 20 * number), room(number)};
    flyball_attributes_decode_fresh(known, &fresh);
    HOLDS((uint64_t)fresh.raw_ends[number] == bytes);
    bool odd = false;
    for (uint64_t i = 0; i < number; i++) odd |= fresh.types[i] == TYPES;
    HOLDS(odd ? flyball_attributes_learn(known, fresh.raw_ends, fresh.raws, fresh.raw_ends, fresh.raws, fresh.types)
              : flyball_attributes_learn(known, fresh.key_ends, fresh.keys, fresh.text_ends, fresh.texts, fresh.types));
    void *rooms[] = {fresh.raw_ends, fresh.raws, fresh.key_ends, fresh.keys, fresh.text_ends, fresh.texts, fresh.types};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) free(rooms[i]);
}

static void fill(Logs *logs, const uint8_t *const *payloads, const size_t *payload_sizes) {
    Sizes sizes;
    learn();
    flyball_logs_sizes(logs, &sizes);
    int32_t *odd_ends = room((sizes.odds + 1) * sizeof *odd_ends);
    uint8_t *odd_types = room(sizes.odds);
    const Odd *odds = flyball_logs_odds(logs);
    odd_ends[0] = 0;
    for (uint64_t i = 0; i < sizes.odds; i++) {
        odd_ends[i + 1] = odd_ends[i] + (int32_t)odds[i].value.size;
        odd_types[i] = TYPE_INT;
        sizes.body_types += strlen(flyball_type_names[TYPE_INT]);
    }
    uint8_t *odd_texts = room((uint64_t)odd_ends[sizes.odds]);
    for (uint64_t i = 0; i < sizes.odds; i++) memcpy(odd_texts + odd_ends[i], odds[i].value.at, odds[i].value.size);
    sizes.bodies += (uint64_t)odd_ends[sizes.odds];

    uint64_t rows = sizes.rows, ends = 4 * (rows + 1), items = 4 * (sizes.attributes + 1), typed = 4 * (sizes.typed + 1);
    uint64_t room_of[] = {8 * rows,  8 * rows,         rows,  ends,        sizes.severity_texts, ends,  sizes.bodies,
                          ends,      sizes.body_types, 16 * rows, 8 * rows, 4 * rows,            4 * rows, ends,
                          sizes.event_names, ends,     items, sizes.keys,  items,                sizes.values, ends,
                          typed,     sizes.typed_keys, typed, sizes.typed_types};
    void *buffers[sizeof room_of / sizeof *room_of];
    _Static_assert(sizeof buffers == sizeof(LogArrays), "a buffer for each column");
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffers[i] = room(room_of[i]);
    LogArrays columns;
    memcpy(&columns, buffers, sizeof columns);
    HOLDS(flyball_logs_fill(logs, payloads, payload_sizes, odd_ends, odd_texts, odd_types, &columns));
    HOLDS((uint64_t)columns.severity_text_ends[rows] == sizes.severity_texts);
    HOLDS((uint64_t)columns.body_ends[rows] == sizes.bodies);
    HOLDS((uint64_t)columns.body_type_ends[rows] == sizes.body_types);
    HOLDS((uint64_t)columns.event_name_ends[rows] == sizes.event_names);
    HOLDS((uint64_t)columns.attribute_ends[rows] == sizes.attributes);
    HOLDS((uint64_t)columns.key_ends[sizes.attributes] == sizes.keys);
    HOLDS((uint64_t)columns.value_ends[sizes.attributes] == sizes.values);
    HOLDS((uint64_t)columns.typed_ends[rows] == sizes.typed);
    HOLDS((uint64_t)columns.typed_key_ends[sizes.typed] == sizes.typed_keys);
    HOLDS((uint64_t)columns.typed_type_ends[sizes.typed] == sizes.typed_types);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) free(buffers[i]);
    free(odd_ends);
    free(odd_types);
    free(odd_texts);
}

/* The same records, scanned without columns. */
static void scan(const uint8_t *data, size_t size, int64_t records) {
    int32_t codes[SCANNED_MAX];
    uint64_t times[SCANNED_MAX];
    uint8_t severities[SCANNED_MAX];
    uint32_t bodies[SCANNED_MAX];
    LogColumns columns = {codes, times, severities, bodies};
    Scanner *scanner = flyball_scanner_new(1, 2, 3, 5, 2);
    HOLDS(scanner);
    int64_t rows = flyball_scan_logs(scanner, data, (int64_t)size, &columns, SCANNED_MAX);
    HOLDS(rows >= -1 && rows <= SCANNED_MAX);
    if (rows >= 0 && rows < SCANNED_MAX && records >= 0) HOLDS(rows == records);
    for (int64_t row = 0; row < rows; row++) HOLDS(bodies[row] <= size);
    flyball_scanner_free(scanner);
}

int fuzz_one(const uint8_t *data, size_t size) {
    const uint8_t *payloads[EXPORTS] = {data, data};
    const size_t payload_sizes[EXPORTS] = {size, size};
    int64_t records = flyball_otlp_check(data, size, 0);
    flyball_otlp_check(data, size, 1);
    scan(data, size, records);
    if (known && flyball_attributes_bytes(known) > KNOWN_BYTES_MAX) {
        flyball_attributes_free(known);
        known = NULL;
    }
    if (!known) known = flyball_attributes_new(1, 2);
    HOLDS(known);
    Logs *logs = flyball_logs_new(known);
    HOLDS(logs);
    int64_t walked = flyball_logs_walk(logs, payloads, payload_sizes, EXPORTS);
    HOLDS(walked == 0 || walked == EXPORTS);
    HOLDS(logs->sizes.exports == (uint64_t)walked);
    if (walked && records >= 0) HOLDS(logs->sizes.rows == (uint64_t)(EXPORTS * records));
    uint64_t rows = 0;
    for (uint64_t i = 0; i < logs->sizes.runs; i++) rows += flyball_logs_runs(logs)[i].rows;
    HOLDS(rows == logs->sizes.rows);
    fill(logs, payloads, payload_sizes);
    flyball_logs_free(logs);
    return 0;
}
