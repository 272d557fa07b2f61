/* A line of JSON as loggers write it: where its message is and how severe it calls itself (parse._of_map in Python).
 *
 * Only what is plain is answered: one object, its message a string without escapes, nothing nested where a message or
 * an error is looked for. Everything else is the interpreter's, and so is what is no JSON. */
#include "core.h"
#include "fields.inc"

#define DEPTH_MAX 16
#define KINDS 4

typedef struct {
    const uint8_t *at, *end;
} Json;

/* One value: what it is, and a string's or number's text. */
typedef struct {
    enum { NOTHING, STRING, ESCAPED, NUMBER, LITERAL, NESTED } kind;
    const uint8_t *text;
    int size;
} Value;

static int value_of(Json *j, Value *value, int depth);

static void skip_space(Json *j) {
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\r')) j->at++;
}

static int take(Json *j, char c) {
    skip_space(j);
    if (j->at == j->end || *j->at != (uint8_t)c) return 0;
    j->at++;
    return 1;
}

/* Behind the opening quote; 0 for what JSON has not, and for \u, whose rules are long. */
static int string_of(Json *j, Value *value) {
    value->kind = STRING, value->text = j->at;
    for (; j->at < j->end; j->at++) {
        if (*j->at == '"') {
            value->size = (int)(j->at++ - value->text);
            return 1;
        }
        if (*j->at < 32) return 0;
        if (*j->at == '\\') {
            if (++j->at == j->end || !memchr("\"\\/bfnrt", *j->at, 8)) return 0;
            value->kind = ESCAPED;
        }
    }
    return 0;
}

static int digits(Json *j) {
    const uint8_t *from = j->at;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') j->at++;
    return (int)(j->at - from);
}

static int number_of(Json *j, Value *value) {
    value->kind = NUMBER, value->text = j->at;
    if (*j->at == '-') j->at++;
    const uint8_t *first = j->at;
    int whole = digits(j);
    if (!whole || (whole > 1 && *first == '0') || whole > 18) return 0;
    if (j->at < j->end && *j->at == '.') {
        j->at++;
        if (!digits(j)) return 0;
    }
    if (j->at < j->end && (*j->at | 32) == 'e') return 0; /* how large it may be is the interpreter's to say */
    value->size = (int)(j->at - value->text);
    return 1;
}

static int nested_of(Json *j, Value *value, int depth) {
    char close = *j->at == '{' ? '}' : ']';
    Value inner;
    value->kind = NESTED;
    j->at++;
    if (depth >= DEPTH_MAX) return 0;
    if (take(j, close)) return 1;
    do {
        if (close == '}' && !(take(j, '"') && string_of(j, &inner) && take(j, ':'))) return 0;
        if (!value_of(j, &inner, depth + 1)) return 0;
    } while (take(j, ','));
    return take(j, close);
}

static int value_of(Json *j, Value *value, int depth) {
    static const char *const literals[] = {"true", "false", "null"};
    skip_space(j);
    if (j->at == j->end) return 0;
    if (*j->at == '"') return j->at++, string_of(j, value);
    if (*j->at == '{' || *j->at == '[') return nested_of(j, value, depth);
    if (*j->at == '-' || (*j->at >= '0' && *j->at <= '9')) return number_of(j, value);
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(literals[i]);
        if ((size_t)(j->end - j->at) >= size && !memcmp(j->at, literals[i], size)) {
            value->kind = i == 2 ? NOTHING : LITERAL, value->text = j->at, value->size = (int)size;
            j->at += size;
            return 1;
        }
    }
    return 0;
}

/* The place of a name in a list, or -1. */
static int place_in(const char *const *names, const Value *name) {
    for (int at = 0; names[at]; at++)
        if (names[at][0] == (char)*name->text && strlen(names[at]) == (size_t)name->size &&
            !memcmp(names[at], name->text, (size_t)name->size))
            return at;
    return -1;
}

static uint8_t level_of(const Value *value) {
    if (value->kind == STRING) return flyball_severity_of(value->text, value->size);
    if (value->kind != NUMBER || value->size > 2 || memchr(value->text, '.', (size_t)value->size)) return 0;
    int number = 0;
    for (int i = 0; i < value->size; i++) number = 10 * number + value->text[i] - '0';
    for (int i = 0; i < (int)(sizeof pino_numbers); i++)
        if (pino_numbers[i] == number) return pino_levels[i];
    return 0;
}

/* Whether a field beside the message could change what the line says: an exception, a stack. */
static int says_more(const Value *name, const Value *value) {
    if (place_in(nested_errors, name) >= 0 && value->kind == NESTED) return 1;
    if (place_in(stack_fields, name) >= 0 && value->kind == ESCAPED) return 1;
    return place_in(type_fields, name) >= 0;
}

int flyball_json_message(const uint8_t *line, int size, const uint8_t **text, int *text_size, uint8_t *severity) {
    Json j = {line, line + size};
    Value name, value, message = {.kind = NOTHING};
    int best = -1, best_level = -1;
    *severity = 0;
    if (!take(&j, '{') || take(&j, '}')) return 0;
    do {
        if (!take(&j, '"') || !string_of(&j, &name) || name.kind != STRING || !take(&j, ':') || !value_of(&j, &value, 1))
            return 0;
        if (!name.size) continue;
        int place = place_in(message_fields, &name), level = place_in(level_fields, &name);
        if (says_more(&name, &value)) return 0;
        if (level >= 0 && level == best_level) return 0; /* twice: the last one counts, rarely */
        if (level >= 0 && (best_level < 0 || level < best_level)) best_level = level, *severity = level_of(&value);
        if (level >= 0 && value.kind == ESCAPED) return 0;
        if (place < 0) continue;
        if (place == best) return 0;
        if (value.kind == NOTHING || (value.kind == STRING && !value.size)) {
            if (best >= 0) continue;
            return 0; /* which of two such counts is not worth the lines */
        }
        if (best < 0 || place < best) best = place, message = value;
    } while (take(&j, ','));
    if (!take(&j, '}')) return 0;
    skip_space(&j);
    if (j.at != j.end || message.kind != STRING) return 0;
    *text = message.text, *text_size = message.size;
    for (int i = 0; i < message.size; i++)
        if (message.text[i] != ' ') return message.text[i] != '{';
    return 0;
}
