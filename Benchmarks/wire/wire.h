// What the measuring clients have in common. Define PROGRAM, the name that its errors begin with, first.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// `detail` may be NULL: then errno says more.
static void fail(const char *what, const char *detail) {
    fprintf(stderr, PROGRAM ": %s: %.600s\n", what, detail ? detail : strerror(errno));
    exit(1);
}

// Microseconds.
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// Reads a file of less than `most` bytes and ends it with a zero; its length.
static size_t read_file(const char *name, char *to, size_t most) {
    FILE *file = fopen(name, "rb");
    if (!file) fail("cannot read", name);
    size_t length = fread(to, 1, most - 1, file);
    to[length] = 0;
    fclose(file);
    return length;
}

static void write_all(int fd, const char *bytes, size_t length) {
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n <= 0) fail("cannot write", NULL);
        bytes += n;
        length -= (size_t)n;
    }
}

static int connect_here(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((unsigned short)port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("cannot connect", NULL);
    return fd;
}

// Starts a shell command; `out` is where it reads, `in` what it writes.
static pid_t start_shell(const char *command, int *out, int *in) {
    int to[2], from[2];
    if (pipe(to) || pipe(from)) fail("no pipe", NULL);
    pid_t pid = fork();
    if (!pid) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    *out = to[1];
    *in = from[0];
    return pid;
}
