#include "COpenCV.h"
#include "internal.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <opencv2/photo.hpp>
#include <vector>

int ccv_canny(const uint8_t *grey, int width, int height, double low, double high, uint8_t *out) {
    if (!sensible(width, height, 1)) return 1;
    return guarded([&] {
        cv::Mat target = view(out, width, height, 1);
        cv::Canny(view(grey, width, height, 1), target, low, high, 3, false);
    });
}

int ccv_inpaint(uint8_t *pixels, int width, int height, int channels, const uint8_t *mask, double radius, int telea) {
    if (!sensible(width, height, channels) || channels == 4) return 1;
    return guarded([&] {
        cv::Mat filled, target = view(pixels, width, height, channels), source = target;
        cv::Mat hole = view(mask, width, height, 1);
        // Both methods look one row and one column beyond a pixel, in a picture of a single one beyond its memory.
        int above = height < 3 ? 1 : 0, beside = width < 3 ? 1 : 0;
        if (above || beside) {
            cv::copyMakeBorder(target, source, above, above, beside, beside, cv::BORDER_REPLICATE);
            cv::copyMakeBorder(hole, hole, above, above, beside, beside, cv::BORDER_REPLICATE);
        }
        cv::inpaint(source, hole, filled, radius, telea ? cv::INPAINT_TELEA : cv::INPAINT_NS);
        filled(cv::Rect(beside, above, width, height)).copyTo(target);
    });
}

int ccv_grabcut(const uint8_t *rgb, int width, int height, uint8_t *labels, int rounds) {
    if (!sensible(width, height, 3)) return 1;
    return guarded([&] {
        // Its clusters start at random places; from the same seed always at the same.
        cv::setRNGSeed(1);
        cv::Mat mask = view(labels, width, height, 1), background, foreground;
        cv::grabCut(view(rgb, width, height, 3), mask, cv::Rect(), background, foreground, rounds,
                    cv::GC_INIT_WITH_MASK);
    });
}

int ccv_tidy(uint8_t *grey, int width, int height) {
    if (!sensible(width, height, 1)) return 1;
    return guarded([&] {
        cv::Mat mask = view(grey, width, height, 1);
        cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(3, 3)));
        cv::GaussianBlur(mask, mask, cv::Size(5, 5), 2, 2);
        cv::threshold(mask, mask, 127, 255, cv::THRESH_BINARY);
    });
}

namespace {

// In every window of the guide, the plane a · I + b that is nearest to given values, and the sums over windows of these
// planes: what the guided filter and the matting Laplacian have in common. Windows are cut off at the picture's edge.
class LocalPlanes {
  public:
    // `guide` is CV_32FC3, 0...1.
    LocalPlanes(const cv::Mat &guide, int radius, float eps) : side_(2 * radius + 1) {
        cv::split(guide, colours_.data());
        cv::Mat ones = cv::Mat::ones(guide.size(), CV_32F);
        inside_ = sum(ones);
        for (int i = 0; i < 3; i++) means_[i] = mean(colours_[i]);
        std::array<cv::Mat, 6> covariance;
        int at = 0;
        for (int i = 0; i < 3; i++)
            for (int j = i; j < 3; j++, at++) {
                covariance[at] = mean(colours_[i].mul(colours_[j])) - means_[i].mul(means_[j]);
                if (i == j) covariance[at] += eps;
            }
        for (auto &plane : inverse_) plane.create(guide.size(), CV_32F);
        size_t count = guide.total();
        const float *c[6];
        float *v[6];
        for (int i = 0; i < 6; i++) c[i] = covariance[i].ptr<float>(), v[i] = inverse_[i].ptr<float>();
        for (size_t i = 0; i < count; i++) {
            double rr = c[0][i], rg = c[1][i], rb = c[2][i], gg = c[3][i], gb = c[4][i], bb = c[5][i];
            double m0 = gg * bb - gb * gb, m1 = gb * rb - rg * bb, m2 = rg * gb - gg * rb;
            double one = 1 / (rr * m0 + rg * m1 + rb * m2);
            v[0][i] = static_cast<float>(m0 * one), v[1][i] = static_cast<float>(m1 * one);
            v[2][i] = static_cast<float>(m2 * one), v[3][i] = static_cast<float>((rr * bb - rb * rb) * one);
            v[4][i] = static_cast<float>((rg * rb - rr * gb) * one);
            v[5][i] = static_cast<float>((rr * gg - rg * rg) * one);
        }
    }

