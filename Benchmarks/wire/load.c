// MCP clients that call one tool over and over, and how many calls they made and how long each took.
//
//   load CLIENTS WARM SECONDS EXPECTED PARAMS http PORT PATH FIELDS
//   load CLIENTS WARM SECONDS EXPECTED PARAMS stdio COMMAND
//
// Over HTTP each client has a connection and a session of its own and makes one call after the other; over stdio all calls
// of CLIENTS clients are under way on one pipe. PARAMS is a file with the params of `tools/call`, FIELDS one with header
// lines. Every answer has to carry the id of its call and EXPECTED. Output: `begin` after WARM seconds, `end` after SECONDS
// more, and when standard input has ended `RESULT calls calls-per-second p50 p99`, times in microseconds. Answers may have
// a length or be chunked, be JSON or an event stream.
#define _GNU_SOURCE
#define PROGRAM "load"
#include "wire.h"

#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { ROOM = 1 << 18, MOST = 4096 };

struct client {
    int fd;
    long id;
    double sent;
    size_t count;
    char *bytes;
    char session[1024];
};

static struct client clients[MOST];
static char params[1 << 16], fields[1 << 16];
static const char *expected, *path;
static int port;
static float *times;
static size_t calls, room;
static int measuring;

static void took(double microseconds) {
    if (!measuring) return;
    if (calls == room) {
        room = room ? room * 2 : 1 << 16;
        times = realloc(times, room * sizeof *times);
        if (!times) fail("no memory", "");
    }
    times[calls++] = (float)microseconds;
}

static int call_text(char *out, size_t most, long id) {
    int length = snprintf(out, most, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"tools/call\",\"params\":%s}", id, params);
    if (length < 0 || (size_t)length >= most) fail("a call is too long", "");
    return length;
}

// Whether a message has this id, however it is spaced.
static int has_id(const char *text, long id) {
    for (const char *at = text; (at = strstr(at, "\"id\"")); at += 4) {
        const char *value = at + 4;
        while (*value == ' ' || *value == ':') value++;
        char *end;
        if (strtol(value, &end, 10) == id && end > value) return 1;
    }
    return 0;
}

static void check(const char *text, long id) {
    if (!strstr(text, expected) || !has_id(text, id)) fail("an unexpected answer", text);
}

// MARK: HTTP

static const char *field(const char *head, const char *end, const char *name) {
    size_t length = strlen(name);
    for (const char *line = head; line && line < end; line = strchr(line, '\n') + 1)
        if (!strncasecmp(line, name, length)) {
            for (line += length; *line == ' ';) line++;
            return line;
        }
    return NULL;
}

// The length of a whole response, 0 if more must come.
static size_t whole(struct client *c) {
    c->bytes[c->count] = 0;
    char *end = strstr(c->bytes, "\r\n\r\n");
    if (!end) return 0;
    size_t body = (size_t)(end + 4 - c->bytes);
    const char *length = field(c->bytes, end, "content-length:");
    if (length) return c->count >= body + strtoul(length, NULL, 10) ? body + strtoul(length, NULL, 10) : 0;
    if (!field(c->bytes, end, "transfer-encoding:")) return body;
    for (char *at = end + 4;;) {
        char *line = strstr(at, "\r\n");
        if (!line) return 0;
        size_t size = strtoul(at, NULL, 16);
        at = line + 2 + size + 2;
        if (at > c->bytes + c->count) return 0;
        if (!size) return (size_t)(at - c->bytes);
    }
}

static void post(struct client *c, const char *body, int length) {
    char head[1 << 16];
    int count = snprintf(head, sizeof head,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                         "Accept: application/json, text/event-stream\r\n%s%sContent-Length: %d\r\n\r\n%s",
                         path, port, fields, c->session, length, body);
    if (count < 0 || (size_t)count >= sizeof head) fail("a request is too long", "");
    write_all(c->fd, head, (size_t)count);
}

// Waits for the answer to the one request that is under way.
static void await(struct client *c) {
    for (c->count = 0; !whole(c);) {
        ssize_t n = read(c->fd, c->bytes + c->count, ROOM - 1 - c->count);
        if (n <= 0) fail("the connection ended", c->bytes);
        c->count += (size_t)n;
    }
    if (strncmp(c->bytes, "HTTP/1.1 20", 11)) fail("a session was not opened", c->bytes);
}

static void open_session(struct client *c) {
    if (!(c->bytes = malloc(ROOM))) fail("no memory", "");
    c->fd = connect_here(port);
    const char *hello =
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
        "\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}";
    post(c, hello, (int)strlen(hello));
    await(c);
    char *end = strstr(c->bytes, "\r\n\r\n");
    const char *session = field(c->bytes, end, "mcp-session-id:");
    int length = session ? (int)(strpbrk(session, "\r\n") - session) : 0;
    snprintf(c->session, sizeof c->session, "%s%.*s%sMCP-Protocol-Version: 2025-06-18\r\n", session ? "Mcp-Session-Id: " : "",
             length, session ? session : "", session ? "\r\n" : "");
    const char *ready = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";
    post(c, ready, (int)strlen(ready));
    await(c);
    // Where opening takes long, the first would be closed as idle before the last is there.
    close(c->fd);
}

