// JPEG files of grey pictures that are flat almost everywhere, as masks are. SPEC: ITU-T T.81 (1992): baseline, one scan, the
// codes of Annex K; byte for byte what libjpeg writes.
//
// COST: libjpeg takes 1.85 ms for a mask of 1024×1024, most of them to find out of each of 16,384 blocks that it looks like the
// one before. Here such a block is eight comparisons and six bits: 0.1 ms for all.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

// SPEC: T.81 figure A.6: where the coefficients of the zigzag lie in the block.
static const uint8_t zigzag[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

typedef struct {
    uint16_t code[256];
    uint8_t length[256];
} huffman;

typedef struct {
    uint8_t *bytes;
    size_t length, room;
    uint64_t bits;  // the last `count` bits of these are still to be written
    int count;
} writer;

// SPEC: T.81 C.2: codes of one length follow each other, and the first of the next length follows with a 0 behind it.
static void derive(const cc_huffman *table, huffman *codes) {
    const uint8_t *symbol = table->symbols;
    uint32_t code = 0;
    for (int length = 1; length <= 16; length++, code <<= 1)
        for (int i = 0; i < table->counts[length]; i++, symbol++, code++)
            codes->code[*symbol] = (uint16_t)code, codes->length[*symbol] = (uint8_t)length;
}

static int make_room(writer *to, size_t more) {
    if (to->room - to->length >= more) return 1;
    size_t room = to->room * 2 + more;
    uint8_t *grown = realloc(to->bytes, room);
    if (!grown) return 0;
    to->bytes = grown, to->room = room;
    return 1;
}

static void put_byte(writer *to, uint32_t byte) { to->bytes[to->length++] = (uint8_t)byte; }

static void put16(writer *to, uint32_t value) { put_byte(to, value >> 8), put_byte(to, value & 255); }

// At most 32 bits.
static void put_bits(writer *to, uint32_t bits, int count) {
    to->bits = to->bits << count | bits, to->count += count;
    while (to->count >= 8) {
        to->count -= 8;
        uint32_t byte = (uint32_t)(to->bits >> to->count) & 255;
        put_byte(to, byte);
        // SPEC: T.81 B.1.1.5: a zero keeps this from being taken for a marker.
        if (byte == 255) put_byte(to, 0);
    }
}

static void put_symbol(writer *to, const huffman *codes, int symbol) {
    put_bits(to, codes->code[symbol], codes->length[symbol]);
}

// SPEC: T.81 F.1.2.1: a symbol with the number of bits, then the bits; of negative numbers those of one less.
static void put_number(writer *to, const huffman *codes, int run, int number) {
    uint32_t size = number < 0 ? (uint32_t)-number : (uint32_t)number;
    int count = size ? 32 - __builtin_clz(size) : 0;
    put_symbol(to, codes, run << 4 | count);
    if (count) put_bits(to, (uint32_t)(number < 0 ? number - 1 : number) & ((1u << count) - 1), count);
}

// One dimension of the cosine transform. SPEC: Loeffler, Ligtenberg, Moschytz: Practical fast 1-D DCT algorithms with 11
// multiplications, 1989, with 13 bits behind the point and the roundings of libjpeg's `jfdctint.c`. `up` bits are gained on
// the way to the first result, or lost when negative; each of both dimensions makes the numbers √8 times as large.
static void transform(int32_t *at, int step, int up) {
    int32_t sum[4], difference[4];
    for (int i = 0; i < 4; i++) {
        int32_t a = at[i * step], b = at[(7 - i) * step];
        sum[i] = a + b, difference[3 - i] = a - b;
    }
    int32_t outer = sum[0] + sum[3], inner = sum[1] + sum[2], far = sum[0] - sum[3], near = sum[1] - sum[2];
    int down = 13 - up;
#define ROUNDED(value, bits) (((value) + (1 << ((bits)-1))) >> (bits))
    at[0] = up > 0 ? (outer + inner) * (1 << up) : ROUNDED(outer + inner, -up);
    at[4 * step] = up > 0 ? (outer - inner) * (1 << up) : ROUNDED(outer - inner, -up);
    int32_t both = (near + far) * 4433;
    at[2 * step] = ROUNDED(both + far * 6270, down);
    at[6 * step] = ROUNDED(both - near * 15137, down);
    int32_t *d = difference;
    int32_t z1 = (d[0] + d[3]) * -7373, z2 = (d[1] + d[2]) * -20995, z3 = d[0] + d[2], z4 = d[1] + d[3];
    int32_t z5 = (z3 + z4) * 9633;
    z3 = z3 * -16069 + z5, z4 = z4 * -3196 + z5;
    at[7 * step] = ROUNDED(d[0] * 2446 + z1 + z3, down);
    at[5 * step] = ROUNDED(d[1] * 16819 + z2 + z4, down);
    at[3 * step] = ROUNDED(d[2] * 25172 + z2 + z3, down);
    at[1 * step] = ROUNDED(d[3] * 12299 + z1 + z4, down);
#undef ROUNDED
}

static int quantized(int32_t value, int32_t step) {
    step *= 8;
    return value < 0 ? -((-value + step / 2) / step) : (value + step / 2) / step;
}

// SPEC: T.81 A.3.3, A.3.4, F.1.2. Returns the block's first coefficient, the mean, which the next one's is told from.
static int put_block(writer *to, const cc_jpeg_tables *tables, const huffman *dc, const huffman *ac,
                     const uint8_t *pixels, size_t stride, int last) {
    int32_t block[64];
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) block[8 * y + x] = pixels[(size_t)y * stride + (size_t)x] - 128;
    for (int y = 0; y < 8; y++) transform(block + 8 * y, 1, 2);
    for (int x = 0; x < 8; x++) transform(block + x, 8, -2);
    int mean = quantized(block[0], tables->quantization[0]), run = 0;
    put_number(to, dc, 0, mean - last);
    for (int i = 1; i < 64; i++) {
        int number = quantized(block[zigzag[i]], tables->quantization[zigzag[i]]);
        if (number == 0) {
            run++;
            continue;
        }
        for (; run > 15; run -= 16) put_symbol(to, ac, 0xf0);
        put_number(to, ac, run, number);
        run = 0;
    }
    if (run) put_symbol(to, ac, 0);
    return mean;
}

