#include "otlp_columns.h"

/* A column of texts being written. */
typedef struct {
    int32_t *ends;
    uint8_t *data;
    size_t size;
} Texts;

static Texts texts_begin(int32_t *ends, uint8_t *data) {
    *ends = 0;
    return (Texts){ends + 1, data, 0};
}

static inline void texts_add(Texts *texts, const void *from, size_t size) {
    if (size) memcpy(texts->data + texts->size, from, size);
    texts->size += size;
    *texts->ends++ = (int32_t)texts->size;
}

static inline void texts_add_type(Texts *texts, uint8_t type) {
    texts_add(texts, flyball_type_names[type], strlen(flyball_type_names[type]));
}

void flyball_logs_free(Logs *logs) {
    if (!logs) return;
    buffer_free(&logs->runs);
    buffer_free(&logs->odds);
    buffer_free(&logs->codes);
    buffer_free(&logs->counts);
    free(logs);
}

Logs *flyball_logs_new(Attributes *known) {
    Logs *logs = calloc(1, sizeof *logs);
    if (logs) logs->known = known;
    return logs;
}

static bool count_record(Logs *logs, const OtlpRecord *record) {
    Sizes *sizes = &logs->sizes;
    uint8_t count = (uint8_t)record->attributes_kept;
    if (!buffer_add(&logs->counts, &count, 1)) return false;
    for (uint32_t i = 0; i < record->attributes_kept; i++) {
        uint32_t code;
        if (!attributes_code(logs->known, record->attributes[i], &code) ||
            !buffer_add(&logs->codes, &code, sizeof code))
            return false;
    }
    if (record->body_kind == OTLP_BODY_OTHER) {
        Odd odd = {sizes->rows, record->body};
        if (!buffer_add(&logs->odds, &odd, sizeof odd)) return false;
        sizes->odds++;
    } else {
        sizes->bodies += record->body.size;
        sizes->body_types += record->body_kind == OTLP_BODY_EMPTY ? strlen(flyball_type_names[TYPE_EMPTY]) : 0;
    }
    sizes->severity_texts += record->severity_text.size;
    sizes->event_names += record->event_name.size;
    sizes->attributes += count;
    sizes->dropped_attributes += record->attributes_seen - record->attributes_kept;
    sizes->rows++;
    return true;
}

/* One request. OTLP_END: walked; OTLP_UNUSUAL; -2: no memory. */
static int walk_export(Logs *logs, uint64_t export, const uint8_t *payload, size_t size) {
    OtlpWalker walker;
    OtlpRecord record;
    uint64_t run_begin = logs->sizes.rows;
    int found;
    otlp_begin(&walker, payload, size);
    while ((found = otlp_next(&walker, &record)) > 0) {
        if (found == OTLP_RECORD) {
            if (!count_record(logs, &record)) return -2;
        } else if (logs->sizes.rows > run_begin) {
            Run run = {logs->sizes.rows - run_begin, export,       walker.resource, walker.resource_schema,
                       walker.scope,                 walker.scope_schema};
            if (!buffer_add(&logs->runs, &run, sizeof run)) return -2;
            logs->sizes.runs++;
            run_begin = logs->sizes.rows;
        }
    }
    return found;
}

int64_t flyball_logs_walk(Logs *logs, const uint8_t *const *payloads, const size_t *payload_sizes,
                                 size_t exports) {
    for (size_t export = 0; export < exports; export++) {
        Logs before = *logs;
        int found = walk_export(logs, export, payloads[export], payload_sizes[export]);
        if (found == OTLP_END) continue;
        logs->sizes = before.sizes;
        logs->runs.size = before.runs.size;
        logs->odds.size = before.odds.size;
        logs->codes.size = before.codes.size;
        logs->counts.size = before.counts.size;
        if (found != OTLP_UNUSUAL) return -2;
        exports = export;
    }
    logs->sizes.exports = exports;
    return (int64_t)exports;
}

void flyball_logs_sizes(Logs *logs, Sizes *out) {
    Sizes *sizes = &logs->sizes;
    const uint32_t *codes = (const uint32_t *)(const void *)logs->codes.data;
    sizes->keys = sizes->values = sizes->typed = sizes->typed_keys = sizes->typed_types = 0;
    if (logs->known->learned == logs->known->count) {
        for (uint64_t i = 0; i < sizes->attributes; i++) {
            const Attribute *attribute = attributes_at(logs->known, codes[i]);
            sizes->keys += attribute->key_size;
            sizes->values += attribute->text_size;
            if (attribute->type == TYPE_STRING) continue;
            sizes->typed++;
            sizes->typed_keys += attribute->key_size;
            sizes->typed_types += strlen(flyball_type_names[attribute->type]);
        }
    }
    *out = *sizes;
}