static void next_call(struct client *c) {
    char body[1 << 16];
    int length = call_text(body, sizeof body, ++c->id);
    c->count = 0;
    c->sent = now();
    post(c, body, length);
}

static void readable(struct client *c) {
    ssize_t n = read(c->fd, c->bytes + c->count, ROOM - 1 - c->count);
    if (n <= 0) fail("a connection ended", c->bytes);
    c->count += (size_t)n;
    if (!whole(c)) return;
    took(now() - c->sent);
    if (strncmp(c->bytes, "HTTP/1.1 200", 12)) fail("a call was refused", c->bytes);
    check(c->bytes, c->id);
    next_call(c);
}

// MARK: stdio

static struct client pipes;
static pid_t command_pid;
static double sent[MOST];

static void send_line(long id) {
    char line[1 << 16];
    int length = call_text(line, sizeof line - 1, id);
    line[length] = '\n';
    sent[id % MOST] = now();
    write_all(pipes.fd, line, (size_t)length + 1);
}

static void start_command(const char *command) {
    command_pid = start_shell(command, &pipes.fd, &clients[0].fd);
    clients[0].bytes = malloc(ROOM);
    const char *hello =
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
        "\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n";
    write_all(pipes.fd, hello, strlen(hello));
    struct client *c = &clients[0];
    do {
        ssize_t n = read(c->fd, c->bytes + c->count, ROOM - 1 - c->count);
        if (n <= 0) fail("the command ended", command);
        c->count += (size_t)n;
        c->bytes[c->count] = 0;
    } while (!strchr(c->bytes, '\n'));
    c->count = 0;
    const char *ready = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
    write_all(pipes.fd, ready, strlen(ready));
}

// The next load starts it anew and wants the same files.
static void end_command(void) {
    close(pipes.fd);
    kill(command_pid, SIGTERM);
    for (int tries = 0; waitpid(command_pid, NULL, WNOHANG) == 0; tries++) {
        if (tries == 500) kill(command_pid, SIGKILL);
        usleep(10000);
    }
}

static void lines(struct client *c) {
    ssize_t n = read(c->fd, c->bytes + c->count, ROOM - 1 - c->count);
    if (n <= 0) fail("the command ended", "");
    c->count += (size_t)n;
    c->bytes[c->count] = 0;
    char *start = c->bytes, *end;
    while ((end = memchr(start, '\n', (size_t)(c->bytes + c->count - start)))) {
        *end = 0;
        const char *id = strstr(start, "\"id\"");
        if (id) {
            for (id += 4; *id == ' ' || *id == ':';) id++;
            long number = strtol(id, NULL, 10);
            took(now() - sent[number % MOST]);
            check(start, number);
            send_line(++c->id);
        }
        start = end + 1;
    }
    c->count -= (size_t)(start - c->bytes);
    memmove(c->bytes, start, c->count);
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 8) fail("usage", "load CLIENTS WARM SECONDS EXPECTED PARAMS http PORT PATH FIELDS | stdio COMMAND");
    size_t count = strtoul(argv[1], NULL, 10);
    double warm = atof(argv[2]) * 1e6, seconds = atof(argv[3]) * 1e6;
    int is_http = !strcmp(argv[6], "http");
    if (!count || count > MOST || (is_http && argc != 10)) fail("bad arguments", "");
    signal(SIGPIPE, SIG_IGN);
    expected = argv[4];
    read_file(argv[5], params, sizeof params);
    int poll = epoll_create1(0);
    if (is_http) {
        port = atoi(argv[7]);
        path = argv[8];
        read_file(argv[9], fields, sizeof fields);
        for (size_t i = 0; i < count; i++) open_session(&clients[i]);
        for (size_t i = 0; i < count; i++) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
            clients[i].fd = connect_here(port);
            epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].fd, &event);
        }
        for (size_t i = 0; i < count; i++) next_call(&clients[i]);
    } else {
        start_command(argv[7]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[0]};
        epoll_ctl(poll, EPOLL_CTL_ADD, clients[0].fd, &event);
        for (size_t i = 0; i < count; i++) send_line(++clients[0].id);
    }
    double start = now(), end = start + warm + seconds, began = start;
    // Who needs seconds for a call is given some, so that there is a median.
    while (now() < end || (calls < 2 * count && now() < end + 60e6)) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < ready; i++) is_http ? readable(events[i].data.ptr) : lines(events[i].data.ptr);
        if (!measuring && now() >= start + warm) {
            measuring = 1;
            began = now();
            puts("begin");
            fflush(stdout);
        }
    }
    double elapsed = now() - began;
    // Whoever measures the processes does it now, and then lets us go.
    puts("end");
    fflush(stdout);
    char ignored;
    if (read(0, &ignored, 1) < 0) fail("cannot wait", NULL);
    if (command_pid) end_command();
    if (calls < 2 * count) fail("calls take too long", "");
    qsort(times, calls, sizeof *times, by_size);
    printf("RESULT %zu %.1f %.2f %.2f\n", calls, (double)calls / elapsed * 1e6, times[calls / 2], times[calls * 99 / 100]);
    return 0;
}