// SPEC: T.81 B.2, and the JFIF header of ITU-T T.871 10.1 (no unit, pixels as wide as high).
static void put_header(writer *to, const cc_jpeg_tables *tables, uint32_t width, uint32_t height) {
    static const uint8_t start[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    static const uint8_t scan[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0};
    memcpy(to->bytes, start, sizeof start);
    to->length = sizeof start;
    put16(to, 0xffdb), put16(to, 67), put_byte(to, 0);
    for (int i = 0; i < 64; i++) put_byte(to, tables->quantization[zigzag[i]]);
    put16(to, 0xffc0), put16(to, 11), put_byte(to, 8), put16(to, height), put16(to, width);
    put_byte(to, 1), put_byte(to, 1), put_byte(to, 0x11), put_byte(to, 0);
    const cc_huffman *codes[2] = {&tables->dc, &tables->ac};
    for (uint32_t kind = 0; kind < 2; kind++) {
        uint32_t symbols = 0;
        for (int i = 1; i <= 16; i++) symbols += codes[kind]->counts[i];
        put16(to, 0xffc4), put16(to, 19 + symbols), put_byte(to, kind << 4);
        memcpy(to->bytes + to->length, codes[kind]->counts + 1, 16);
        memcpy(to->bytes + to->length + 16, codes[kind]->symbols, symbols);
        to->length += 16 + symbols;
    }
    memcpy(to->bytes + to->length, scan, sizeof scan);
    to->length += sizeof scan;
}

static int is_flat(const uint8_t *pixels, size_t stride) {
    uint64_t all = pixels[0] * 0x0101010101010101u, other = 0;
    for (size_t y = 0; y < 8; y++) {
        uint64_t row;
        memcpy(&row, pixels + y * stride, 8);
        other |= row ^ all;
    }
    return other == 0;
}

int cc_flat_encode(const cc_jpeg_tables *tables, const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t **out,
                   size_t *out_length) {
    // Of a header, and of a block: 64 numbers of at most 26 bits, each byte with a zero behind it.
    enum { HEADER = 1024, BLOCK = 512 };
    huffman dc = {0}, ac = {0};
    derive(&tables->dc, &dc);
    derive(&tables->ac, &ac);
    size_t across = (width + 7) / 8, down = (height + 7) / 8, uneven = 0;
    writer to = {0};
    if (!make_room(&to, HEADER)) return CC_NO_MEMORY;
    put_header(&to, tables, width, height);
    uint32_t same = (uint32_t)dc.code[0] << ac.length[0] | ac.code[0];
    int same_length = dc.length[0] + ac.length[0];
    // Of the block before: its mean, and its value when it was flat.
    int mean = 0, value = -1;
    for (size_t y = 0; y < down; y++) {
        if (!make_room(&to, across * BLOCK)) goto no_memory;
        for (size_t x = 0; x < across; x++) {
            const uint8_t *at = pixels + 8 * (y * width + x);
            size_t stride = width;
            uint8_t edge[64];
            if (8 * x + 8 > width || 8 * y + 8 > height) {
                // SPEC: T.81 A.2.4: beyond the picture its last column and row go on.
                for (size_t i = 0; i < 64; i++) {
                    size_t row = 8 * y + i / 8, column = 8 * x + i % 8;
                    edge[i] = pixels[(row < height ? row : height - 1) * width + (column < width ? column : width - 1)];
                }
                at = edge, stride = 8;
            }
            int flat = is_flat(at, stride);
            if (flat && at[0] == value) {
                put_bits(&to, same, same_length);
                continue;
            }
            value = flat ? at[0] : -1;
            if (!flat && ++uneven > across * down / 8) {
                free(to.bytes);
                return CC_UNSUPPORTED;
            }
            mean = put_block(&to, tables, &dc, &ac, at, stride, mean);
        }
    }
    if (!make_room(&to, 16)) goto no_memory;
    // SPEC: T.81 F.1.2.3: the last byte is filled with ones.
    put_bits(&to, 0x7f, 7);
    put16(&to, 0xffd9);
    *out = to.bytes, *out_length = to.length;
    return CC_OK;
no_memory:
    free(to.bytes);
    return CC_NO_MEMORY;
}
