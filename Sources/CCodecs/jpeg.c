#include "internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

// A progressive file may hold any number of passes over the same pixels; honest ones have about ten. However short a pass
// is in the file, it costs time for each pixel.
enum { LEAST_SCANS = 20, MOST_SCANS = 200, MOST_VISITS = 1000000000 };

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char *text;
    int code;
} jpeg_errors;

typedef struct {
    struct jpeg_progress_mgr base;
    int most_scans;
} jpeg_progress;

static void on_error(j_common_ptr common) {
    jpeg_errors *errors = (jpeg_errors *)common->err;
    char reason[JMSG_LENGTH_MAX];
    common->err->format_message(common, reason);
    snprintf(errors->text, CC_TEXT, "JPEG: %s", reason);
    switch (common->err->msg_code) {
    case JERR_OUT_OF_MEMORY: errors->code = CC_NO_MEMORY; break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL: errors->code = CC_UNSUPPORTED; break;
    default: errors->code = CC_CORRUPT; break;
    }
    longjmp(errors->back, 1);
}

static void on_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    switch (common->err->msg_code) {
    // Pixels are missing or made up from here on: refused, where the library would go on with grey.
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC: on_error(common); break;
    default: break;
    }
}

static void too_many_scans(j_common_ptr common) {
    jpeg_errors *errors = (jpeg_errors *)common->err;
    errors->code = cc_say(errors->text, CC_CORRUPT, "JPEG: too many scans for a picture of this size");
    longjmp(errors->back, 1);
}

static void on_progress(j_common_ptr common) {
    j_decompress_ptr jpeg = (j_decompress_ptr)common;
    if (jpeg->input_scan_number > ((jpeg_progress *)common->progress)->most_scans) too_many_scans(common);
}

// How often a picture of this size may be gone over.
static int most_scans(const cc_header *header) {
    uint64_t pixels = (uint64_t)header->width * header->height;
    uint64_t scans = MOST_VISITS / (pixels ? pixels : 1);
    return scans < LEAST_SCANS ? LEAST_SCANS : scans > MOST_SCANS ? MOST_SCANS : (int)scans;
}

// SPEC: T.81 B.1.1: the scans of a file, told by its markers alone, so that refusing costs next to nothing. What the
// decoder would see otherwise is counted by it too.
static int count_scans(const uint8_t *bytes, size_t length) {
    int scans = 0;
    size_t at = 2;
    while (at + 4 <= length) {
        const uint8_t *mark = memchr(bytes + at, 0xff, length - at - 1);
        if (!mark) break;
        at = (size_t)(mark - bytes) + 1;
        uint8_t kind = bytes[at];
        // A stuffed zero, a filling byte, or a restart inside a scan's data.
        if (kind == 0 || kind == 0xff || (kind >= 0xd0 && kind <= 0xd8)) continue;
        if (kind == 0xd9 || at + 3 > length) break;
        scans += kind == 0xda;
        at += 1 + ((size_t)bytes[at + 1] << 8 | bytes[at + 2]);
    }
    return scans;
}

static void arm(jpeg_errors *errors, char text[CC_TEXT]) {
    jpeg_std_error(&errors->base);
    errors->base.error_exit = on_error;
    errors->base.emit_message = on_message;
    errors->text = text;
    errors->code = CC_CORRUPT;
}

int cc_jpeg_probe(const uint8_t *bytes, size_t length, cc_header *header, char text[CC_TEXT]) {
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    arm(&errors, text);
    jpeg.err = &errors.base;
    if (setjmp(errors.back)) {
        jpeg_destroy_decompress(&jpeg);
        return errors.code;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(&jpeg, bytes, (unsigned long)length);
    jpeg_read_header(&jpeg, TRUE);
    header->width = jpeg.image_width;
    header->height = jpeg.image_height;
    for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker; marker = marker->next) {
        if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 6) continue;
        if (memcmp(marker->data, "Exif\0\0", 6) != 0) continue;
        header->orientation = cc_exif_orientation(marker->data, marker->data_length);
        break;
    }
    jpeg_destroy_decompress(&jpeg);
    return CC_OK;
}

// Adobe's programs store the inks inverted (0 = full ink), and say so by their marker; others as the standard has it.
static void cmyk_row(const uint8_t *cmyk, uint32_t width, int inverted, int channels, uint8_t *out) {
    for (uint32_t x = 0; x < width; x++, cmyk += 4, out += channels) {
        uint32_t k = inverted ? cmyk[3] : 255u - cmyk[3];
        for (int i = 0; i < 3; i++) {
            uint32_t ink = inverted ? cmyk[i] : 255u - cmyk[i];
            out[i] = (uint8_t)((ink * k + 127u) / 255u);
        }
        if (channels == 4) out[3] = 255;
    }
}

