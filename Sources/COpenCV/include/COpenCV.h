// The few operations of OpenCV's imgproc that Imaging needs, as plain C. Pictures are 8 bits a channel, rows top to
// bottom, `stride` bytes apart (or without gaps where there is no stride). Every function returns 0, or 1 on failure
// (memory, sizes that make no sense); no C++ exception leaves.
#ifndef SLUICE_COPENCV_H
#define SLUICE_COPENCV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Area when shrinking, Lanczos (4 lobes) when growing.
int ccv_resize(const uint8_t *pixels, int width, int height, int channels, uint8_t *out, int out_width, int out_height);

// For every output pixel (x, y) takes the input at (m0 x + m1 y + m2, m3 x + m4 y + m5), bilinear, the first three of
// `channels` (3 or 4), and writes value * scale + offset. Outside the picture: black, or with `replicate` its border.
int ccv_warp(const uint8_t *pixels, int width, int height, int channels, const double matrix[6], float *out,
             int out_width, int out_height, float scale, float offset, int replicate);

// Grows (radius > 0) or shrinks (radius < 0) the bright parts by a square of side 2 |radius| + 1, in place. What lies
// outside changes nothing: a part that touches the edge keeps touching it.
int ccv_grow(uint8_t *grey, int width, int height, size_t stride, int radius);

// Adds a linear fade around the 255s, in place: 255 inside, 0 from Euclidean distance `reach` + 1 on.
int ccv_fade(uint8_t *grey, int width, int height, size_t stride, int reach);

// Convex hull of `count` points (x, y pairs) into `out` (room for `count` points); `*out_count` says how many.
int ccv_hull(const float *points, int count, float *out, int *out_count);

// Fills a convex polygon with 255. Coordinates are pixel centres, to 1/16 pixel; what lies outside is cut off.
int ccv_fill_convex(uint8_t *grey, int width, int height, size_t stride, const float *points, int count);

// The smallest box {left, top, right, bottom} (right and bottom beyond the last pixel) around what is not 0; all 0 when
// nothing is.
int ccv_extent(const uint8_t *grey, int width, int height, size_t stride, int box[4]);

// How many pixels are not 0.
int ccv_count(const uint8_t *grey, int width, int height, size_t stride, int *count);

// The brighter of the two, pixel by pixel, into `grey`.
int ccv_merge(uint8_t *grey, size_t stride, const uint8_t *other, size_t other_stride, int width, int height);

#ifdef __cplusplus
}
#endif

#endif
