#include "core.h"

/* Raised whenever an exported function changes its arguments or its meaning; flyball.native asks for it. */
EXPORT int flyball_abi(void) { return 3; }
