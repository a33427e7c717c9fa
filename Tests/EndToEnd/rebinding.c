// For LD_PRELOAD: a resolver whose answers change, and a note of every address that is connected to.
//
// REBIND holds the answers for names that end in `.rebind.test`, apart by `;`, the last one for good; each is one or several
// IPv4 addresses apart by `,`. What happens is written to the file REBIND_LOG: `resolve NAME`, `connect ADDRESS`.
// Connections to addresses outside this machine are refused, so nothing leaves it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *what, const char *which) {
    char line[256];
    int length = snprintf(line, sizeof line, "%s %s\n", what, which);
    int file = open(getenv("REBIND_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file >= 0) {
        if (write(file, line, (size_t)length) < 0) abort();
        close(file);
    }
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    static atomic_int asked;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *tail = ".rebind.test";
    size_t length = name ? strlen(name) : 0;
    if (length < strlen(tail) || strcmp(name + length - strlen(tail), tail) != 0)
        return real(name, service, hints, found);
    note("resolve", name);
    char answers[512];
    snprintf(answers, sizeof answers, "%s", getenv("REBIND"));
    char *answer = answers;
    for (int skip = asked++; skip > 0; skip--) {
        char *next = strchr(answer, ';');
        if (!next) break;
        answer = next + 1;
    }
    *strchrnul(answer, ';') = 0;
    *found = NULL;
    char *rest = answer;
    for (char *one; (one = strsep(&rest, ","));) {
        struct addrinfo *entry = NULL;
        struct addrinfo literal = {0};
        if (hints) literal = *hints;
        literal.ai_flags |= AI_NUMERICHOST;
        if (real(one, service, &literal, &entry) != 0) return EAI_FAIL;
        struct addrinfo *last = entry;
        while (last->ai_next) last = last->ai_next;
        if (*found) {
            struct addrinfo *end = *found;
            while (end->ai_next) end = end->ai_next;
            end->ai_next = entry;
        } else {
            *found = entry;
        }
    }
    return 0;
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (address->sa_family != AF_INET) return real(descriptor, address, length);
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    note("connect", text);
    if (strncmp(text, "127.", 4) == 0) return real(descriptor, address, length);
    errno = ECONNREFUSED;
    return -1;
}
