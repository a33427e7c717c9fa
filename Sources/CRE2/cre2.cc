#include "cre2.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

struct cre2_pattern {
    re2::RE2 re;
    cre2_pattern(const re2::StringPiece &text, const re2::RE2::Options &options) : re(text, options) {}
};

struct cre2_set {
    re2::RE2::Set set;
    explicit cre2_set(const re2::RE2::Options &options) : set(options, re2::RE2::UNANCHORED) {}
};

static cre2_pattern *compile(
    const re2::StringPiece &pattern, const re2::RE2::Options &options, char *error, size_t error_size) {
    auto *compiled = new (std::nothrow) cre2_pattern(pattern, options);
    if (compiled != nullptr && compiled->re.ok()) return compiled;
    if (error_size > 0) {
        const char *reason = compiled == nullptr ? "out of memory" : compiled->re.error().c_str();
        size_t n = std::min(std::strlen(reason), error_size - 1);
        std::memcpy(error, reason, n);
        error[n] = 0;
    }
    delete compiled;
    return nullptr;
}

static re2::RE2::Options anyCase(long max_memory) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(max_memory);
    options.set_case_sensitive(false);
    options.set_dot_nl(true);
    return options;
}

extern "C" cre2_pattern *cre2_compile(
    const char *pattern, size_t length, long max_memory, char *error, size_t error_size) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(max_memory);
    // The callers ask whether there is a match, never which: RE2 then skips the search for the leftmost one.
    options.set_never_capture(true);
    return compile(re2::StringPiece(pattern, length), options, error, error_size);
}

extern "C" cre2_pattern *cre2_compile_finding(
    const char *pattern, size_t length, long max_memory, char *error, size_t error_size) {
    return compile(re2::StringPiece(pattern, length), anyCase(max_memory), error, error_size);
}

extern "C" bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length) {
    return pattern->re.Match(re2::StringPiece(text, length), 0, length, re2::RE2::UNANCHORED, nullptr, 0);
}

extern "C" void cre2_free(cre2_pattern *pattern) { delete pattern; }

extern "C" bool cre2_find(
    const cre2_pattern *pattern, const char *text, size_t length, size_t *start, size_t *end) {
    re2::StringPiece match;
    const re2::StringPiece all(text, length);
    if (!pattern->re.Match(all, 0, length, re2::RE2::UNANCHORED, &match, 1)) return false;
    *start = match.data() - all.data();
    *end = *start + match.size();
    return true;
}

extern "C" cre2_set *cre2_set_new(long max_memory) { return new (std::nothrow) cre2_set(anyCase(max_memory)); }

extern "C" int cre2_set_add(cre2_set *set, const char *pattern, size_t length) {
    return set->set.Add(re2::StringPiece(pattern, length), nullptr);
}

extern "C" bool cre2_set_compile(cre2_set *set) { return set->set.Compile(); }

extern "C" int cre2_set_match(const cre2_set *set, const char *text, size_t length, int *matched, int capacity) {
    std::vector<int> found;
    re2::RE2::Set::ErrorInfo error;
    if (!set->set.Match(re2::StringPiece(text, length), &found, &error))
        return error.kind == re2::RE2::Set::kNoError ? 0 : -1;
    std::sort(found.begin(), found.end());
    int count = std::min(static_cast<int>(found.size()), capacity);
    std::copy_n(found.begin(), count, matched);
    return count;
}

extern "C" void cre2_set_free(cre2_set *set) { delete set; }
