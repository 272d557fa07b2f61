/* Walk the log records of an ExportLogsServiceRequest: the bytes as they came, no copy, no allocation.

   What exporters write is walked; of anything rare (a group, a tag of three bytes, a resource in two parts) the
   walk says OTLP_UNUSUAL and whoever called asks protobuf itself. Hostile bytes are the normal case: no length is
   believed before it is held against what is left, no pointer is formed behind the end.

       OtlpWalker walker;
       OtlpRecord record;
       otlp_begin(&walker, payload, size);
       while ((got = otlp_next(&walker, &record)) > 0)
           if (got == OTLP_RECORD) use(record.body, record.severity);   // got == OTLP_SCOPE_END: walker.scope is known
       if (got == OTLP_UNUSUAL) ask protobuf

   Sources: https://protobuf.dev/programming-guides/encoding/, opentelemetry-proto logs.proto (the field numbers). */
#ifndef FLYBALL_OTLP_H
#define FLYBALL_OTLP_H

#include <stdbool.h>
#include <string.h>

#include "core.h"

enum { OTLP_UNUSUAL = -1, OTLP_END = 0, OTLP_RECORD = 1, OTLP_SCOPE_END = 2 };
enum { OTLP_BODY_EMPTY, OTLP_BODY_STRING, OTLP_BODY_OTHER };

/* Records in an ExportLogsServiceRequest (or, with `spans`, an ExportTraceServiceRequest); -1: ask protobuf. */
EXPORT int64_t flyball_otlp_check(const uint8_t *payload, size_t size, int spans);

#define OTLP_ATTRIBUTES_MAX 128 /* of one record, as receivers/otlp_attributes.py has it */
#define OTLP_SEVERITY_MAX 24

typedef struct {
    const uint8_t *at;
    size_t size;
} Bytes;

typedef struct {
    uint64_t time_ns, observed_ns;
    uint32_t flags, dropped_attributes;
    uint8_t severity;  /* 0..24 */
    uint8_t body_kind; /* of OTLP_BODY_OTHER `body` is the AnyValue, else its text */
    Bytes severity_text, body, trace_id, span_id, event_name;
    uint32_t attributes_seen, attributes_kept; /* the first OTLP_ATTRIBUTES_MAX are kept */
    Bytes attributes[OTLP_ATTRIBUTES_MAX];     /* each a KeyValue */
} OtlpRecord;

typedef struct {
    const uint8_t *at, *end;                   /* the request */
    const uint8_t *in_resource, *resource_end; /* the ResourceLogs that is being walked */
    const uint8_t *in_scope, *scope_end;       /* the ScopeLogs */
    Bytes resource, resource_schema;           /* known before its records */
    Bytes scope, scope_schema;                 /* known at OTLP_SCOPE_END: exporters write the schema last */
    bool scope_open, scope_seen;
} OtlpWalker;

static inline uint32_t otlp_le32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t otlp_le64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* The readers answer where the next thing begins, or NULL: cut short, malformed or rare. */

