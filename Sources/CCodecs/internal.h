#ifndef SLUICE_CCODECS_INTERNAL_H
#define SLUICE_CCODECS_INTERNAL_H

#include "CCodecs.h"

int cc_say(char text[CC_TEXT], int code, const char *reason);

int cc_png_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]);
int cc_png_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
                  char text[CC_TEXT]);
int cc_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, uint8_t **out,
                  size_t *out_length, char text[CC_TEXT]);

int cc_jpeg_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]);
int cc_jpeg_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
                   char text[CC_TEXT]);
int cc_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, uint8_t **out,
                   size_t *out_length, char text[CC_TEXT]);

// SPEC: T.81 B.2.4.2: how many codes there are of each length 1...16, and what they stand for, the shortest first.
typedef struct {
    const uint8_t *counts, *symbols;
} cc_huffman;

typedef struct {
    const uint16_t *quantization;  // 64, rows top to bottom, each 1...255
    cc_huffman dc, ac;
} cc_jpeg_tables;

// A JPEG file of a grey picture; CC_UNSUPPORTED when an eighth of its blocks are not flat, and libjpeg is faster.
int cc_flat_encode(const cc_jpeg_tables *tables, const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t **out,
                   size_t *out_length);

int cc_webp_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]);
int cc_webp_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
                   char text[CC_TEXT]);
int cc_webp_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, uint8_t **out,
                   size_t *out_length, char text[CC_TEXT]);

// The orientation in an EXIF block (a TIFF file, with or without "Exif\0\0" before it), 1 when there is none.
int cc_exif_orientation(const uint8_t *bytes, size_t length);

#endif