    // The planes of `values`, summed over all windows that hold a pixel: a0, a1, a2, b.
    std::array<cv::Mat, 4> fit(const cv::Mat &values) const {
        cv::Mat average = mean(values);
        std::array<cv::Mat, 3> with;
        for (int i = 0; i < 3; i++) with[i] = mean(colours_[i].mul(values)) - means_[i].mul(average);
        std::array<cv::Mat, 4> plane;
        static const int row[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};
        plane[3] = average;
        for (int i = 0; i < 3; i++) {
            plane[i] = inverse_[row[i][0]].mul(with[0]) + inverse_[row[i][1]].mul(with[1]) +
                       inverse_[row[i][2]].mul(with[2]);
            plane[3] -= plane[i].mul(means_[i]);
        }
        for (auto &part : plane) part = sum(part);
        return plane;
    }

    // What the summed planes say at each pixel.
    cv::Mat apply(const std::array<cv::Mat, 4> &plane) const {
        return plane[0].mul(colours_[0]) + plane[1].mul(colours_[1]) + plane[2].mul(colours_[2]) + plane[3];
    }

    // How many windows hold a pixel; as many as pixels in its own.
    const cv::Mat &windows() const { return inside_; }

  private:
    cv::Mat sum(const cv::Mat &values) const {
        cv::Mat sums;
        cv::boxFilter(values, sums, CV_32F, cv::Size(side_, side_), cv::Point(-1, -1), false, cv::BORDER_CONSTANT);
        return sums;
    }
    cv::Mat mean(const cv::Mat &values) const { return sum(values) / inside_; }

    int side_;
    std::array<cv::Mat, 3> colours_, means_;
    std::array<cv::Mat, 6> inverse_;
    cv::Mat inside_;
};

// The first three channels as floats 0...1, no longer side than `most`; `factor` is how much smaller it became.
cv::Mat guide_of(const uint8_t *pixels, int width, int height, int channels, int most, double *factor) {
    cv::Mat source = view(pixels, width, height, channels), small = source, colours, guide;
    *factor = std::max(1.0, static_cast<double>(std::max(width, height)) / most);
    if (*factor > 1)
        cv::resize(source, small, cv::Size(std::max(1, cvRound(width / *factor)), std::max(1, cvRound(height / *factor))),
                   0, 0, cv::INTER_AREA);
    if (channels == 4) cv::cvtColor(small, colours, cv::COLOR_RGBA2RGB);
    else colours = small;
    colours.convertTo(guide, CV_32F, 1 / 255.0);
    return guide;
}

// Reads small maps between their pixels at the places of a larger picture's rows, corners on corners.
class Enlarged {
  public:
    Enlarged(const cv::Mat &map, int width, int height)
        : map_(map), x_(static_cast<float>(map.cols) / width), y_(static_cast<float>(map.rows) / height) {}

    // The values at pixel (x, y), one a channel of the map.
    void at(int x, int y, float *values) const {
        float fx = std::max(0.0f, (x + 0.5f) * x_ - 0.5f), fy = std::max(0.0f, (y + 0.5f) * y_ - 0.5f);
        int left = std::min(static_cast<int>(fx), map_.cols - 1), top = std::min(static_cast<int>(fy), map_.rows - 1);
        int right = std::min(left + 1, map_.cols - 1), below = std::min(top + 1, map_.rows - 1), c = map_.channels();
        fx = std::min(fx - left, 1.0f), fy = std::min(fy - top, 1.0f);
        const float *upper = map_.ptr<float>(top), *lower = map_.ptr<float>(below);
        for (int i = 0; i < c; i++) {
            float first = upper[left * c + i] + (upper[right * c + i] - upper[left * c + i]) * fx;
            float second = lower[left * c + i] + (lower[right * c + i] - lower[left * c + i]) * fx;
            values[i] = first + (second - first) * fy;
        }
    }

  private:
    const cv::Mat &map_;
    float x_, y_;
};

cv::Mat small_matte(const uint8_t *matte, int width, int height, cv::Size size) {
    cv::Mat source = view(matte, width, height, 1), small = source, values;
    if (size != source.size()) cv::resize(source, small, size, 0, 0, cv::INTER_AREA);
    small.convertTo(values, CV_32F, 1 / 255.0);
    return values;
}

}  // namespace

