#include "cre2.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <vector>

struct cre2_pattern {
    re2::RE2 re;
    cre2_pattern(const re2::StringPiece &text, const re2::RE2::Options &options) : re(text, options) {}
};

struct cre2_filter {
    re2::FilteredRE2 patterns;
    std::vector<std::string> words;
    explicit cre2_filter(int shortest) : patterns(shortest) {}
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

extern "C" cre2_filter *cre2_filter_new(int shortest) { return new (std::nothrow) cre2_filter(shortest); }

extern "C" int cre2_filter_add(cre2_filter *filter, const char *pattern, size_t length, long max_memory) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(max_memory);
    options.set_case_sensitive(false);
    options.set_dot_nl(true);
    int index = -1;
    auto code = filter->patterns.Add(re2::StringPiece(pattern, length), options, &index);
    return code == re2::RE2::NoError ? index : -1;
}

extern "C" int cre2_filter_compile(cre2_filter *filter) {
    filter->patterns.Compile(&filter->words);
    return static_cast<int>(filter->words.size());
}

extern "C" const char *cre2_filter_word(const cre2_filter *filter, int index) { return filter->words[index].c_str(); }

extern "C" int cre2_filter_candidates(
    const cre2_filter *filter, const int *words, int count, int *candidates, int capacity) {
    std::vector<int> found;
    filter->patterns.AllPotentials(std::vector<int>(words, words + count), &found);
    std::sort(found.begin(), found.end());
    int number = std::min(static_cast<int>(found.size()), capacity);
    std::copy_n(found.begin(), number, candidates);
    return number;
}

extern "C" bool cre2_filter_find(
    const cre2_filter *filter, int index, const char *text, size_t length, size_t *start, size_t *end) {
    const re2::StringPiece all(text, length);
    re2::StringPiece match;
    if (!filter->patterns.GetRE2(index).Match(all, 0, length, re2::RE2::UNANCHORED, &match, 1)) return false;
    *start = match.data() - all.data();
    *end = *start + match.size();
    return true;
}

extern "C" void cre2_filter_free(cre2_filter *filter) { delete filter; }
