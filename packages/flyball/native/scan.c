/* Texts -> entries: one pass over the bytes of each text, and one look into a table.
 *
 * A text's key is the text with each token that holds a digit written as `0` (distill/mask.py: `keys`). Many texts
 * have few keys; what can be said of a key is found out once and kept in its entry: the shape, the severity it
 * states, and what must be looked at in each text that has it (a name of a secret, the beginning of a stack frame).
 * So a text costs the search for its variable tokens and a hash of what lies between them.
 *
 * A text with a secret is redacted first and never kept as it came: redact.c, `text_of`.
 *
 * What is rare is left to the interpreter, which knows all of it: the text is `odd`. Nothing here decides anything
 * that the pure path would decide otherwise; the tests hold one against the other.
 *
 * The hash is of 64 bits, with a secret seed, and keys are not compared: two keys fall together once in 2^64 pairs,
 * and nobody who does not know the seed can make it happen. */
#include "key.h"
#include "looks.h"
#include "otlp.h"
#include "scan.h"

enum { CODE_BLANK = -1, CODE_ODD = -2 };
enum { NO_ENTRY = -1 };
enum { PENDING = 0 }; /* stands for the id of an entry until the interpreter has said it */

#define COPY_BYTES 128 /* are copied at once, needed or not */

typedef struct {
    uint64_t hash; /* 0: empty */
    uint32_t entry;
    uint32_t flags;
} Slot;

struct Scanner {
    uint64_t start, seeds[SEEDS], other;
    int level;
    Slot *slots;
    size_t slots_mask, slots_used;
    uint64_t *ids; /* of each entry */
    uint8_t *severities;
    Seen *seen;
    size_t entries, entries_room;
    uint64_t *known; /* ids of shapes, 0: empty */
    size_t known_mask, known_used, shapes_max;
    New *news;
    size_t news_used, news_room;
    uint8_t *arena;
    size_t arena_used, arena_room;
    OddText *odd;
    size_t odd_used, odd_room;
    int64_t *frames;
    size_t frames_used, frames_room;
    Redacted *redacted;
    size_t redacted_used, redacted_room;
    uint8_t *plain;
    size_t plain_used, plain_room;
    uint32_t *touched;
    size_t touched_room;
    uint32_t epoch;
    size_t examples_bytes;
    int failed; /* out of memory */
    Block block, within; /* what is being read, and a text within it */
    int gathered_number, gathered_size;
    uint16_t gathered_ends[BLOCK_BYTES];
    uint8_t gathered[BLOCK_BYTES + COPY_BYTES]; /* texts, a newline behind each */
};

/* A text as it came, and its key. */
typedef struct {
    const uint8_t *p;
    int size, key_size;
    const uint8_t *key;
    uint64_t hash;
    int marks; /* which kinds of secret it may hold, and whether it is strange (key.h) */
} Text;

/* ---- memory ------------------------------------------------------------------------------------------------------*/

#define ROOM(s, name, needed) grow((void **)&(s)->name, &(s)->name##_room, (needed), sizeof *(s)->name)

static int grow_entries(Scanner *s) {
    if (s->entries < s->entries_room) return 1;
    size_t room = s->entries_room ? 2 * s->entries_room : 1024;
    void *ids = realloc(s->ids, room * sizeof *s->ids);
    if (ids) s->ids = ids;
    void *severities = realloc(s->severities, room);
    if (severities) s->severities = severities;
    void *seen = realloc(s->seen, room * sizeof *s->seen);
    if (seen) s->seen = seen;
    if (!ids || !severities || !seen) return 0;
    s->entries_room = room;
    return 1;
}

