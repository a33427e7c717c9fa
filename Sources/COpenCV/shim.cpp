#include "COpenCV.h"
#include "internal.hpp"

#include <opencv2/core.hpp>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>

namespace {

// The pictures are small and the caller has its own threads: a pool of OpenCV's would only get in their way.
const bool single_threaded = [] {
    try {
        cv::setNumThreads(1);
    } catch (...) {
    }
    return true;
}();

}  // namespace

namespace {

// What can't be seen has no colour to give to its neighbours: colours go weighted with their alpha, as numbers of type T.
template <typename T>
void resize_weighted(const cv::Mat &source, cv::Mat &target, int how) {
    constexpr uint32_t one = sizeof(T) == 1 ? 1 : 255;
    cv::Mat weighted(source.size(), CV_MAKETYPE(cv::DataType<T>::depth, 4)), resized;
    for (int y = 0; y < source.rows; y++) {
        const uint8_t *from = source.ptr<uint8_t>(y);
        T *to = weighted.ptr<T>(y);
        for (int x = 0; x < source.cols; x++, from += 4, to += 4) {
            for (int c = 0; c < 3; c++) to[c] = static_cast<T>((from[c] * from[3] * one + 127) / 255);
            to[3] = static_cast<T>(from[3] * one);
        }
    }
    cv::resize(weighted, resized, target.size(), 0, 0, how);
    for (int y = 0; y < target.rows; y++) {
        const T *from = resized.ptr<T>(y);
        uint8_t *to = target.ptr<uint8_t>(y);
        for (int x = 0; x < target.cols; x++, from += 4, to += 4) {
            uint32_t alpha = std::min<uint32_t>(from[3], 255 * one);
            for (int c = 0; c < 3; c++)
                to[c] = alpha ? cv::saturate_cast<uint8_t>((from[c] * 255u + alpha / 2) / alpha) : 0;
            to[3] = static_cast<uint8_t>((alpha + one / 2) / one);
        }
    }
}

}  // namespace

int ccv_resize(const uint8_t *pixels, int width, int height, int channels, uint8_t *out, int out_width,
               int out_height) {
    if (!sensible(width, height, channels) || !sensible(out_width, out_height, channels)) return 1;
    return guarded([&] {
        cv::Mat source = view(pixels, width, height, channels), target = view(out, out_width, out_height, channels);
        bool shrinks = out_width <= width && out_height <= height;
        int how = shrinks ? cv::INTER_AREA : cv::INTER_LANCZOS4;
        if (channels != 4) cv::resize(source, target, target.size(), 0, 0, how);
        // COST: enlarged pictures are small before, and keep all their colours in 16 bits; for large ones 8 must do.
        else if (shrinks) resize_weighted<uint8_t>(source, target, how);
        else resize_weighted<uint16_t>(source, target, how);
    });
}

int ccv_warp(const uint8_t *pixels, int width, int height, int channels, const double matrix[6], float *out,
             int out_width, int out_height, const float scale[3], const float offset[3], int border, int planar) {
    if (!sensible(width, height, channels) || channels == 1 || out_width <= 0 || out_height <= 0) return 1;
    return guarded([&] {
        cv::Mat taken;
        cv::Mat map(2, 3, CV_64F, const_cast<double *>(matrix));
        cv::warpAffine(view(pixels, width, height, channels), taken, map, cv::Size(out_width, out_height),
                       cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, border < 0 ? cv::BORDER_REPLICATE : cv::BORDER_CONSTANT,
                       cv::Scalar::all(border < 0 ? 0 : border));
        size_t count = static_cast<size_t>(out_width) * static_cast<size_t>(out_height);
        size_t step = planar ? 1 : 3, apart = planar ? count : 1;
        for (int y = 0; y < out_height; y++) {
            const uint8_t *from = taken.ptr<uint8_t>(y);
            float *to = out + static_cast<size_t>(y) * static_cast<size_t>(out_width) * step;
            for (int x = 0; x < out_width; x++, from += channels, to += step)
                for (int c = 0; c < 3; c++) to[static_cast<size_t>(c) * apart] = from[c] * scale[c] + offset[c];
        }
    });
}

