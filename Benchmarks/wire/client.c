// Sends the same request over and over, one at a time, to two targets in turns, and prints how long the answers took.
//
//   client EXPECTED BLOCKS CALLS TARGET TARGET
//
// A target is `http:PORT:FILE` (the file holds a whole HTTP request) or `stdio:FILE:COMMAND` (the file holds one line).
// Every answer must contain EXPECTED. Both targets take turns in blocks of CALLS calls, so that what the machine does
// meanwhile hits both alike. Output: for each target `p50 p99` in microseconds.
#define _GNU_SOURCE
#define PROGRAM "client"
#include "wire.h"

#include <strings.h>

struct target {
    int in, out, is_http;
    char *request;
    size_t length;
    double *times;
    size_t count;
};
static char buffer[1 << 20];

static void read_request(struct target *t, const char *path) {
    if (!(t->request = malloc(1 << 20))) fail("no memory", "");
    t->length = read_file(path, t->request, 1 << 20);
}

static struct target open_target(char *text, size_t calls) {
    struct target t = {.times = malloc(calls * sizeof(double))};
    char *kind = strtok(text, ":"), *first = strtok(NULL, ":"), *second = strtok(NULL, "");
    if (!second) fail("bad target", text);
    if (!strcmp(kind, "http")) {
        read_request(&t, second);
        t.is_http = 1;
        t.in = t.out = connect_here(atoi(first));
        return t;
    }
    read_request(&t, first);
    start_shell(second, &t.out, &t.in);
    return t;
}

// True when the buffer holds a whole answer: one line, or an HTTP response with a length or in chunks.
static int is_whole(struct target *t, size_t count) {
    buffer[count] = 0;
    if (!t->is_http) return memchr(buffer, '\n', count) != NULL;
    char *end = strstr(buffer, "\r\n\r\n");
    if (!end) return 0;
    for (char *line = buffer; line < end; line = strchr(line, '\n') + 1) {
        if (!strncasecmp(line, "content-length:", 15)) return count >= (size_t)(end + 4 - buffer) + strtoul(line + 15, NULL, 10);
        if (!strncasecmp(line, "transfer-encoding:", 18)) return strstr(end, "\r\n0\r\n\r\n") != NULL;
    }
    return 1;
}

static void call(struct target *t, const char *expected) {
    double start = now();
    write_all(t->out, t->request, t->length);
    size_t count = 0;
    while (!is_whole(t, count)) {
        ssize_t n = read(t->in, buffer + count, sizeof buffer - 1 - count);
        if (n <= 0) fail("the connection ended", buffer);
        count += (size_t)n;
    }
    t->times[t->count++] = now() - start;
    if (!strstr(buffer, expected)) fail("an unexpected answer", buffer);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 6) fail("usage", "client EXPECTED BLOCKS CALLS TARGET TARGET");
    size_t blocks = strtoul(argv[2], NULL, 10), calls = strtoul(argv[3], NULL, 10), warm = calls;
    struct target targets[2] = {open_target(argv[4], blocks * calls + warm), open_target(argv[5], blocks * calls + warm)};
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < warm; k++) call(&targets[i], argv[1]);
        targets[i].count = 0;
    }
    for (size_t block = 0; block < blocks; block++)
        for (int i = 0; i < 2; i++)
            for (size_t k = 0; k < calls; k++) call(&targets[i], argv[1]);
    for (int i = 0; i < 2; i++) {
        struct target *t = &targets[i];
        qsort(t->times, t->count, sizeof(double), by_size);
        printf("%.2f %.2f\n", t->times[t->count / 2], t->times[t->count * 99 / 100]);
    }
    return 0;
}