/* Returns 1 when the id is (or now is) a known shape, 0 when it is over the cap, -1 without memory. */
static int know(Scanner *s, uint64_t id, int may_exceed, int *is_new) {
    *is_new = 0;
    if (!PLACE(s, known)) return -1;
    size_t at = id & s->known_mask;
    for (; s->known[at]; at = (at + 1) & s->known_mask)
        if (s->known[at] == id) return 1;
    if (s->known_used >= s->shapes_max && !may_exceed) return 0;
    s->known[at] = id, s->known_used++, *is_new = 1;
    return 1;
}

/* ---- a key that was not met before -------------------------------------------------------------------------------*/

static int note_new(Scanner *s, uint64_t id, int64_t row, const uint8_t *template, int size) {
    if (!ROOM(s, news, s->news_used + 1) || !ROOM(s, arena, s->arena_used + size)) return 0;
    if (size) memcpy(s->arena + s->arena_used, template, (size_t)size);
    s->news[s->news_used++] = (New){.id = id, .row = row, .at = (int64_t)s->arena_used, .size = size};
    s->arena_used += size;
    return 1;
}

/* Give an entry the shape of its key; 0 where the interpreter must. */
static int give_shape(Scanner *s, size_t entry, const Text *text, int64_t row) {
    uint8_t template[TEMPLATE_BYTES_MAX], stated = 0;
    for (int i = 0; i < text->key_size; i++)
        if (text->key[i] > 127) return 0;
    int is_new, size = flyball_template(text->key, text->key_size, template, &stated);
    if (size < 0) return 0;
    uint64_t id = flyball_blake2b_64(template, (size_t)size);
    int admitted = know(s, id, 0, &is_new);
    if (admitted == 0) id = s->other, admitted = know(s, id, 1, &is_new), size = 0;
    if (admitted < 0 || (is_new && !note_new(s, id, row, template, size))) s->failed = 1;
    s->ids[entry] = id;
    s->severities[entry] = stated;
    return 1;
}

static __attribute__((noinline)) Slot *add_entry(Scanner *s, const Text *text, int stated, int64_t row) {
    if (!grow_entries(s) || !PLACE(s, slots)) {
        s->failed = 1;
        return 0;
    }
    uint8_t ascii[TEXT_BYTES_MAX];
    as_ascii(ascii, text->key, text->key_size);
    uint32_t flags = stated < 0 ? flyball_flags_of(ascii, text->key_size) : 0;
    s->ids[s->entries] = PENDING;
    s->severities[s->entries] = 0;
    s->seen[s->entries] = (Seen){0};
    /* a text that may hold a secret must not become its shape's example: the next one gives the shape */
    if (flags || text->marks & MAY_BE_SECRET || !give_shape(s, s->entries, text, row)) flags |= IS_PENDING;
    if (stated > 0) s->severities[s->entries] = (uint8_t)stated;
    size_t at = text->hash & s->slots_mask;
    while (s->slots[at].hash) at = (at + 1) & s->slots_mask;
    s->slots[at] = (Slot){.hash = text->hash, .entry = (uint32_t)s->entries++, .flags = flags};
    s->slots_used++;
    return &s->slots[at];
}

/* ---- one text ----------------------------------------------------------------------------------------------------*/

static int note_odd(Scanner *s, int64_t row, int64_t entry) {
    if (!ROOM(s, odd, s->odd_used + 1)) {
        s->failed = 1;
        return CODE_ODD;
    }
    s->odd[s->odd_used++] = (OddText){.row = row, .entry = entry};
    return CODE_ODD;
}

/* The entry of a text's key, made when it is new. `stated` is the severity beside a text within another (a message in
 * JSON; 0 for none), -1 for a text as it came: the same words are two entries then, as no flag of the first concerns the
 * second. */
static inline __attribute__((always_inline)) Slot *slot_of(Scanner *s, int level, Text *text, int stated, int64_t row) {
    uint64_t start = s->start + (uint64_t)(stated + 1) * 0x9e3779b97f4a7c15u;
    text->hash = hash_key(level, text->key, text->key_size, start, s->seeds) | 1;
    size_t at = text->hash & s->slots_mask;
    while (s->slots[at].hash != text->hash) {
        if (!s->slots[at].hash) return add_entry(s, text, stated, row);
        at = (at + 1) & s->slots_mask;
    }
    return &s->slots[at];
}

