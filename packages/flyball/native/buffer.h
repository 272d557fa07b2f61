/* A growing array. Growing answers false when there is no memory; what is in it stays. */
#ifndef FLYBALL_BUFFER_H
#define FLYBALL_BUFFER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct {
    uint8_t *data;
    size_t size, room; /* bytes */
} Buffer;

static inline bool buffer_reserve(Buffer *buffer, size_t more) {
    if (buffer->room - buffer->size >= more) return true;
    if (more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4) return false;
    size_t room = buffer->room ? buffer->room : 4096;
    while (room - buffer->size < more) room *= 2;
    uint8_t *data = realloc(buffer->data, room);
    if (!data) return false;
    buffer->data = data;
    buffer->room = room;
    return true;
}

static inline bool buffer_add(Buffer *buffer, const void *from, size_t size) {
    if (!buffer_reserve(buffer, size)) return false;
    if (size) memcpy(buffer->data + buffer->size, from, size);
    buffer->size += size;
    return true;
}

static inline void buffer_free(Buffer *buffer) {
    free(buffer->data);
    *buffer = (Buffer){0};
}

#endif
