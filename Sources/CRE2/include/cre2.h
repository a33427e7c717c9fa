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

/// The leftmost match's place, as offsets into the text: false when there is none. The pattern must be one of
/// `cre2_compile_finding`. Safe from several threads at once.
bool cre2_find(
    const cre2_pattern *_Nonnull pattern, const char *_Nullable text, size_t length, size_t *_Nonnull start,
    size_t *_Nonnull end);

/// Like `cre2_compile`, for `cre2_find`; letters match regardless of case and `.` matches line ends too.
cre2_pattern *_Nullable cre2_compile_finding(
    const char *_Nonnull pattern, size_t length, long max_memory, char *_Nonnull error, size_t error_size);

void cre2_free(cre2_pattern *_Nullable pattern);

/// Many patterns that are searched for in one pass over the text.
typedef struct cre2_set cre2_set;

/// Letters match regardless of case and `.` matches line ends too. NULL when out of memory.
cre2_set *_Nullable cre2_set_new(long max_memory);

/// The pattern's index: 0, 1, …; -1 when it can't be compiled.
int cre2_set_add(cre2_set *_Nonnull set, const char *_Nonnull pattern, size_t length);

/// No pattern can be added from now on. False when out of memory.
bool cre2_set_compile(cre2_set *_Nonnull set);

/// Writes the indices of the patterns that match somewhere, ascending, at most `capacity`, and returns their number; -1
/// when the search ran out of memory. Safe from several threads at once.
int cre2_set_match(
    const cre2_set *_Nonnull set, const char *_Nullable text, size_t length, int *_Nonnull matched, int capacity);

void cre2_set_free(cre2_set *_Nullable set);

#ifdef __cplusplus
}
#endif

#endif
