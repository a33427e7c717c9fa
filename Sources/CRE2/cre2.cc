#include "cre2.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <new>

struct cre2_pattern {
    re2::RE2 re;
    cre2_pattern(const re2::StringPiece &text, const re2::RE2::Options &options) : re(text, options) {}
};

extern "C" cre2_pattern *cre2_compile(
    const char *pattern, size_t length, long max_memory, char *error, size_t error_size) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(max_memory);
    // The callers ask whether there is a match, never which: RE2 then skips the search for the leftmost one.
    options.set_never_capture(true);
    auto *compiled = new (std::nothrow) cre2_pattern(re2::StringPiece(pattern, length), options);
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

extern "C" bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length) {
    return pattern->re.Match(re2::StringPiece(text, length), 0, length, re2::RE2::UNANCHORED, nullptr, 0);
}

extern "C" void cre2_free(cre2_pattern *pattern) { delete pattern; }

extern "C" cre2_pattern *cre2_compile_search(const char *pattern, size_t length, long max_memory) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(max_memory);
    options.set_never_capture(true);
    options.set_case_sensitive(false);
    options.set_dot_nl(true);
    auto *compiled = new (std::nothrow) cre2_pattern(re2::StringPiece(pattern, length), options);
    if (compiled != nullptr && compiled->re.ok()) return compiled;
    delete compiled;
    return nullptr;
}

extern "C" bool cre2_find(const cre2_pattern *pattern, const char *text, size_t length, size_t *start, size_t *end) {
    const re2::StringPiece all(text, length);
    re2::StringPiece match;
    if (!pattern->re.Match(all, 0, length, re2::RE2::UNANCHORED, &match, 1)) return false;
    *start = match.data() - all.data();
    *end = *start + match.size();
    return true;
}