/* A text that stands alone, of at most TEXT_BYTES_MAX bytes; `end` is that of what may be read. */
static inline __attribute__((always_inline)) Text read_text(Block *b, int level, const uint8_t *p, int size,
                                                            const uint8_t *end) {
    const uint8_t *from = padded(b, p, size, end);
    classify_block(level, b, from, size);
    make_keys(level, b, from, size, 0);
    Text text = {.p = p, .size = size, .key = b->bytes, .key_size = b->size};
    for (int i = 0; i < b->marks_number; i++) text.marks |= look_at_mark(b, from, b->marks[i]);
    return text;
}

/* The code of a text within another, which was found to hold no secret. */
static inline __attribute__((always_inline)) int32_t scan_within(Scanner *s, int level, const uint8_t *p, int n,
                                                                 const uint8_t *end, int stated, int64_t row) {
    Text text = read_text(&s->within, level, p, n, end);
    text.marks = 0;
    const Slot *slot = slot_of(s, level, &text, stated, row);
    if (!slot) return CODE_ODD;
    if (s->ids[slot->entry] == PENDING) {
        if (!give_shape(s, slot->entry, &text, row)) return note_odd(s, row, slot->entry);
        if (stated > 0) s->severities[slot->entry] = (uint8_t)stated;
    }
    return (int32_t)slot->entry;
}

typedef int32_t Within(Scanner *s, const uint8_t *p, int n, const uint8_t *end, int stated, int64_t row);

/* A text with colours that is plain text without them; odd when it is anything else. */
static __attribute__((noinline)) int32_t scan_coloured(Scanner *s, const uint8_t *p, int n, int64_t row, int is_line,
                                                       Within *within) {
    uint8_t plain[KEY_BYTES_MAX], ascii[KEY_BYTES_MAX];
    if (n > KEY_BYTES_MAX) return note_odd(s, row, NO_ENTRY);
    int size = flyball_without_colours(p, n, plain);
    for (int i = 0; i < size; i++)
        if (plain[i] == 27) return note_odd(s, row, NO_ENTRY);
    as_ascii(ascii, p, n);
    if (flyball_is_suspect(ascii, n, MAY_BE_SECRET) || (is_line && flyball_is_frame(ascii, n)))
        return note_odd(s, row, NO_ENTRY);
    as_ascii(ascii, plain, size);
    if (flyball_is_special(ascii, size) || is_glog(plain, size)) return note_odd(s, row, NO_ENTRY);
    return within(s, plain, size, plain + sizeof plain, 0, row);
}

/* A text without secrets and colours: the message in it, or all of it. */
static int32_t scan_message(Scanner *s, int is_special, const uint8_t *p, int n, const uint8_t *end, int64_t row,
                            Within *within) {
    if (is_special) {
        const uint8_t *message;
        uint8_t stated;
        int size;
        if (!flyball_json_message(p, n, &message, &size, &stated)) return note_odd(s, row, NO_ENTRY);
        return within(s, message, size, end, stated, row);
    }
    if (is_glog(p, n)) {
        int from = 5;
        while (from < n && (p[from] == ' ' || p[from] == '\t' || p[from] == '\r')) from++;
        return within(s, p + from, n - from, end, flyball_severity_of(p, 1), row);
    }
    return within(s, p, n, end, 0, row);
}

/* flyball_redact for these kinds of secret. Where only digits are suspect, other rules need not be tried; a suspect text
 * with letters that are no ASCII is the interpreter's, whose patterns know them. */
static int redact(const uint8_t *p, const uint8_t *ascii, int n, int secrets, uint8_t *out) {
    int is_ascii = !memcmp(p, ascii, (size_t)n);
    if ((!is_ascii || secrets == MAY_BE_CARD) && !flyball_is_suspect(ascii, n, secrets)) return 0;
    return is_ascii ? flyball_redact(ascii, n, out) : -1;
}

