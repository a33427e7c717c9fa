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

/// Like `cre2_compile`, for `cre2_find`: letters match regardless of case, and `.` matches line ends too. NULL when it can't
/// be compiled.
cre2_pattern *_Nullable cre2_compile_search(const char *_Nonnull pattern, size_t length, long max_memory);

/// Whether the pattern matches somewhere, and the leftmost match's place, as offsets into the text. Safe from several
/// threads at once.
bool cre2_find(
    const cre2_pattern *_Nonnull pattern, const char *_Nullable text, size_t length, size_t *_Nonnull start,
    size_t *_Nonnull end);

#ifdef __cplusplus
}
#endif

#endif
