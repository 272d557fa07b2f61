#include "attributes.h"

#include <inttypes.h>
#include <stdio.h>

#define SLOTS_MIN 4096
#define NUMBER_MAX 24 /* digits of an int64, a sign, a zero */
#define CODES_MAX ((uint32_t)1 << 30)

const char *const flyball_type_names[TYPES] = {"", "int", "double", "bool", "bytes", "json", "empty"};

/* Mixed by 64 x 64 -> 128 bit products (as wyhash does), from a random seed: senders cannot aim at one slot. */
static uint64_t mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(const uint64_t seed[2], Bytes raw) {
    const uint8_t *at = raw.at;
    size_t left = raw.size;
    uint64_t sum = mix(seed[0] ^ raw.size, 0x9e3779b97f4a7c15u);
    for (; left > 16; at += 16, left -= 16) sum = mix(otlp_le64(at) ^ seed[1], otlp_le64(at + 8) ^ sum);
    uint64_t low = 0, high = 0;
    if (left >= 8) {
        low = otlp_le64(at);
        high = otlp_le64(at + left - 8);
    } else if (left >= 4) {
        low = otlp_le32(at);
        high = otlp_le32(at + left - 4);
    } else if (left) {
        low = (uint64_t)at[0] << 16 | (uint64_t)at[left / 2] << 8 | at[left - 1];
    }
    return mix(mix(low ^ seed[1], high ^ sum), seed[0] ^ 0xd6e8feb86659fd93u);
}

static bool resize(Attributes *known, size_t slot_count) {
    Slot *slots = calloc(slot_count, sizeof *slots);
    if (!slots) return false;
    for (size_t code = 0; code < known->count; code++) {
        const Attribute *attribute = attributes_at(known, (uint32_t)code);
        Bytes raw = {known->raws.data + attribute->raw_at, attribute->raw_size};
        uint64_t mixed = hash(known->seed, raw);
        size_t place = mixed & (slot_count - 1);
        while (slots[place].code_after) place = (place + 1) & (slot_count - 1);
        slots[place] = (Slot){(uint32_t)code + 1, (uint32_t)(mixed >> 32)};
    }
    free(known->slots);
    known->slots = slots;
    known->slot_count = slot_count;
    return true;
}

/* Attributes are short: a call of memcmp costs more than it compares. */
static inline bool same(const uint8_t *one, const uint8_t *other, size_t size) {
    if (size < 8) return !memcmp(one, other, size);
    for (size_t i = 0; i < size - 8; i += 8)
        if (otlp_le64(one + i) != otlp_le64(other + i)) return false;
    return otlp_le64(one + size - 8) == otlp_le64(other + size - 8);
}

bool attributes_code(Attributes *known, Bytes raw, uint32_t *code) {
    uint64_t mixed = hash(known->seed, raw);
    uint32_t upper = (uint32_t)(mixed >> 32);
    size_t mask = known->slot_count - 1, place = mixed & mask;
    for (; known->slots[place].code_after; place = (place + 1) & mask) {
        if (known->slots[place].hash != upper) continue;
        const Attribute *met = attributes_at(known, known->slots[place].code_after - 1);
        if (met->raw_size == raw.size && same(known->raws.data + met->raw_at, raw.at, raw.size)) {
            *code = known->slots[place].code_after - 1;
            return true;
        }
    }
    Attribute fresh = {.raw_at = known->raws.size, .raw_size = (uint32_t)raw.size};
    if (known->count >= CODES_MAX || !buffer_reserve(&known->attributes, sizeof fresh) ||
        !buffer_add(&known->raws, raw.at, raw.size) || !buffer_add(&known->attributes, &fresh, sizeof fresh))
        return false;
    *code = (uint32_t)known->count++;
    known->slots[place] = (Slot){*code + 1, upper};
    return known->count * 2 <= known->slot_count || resize(known, known->slot_count * 2);
}

void flyball_attributes_free(Attributes *known) {
    if (!known) return;
    buffer_free(&known->attributes);
    buffer_free(&known->raws);
    buffer_free(&known->texts);
    free(known->slots);
    free(known);
}

Attributes *flyball_attributes_new(uint64_t seed_0, uint64_t seed_1) {
    Attributes *known = calloc(1, sizeof *known);
    if (!known) return NULL;
    known->seed[0] = seed_0;
    known->seed[1] = seed_1;
    if (resize(known, SLOTS_MIN)) return known;
    flyball_attributes_free(known);
    return NULL;
}

