#include "internal.h"

#include <stdlib.h>
#include <string.h>

int cc_say(char text[CC_TEXT], int code, const char *reason) {
    size_t length = strlen(reason);
    if (length >= CC_TEXT) length = CC_TEXT - 1;
    memcpy(text, reason, length);
    text[length] = 0;
    return code;
}

void cc_free(void *memory) { free(memory); }

// --- EXIF: SPEC: CIPA DC-008 (a TIFF 6.0 structure); tag 0x0112 of the first directory, type SHORT, one value.

static uint32_t read16(const uint8_t *p, int big) {
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read32(const uint8_t *p, int big) {
    return big ? read16(p, 1) << 16 | read16(p + 2, 1) : read16(p + 2, 0) << 16 | read16(p, 0);
}

int cc_exif_orientation(const uint8_t *bytes, size_t length) {
    if (length >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) bytes += 6, length -= 6;
    if (length < 8) return 1;
    int big = bytes[0] == 'M';
    if (memcmp(bytes, big ? "MM" : "II", 2) != 0 || read16(bytes + 2, big) != 42) return 1;
    uint32_t offset = read32(bytes + 4, big);
    if (offset > length || length - offset < 2) return 1;
    uint32_t count = read16(bytes + offset, big);
    const uint8_t *entry = bytes + offset + 2;
    for (uint32_t i = 0; i < count; i++, entry += 12) {
        if ((size_t)(bytes + length - entry) < 12) return 1;
        if (read16(entry, big) != 0x0112) continue;
        uint32_t value = read16(entry + 8, big);
        return read16(entry + 2, big) == 3 && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

// --- Pixels

void cc_orient(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int orientation, uint8_t *out) {
    // Each output row walks the input from `start` in steps of `across`; rows are `down` apart.
    const ptrdiff_t c = channels, row = (ptrdiff_t)width * c;
    const ptrdiff_t last_x = row - c, last_y = (ptrdiff_t)(height - 1) * row;
    ptrdiff_t start = 0, across = c, down = row;
    switch (orientation) {
    case 2: start = last_x, across = -c, down = row; break;
    case 3: start = last_x + last_y, across = -c, down = -row; break;
    case 4: start = last_y, across = c, down = -row; break;
    case 5: start = 0, across = row, down = c; break;
    case 6: start = last_y, across = -row, down = c; break;
    case 7: start = last_x + last_y, across = -row, down = -c; break;
    case 8: start = last_x, across = row, down = -c; break;
    default: break;
    }
    uint32_t out_width = orientation >= 5 ? height : width, out_height = orientation >= 5 ? width : height;
    for (uint32_t y = 0; y < out_height; y++) {
        ptrdiff_t at = start + (ptrdiff_t)y * down;
        for (uint32_t x = 0; x < out_width; x++, at += across, out += c)
            for (ptrdiff_t k = 0; k < c; k++) out[k] = pixels[at + k];
    }
}

static uint8_t grey_of(const uint8_t *p) {
    return (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16);
}

static uint8_t over(uint8_t value, uint8_t alpha) {
    uint32_t sum = (uint32_t)value * alpha + 255u * (255u - alpha);
    return (uint8_t)((sum + 127u) / 255u);
}

void cc_convert(const uint8_t *pixels, size_t count, int from, int to, int over_white, uint8_t *out) {
    for (size_t i = 0; i < count; i++, pixels += from, out += to) {
        uint8_t rgba[4];
        rgba[0] = pixels[0];
        rgba[1] = from == 1 ? pixels[0] : pixels[1];
        rgba[2] = from == 1 ? pixels[0] : pixels[2];
        rgba[3] = from == 4 ? pixels[3] : 255;
        if (over_white && rgba[3] != 255) {
            for (int k = 0; k < 3; k++) rgba[k] = over(rgba[k], rgba[3]);
            rgba[3] = 255;
        }
        if (to == 1) {
            out[0] = from == 1 ? rgba[0] : grey_of(rgba);
        } else {
            out[0] = rgba[0], out[1] = rgba[1], out[2] = rgba[2];
            if (to == 4) out[3] = rgba[3];
        }
    }
}
