// Which of the three formats it is, and what holds for all of them.
#include "internal.h"

#include <string.h>

int cc_sniff(const uint8_t *bytes, size_t length) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (length >= 8 && memcmp(bytes, png, 8) == 0) return CC_PNG;
    if (length >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) return CC_JPEG;
    if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) return CC_WEBP;
    return 0;
}

int cc_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]) {
    memset(header, 0, sizeof *header);
    header->orientation = 1;
    header->format = cc_sniff(bytes, length);
    int code = CC_NOT_IMAGE;
    switch (header->format) {
    case CC_PNG: code = cc_png_probe(bytes, length, header, text); break;
    case CC_JPEG: code = cc_jpeg_probe(bytes, length, header, text); break;
    case CC_WEBP: code = cc_webp_probe(bytes, length, header, text); break;
    default: return cc_say(text, CC_NOT_IMAGE, "neither PNG nor JPEG nor WebP by its first bytes");
    }
    if (code == CC_OK && (header->width == 0 || header->height == 0))
        return cc_say(text, CC_CORRUPT, "the header says a width or height of 0");
    return code;
}

int cc_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
              size_t out_length, char text[CC_TEXT]) {
    if ((channels != 3 && channels != 4) || header->width == 0 || header->height == 0 ||
        (uint64_t)header->width > SIZE_MAX / 4 / header->height ||
        (size_t)header->width * header->height * (size_t)channels != out_length)
        return cc_say(text, CC_ARGUMENT, "the memory for the pixels has another size than the picture");
    switch (header->format) {
    case CC_PNG: return cc_png_decode(bytes, length, header, channels, out, text);
    case CC_JPEG: return cc_jpeg_decode(bytes, length, header, channels, out, text);
    case CC_WEBP: return cc_webp_decode(bytes, length, header, channels, out, text);
    default: return cc_say(text, CC_ARGUMENT, "no such format");
    }
}

int cc_encode(int format, const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality,
              uint8_t **out, size_t *out_length, char text[CC_TEXT]) {
    *out = NULL;
    *out_length = 0;
    if (width == 0 || height == 0 || width > 65500 || height > 65500)
        return cc_say(text, CC_ARGUMENT, "width and height must lie in 1...65500");
    if (channels != 1 && channels != 3 && channels != 4) return cc_say(text, CC_ARGUMENT, "no such pixel layout");
    if (quality < 1) quality = 1;
    if (quality > 100) quality = 100;
    switch (format) {
    case CC_PNG: return cc_png_encode(pixels, width, height, channels, out, out_length, text);
    case CC_JPEG: return cc_jpeg_encode(pixels, width, height, channels, quality, out, out_length, text);
    case CC_WEBP: return cc_webp_encode(pixels, width, height, channels, quality, out, out_length, text);
    default: return cc_say(text, CC_ARGUMENT, "no such format");
    }
}