uint64_t flyball_attributes_bytes(const Attributes *known) {
    return known->attributes.room + known->raws.room + known->texts.room + known->slot_count * sizeof(Slot);
}

void flyball_attributes_fresh(const Attributes *known, uint64_t *number, uint64_t *bytes) {
    *number = known->count - known->learned;
    *bytes = *number ? known->raws.size - attributes_at(known, (uint32_t)known->learned)->raw_at : 0;
}

/* A KeyValue that is a key and a string or integer, each once: what nearly all are. */
static bool decode_plain(Bytes raw, Bytes *key, Bytes *text, char number[static NUMBER_MAX], uint8_t *type) {
    const uint8_t *at = raw.at, *end = at + raw.size;
    Bytes value = {0};
    uint64_t bits = 0;
    if (at == end || *at != 0x0a || !(at = otlp_slice(at + 1, end, key))) return false;
    if (at == end || *at != 0x12 || otlp_slice(at + 1, end, &value) != end || !value.size) return false;
    at = value.at;
    if (*at == 0x0a && otlp_slice(at + 1, end, text) == end) {
        *type = TYPE_STRING;
        return true;
    }
    if (*at != 0x18 || otlp_varint(at + 1, end, &bits) != end) return false;
    int64_t integer;
    memcpy(&integer, &bits, sizeof integer);
    *text = (Bytes){(const uint8_t *)number, (size_t)snprintf(number, NUMBER_MAX, "%" PRId64, integer)};
    *type = TYPE_INT;
    return true;
}

void flyball_attributes_decode_fresh(const Attributes *known, Fresh *fresh) {
    char number[NUMBER_MAX];
    size_t row = 0, raw_at = 0, key_at = 0, text_at = 0;
    for (size_t code = known->learned; code < known->count; code++, row++) {
        const Attribute *attribute = attributes_at(known, (uint32_t)code);
        Bytes raw = {known->raws.data + attribute->raw_at, attribute->raw_size}, key = {0}, text = {0};
        fresh->raw_ends[row] = (int32_t)raw_at;
        fresh->key_ends[row] = (int32_t)key_at;
        fresh->text_ends[row] = (int32_t)text_at;
        if (!decode_plain(raw, &key, &text, number, &fresh->types[row])) {
            fresh->types[row] = TYPES;
            key = text = (Bytes){0};
        }
        if (raw.size) memcpy(fresh->raws + raw_at, raw.at, raw.size);
        if (key.size) memcpy(fresh->keys + key_at, key.at, key.size);
        if (text.size) memcpy(fresh->texts + text_at, text.at, text.size);
        raw_at += raw.size;
        key_at += key.size;
        text_at += text.size;
    }
    fresh->raw_ends[row] = (int32_t)raw_at;
    fresh->key_ends[row] = (int32_t)key_at;
    fresh->text_ends[row] = (int32_t)text_at;
}

bool flyball_attributes_learn(Attributes *known, const int32_t *key_offsets, const uint8_t *keys,
                                     const int32_t *text_offsets, const uint8_t *texts, const uint8_t *types) {
    size_t number = known->count - known->learned;
    size_t key_bytes = (size_t)(key_offsets[number] - key_offsets[0]);
    size_t text_bytes = (size_t)(text_offsets[number] - text_offsets[0]);
    if (!buffer_reserve(&known->texts, key_bytes + text_bytes)) return false;
    Attribute *attribute = (Attribute *)(void *)known->attributes.data + known->learned;
    for (size_t i = 0; i < number; i++, attribute++) {
        attribute->key_at = known->texts.size;
        attribute->key_size = (uint32_t)(key_offsets[i + 1] - key_offsets[i]);
        buffer_add(&known->texts, keys + key_offsets[i], attribute->key_size);
        attribute->text_at = known->texts.size;
        attribute->text_size = (uint32_t)(text_offsets[i + 1] - text_offsets[i]);
        buffer_add(&known->texts, texts + text_offsets[i], attribute->text_size);
        attribute->type = types[i] < TYPES ? types[i] : TYPE_EMPTY;
    }
    known->learned = known->count;
    return true;
}
