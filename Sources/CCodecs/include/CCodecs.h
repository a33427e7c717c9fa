// The thinnest layer over libjpeg-turbo, libpng and libwebp: look at a header, decode to 8-bit pixels, encode.
// Nothing here allocates by a size that a file claims: the caller reads the header first, decides, and brings the memory.
// Errors never unwind through the caller; setjmp stays inside these files.
#ifndef SLUICE_CCODECS_H
#define SLUICE_CCODECS_H

#include <stddef.h>
#include <stdint.h>

enum { CC_PNG = 1, CC_JPEG = 2, CC_WEBP = 3 };

enum {
    CC_OK = 0,
    CC_NOT_IMAGE = 1,    // none of the three formats by its first bytes
    CC_UNSUPPORTED = 2,  // an image, but of a kind that is not handled (animated WebP, 12-bit JPEG)
    CC_CORRUPT = 3,      // broken, or shorter than it says
    CC_NO_MEMORY = 4,
    CC_ARGUMENT = 5,     // the caller's sizes do not fit together
    CC_ENCODE = 6,
};

#define CC_TEXT 200  // size of the buffer for an error's text, end mark included

typedef struct {
    int32_t format;       // CC_PNG, CC_JPEG, CC_WEBP
    uint32_t width;       // as stored, before the orientation is applied
    uint32_t height;
    int32_t has_alpha;    // 0 or 1
    int32_t orientation;  // EXIF 1...8; 1 when there is none or it makes no sense
} cc_header;

// CC_PNG, CC_JPEG, CC_WEBP or 0, by the first bytes.
int cc_sniff(const uint8_t *bytes, size_t length);

// Reads the header alone. `text` receives the reason on failure.
int cc_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]);

// Decodes into `out`, rows top to bottom without gaps, `channels` 3 (RGB, alpha dropped) or 4 (RGBA, not premultiplied).
// `header` is what cc_probe said; a file that turns out to have another size is refused. The orientation is not applied.
int cc_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
              size_t out_length, char text[CC_TEXT]);

// Encodes `channels` 1, 3 or 4; JPEG takes 1 or 3 only. `quality` 1...100 (PNG ignores it; grey WebP is lossless).
// On success `*out` belongs to the caller: cc_free.
int cc_encode(int format, const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality,
              uint8_t **out, size_t *out_length, char text[CC_TEXT]);
void cc_free(void *memory);

// Turns and mirrors by EXIF orientation 1...8. `out` has the same size in bytes; for 5...8 width and height swap.
void cc_orient(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int orientation, uint8_t *out);

// Between 1 (grey), 3 (RGB) and 4 (RGBA) channels. Grey is 0.299 R + 0.587 G + 0.114 B. Alpha is dropped, or 255 when
// it was not there; with `over_white` a picture with alpha is laid on white instead.
void cc_convert(const uint8_t *pixels, size_t count, int from, int to, int over_white, uint8_t *out);

#endif
