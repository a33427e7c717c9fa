#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/encode.h>

static uint32_t le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

int cc_webp_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]) {
    // The container says its own length; the decoder is content with less when the pixels happen to be whole.
    if ((uint64_t)le32(bytes + 4) + 8 > length) return cc_say(text, CC_CORRUPT, "WebP: the file ends too early");
    WebPBitstreamFeatures features;
    switch (WebPGetFeatures(bytes, length, &features)) {
    case VP8_STATUS_OK: break;
    case VP8_STATUS_NOT_ENOUGH_DATA: return cc_say(text, CC_CORRUPT, "WebP: the file ends too early");
    case VP8_STATUS_UNSUPPORTED_FEATURE: return cc_say(text, CC_UNSUPPORTED, "WebP: a feature that is not handled");
    default: return cc_say(text, CC_CORRUPT, "WebP: the header makes no sense");
    }
    if (features.has_animation) return cc_say(text, CC_UNSUPPORTED, "WebP: animations are not handled, only stills");
    header->width = (uint32_t)features.width;
    header->height = (uint32_t)features.height;
    header->has_alpha = features.has_alpha;
    // SPEC: WebP container: chunks of a name, a size and that many bytes, padded to even.
    size_t at = 12;
    while (length - at >= 8) {
        uint32_t size = le32(bytes + at + 4);
        if (size > length - at - 8) break;
        if (memcmp(bytes + at, "EXIF", 4) == 0) {
            header->orientation = cc_exif_orientation(bytes + at + 8, size);
            break;
        }
        size_t step = 8 + (size_t)size + (size & 1);
        if (step > length - at) break;
        at += step;
    }
    return CC_OK;
}

int cc_webp_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
                   char text[CC_TEXT]) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return cc_say(text, CC_UNSUPPORTED, "WebP: another version of the library");
    VP8StatusCode status = WebPGetFeatures(bytes, length, &config.input);
    if (status == VP8_STATUS_OK && ((uint32_t)config.input.width != header->width ||
                                    (uint32_t)config.input.height != header->height))
        return cc_say(text, CC_CORRUPT, "WebP: the header changed");
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out;
    config.output.u.RGBA.stride = (int)header->width * channels;
    config.output.u.RGBA.size = (size_t)header->width * header->height * (size_t)channels;
    if (status == VP8_STATUS_OK) status = WebPDecode(bytes, length, &config);
    switch (status) {
    case VP8_STATUS_OK: return CC_OK;
    case VP8_STATUS_OUT_OF_MEMORY: return cc_say(text, CC_NO_MEMORY, "WebP: out of memory");
    case VP8_STATUS_UNSUPPORTED_FEATURE: return cc_say(text, CC_UNSUPPORTED, "WebP: a feature that is not handled");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return cc_say(text, CC_CORRUPT, "WebP: the file ends too early");
    default: return cc_say(text, CC_CORRUPT, "WebP: the pixels are broken");
    }
}

int cc_webp_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, uint8_t **out,
                   size_t *out_length, char text[CC_TEXT]) {
    if (width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION)
        return cc_say(text, CC_ARGUMENT, "WebP: no side may be longer than 16383 pixels");
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        return cc_say(text, CC_ENCODE, "WebP: another version of the library");
    picture.width = (int)width;
    picture.height = (int)height;
    config.quality = (float)quality;
    config.method = 3;
    if (channels == 1) {
        // A mask is exact or it is no mask; flat areas are small without loss too.
        WebPConfigLosslessPreset(&config, 1);
        picture.use_argb = 1;
    }
    uint8_t *spread = NULL;
    if (channels == 1) {
        size_t count = (size_t)width * height;
        spread = malloc(count * 3);
        if (!spread) return cc_say(text, CC_NO_MEMORY, "WebP: out of memory");
        cc_convert(pixels, count, 1, 3, 0, spread);
    }
    WebPMemoryWriter writer;
    WebPMemoryWriterInit(&writer);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    int imported = channels == 4 ? WebPPictureImportRGBA(&picture, pixels, (int)width * 4)
                                 : WebPPictureImportRGB(&picture, spread ? spread : pixels, (int)width * 3);
    int done = imported && WebPEncode(&config, &picture);
    WebPEncodingError reason = picture.error_code;
    WebPPictureFree(&picture);
    free(spread);
    if (!done) {
        WebPMemoryWriterClear(&writer);
        return !imported || reason == VP8_ENC_ERROR_OUT_OF_MEMORY ? cc_say(text, CC_NO_MEMORY, "WebP: out of memory")
                                                                   : cc_say(text, CC_ENCODE, "WebP: encoding failed");
    }
    // The writer's memory is malloc's (WebPMalloc), so cc_free may free it.
    *out = writer.mem;
    *out_length = writer.size;
    return CC_OK;
}
