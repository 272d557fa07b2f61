/* A small coverage-guided fuzzer for what gcc alone can build.

       fuzz_NAME SECONDS SEED LAST CORPUS-FOLDER

   Runs `fuzz_one` of the target on inputs mutated from the corpus, and keeps in memory each input that reaches
   an edge (or a number of times through one) that none before has reached. The target is compiled with
   -fsanitize-coverage=trace-pc and the sanitizers, which abort at the first fault: the input that did it is then
   in the file LAST. Says at the end how many runs there were and how many edges. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int fuzz_one(const uint8_t *data, size_t size);

#define EDGES 16384
#define INPUT_MAX 4096     /* bytes; short inputs are found and run faster */
#define INPUTS_MAX 20000   /* kept in memory */
#define MUTATIONS_MAX 8    /* of one input before it is run */
#define STUCK_SECONDS 20   /* one run that takes longer is a fault */

typedef struct {
    uint8_t *data;
    size_t size;
} Input;

static uint8_t edges[EDGES], met[EDGES];
static uintptr_t edge_before;
static Input inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t state, runs;
static uint8_t *last; /* the mapped file: its size in eight bytes, then the input */

/* gcc calls this at every edge of the target. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) {
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    here = (here >> 4) ^ (here << 8);
    uint8_t *edge = &edges[(here ^ edge_before) % EDGES];
    if (*edge < 255) ++*edge;
    edge_before = here >> 1;
}

static uint64_t any(uint64_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void stuck(int signal_number) {
    static uint64_t runs_before;
    (void)signal_number;
    if (runs == runs_before) {
        static const char text[] = "fuzz: one input takes too long\n";
        if (write(2, text, sizeof text - 1) < 0) abort();
        abort();
    }
    runs_before = runs;
    alarm(STUCK_SECONDS);
}

static void keep(const uint8_t *data, size_t size) {
    if (input_count == INPUTS_MAX) return;
    uint8_t *copy = malloc(size + 1);
    if (!copy) die("malloc");
    memcpy(copy, data, size);
    inputs[input_count++] = (Input){copy, size};
}

/* Runs one input in a buffer of just its size, so that a byte read behind it is a fault. Whether it met new edges. */
static int run(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) die("malloc");
    memcpy(exact, data, size);
    memcpy(last, &size, sizeof size);
    memcpy(last + sizeof size, data, size);
    memset(edges, 0, sizeof edges);
    edge_before = 0;
    fuzz_one(exact, size);
    free(exact);
    runs++;
    int fresh = 0;
    for (size_t i = 0; i < EDGES; i++) {
        if (!edges[i]) continue;
        uint8_t often = (uint8_t)(1 << (edges[i] > 127 ? 7 : edges[i] > 31 ? 6 : edges[i] > 15 ? 5 : edges[i] > 7 ? 4
                                        : edges[i] > 3 ? 3 : edges[i] - 1));
        fresh |= often & ~met[i];
        met[i] |= often;
    }
    return fresh != 0;
}

static size_t mutate(uint8_t *data, size_t size) {
    static const uint8_t telling[] = {0, 1, 2, 0x7f, 0x80, 0x81, 0xff, 0x0a, 0x12, 0x1a, 0x2a, 0x32, ' ', '\n', '"', '='};
    size_t at = any(size + 1), left = size - at;
    size_t some = 1 + any(any(4) ? 4 : 64);
    const Input *other = &inputs[any(input_count)];
    switch (any(8)) {
        case 0:
            if (left) data[at] ^= (uint8_t)(1 << any(8));
            break;
        case 1:
            if (left) data[at] = telling[any(sizeof telling)];
            break;
        case 2:
            if (left) data[at] = (uint8_t)(data[at] + any(9) - 4);
            break;
        case 3: /* take out */
            if (some > left) some = left;
            memmove(data + at, data + at + some, left - some);
            return size - some;
        case 4: /* put in */
            if (size + some > INPUT_MAX) break;
            memmove(data + at + some, data + at, left);
            memset(data + at, any(2) ? telling[any(sizeof telling)] : (int)any(256), some);
            return size + some;
        case 5: /* put in a piece of this or of another input */
            if (!other->size) break;
            size_t from = any(other->size);
            if (some > other->size - from) some = other->size - from;
            if (size + some > INPUT_MAX) break;
            memmove(data + at + some, data + at, left);
            memcpy(data + at, other->data + from, some);
            return size + some;
        case 6: /* cut off */
            return any(8) ? size : at;
        default: /* one half of this, one of the other */
            if (any(4) || other->size > INPUT_MAX - at) break;
            some = any(other->size + 1);
            memcpy(data + at, other->data + some, other->size - some);
            return at + other->size - some;
    }
    return size;
}

static void load(const char *folder) {
    static uint8_t data[INPUT_MAX];
    DIR *open_folder = opendir(folder);
    if (!open_folder) die(folder);
    for (struct dirent *entry; (entry = readdir(open_folder));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!file) continue;
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        run(data, size);
        keep(data, size);
    }
    closedir(open_folder);
    if (!input_count) keep((const uint8_t *)"", 0);
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: %s SECONDS SEED LAST CORPUS-FOLDER\n", arguments[0]);
        return 2;
    }
    time_t end = time(NULL) + atol(arguments[1]);
    state = strtoull(arguments[2], NULL, 10) * 2 + 1;
    int file = open(arguments[3], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, sizeof(size_t) + INPUT_MAX)) die(arguments[3]);
    last = mmap(NULL, sizeof(size_t) + INPUT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (last == MAP_FAILED) die("mmap");
    signal(SIGALRM, stuck);
    alarm(STUCK_SECONDS);
    load(arguments[4]);
    while (runs % 256 || time(NULL) < end) {
        static uint8_t data[INPUT_MAX];
        const Input *base = &inputs[any(4) ? any(input_count) : input_count - 1 - any(input_count < 50 ? input_count : 50)];
        size_t size = base->size;
        memcpy(data, base->data, size);
        for (uint64_t left = 1 + any(MUTATIONS_MAX); left; left--) size = mutate(data, size);
        if (run(data, size)) keep(data, size);
    }
    size_t found = 0;
    for (size_t i = 0; i < EDGES; i++) found += met[i] != 0;
    printf("%s: %llu runs, %zu edges, %zu inputs kept, no fault\n", arguments[0], (unsigned long long)runs, found, input_count);
    return 0;
}
