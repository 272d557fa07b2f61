/* Log records of many export requests -> the buffers of Arrow columns, in two walks.

       flyball_logs_walk   counts rows and bytes and gives each attribute its code
       (Python decodes the attributes not met before, and the bodies that are no strings)
       flyball_logs_fill   walks again and writes into buffers that Python has allocated

   The payloads must be the same in both: the second walk then writes just what the first one counted. */
#ifndef FLYBALL_OTLP_COLUMNS_H
#define FLYBALL_OTLP_COLUMNS_H

#include "attributes.h"

typedef struct {
    uint64_t rows; /* records, one behind the other, of one scope */
    uint64_t export; /* position of their request among those walked */
    Bytes resource, resource_schema, scope, scope_schema;
} Run;

typedef struct {
    uint64_t row;
    Bytes value; /* an AnyValue that is no string */
} Odd;

/* What has been walked, for Python to allocate by. All but the first two are bytes or entries of columns. */
typedef struct {
    uint64_t exports, rows, runs, odds, dropped_attributes;
    uint64_t severity_texts, bodies, body_types, event_names;
    uint64_t attributes, keys, values, typed, typed_keys, typed_types;
} Sizes;

typedef struct {
    Attributes *known;
    Buffer runs, odds;    /* Run, Odd */
    Buffer codes, counts; /* uint32_t an attribute, uint8_t a row */
    Sizes sizes;
} Logs;

/* The buffers of the columns, each as long as `Sizes` says: ends have one entry more than there are texts. */
typedef struct {
    uint64_t *time, *observed;
    uint8_t *severity;
    int32_t *severity_text_ends;
    uint8_t *severity_texts;
    int32_t *body_ends;
    uint8_t *bodies;
    int32_t *body_type_ends;
    uint8_t *body_types;
    uint8_t *trace_id, *span_id;
    uint32_t *flags, *dropped_attributes;
    int32_t *event_name_ends;
    uint8_t *event_names;
    int32_t *attribute_ends, *key_ends;
    uint8_t *keys;
    int32_t *value_ends;
    uint8_t *values;
    int32_t *typed_ends, *typed_key_ends;
    uint8_t *typed_keys;
    int32_t *typed_type_ends;
    uint8_t *typed_types;
} LogArrays;

/* Nothing walked yet; `known` must outlive it. NULL without memory. */
EXPORT Logs *flyball_logs_new(Attributes *known);
EXPORT void flyball_logs_free(Logs *logs);

/* Walk requests until one is unusual: how many were walked, or -2 without memory. Of the unusual one nothing counts
   (its attributes have codes, which does no harm). To be called once. */
EXPORT int64_t flyball_logs_walk(Logs *logs, const uint8_t *const *payloads, const size_t *payload_sizes,
                                 size_t exports);

/* The sizes so far; those of the attributes are there once all are learned. */
EXPORT void flyball_logs_sizes(Logs *logs, Sizes *out);
EXPORT const Run *flyball_logs_runs(const Logs *logs);
EXPORT const Odd *flyball_logs_odds(const Logs *logs);

/* Write all columns. The texts and types of the bodies that are no strings come from Python, in their order.
   False: the payloads are not those that were walked, and the buffers are not to be used. */
EXPORT bool flyball_logs_fill(const Logs *logs, const uint8_t *const *payloads, const size_t *payload_sizes,
                              const int32_t *odd_ends, const uint8_t *odd_texts, const uint8_t *odd_types,
                              const LogArrays *columns);

#endif