/* What redaction left of a text, PADDING bytes behind it: that is kept as the row's text, whatever is kept of it. */
static int32_t scan_redacted(Scanner *s, const uint8_t *p, int n, int64_t row, Within *within) {
    int32_t code = scan_message(s, flyball_is_special(p, n), p, n, p + n + PADDING, row, within);
    if (code < 0) return code;
    if (!ROOM(s, redacted, s->redacted_used + 1) || !ROOM(s, plain, s->plain_used + (size_t)n)) {
        s->failed = 1;
        return CODE_BLANK; /* counted nowhere, as the call says that it failed */
    }
    memcpy(s->plain + s->plain_used, p, (size_t)n);
    s->redacted[s->redacted_used++] = (Redacted){.row = row, .at = (int64_t)s->plain_used, .size = n};
    s->plain_used += (size_t)n;
    return code;
}

/* What an entry with flags asks to look at in the text itself. */
static __attribute__((noinline)) int32_t look_closer(Scanner *s, Slot *slot, const Text *text, const uint8_t *end,
                                                     int64_t row, int is_line, Within *within) {
    uint8_t ascii[LOOK_BYTES_MAX];
    const uint8_t *p = text->p;
    int n = text->size, is_long = n > LOOK_BYTES_MAX;
    if (slot->flags & IS_LONG) return note_odd(s, row, NO_ENTRY);
    if (!is_long) as_ascii(ascii, p, n);
    if (is_line && slot->flags & MAY_FRAME && (is_long || flyball_is_frame(ascii, n))) {
        if (ROOM(s, frames, s->frames_used + 1))
            s->frames[s->frames_used++] = row;
        else
            s->failed = 1;
        return note_odd(s, row, NO_ENTRY); /* most are inside a trace and no text of their own */
    }
    if (is_line && slot->flags & IS_BLANK) return CODE_BLANK;
    int secrets = slot->flags & IS_SUSPECT ? MAY_BE_SECRET : text->marks & MAY_BE_SECRET;
    if (secrets) {
        uint8_t plain[LOOK_BYTES_MAX + PADDING];
        int size = is_long ? -1 : redact(p, ascii, n, secrets, plain);
        if (size < 0) return note_odd(s, row, NO_ENTRY);
        if (size) return scan_redacted(s, plain, size, row, within);
    }
    if (slot->flags & IS_SPECIAL || (slot->flags & MAY_GLOG && is_glog(p, n)))
        return scan_message(s, slot->flags & IS_SPECIAL, p, n, end, row, within);
    if (s->ids[slot->entry] == PENDING && !give_shape(s, slot->entry, text, row)) return note_odd(s, row, slot->entry);
    slot->flags &= ~(uint32_t)IS_PENDING;
    return (int32_t)slot->entry;
}

/* The code of one text: its entry, CODE_BLANK, or CODE_ODD (then it is noted). */
static inline __attribute__((always_inline)) int32_t code_of(Scanner *s, int level, Text *text, const uint8_t *end,
                                                             int64_t row, int is_line, Within *within) {
    if (__builtin_expect(text->marks & IS_STRANGE, 0)) {
        if (!flyball_is_plain_utf8(text->p, text->size)) return note_odd(s, row, NO_ENTRY);
        if (memchr(text->p, 27, (size_t)text->size)) return scan_coloured(s, text->p, text->size, row, is_line, within);
    }
    Slot *slot = slot_of(s, level, text, -1, row);
    if (!slot) return CODE_ODD;
    uint32_t flags = slot->flags | (uint32_t)(text->marks & MAY_BE_SECRET);
    if (__builtin_expect(!flags || (flags == MAY_GLOG && !is_glog_level(*text->p)), 1)) return (int32_t)slot->entry;
    return look_closer(s, slot, text, end, row, is_line, within);
}