const Run *flyball_logs_runs(const Logs *logs) { return (const Run *)(const void *)logs->runs.data; }

const Odd *flyball_logs_odds(const Logs *logs) { return (const Odd *)(const void *)logs->odds.data; }

static void fill_attributes(const Logs *logs, const LogArrays *columns) {
    const uint32_t *codes = (const uint32_t *)(const void *)logs->codes.data;
    const uint8_t *arena = logs->known->texts.data;
    Texts keys = texts_begin(columns->key_ends, columns->keys);
    Texts values = texts_begin(columns->value_ends, columns->values);
    Texts typed_keys = texts_begin(columns->typed_key_ends, columns->typed_keys);
    Texts typed_types = texts_begin(columns->typed_type_ends, columns->typed_types);
    int32_t end = 0, typed_end = 0;
    columns->attribute_ends[0] = columns->typed_ends[0] = 0;
    for (uint64_t row = 0; row < logs->sizes.rows; row++) {
        for (uint8_t i = 0; i < logs->counts.data[row]; i++) {
            const Attribute *attribute = attributes_at(logs->known, codes[end++]);
            texts_add(&keys, arena + attribute->key_at, attribute->key_size);
            texts_add(&values, arena + attribute->text_at, attribute->text_size);
            if (attribute->type == TYPE_STRING) continue;
            typed_end++;
            texts_add(&typed_keys, arena + attribute->key_at, attribute->key_size);
            texts_add_type(&typed_types, attribute->type);
        }
        columns->attribute_ends[row + 1] = end;
        columns->typed_ends[row + 1] = typed_end;
    }
}

/* An id of `width` bytes; an absent or malformed one (OTLP: treat as unset) becomes zeros. */
static inline void fill_id(uint8_t *into, Bytes id, size_t width) {
    if (id.size == width)
        memcpy(into, id.at, width);
    else
        memset(into, 0, width);
}

bool flyball_logs_fill(const Logs *logs, const uint8_t *const *payloads, const size_t *payload_sizes,
                              const int32_t *odd_ends, const uint8_t *odd_texts, const uint8_t *odd_types,
                              const LogArrays *columns) {
    Texts severity_texts = texts_begin(columns->severity_text_ends, columns->severity_texts);
    Texts bodies = texts_begin(columns->body_ends, columns->bodies);
    Texts body_types = texts_begin(columns->body_type_ends, columns->body_types);
    Texts event_names = texts_begin(columns->event_name_ends, columns->event_names);
    uint64_t row = 0, odd = 0;
    OtlpWalker walker;
    OtlpRecord record;
    for (uint64_t export = 0; export < logs->sizes.exports; export++) {
        int found;
        otlp_begin(&walker, payloads[export], payload_sizes[export]);
        while ((found = otlp_next(&walker, &record)) > 0) {
            if (found != OTLP_RECORD) continue;
            if (row == logs->sizes.rows) return false;
            columns->time[row] = record.time_ns;
            columns->observed[row] = record.observed_ns;
            columns->severity[row] = record.severity;
            columns->flags[row] = record.flags;
            columns->dropped_attributes[row] = record.dropped_attributes;
            fill_id(columns->trace_id + 16 * row, record.trace_id, 16);
            fill_id(columns->span_id + 8 * row, record.span_id, 8);
            texts_add(&severity_texts, record.severity_text.at, record.severity_text.size);
            texts_add(&event_names, record.event_name.at, record.event_name.size);
            if (record.body_kind == OTLP_BODY_OTHER) {
                texts_add(&bodies, odd_texts + odd_ends[odd], (size_t)(odd_ends[odd + 1] - odd_ends[odd]));
                texts_add_type(&body_types, odd_types[odd] < TYPES ? odd_types[odd] : TYPE_EMPTY);
                odd++;
            } else {
                texts_add(&bodies, record.body.at, record.body.size);
                texts_add_type(&body_types, record.body_kind == OTLP_BODY_EMPTY ? TYPE_EMPTY : TYPE_STRING);
            }
            row++;
        }
        if (found != OTLP_END) return false;
    }
    fill_attributes(logs, columns);
    return row == logs->sizes.rows;
}