int cc_jpeg_decode(const uint8_t *bytes, size_t length, const cc_header *header, int channels, uint8_t *out,
                   char text[CC_TEXT]) {
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    jpeg_progress progress = {.base = {.progress_monitor = on_progress}, .most_scans = most_scans(header)};
    arm(&errors, text);
    jpeg.err = &errors.base;
    if (setjmp(errors.back)) {
        jpeg_destroy_decompress(&jpeg);
        return errors.code;
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress.base;
    jpeg_mem_src(&jpeg, bytes, (unsigned long)length);
    jpeg_read_header(&jpeg, TRUE);
    if (jpeg_has_multiple_scans(&jpeg) && count_scans(bytes, length) > progress.most_scans)
        too_many_scans((j_common_ptr)&jpeg);
    int cmyk = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
    jpeg.out_color_space = cmyk ? JCS_CMYK : channels == 4 ? JCS_EXT_RGBA : JCS_EXT_RGB;
    jpeg_start_decompress(&jpeg);
    if (jpeg.output_width != header->width || jpeg.output_height != header->height ||
        jpeg.output_components != (cmyk ? 4 : channels)) {
        jpeg_destroy_decompress(&jpeg);
        return cc_say(text, CC_CORRUPT, "JPEG: the header changed");
    }
    size_t stride = (size_t)header->width * (size_t)channels;
    // The row of inks lives in the library's own pool, so that it goes with it on every way out.
    uint8_t *inks = cmyk ? (*jpeg.mem->alloc_large)((j_common_ptr)&jpeg, JPOOL_IMAGE, (size_t)header->width * 4) : NULL;
    while (jpeg.output_scanline < jpeg.output_height) {
        uint8_t *target = out + jpeg.output_scanline * stride;
        JSAMPROW row = cmyk ? inks : target;
        if (jpeg_read_scanlines(&jpeg, &row, 1) != 1) break;
        if (cmyk) cmyk_row(inks, header->width, jpeg.saw_Adobe_marker, channels, target);
    }
    int whole = jpeg.output_scanline == jpeg.output_height;
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return whole ? CC_OK : cc_say(text, CC_CORRUPT, "JPEG: rows are missing");
}

int cc_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, uint8_t **out,
                   size_t *out_length, char text[CC_TEXT]) {
    if (channels == 4) return cc_say(text, CC_ARGUMENT, "JPEG has no transparency");
    struct jpeg_compress_struct jpeg;
    jpeg_errors errors;
    // On the heap: a local that changes between setjmp and longjmp would have no certain value after it.
    struct {
        unsigned char *memory;
        unsigned long length;
    } *target = calloc(1, sizeof *target);
    if (!target) return cc_say(text, CC_NO_MEMORY, "JPEG: out of memory");
    arm(&errors, text);
    jpeg.err = &errors.base;
    if (setjmp(errors.back)) {
        jpeg_destroy_compress(&jpeg);
        free(target->memory);
        free(target);
        return errors.code == CC_NO_MEMORY ? CC_NO_MEMORY : CC_ENCODE;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &target->memory, &target->length);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    if (channels == 3 && quality >= 90) {
        // Whoever asks for this much quality wants sharp colour edges too: no chroma subsampling.
        jpeg.comp_info[0].h_samp_factor = 1;
        jpeg.comp_info[0].v_samp_factor = 1;
    }
    if (channels == 1) {
        const JHUFF_TBL *dc = jpeg.dc_huff_tbl_ptrs[0], *ac = jpeg.ac_huff_tbl_ptrs[0];
        cc_jpeg_tables tables = {
            jpeg.quant_tbl_ptrs[0]->quantval, {dc->bits, dc->huffval}, {ac->bits, ac->huffval}};
        int code = cc_flat_encode(&tables, pixels, width, height, out, out_length);
        if (code != CC_UNSUPPORTED) {
            jpeg_destroy_compress(&jpeg);
            free(target->memory);
            free(target);
            return code == CC_OK ? code : cc_say(text, code, "JPEG: out of memory");
        }
    }
    jpeg_start_compress(&jpeg, TRUE);
    size_t stride = (size_t)width * (size_t)channels;
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = (JSAMPROW)(pixels + jpeg.next_scanline * stride);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *out = target->memory;
    *out_length = target->length;
    free(target);
    return CC_OK;
}
