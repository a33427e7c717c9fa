// The few operations of OpenCV's imgproc and photo that Imaging needs, as plain C. Pictures are 8 bits a channel, rows top to
// bottom, `stride` bytes apart (or without gaps where there is no stride). Every function returns 0, or 1 on failure
// (memory, sizes that make no sense); no C++ exception leaves.
#ifndef SLUICE_COPENCV_H
#define SLUICE_COPENCV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Area when shrinking, Lanczos (4 lobes) when growing. With alpha, what is transparent lends no colour.
int ccv_resize(const uint8_t *pixels, int width, int height, int channels, uint8_t *out, int out_width, int out_height);

// For every output pixel (x, y) takes the input at (m0 x + m1 y + m2, m3 x + m4 y + m5), bilinear, the first three of
// `channels` (3 or 4), and writes value * scale + offset, the three together or, `planar`, each in a plane of its own.
// Outside the picture: grey of `border` (0...255), or, below 0, the picture's edge.
int ccv_warp(const uint8_t *pixels, int width, int height, int channels, const double matrix[6], float *out,
             int out_width, int out_height, const float scale[3], const float offset[3], int border, int planar);

// For every output pixel (x, y) takes the grid at (m0 x + m1 y + m2, m3 x + m4 y + m5), bilinear, 0 outside.
int ccv_spread(const uint8_t *grid, int grid_width, int grid_height, const double matrix[6], uint8_t *out, int width,
               int height);

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

// --- Edits (edits.cpp)

// Canny's edges of a grey picture (1986), 255 on 0: Sobel 3×3, magnitude |gx| + |gy|, hysteresis between the thresholds.
int ccv_canny(const uint8_t *grey, int width, int height, double low, double high, uint8_t *out);

// Fills what is not 0 in `mask` from around it, in place; `channels` 1 or 3. `telea`: Telea's fast marching (2004), else
// the Navier-Stokes method (Bertalmio, Bertozzi, Sapiro 2001). `radius` is how far each pixel looks, in pixels.
int ccv_inpaint(uint8_t *pixels, int width, int height, int channels, const uint8_t *mask, double radius, int telea);

// GrabCut (Rother, Kolmogorov, Blake 2004) on an RGB picture. `labels` holds 0 background, 1 foreground, 2 probably
// background, 3 probably foreground, and comes back with them. The same input gives the same output.
int ccv_grabcut(const uint8_t *rgb, int width, int height, uint8_t *labels, int rounds);

// Refines a matte so that its edges follow the picture's: the guided filter (He, Sun, Tang 2010) with a colour guide,
// fitted on a smaller picture whose longer side is at most `most` (He, Sun 2015). In place. `channels` 3 or 4.
int ccv_guide(const uint8_t *pixels, int width, int height, int channels, uint8_t *matte, double radius, float eps,
              int most);

// Closed-form matting (Levin, Lischinski, Weiss 2008) with the windows and the matrix-free product of He, Sun, Tang (2010)
// and conjugate gradients. `matte` holds the trimap: 0 background, 255 foreground, anything else unknown with this as a
// first guess; comes back as alpha. `channels` 3 or 4.
int ccv_matte(const uint8_t *pixels, int width, int height, int channels, uint8_t *matte, int radius, int rounds);

// Takes the background's colour out of half-transparent pixels of an RGBA picture, in place: blur fusion (Forte, Pitié
// 2021), estimated on a smaller picture whose longer side is at most `most`.
int ccv_foreground(uint8_t *rgba, int width, int height, int radius, int most);

// Opens a mask by a small disc, blurs it (5×5, sigma 2) and cuts at 127, in place.
int ccv_tidy(uint8_t *grey, int width, int height);

#ifdef __cplusplus
}
#endif

#endif
