/* The attributes met so far, each distinct one once: the bytes of a KeyValue -> a code, and what it decodes to. */
#ifndef FLYBALL_ATTRIBUTES_H
#define FLYBALL_ATTRIBUTES_H

#include "buffer.h"
#include "otlp.h"

/* Of an AnyValue, as flyball/model/anyvalue.py names them; a string is TYPE_STRING. */
enum { TYPE_STRING, TYPE_INT, TYPE_DOUBLE, TYPE_BOOL, TYPE_BYTES, TYPE_JSON, TYPE_EMPTY, TYPES };
extern EXPORT const char *const flyball_type_names[TYPES];

typedef struct {
    uint64_t raw_at, key_at, text_at; /* in `raws` and in `texts` */
    uint32_t raw_size, key_size, text_size;
    uint8_t type;
} Attribute;

typedef struct {
    uint32_t code_after; /* the code plus one; 0: free */
    uint32_t hash;       /* its upper half */
} Slot;

typedef struct {
    uint64_t seed[2];
    Slot *slots;
    size_t slot_count; /* a power of two, at least twice the attributes */
    Buffer attributes; /* Attribute */
    Buffer raws, texts;
    size_t count, learned; /* with a code; of these, decoded */
} Attributes;

/* The code of these bytes, a new one if they were not met before. False: no memory. */
bool attributes_code(Attributes *known, Bytes raw, uint32_t *code);

/* An empty set with a seed that nobody outside can know; NULL without memory. */
EXPORT Attributes *flyball_attributes_new(uint64_t seed_0, uint64_t seed_1);
EXPORT void flyball_attributes_free(Attributes *known);

/* Bytes that all of it takes. */
EXPORT uint64_t flyball_attributes_bytes(const Attributes *known);

/* How many wait to be decoded, and the bytes of all of them together. */
EXPORT void flyball_attributes_fresh(const Attributes *known, uint64_t *number, uint64_t *bytes);

/* These as Arrow arrays: their bytes, and of those that are a key with a string or an integer (nearly all) key, text
   and type. Of the others the type is TYPES, and key and text are empty: Python decodes them. `raws` and `keys` have
   room for the bytes of all, `texts` for 20 more each. */
typedef struct {
    int32_t *raw_ends;
    uint8_t *raws;
    int32_t *key_ends;
    uint8_t *keys;
    int32_t *text_ends;
    uint8_t *texts, *types;
} Fresh;
EXPORT void flyball_attributes_decode_fresh(const Attributes *known, Fresh *fresh);

/* What these decode to, as Arrow string arrays and a type each. False: no memory, and nothing is learned. */
EXPORT bool flyball_attributes_learn(Attributes *known, const int32_t *key_offsets, const uint8_t *keys,
                                     const int32_t *text_offsets, const uint8_t *texts, const uint8_t *types);

static inline const Attribute *attributes_at(const Attributes *known, uint32_t code) {
    return (const Attribute *)(const void *)known->attributes.data + code;
}

#endif