int ccv_spread(const uint8_t *grid, int grid_width, int grid_height, const double matrix[6], uint8_t *out, int width,
               int height) {
    if (!sensible(grid_width, grid_height, 1) || !sensible(width, height, 1)) return 1;
    return guarded([&] {
        cv::Mat map(2, 3, CV_64F, const_cast<double *>(matrix)), target = view(out, width, height, 1);
        cv::warpAffine(view(grid, grid_width, grid_height, 1), target, map, target.size(),
                       cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT);
    });
}

int ccv_grow(uint8_t *grey, int width, int height, size_t stride, int radius) {
    if (!sensible(width, height, 1)) return 1;
    if (radius == 0) return 0;
    return guarded([&] {
        cv::Mat mask = view(grey, width, height, 1, stride);
        // A square wider than twice the picture does the same as one that just covers it.
        int most = std::max(width, height), r = std::min(std::abs(radius), most);
        cv::Mat square = cv::getStructuringElement(cv::MORPH_RECT, cv::Size(2 * r + 1, 2 * r + 1));
        if (radius > 0) cv::dilate(mask, mask, square);
        else cv::erode(mask, mask, square);
    });
}

int ccv_fade(uint8_t *grey, int width, int height, size_t stride, int reach) {
    if (!sensible(width, height, 1)) return 1;
    if (reach <= 0) return 0;
    return guarded([&] {
        cv::Mat mask = view(grey, width, height, 1, stride), distance, outside;
        cv::compare(mask, 255, outside, cv::CMP_NE);
        if (cv::countNonZero(outside) == width * height) return;  // no 255 at all: no distance to it either
        cv::distanceTransform(outside, distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
        // 255 at distance 0, less by 255 / (reach + 1) a pixel; rounding and the cut at 0 come with convertTo.
        double slope = 255.0 / (reach + 1);
        cv::Mat fade;
        distance.convertTo(fade, CV_8U, -slope, 255.0);
        cv::max(mask, fade, mask);
    });
}

int ccv_hull(const float *points, int count, float *out, int *out_count) {
    *out_count = 0;
    if (count <= 0) return 1;
    return guarded([&] {
        cv::Mat in(count, 1, CV_32FC2, const_cast<float *>(points));
        std::vector<cv::Point2f> hull;
        cv::convexHull(in, hull);
        int size = static_cast<int>(std::min(hull.size(), static_cast<size_t>(count)));
        for (int i = 0; i < size; i++) out[2 * i] = hull[i].x, out[2 * i + 1] = hull[i].y;
        *out_count = size;
    });
}

int ccv_fill_convex(uint8_t *grey, int width, int height, size_t stride, const float *points, int count) {
    if (!sensible(width, height, 1) || count <= 0) return 1;
    return guarded([&] {
        std::vector<cv::Point> corners(static_cast<size_t>(count));
        // Far outside the picture a coordinate would overflow the 1/16 pixels; there any other place is as good.
        const float far = 100000.0f;
        for (int i = 0; i < count; i++) {
            float x = std::min(std::max(points[2 * i], -far), far), y = std::min(std::max(points[2 * i + 1], -far), far);
            corners[static_cast<size_t>(i)] = cv::Point(cvRound(x * 16), cvRound(y * 16));
        }
        cv::Mat mask = view(grey, width, height, 1, stride);
        cv::fillConvexPoly(mask, corners, cv::Scalar(255), cv::LINE_8, 4);
    });
}

int ccv_extent(const uint8_t *grey, int width, int height, size_t stride, int box[4]) {
    if (!sensible(width, height, 1)) return 1;
    return guarded([&] {
        cv::Rect around = cv::boundingRect(view(grey, width, height, 1, stride));
        box[0] = around.x, box[1] = around.y, box[2] = around.x + around.width, box[3] = around.y + around.height;
    });
}

int ccv_count(const uint8_t *grey, int width, int height, size_t stride, int *count) {
    if (!sensible(width, height, 1)) return 1;
    return guarded([&] { *count = cv::countNonZero(view(grey, width, height, 1, stride)); });
}

int ccv_merge(uint8_t *grey, size_t stride, const uint8_t *other, size_t other_stride, int width, int height) {
    if (!sensible(width, height, 1)) return 1;
    return guarded([&] {
        cv::Mat target = view(grey, width, height, 1, stride);
        cv::max(target, view(other, width, height, 1, other_stride), target);
    });
}