/* The code of a body, which may have several lines (then it is odd). */
static inline __attribute__((always_inline)) int32_t scan_text(Scanner *s, int level, const uint8_t *p, int size,
                                                               const uint8_t *end, int64_t row, Within *within) {
    Text text = read_text(&s->block, level, p, size, end);
    if (s->block.newlines) return note_odd(s, row, NO_ENTRY);
    return code_of(s, level, &text, end, row, 0, within);
}

/* The lines of a block that has been read, or its texts, from `row` on: `p` is where they came from, `at` their place in
 * the stream, and `begins` may be 0. Returns how many bytes they take. */
static inline __attribute__((always_inline)) size_t scan_block(Scanner *s, int level, const uint8_t *p, const uint8_t *from,
                                                               const uint8_t *end, int is_line, size_t at,
                                                               uint32_t *begins, int32_t *codes, int64_t *row,
                                                               int64_t rows_max, Within *within) {
    const Block *b = &s->block;
    const uint16_t *mark = b->marks;
    int begin = 0, key = 0;
    for (int line = 0; line < b->lines && *row < rows_max; line++, ++*row) {
        int until = b->ends[line], key_until = b->key_ends[line];
        Text text = {.p = p + begin, .size = until - begin, .key = b->bytes + key, .key_size = key_until - key};
        while (__builtin_expect(*mark < until, 0)) text.marks |= look_at_mark(b, from, *mark++);
        if (begins) begins[*row] = (uint32_t)(at + (size_t)begin);
        codes[*row] = __builtin_expect(text.size > TEXT_BYTES_MAX, 0)
                          ? note_odd(s, *row, NO_ENTRY)
                          : code_of(s, level, &text, end, *row, is_line, within);
        begin = until + 1, key = key_until + 1;
    }
    return (size_t)begin;
}

/* The codes of the texts gathered, which are those of the rows before `after`. They are read as lines are, one by one only
 * where one of them has several lines. */
static inline __attribute__((always_inline)) void scan_gathered(Scanner *s, int level, int64_t after, int32_t *codes,
                                                                Within *within) {
    const uint8_t *p = s->gathered, *end = p + sizeof s->gathered;
    int64_t row = after - s->gathered_number;
    classify_block(level, &s->block, p, s->gathered_size);
    make_keys(level, &s->block, p, s->gathered_size, 1);
    if (s->block.lines == s->gathered_number) {
        scan_block(s, level, p, p, end, 0, 0, 0, codes, &row, after, within);
    } else {
        for (int i = 0, begin = 0; i < s->gathered_number; begin = s->gathered_ends[i] + 1, i++)
            codes[row + i] = scan_text(s, level, p + begin, s->gathered_ends[i] - begin, end, row + i, within);
    }
    s->gathered_number = s->gathered_size = 0;
}

typedef void ScanGathered(Scanner *s, int64_t row, int32_t *codes);

/* Gather the text of a row, or say that it is odd; what was gathered before is scanned first where it must be. */
static inline __attribute__((always_inline)) void gather(Scanner *s, const uint8_t *p, size_t size, const uint8_t *end,
                                                         int is_odd, int64_t row, int32_t *codes, ScanGathered *scan) {
    is_odd |= size > TEXT_BYTES_MAX;
    if (__builtin_expect(is_odd || (size_t)s->gathered_size + size >= BLOCK_BYTES, 0)) scan(s, row, codes);
    if (__builtin_expect(is_odd, 0)) {
        codes[row] = note_odd(s, row, NO_ENTRY);
        return;
    }
    uint8_t *to = s->gathered + s->gathered_size;
    if (__builtin_expect(size <= COPY_BYTES && end - p >= COPY_BYTES, 1))
        memcpy(to, p, COPY_BYTES);
    else
        memcpy(to, p, size);
    to[size] = '\n';
    s->gathered_size += (int)size + 1;
    s->gathered_ends[s->gathered_number++] = (uint16_t)(s->gathered_size - 1);
}

