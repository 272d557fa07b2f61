/* What the parts of the compiled core share. Plain C against libc; every exported name begins with flyball_. */
#ifndef FLYBALL_CORE_H
#define FLYBALL_CORE_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

#endif
