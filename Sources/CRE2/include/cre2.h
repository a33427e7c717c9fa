/// The thinnest C face of RE2: linear-time regular expressions.
#ifndef SLUICE_CRE2_H
#define SLUICE_CRE2_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_pattern cre2_pattern;

/// Compiles `length` bytes of UTF-8. On failure returns NULL and fills `error` (always NUL-terminated, cut to
/// `error_size` bytes). The program may take at most `max_memory` bytes. Never throws.
cre2_pattern *_Nullable cre2_compile(
    const char *_Nonnull pattern, size_t length, long max_memory, char *_Nonnull error, size_t error_size);

/// Whether the pattern matches somewhere in the text. Safe from several threads at once.
bool cre2_matches(const cre2_pattern *_Nonnull pattern, const char *_Nullable text, size_t length);

void cre2_free(cre2_pattern *_Nullable pattern);

/// Many patterns, and the words of which each needs some: whoever searches a text for the words learns which patterns are
/// worth trying (RE2's FilteredRE2).
typedef struct cre2_filter cre2_filter;

/// `shortest` is the least length of a word in bytes. NULL when out of memory.
cre2_filter *_Nullable cre2_filter_new(int shortest);

/// The pattern's index: 0, 1, …; -1 when it can't be compiled. Letters match regardless of case, `.` matches line ends too,
/// and the program may take at most `max_memory` bytes.
int cre2_filter_add(cre2_filter *_Nonnull filter, const char *_Nonnull pattern, size_t length, long max_memory);

/// No pattern can be added from now on. Returns the number of words.
int cre2_filter_compile(cre2_filter *_Nonnull filter);

/// A word, in lower case, NUL-terminated; it lives as long as the filter.
const char *_Nonnull cre2_filter_word(const cre2_filter *_Nonnull filter, int index);

/// Writes the indices of the patterns that may match a text which has exactly these words, ascending, at most `capacity`,
/// and returns their number. Safe from several threads at once.
int cre2_filter_candidates(
    const cre2_filter *_Nonnull filter, const int *_Nullable words, int count, int *_Nonnull candidates, int capacity);

/// Whether the pattern of that index matches somewhere, and the leftmost match's place, as offsets into the text.
bool cre2_filter_find(
    const cre2_filter *_Nonnull filter, int index, const char *_Nullable text, size_t length, size_t *_Nonnull start,
    size_t *_Nonnull end);

void cre2_filter_free(cre2_filter *_Nullable filter);

#ifdef __cplusplus
}
#endif

#endif