static int64_t scan_texts(Scanner *s, const uint8_t *data, const int32_t *offsets, int64_t rows, int32_t *codes,
                          ScanGathered *scan) {
    const uint8_t *end = data + offsets[rows];
    for (int64_t row = 0; row < rows; row++)
        gather(s, data + offsets[row], (size_t)(offsets[row + 1] - offsets[row]), end, 0, row, codes, scan);
    scan(s, rows, codes);
    return rows;
}

static inline __attribute__((always_inline)) int64_t scan_lines(Scanner *s, int level, const uint8_t *data, size_t size,
                                                                uint32_t *begins, int32_t *codes, int64_t rows_max,
                                                                Within *within) {
    const uint8_t *end = data + size;
    size_t at = 0;
    int64_t row = 0;
    while (at < size && row < rows_max) {
        const uint8_t *p = data + at;
        int block = size - at < BLOCK_BYTES ? (int)(size - at) : BLOCK_BYTES;
        const uint8_t *from = padded(&s->block, p, block, end);
        classify_block(level, &s->block, from, block);
        int whole = whole_lines(&s->block);
        if (whole) {
            make_keys(level, &s->block, from, whole, 1);
            at += scan_block(s, level, p, from, end, 1, at, begins, codes, &row, rows_max, within);
        } else { /* one line, longer than a block */
            const uint8_t *newline = memchr(p, '\n', size - at);
            begins[row] = (uint32_t)at;
            codes[row] = note_odd(s, row, NO_ENTRY), row++;
            at += newline ? (size_t)(newline - p) + 1 : size - at;
        }
    }
    begins[row] = (uint32_t)at;
    return row;
}

/* Records of an OTLP request: the codes of their bodies, and what else is counted by. -1 when the walker gave up. */
static int64_t scan_logs(Scanner *s, const uint8_t *payload, size_t size, LogColumns *out, int64_t rows_max,
                         ScanGathered *scan) {
    OtlpWalker walker;
    OtlpRecord record;
    int64_t row = 0;
    int got;
    otlp_begin(&walker, payload, size);
    while ((got = otlp_next(&walker, &record)) > 0 && row < rows_max) {
        if (got != OTLP_RECORD) continue;
        const uint8_t *body = record.body.size ? record.body.at : payload;
        out->times[row] = record.time_ns ? record.time_ns : record.observed_ns;
        out->severities[row] = record.severity;
        out->bodies[row] = (uint32_t)(body - payload);
        gather(s, body, record.body.size, payload + size, record.body_kind == OTLP_BODY_OTHER, row, out->codes, scan);
        row++;
    }
    scan(s, row, out->codes);
    return got == OTLP_UNUSUAL ? -1 : row;
}