static inline const uint8_t *otlp_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (at == end) return NULL;
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) return NULL; /* bit 64 and above */
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *otlp_slice(const uint8_t *at, const uint8_t *end, Bytes *slice) {
    if (at == end) return NULL;
    size_t size = *at++;
    if (size >= 0x80) {
        size &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
            if (shift > 21 || at == end) return NULL; /* lengths of five bytes are rare: 256 MB */
            uint8_t byte = *at++;
            size |= (size_t)(byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
    }
    if ((size_t)(end - at) < size) return NULL;
    slice->at = at;
    slice->size = size;
    return at + size;
}

/* A field that nobody here wants; `at` is behind the first byte of its tag. */
static inline const uint8_t *otlp_skip(uint8_t tag, const uint8_t *at, const uint8_t *end) {
    uint64_t number;
    Bytes slice;
    if (tag < 8) return NULL; /* field 0 */
    if (tag >= 0x80) {        /* field 16 to 2047: one more byte, which is not zero */
        if (at == end || *at == 0 || *at >= 0x80) return NULL;
        at++;
    }
    switch (tag & 7) {
        case 0: return otlp_varint(at, end, &number);
        case 1: return end - at < 8 ? NULL : at + 8;
        case 2: return otlp_slice(at, end, &slice);
        case 5: return end - at < 4 ? NULL : at + 4;
        default: return NULL; /* groups */
    }
}

/* The body inside its AnyValue: a string as every exporter writes it, or left to others. */
static inline bool otlp_body(Bytes value, OtlpRecord *record) {
    if (record->body_kind != OTLP_BODY_EMPTY) return false; /* of a message that comes twice the parts are merged */
    if (value.size == 0) return true;
    const uint8_t *end = value.at + value.size;
    Bytes text;
    if (*value.at == 0x0a && otlp_slice(value.at + 1, end, &text) == end) {
        record->body_kind = OTLP_BODY_STRING;
        record->body = text;
    } else {
        record->body_kind = OTLP_BODY_OTHER;
        record->body = value;
    }
    return true;
}

static inline bool otlp_record(Bytes bytes, OtlpRecord *record) {
    const uint8_t *at = bytes.at, *end = at + bytes.size;
    memset(record, 0, offsetof(OtlpRecord, attributes));
    while (at != end) {
        uint8_t tag = *at++;
        uint64_t number;
        Bytes slice;
        switch (tag) {
            case 0x09:
                if (end - at < 8) return false;
                record->time_ns = otlp_le64(at);
                at += 8;
                break;
            case 0x59:
                if (end - at < 8) return false;
                record->observed_ns = otlp_le64(at);
                at += 8;
                break;
            case 0x45:
                if (end - at < 4) return false;
                record->flags = otlp_le32(at);
                at += 4;
                break;
            case 0x10: { /* an int32: a negative one is ten bytes long */
                if (!(at = otlp_varint(at, end, &number))) return false;
                uint32_t low = (uint32_t)number;
                record->severity = low >> 31 ? 0 : low > OTLP_SEVERITY_MAX ? OTLP_SEVERITY_MAX : (uint8_t)low;
                break;
            }
            case 0x38:
                if (!(at = otlp_varint(at, end, &number))) return false;
                record->dropped_attributes = (uint32_t)number;
                break;
            case 0x32:
                if (!(at = otlp_slice(at, end, &slice))) return false;
                if (record->attributes_kept < OTLP_ATTRIBUTES_MAX) record->attributes[record->attributes_kept++] = slice;
                record->attributes_seen++;
                break;
            case 0x2a:
                if (!(at = otlp_slice(at, end, &slice)) || !otlp_body(slice, record)) return false;
                break;
            case 0x1a:
                if (!(at = otlp_slice(at, end, &record->severity_text))) return false;
                break;
            case 0x4a:
                if (!(at = otlp_slice(at, end, &record->trace_id))) return false;
                break;
            case 0x52:
                if (!(at = otlp_slice(at, end, &record->span_id))) return false;
                break;
            case 0x62:
                if (!(at = otlp_slice(at, end, &record->event_name))) return false;
                break;
            default:
                if (!(at = otlp_skip(tag, at, end))) return false;
        }
    }
    return true;
}

static inline void otlp_begin(OtlpWalker *walker, const uint8_t *payload, size_t size) {
    memset(walker, 0, sizeof *walker);
    walker->at = payload;
    walker->end = payload + size;
}

/* Find resource and schema of a ResourceLogs: they may stand behind the scopes. */
static inline bool otlp_enter_resource(OtlpWalker *walker, Bytes bytes) {
    const uint8_t *at = bytes.at, *end = at + bytes.size;
    bool seen = false;
    walker->in_resource = at;
    walker->resource_end = end;
    walker->resource = walker->resource_schema = (Bytes){0};
    while (at != end) {
        uint8_t tag = *at++;
        if (tag == 0x0a) {
            if (seen || !(at = otlp_slice(at, end, &walker->resource))) return false;
            seen = true;
        } else if (tag == 0x1a) {
            if (!(at = otlp_slice(at, end, &walker->resource_schema))) return false;
        } else if (!(at = otlp_skip(tag, at, end))) {
            return false;
        }
    }
    return true;
}

/* The next field of the ScopeLogs: OTLP_RECORD, OTLP_END when it was another, OTLP_UNUSUAL. */
static inline int otlp_scope_field(OtlpWalker *walker, OtlpRecord *record) {
    const uint8_t *at = walker->in_scope, *end = walker->scope_end;
    uint8_t tag = *at++;
    Bytes slice;
    int found = OTLP_END;
    if (tag == 0x12) {
        at = otlp_slice(at, end, &slice);
        if (!at || !otlp_record(slice, record)) return OTLP_UNUSUAL;
        found = OTLP_RECORD;
    } else if (tag == 0x0a) {
        if (walker->scope_seen) return OTLP_UNUSUAL;
        walker->scope_seen = true;
        at = otlp_slice(at, end, &walker->scope);
    } else if (tag == 0x1a) {
        at = otlp_slice(at, end, &walker->scope_schema);
    } else {
        at = otlp_skip(tag, at, end);
    }
    if (!at) return OTLP_UNUSUAL;
    walker->in_scope = at;
    return found;
}

/* OTLP_RECORD: `record` is the next one. OTLP_SCOPE_END: the records since the last one are all of `walker->scope`.
   OTLP_END: no more. OTLP_UNUSUAL: what was walked so far counts for nothing; the walker is not to be used further. */
static inline int otlp_next(OtlpWalker *walker, OtlpRecord *record) {
    Bytes slice;
    for (;;) {
        while (walker->in_scope != walker->scope_end) {
            int found = otlp_scope_field(walker, record);
            if (found != OTLP_END) return found;
        }
        if (walker->scope_open) {
            walker->scope_open = false;
            return OTLP_SCOPE_END;
        }
        if (walker->in_resource != walker->resource_end) {
            uint8_t tag = *walker->in_resource++;
            if (tag == 0x12) {
                walker->in_resource = otlp_slice(walker->in_resource, walker->resource_end, &slice);
                if (!walker->in_resource) return OTLP_UNUSUAL;
                walker->in_scope = slice.at;
                walker->scope_end = slice.at + slice.size;
                walker->scope = walker->scope_schema = (Bytes){0};
                walker->scope_open = true;
                walker->scope_seen = false;
            } else {
                walker->in_resource = otlp_skip(tag, walker->in_resource, walker->resource_end);
                if (!walker->in_resource) return OTLP_UNUSUAL;
            }
        } else if (walker->at != walker->end) {
            uint8_t tag = *walker->at++;
            if (tag == 0x0a) {
                walker->at = otlp_slice(walker->at, walker->end, &slice);
                if (!walker->at || !otlp_enter_resource(walker, slice)) return OTLP_UNUSUAL;
            } else if (!(walker->at = otlp_skip(tag, walker->at, walker->end))) {
                return OTLP_UNUSUAL;
            }
        } else {
            return OTLP_END;
        }
    }
}

#endif
