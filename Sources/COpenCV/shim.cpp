#include "COpenCV.h"

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

template <typename Work>
int guarded(Work work) noexcept {
    try {
        work();
        return 0;
    } catch (...) {
        return 1;
    }
}

cv::Mat view(const uint8_t *pixels, int width, int height, int channels, size_t stride) {
    return cv::Mat(height, width, CV_MAKETYPE(CV_8U, channels), const_cast<uint8_t *>(pixels), stride);
}

cv::Mat view(const uint8_t *pixels, int width, int height, int channels) {
    return view(pixels, width, height, channels, static_cast<size_t>(width) * static_cast<size_t>(channels));
}

bool sensible(int width, int height, int channels) {
    return width > 0 && height > 0 && (channels == 1 || channels == 3 || channels == 4);
}

}  // namespace

int ccv_resize(const uint8_t *pixels, int width, int height, int channels, uint8_t *out, int out_width,
               int out_height) {
    if (!sensible(width, height, channels) || !sensible(out_width, out_height, channels)) return 1;
    return guarded([&] {
        cv::Mat target = view(out, out_width, out_height, channels);
        bool shrinks = out_width <= width && out_height <= height;
        cv::resize(view(pixels, width, height, channels), target, target.size(), 0, 0,
                   shrinks ? cv::INTER_AREA : cv::INTER_LANCZOS4);
    });
}

int ccv_warp(const uint8_t *pixels, int width, int height, int channels, const double matrix[6], float *out,
             int out_width, int out_height, float scale, float offset, int replicate) {
    if (!sensible(width, height, channels) || channels == 1 || out_width <= 0 || out_height <= 0) return 1;
    return guarded([&] {
        cv::Mat taken, colours;
        cv::Mat map(2, 3, CV_64F, const_cast<double *>(matrix));
        cv::warpAffine(view(pixels, width, height, channels), taken, map, cv::Size(out_width, out_height),
                       cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, replicate ? cv::BORDER_REPLICATE : cv::BORDER_CONSTANT);
        if (channels == 4) cv::cvtColor(taken, colours, cv::COLOR_RGBA2RGB);
        else colours = taken;
        cv::Mat target(out_height, out_width, CV_32FC3, out);
        colours.convertTo(target, CV_32FC3, scale, offset);
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
