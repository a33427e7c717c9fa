// The fastest MCP server we could write: it answers canned results, over HTTP (one thread, epoll) or standard input and
// output. What is measured in front of it is the gateway's time and not the server's.
//
//   upstream            prints its port on one line, serves until killed
//   upstream --events   the same, and every GET gets an event stream on which nothing ever comes
//   upstream --stdio    one JSON-RPC message a line
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 1 << 18, CONNECTIONS = 65536 };
static int has_events;

// The value of a top-level member whose name stands nowhere else in the message; our own clients send such.
static size_t member(const char *text, const char *name, const char **start) {
    const char *at = strstr(text, name);
    if (!at) return 0;
    at += strlen(name);
    while (*at == ' ' || *at == ':') at++;
    const char *end = at;
    if (*end == '"') {
        for (end++; *end && *end != '"';) end++;
        end++;
    } else {
        while (*end && *end != ',' && *end != '}') end++;
    }
    *start = at;
    return (size_t)(end - at);
}

// Writes the answer to one message; 0 bytes for a notification.
static int answer(const char *text, char *out, size_t room) {
    const char *id, *method, *version;
    size_t id_length = member(text, "\"id\"", &id);
    size_t method_length = member(text, "\"method\"", &method);
    if (!id_length || !method_length) return 0;
#define IS(name) (method_length == sizeof name + 1 && !memcmp(method, "\"" name "\"", method_length))
#define RESULT(format, ...) \
    snprintf(out, room, "{\"jsonrpc\":\"2.0\",\"id\":%.*s," format "}", (int)id_length, id, ##__VA_ARGS__)
    if (IS("tools/call"))
        return RESULT("\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"the sum of two small numbers is 42\"}],"
                      "\"isError\":false}");
    if (IS("tools/list"))
        return RESULT(
            "\"result\":{\"tools\":[{\"name\":\"add\",\"description\":\"Adds two numbers.\",\"inputSchema\":{\"type\":"
            "\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"},\"note\":{\"type\":"
            "\"string\"},\"exact\":{\"type\":\"boolean\"}},\"required\":[\"a\",\"b\"]}}]}");
    if (IS("initialize")) {
        size_t length = member(text, "\"protocolVersion\"", &version);
        return RESULT("\"result\":{\"protocolVersion\":%.*s,\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":"
                      "\"bench\",\"version\":\"1\"}}",
                      (int)length, version);
    }
    if (IS("ping")) return RESULT("\"result\":{}");
    return RESULT("\"error\":{\"code\":-32601,\"message\":\"method not found\"}");
}

static int serve_stdio(void) {
    char *line = NULL;
    size_t room = 0;
    static char out[BUFFER];
    while (getline(&line, &room, stdin) > 0) {
        int length = answer(line, out, sizeof out - 1);
        if (!length) continue;
        out[length] = '\n';
        for (int sent = 0; sent <= length;) {
            ssize_t n = write(1, out + sent, (size_t)(length + 1 - sent));
            if (n <= 0) return 1;
            sent += (int)n;
        }
    }
    return 0;
}

struct connection {
    char bytes[BUFFER];
    size_t count;
};
static struct connection *connections[CONNECTIONS];

// The length of the first whole request in the buffer, 0 if more must come; `body` is where its body starts.
static size_t whole(struct connection *c, size_t *body) {
    c->bytes[c->count] = 0;
    char *end = memmem(c->bytes, c->count, "\r\n\r\n", 4);
    if (!end) return 0;
    *body = (size_t)(end + 4 - c->bytes);
    size_t length = 0;
    for (char *line = c->bytes; line < end; line = strchr(line, '\n') + 1)
        if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
    return c->count >= *body + length ? *body + length : 0;
}

static int respond(int fd, struct connection *c) {
    static char out[BUFFER], text[BUFFER];
    size_t used = 0, length, body;
    while ((length = whole(c, &body))) {
        char after = c->bytes[length];
        c->bytes[length] = 0;
        int count = 0;
        const char *status = "405 Method Not Allowed";
        if (has_events && !memcmp(c->bytes, "GET ", 4)) {
            used += (size_t)snprintf(out + used, sizeof out - used,
                                     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
                                     "\r\n8\r\n: open\n\n\r\n");
            c->bytes[length] = after;
            c->count = 0;
            break;
        }
        if (!memcmp(c->bytes, "POST", 4)) {
            count = answer(c->bytes + body, text, sizeof text);
            status = count ? "200 OK" : "202 Accepted";
        }
        used += (size_t)snprintf(out + used, sizeof out - used,
                                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%.*s", status,
                                 count, count, text);
        c->bytes[length] = after;
        memmove(c->bytes, c->bytes + length, c->count - length);
        c->count -= length;
    }
    return !used || write(fd, out, used) == (ssize_t)used;
}

static int serve_http(void) {
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return perror("listen"), 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int new = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (new < 0) continue;
                if (new >= CONNECTIONS || !(connections[new] = malloc(sizeof(struct connection)))) {
                    close(new);
                    continue;
                }
                connections[new]->count = 0;
                setsockopt(new, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = new};
                epoll_ctl(poll, EPOLL_CTL_ADD, new, &event);
                continue;
            }
            struct connection *c = connections[fd];
            ssize_t n = read(fd, c->bytes + c->count, BUFFER - 1 - c->count);
            if (n > 0) c->count += (size_t)n;
            if (n <= 0 || !respond(fd, c)) {
                free(c);
                close(fd);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--stdio")) return serve_stdio();
    has_events = argc > 1 && !strcmp(argv[1], "--events");
    return serve_http();
}
