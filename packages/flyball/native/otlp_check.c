/* Does an export request parse, and how many records does it hold? Answers as protobuf's own parser (upb) would,
   or that it is to be asked: of what is malformed as of what is rare, so that nothing here is a second opinion.

   Two things can be wrong in a message besides its wire format: a string that is no UTF-8, and a part that is itself
   a message. So a message is described by its string fields and its message fields; all others are skipped. */
#include "otlp.h"

#define DEPTH_MAX 24 /* upb stops at 100; what is deeper than this is rare */

enum {
    LOGS_REQUEST,
    TRACES_REQUEST,
    RESOURCE_RECORDS,
    SCOPE_LOGS,
    SCOPE_SPANS,
    RESOURCE_SPANS,
    RESOURCE,
    SCOPE,
    ENTITY,
    LOG_RECORD,
    SPAN,
    SPAN_EVENT,
    SPAN_LINK,
    SPAN_STATUS,
    KEY_VALUE,
    ANY_VALUE,
    ARRAY,
    KEY_VALUES,
    MESSAGES
};

#define STRING 1
#define PART(message) (2 + (message))
#define TAG(number) ((number) << 3 | 2) /* written with its length in front */

/* All strings and messages are fields 1 to 15: their tag is one byte. */
static const uint8_t FIELDS[MESSAGES][128] = {
    [LOGS_REQUEST] = {[TAG(1)] = PART(RESOURCE_RECORDS)},
    [TRACES_REQUEST] = {[TAG(1)] = PART(RESOURCE_SPANS)},
    [RESOURCE_RECORDS] = {[TAG(1)] = PART(RESOURCE), [TAG(2)] = PART(SCOPE_LOGS), [TAG(3)] = STRING},
    [RESOURCE_SPANS] = {[TAG(1)] = PART(RESOURCE), [TAG(2)] = PART(SCOPE_SPANS), [TAG(3)] = STRING},
    [SCOPE_LOGS] = {[TAG(1)] = PART(SCOPE), [TAG(2)] = PART(LOG_RECORD), [TAG(3)] = STRING},
    [SCOPE_SPANS] = {[TAG(1)] = PART(SCOPE), [TAG(2)] = PART(SPAN), [TAG(3)] = STRING},
    [RESOURCE] = {[TAG(1)] = PART(KEY_VALUE), [TAG(3)] = PART(ENTITY)},
    [SCOPE] = {[TAG(1)] = STRING, [TAG(2)] = STRING, [TAG(3)] = PART(KEY_VALUE)},
    [ENTITY] = {[TAG(1)] = STRING, [TAG(2)] = STRING, [TAG(3)] = STRING, [TAG(4)] = STRING},
    [LOG_RECORD] = {[TAG(3)] = STRING, [TAG(5)] = PART(ANY_VALUE), [TAG(6)] = PART(KEY_VALUE), [TAG(12)] = STRING},
    [SPAN] = {[TAG(3)] = STRING,
              [TAG(5)] = STRING,
              [TAG(9)] = PART(KEY_VALUE),
              [TAG(11)] = PART(SPAN_EVENT),
              [TAG(13)] = PART(SPAN_LINK),
              [TAG(15)] = PART(SPAN_STATUS)},
    [SPAN_EVENT] = {[TAG(2)] = STRING, [TAG(3)] = PART(KEY_VALUE)},
    [SPAN_LINK] = {[TAG(3)] = STRING, [TAG(4)] = PART(KEY_VALUE)},
    [SPAN_STATUS] = {[TAG(2)] = STRING},
    [KEY_VALUE] = {[TAG(1)] = STRING, [TAG(2)] = PART(ANY_VALUE)},
    [ANY_VALUE] = {[TAG(1)] = STRING, [TAG(5)] = PART(ARRAY), [TAG(6)] = PART(KEY_VALUES)},
    [ARRAY] = {[TAG(1)] = PART(ANY_VALUE)},
    [KEY_VALUES] = {[TAG(1)] = PART(KEY_VALUE)},
};

#define HIGH_BITS 0x8080808080808080u

/* One character of two to four bytes (Unicode 15, table 3-7): its length, or 0. */
static size_t utf8_character(const uint8_t *at, size_t left) {
    uint8_t first = at[0];
    uint8_t low = 0x80, high = 0xbf;
    size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || left < size) return 0;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f; /* surrogates */
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return size;
}

static bool utf8_slow(const uint8_t *at, size_t size) {
    while (size) {
        size_t read = *at < 0x80 ? 1 : utf8_character(at, size);
        if (!read) return false;
        at += read;
        size -= read;
        for (; size >= 8 && !(otlp_le64(at) & HIGH_BITS); size -= 8) at += 8;
    }
    return true;
}

/* Most strings are ASCII: eight bytes at a time, the last eight may overlap those before. */
static inline bool utf8(const uint8_t *at, size_t size) {
    uint64_t bits = 0;
    if (size >= 8) {
        for (size_t i = 0; i < size - 8; i += 8) bits |= otlp_le64(at + i);
        bits |= otlp_le64(at + size - 8);
    } else if (size >= 4) {
        bits = otlp_le32(at) | otlp_le32(at + size - 4);
    } else if (size) {
        bits = at[0] | at[size / 2] | at[size - 1];
    }
    return !(bits & HIGH_BITS) || utf8_slow(at, size);
}

/* An attribute as most are: a key, then a string. Anything else is for `check`. */
static inline bool is_plain_attribute(Bytes bytes) {
    const uint8_t *at = bytes.at;
    size_t size = bytes.size;
    if (size < 6 || size > 127 || at[0] != 0x0a) return false;
    size_t key = at[1];
    if (key + 6 > size || at[key + 2] != 0x12 || at[key + 3] != size - key - 4) return false;
    if (at[key + 4] != 0x0a || at[key + 5] != size - key - 6) return false;
    return utf8(at + 2, key) && utf8(at + key + 6, size - key - 6);
}

/* Checks one message; adds up the log records and spans that it meets. */
static bool check(unsigned message, Bytes bytes, unsigned depth, int64_t *records) {
    const uint8_t *at = bytes.at, *end = at + bytes.size;
    const uint8_t *fields = FIELDS[message];
    if (depth > DEPTH_MAX) return false;
    while (at != end) {
        uint8_t tag = *at++;
        uint8_t kind = tag < 0x80 ? fields[tag] : 0;
        Bytes slice;
        if (!kind) {
            if (!(at = otlp_skip(tag, at, end))) return false;
            continue;
        }
        if (!(at = otlp_slice(at, end, &slice))) return false;
        if (kind == STRING) {
            if (!utf8(slice.at, slice.size)) return false;
        } else {
            unsigned part = kind - PART(0);
            if (part == KEY_VALUE && is_plain_attribute(slice)) continue;
            *records += part == LOG_RECORD || part == SPAN;
            if (!check(part, slice, depth + 1, records)) return false;
        }
    }
    return true;
}

int64_t flyball_otlp_check(const uint8_t *payload, size_t size, int spans) {
    int64_t records = 0;
    bool sound = check(spans ? TRACES_REQUEST : LOGS_REQUEST, (Bytes){payload, size}, 0, &records);
    return sound ? records : -1;
}
