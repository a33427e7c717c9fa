// What the shim's files share.
#ifndef SLUICE_COPENCV_INTERNAL_HPP
#define SLUICE_COPENCV_INTERNAL_HPP

#include <opencv2/core.hpp>

// Runs the work and says 0, or 1 when anything was thrown.
template <typename Work>
int guarded(Work work) noexcept {
    try {
        work();
        return 0;
    } catch (...) {
        return 1;
    }
}

inline cv::Mat view(const uint8_t *pixels, int width, int height, int channels, size_t stride) {
    return cv::Mat(height, width, CV_MAKETYPE(CV_8U, channels), const_cast<uint8_t *>(pixels), stride);
}

inline cv::Mat view(const uint8_t *pixels, int width, int height, int channels) {
    return view(pixels, width, height, channels, static_cast<size_t>(width) * static_cast<size_t>(channels));
}

inline bool sensible(int width, int height, int channels) {
    return width > 0 && height > 0 && (channels == 1 || channels == 3 || channels == 4);
}

#endif