/* One copy of the loops for each kind of processor. */
#define FOR_LEVEL(name, level, attribute)                                                                          \
    attribute static int32_t within_##name(Scanner *s, const uint8_t *p, int n, const uint8_t *end, int stated,    \
                                           int64_t row) {                                                          \
        return scan_within(s, level, p, n, end, stated, row);                                                      \
    }                                                                                                              \
    attribute static void gathered_##name(Scanner *s, int64_t row, int32_t *codes) {                               \
        scan_gathered(s, level, row, codes, within_##name);                                                        \
    }                                                                                                              \
    attribute static int64_t lines_##name(Scanner *s, const uint8_t *data, size_t size, uint32_t *begins,          \
                                          int32_t *codes, int64_t rows_max) {                                      \
        return scan_lines(s, level, data, size, begins, codes, rows_max, within_##name);                           \
    }

FOR_LEVEL(plain, LEVEL_PLAIN, )
#ifdef __x86_64__
FOR_LEVEL(avx2, LEVEL_AVX2, __attribute__((target(TARGET_AVX2))))
FOR_LEVEL(avx512, LEVEL_AVX512, __attribute__((target(TARGET_AVX512))))
#define OF_LEVEL(s, kind) \
    ((s)->level == LEVEL_AVX512 ? kind##_avx512 : (s)->level == LEVEL_AVX2 ? kind##_avx2 : kind##_plain)
#else
#define OF_LEVEL(s, kind) kind##_plain
#endif

static void begin_call(Scanner *s) {
    s->news_used = s->arena_used = s->odd_used = s->frames_used = s->redacted_used = s->plain_used = 0;
}

/* ---- what the interpreter calls (distill/scanner.py) --------------------------------------------------------------*/

/* Forget all keys; the shapes stay known. */
EXPORT void flyball_scanner_forget(Scanner *s) {
    for (size_t i = 0; i < s->entries; i++) free(s->seen[i].first), free(s->seen[i].last);
    s->entries = s->slots_used = s->examples_bytes = 0;
    if (s->slots) memset(s->slots, 0, (s->slots_mask + 1) * sizeof *s->slots);
}

EXPORT void flyball_scanner_free(Scanner *s) {
    if (!s) return;
    flyball_scanner_forget(s);
    void *all[] = {s->slots, s->ids, s->severities, s->seen,  s->known,   s->news, s->arena,
                   s->odd,   s->frames, s->redacted, s->plain, s->touched, s};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

EXPORT Scanner *flyball_scanner_new(uint64_t seed_1, uint64_t seed_2, uint64_t other, uint64_t shapes_max, int level) {
    Scanner *s = calloc(1, sizeof *s);
    if (!s) return 0;
    int best = best_level();
    s->start = seed_1, s->other = other, s->shapes_max = shapes_max, s->level = level < best ? level : best;
    for (int i = 0; i < SEEDS; i++) s->seeds[i] = fold(seed_1 + (uint64_t)i, seed_2 ^ 0x9e3779b97f4a7c15u);
    if (!PLACE(s, slots)) {
        flyball_scanner_free(s);
        return 0;
    }
    return s;
}

/* Shapes met elsewhere are known from now on; -1 without memory. */
EXPORT int flyball_scanner_know(Scanner *s, const uint64_t *ids, int64_t n) {
    int is_new;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] && know(s, ids[i], 1, &is_new) < 0) return -1;
    return 0;
}

/* The codes of texts (UTF-8) between Arrow's offsets; -1 without memory. */
EXPORT int64_t flyball_scan_texts(Scanner *s, const uint8_t *data, const int32_t *offsets, int64_t rows, int32_t *codes) {
    begin_call(s);
    scan_texts(s, data, offsets, rows, codes, OF_LEVEL(s, gathered));
    return s->failed ? -1 : rows;
}

/* The codes of the records of an OTLP request with logs, at most `rows_max`: of the others nothing is said. Returns how
 * many; -1 for a request that upb must judge, -2 without memory. */
EXPORT int64_t flyball_scan_logs(Scanner *s, const uint8_t *payload, int64_t size, LogColumns *out, int64_t rows_max) {
    begin_call(s);
    int64_t rows = scan_logs(s, payload, (size_t)size, out, rows_max, OF_LEVEL(s, gathered));
    return s->failed ? -2 : rows;
}

/* The codes of the first lines of `data`, which ends with a newline, at most `rows_max`; where each begins, and in
 * begins[rows] where the next one would. Returns how many rows; -1 without memory. */
EXPORT int64_t flyball_scan_lines(Scanner *s, const uint8_t *data, int64_t size, uint32_t *begins, int32_t *codes,
                                  int64_t rows_max) {
    begin_call(s);
    int64_t rows = OF_LEVEL(s, lines)(s, data, (size_t)size, begins, codes, rows_max);
    return s->failed ? -1 : rows;
}

/* The interpreter found out what a pending entry's shape is. */
EXPORT void flyball_scanner_settle(Scanner *s, int64_t entry, uint64_t id, uint8_t severity) {
    if (entry < 0 || (size_t)entry >= s->entries) return;
    s->ids[entry] = id;
    s->severities[entry] = severity;
}

/* What the last call left. */
EXPORT void flyball_scanner_look(const Scanner *s, Scanned *out) {
    *out = (Scanned){s->ids,      s->severities, s->entries,     s->news,     s->news_used,     s->arena, s->arena_used, s->odd,
                     s->odd_used, s->frames,     s->frames_used, s->redacted, s->redacted_used, s->plain, s->plain_used};
}

/* ---- counting lines ----------------------------------------------------------------------------------------------*/

#define SEEN_BYTES_MAX 256       /* as parse.TIME_CHARS: a line says its time in its beginning */
#define EXAMPLES_BYTES_MAX (1 << 26) /* so much is kept of first texts, which serve as examples, in full */

static int keep_text(uint8_t **kept, uint16_t *size, uint16_t *room, const uint8_t *text, size_t n, size_t most) {
    if (n > most) n = most;
    if (n > *room || !*kept) {
        uint8_t *bigger = realloc(*kept, n ? n : 1);
        if (!bigger) return 0;
        *kept = bigger, *room = (uint16_t)n;
    }
    memcpy(*kept, text, n);
    *size = (uint16_t)n;
    return 1;
}

/* What may be kept of a row's text: what redaction left of it, where it held a secret. */
static const uint8_t *text_of(const Scanner *s, const uint8_t *data, const uint32_t *begins, uint32_t row, size_t *size) {
    size_t low = 0, high = s->redacted_used;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->redacted[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->redacted_used && s->redacted[low].row == row) {
        *size = (size_t)s->redacted[low].size;
        return s->plain + s->redacted[low].at;
    }
    *size = begins[row + 1] - begins[row] - 1;
    return data + begins[row];
}

/* Count the first lines of the last call under their entries (negative codes are passed over); `at` is the position of
 * the first in the stream. Returns from how many of them secrets were removed, -1 without memory. */
EXPORT int64_t flyball_tally(Scanner *s, const uint8_t *data, const uint32_t *begins, const int32_t *codes, int64_t rows,
                             uint64_t at) {
    if (!ROOM(s, touched, s->entries)) return -1;
    size_t touched = 0, size;
    int64_t redacted = 0;
    s->epoch++;
    for (int64_t row = 0; row < rows; row++) {
        if (codes[row] < 0) continue;
        Seen *seen = &s->seen[codes[row]];
        if (seen->epoch != s->epoch) seen->epoch = s->epoch, s->touched[touched++] = (uint32_t)codes[row];
        if (!seen->count++) {
            uint16_t room = 0;
            seen->first_at = at + begins[row];
            size_t most = s->examples_bytes < EXAMPLES_BYTES_MAX ? TEXT_BYTES_MAX : SEEN_BYTES_MAX;
            const uint8_t *text = text_of(s, data, begins, (uint32_t)row, &size);
            if (!keep_text(&seen->first, &seen->first_size, &room, text, size, most)) return -1;
            s->examples_bytes += seen->first_size;
        }
        seen->last_row = (uint32_t)row;
    }
    for (size_t i = 0; i < touched; i++) {
        Seen *seen = &s->seen[s->touched[i]];
        seen->last_at = at + begins[seen->last_row];
        const uint8_t *text = text_of(s, data, begins, seen->last_row, &size);
        if (!keep_text(&seen->last, &seen->last_size, &seen->last_room, text, size, SEEN_BYTES_MAX)) return -1;
    }
    for (size_t i = 0; i < s->redacted_used && s->redacted[i].row < rows; i++) redacted += codes[s->redacted[i].row] >= 0;
    return redacted;
}

/* Of each entry what was counted, for settle.c to take. */
Seen *flyball_scanner_seen(Scanner *s) { return s->seen; }