int ccv_guide(const uint8_t *pixels, int width, int height, int channels, uint8_t *matte, double radius, float eps,
              int most) {
    if (!sensible(width, height, channels) || channels == 1 || most < 1) return 1;
    return guarded([&] {
        double factor = 1;
        cv::Mat guide = guide_of(pixels, width, height, channels, most, &factor);
        cv::Mat values = small_matte(matte, width, height, guide.size());
        int reach = std::max(1, std::min(cvRound(radius / factor), most));
        LocalPlanes planes(guide, reach, eps);
        auto fitted = planes.fit(values);
        for (auto &part : fitted) part /= planes.windows();
        cv::Mat map;
        cv::merge(fitted.data(), fitted.size(), map);
        Enlarged large(map, width, height);
        for (int y = 0; y < height; y++) {
            const uint8_t *from = pixels + static_cast<size_t>(y) * width * channels;
            uint8_t *to = matte + static_cast<size_t>(y) * width;
            for (int x = 0; x < width; x++, from += channels) {
                float plane[4];
                large.at(x, y, plane);
                to[x] = cv::saturate_cast<uint8_t>(plane[0] * from[0] + plane[1] * from[1] + plane[2] * from[2] +
                                                   plane[3] * 255.0f);
            }
        }
    });
}

int ccv_matte(const uint8_t *pixels, int width, int height, int channels, uint8_t *matte, int radius, int rounds) {
    if (!sensible(width, height, channels) || channels == 1 || radius < 1) return 1;
    return guarded([&] {
        double factor = 1;
        cv::Mat guide = guide_of(pixels, width, height, channels, std::max(width, height), &factor);
        LocalPlanes planes(guide, radius, 1e-5f);
        cv::Mat given = view(matte, width, height, 1), alpha, known, target;
        given.convertTo(alpha, CV_32F, 1 / 255.0);
        cv::Mat certain = (given == 0) | (given == 255);
        // How much more a known pixel weighs than smoothness does.
        certain.convertTo(known, CV_32F, 100 / 255.0);
        auto times = [&](const cv::Mat &x) -> cv::Mat {
            return planes.windows().mul(x) - planes.apply(planes.fit(x)) + known.mul(x);
        };
        cv::Mat weight = 1 / (planes.windows() + known);
        // Conjugate gradients, preconditioned by the diagonal.
        cv::Mat rest = known.mul(alpha) - times(alpha), near = weight.mul(rest), step = near.clone();
        double error = rest.dot(near), goal = std::max(error * 1e-8, 1e-10);
        for (int round = 0; round < rounds && error > goal; round++) {
            cv::Mat product = times(step);
            double length = step.dot(product);
            if (!(length > 0)) break;
            double share = error / length;
            alpha += share * step;
            rest -= share * product;
            near = weight.mul(rest);
            double next = rest.dot(near);
            step = near + (next / error) * step;
            error = next;
        }
        alpha.convertTo(target, CV_8U, 255);
        target.copyTo(given);
    });
}

int ccv_foreground(uint8_t *rgba, int width, int height, int radius, int most) {
    if (!sensible(width, height, 4) || most < 1) return 1;
    return guarded([&] {
        double factor = 1;
        cv::Mat colours = guide_of(rgba, width, height, 4, most, &factor), alpha, channel, spread, weight;
        cv::extractChannel(view(rgba, width, height, 4), channel, 3);
        alpha = small_matte(channel.ptr<uint8_t>(), width, height, colours.size());
        int side = 2 * std::max(2, cvRound(radius / factor)) + 1;
        // The blurred colours of what is in front and of what is behind, each weighted with its share.
        cv::Mat front, back;
        for (int pass = 0; pass < 2; pass++) {
            cv::Mat share = pass == 0 ? alpha : cv::Mat(1 - alpha), shares[3] = {share, share, share}, share3;
            cv::merge(shares, 3, share3);
            cv::blur(colours.mul(share3), spread, cv::Size(side, side));
            cv::blur(share, weight, cv::Size(side, side));
            weight += 1e-4f;
            cv::Mat weights[3] = {weight, weight, weight}, weight3;
            cv::merge(weights, 3, weight3);
            (pass == 0 ? front : back) = spread / weight3;
        }
        Enlarged before(front, width, height), behind(back, width, height);
        for (int y = 0; y < height; y++) {
            uint8_t *at = rgba + static_cast<size_t>(y) * width * 4;
            for (int x = 0; x < width; x++, at += 4) {
                if (at[3] == 0 || at[3] == 255) continue;
                float f[3], b[3], a = at[3] / 255.0f;
                before.at(x, y, f);
                behind.at(x, y, b);
                for (int c = 0; c < 3; c++) {
                    float colour = at[c] / 255.0f;
                    at[c] = cv::saturate_cast<uint8_t>(255 * (f[c] + a * (colour - a * f[c] - (1 - a) * b[c])));
                }
            }
        }
    });
}
