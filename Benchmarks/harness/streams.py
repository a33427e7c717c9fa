"""What an idle session costs whose client keeps its GET stream open: resident memory, from the growth over 10,000."""
import os
import re
import resource
import select
import socket
import sys
import time

from . import calls, mcp
from .processes import Process, Serve, Unmeasurable, compiled, memory_kib, sluice

SESSIONS = 10_000
# The newest with sessions: each stream begins with an event that names it, and the gateway keeps that.
VERSION = "2025-11-25"
# What is opened first, so that code and tables that all sessions share are in memory.
FIRST = 100
# Clients behind one source address: there are 28,000 ports for all that is connected to the gateway.
PER_ADDRESS = 5_000
BIND_ADDRESS_NO_PORT = 24
# The gateway writes a comment every 15 seconds; each stream is waited for until one has come.
PATIENCE = 40


class Client:
    """One connection: the session is opened on it, then it is the stream, as an HTTP client with a pool does it."""

    def __init__(self, number, port, path, token):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((f"127.0.{1 + number // PER_ADDRESS}.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(20)
        self.is_alive = False
        head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        post = f"POST {path} HTTP/1.1\r\n{head}Content-Type: application/json\r\n" \
            "Accept: application/json, text/event-stream\r\n"
        opening = mcp.compact({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}})
        answer = self.exchange(post, opening)
        session = re.search(rb"(?i)mcp-session-id: *([^\r]+)", answer)
        if not answer.startswith(b"HTTP/1.1 200") or not session:
            raise Unmeasurable(f"session {number} was not opened: {answer[:600].decode('utf-8', 'replace')}")
        named = f"Mcp-Session-Id: {session[1].decode()}\r\nMCP-Protocol-Version: {VERSION}\r\n"
        self.exchange(post + named, mcp.compact({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{head}Accept: text/event-stream\r\n{named}\r\n".encode())
        answer = self.read(lambda text: b": open\n\n" in text)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise Unmeasurable(f"stream {number} was not opened: {answer[:600].decode('utf-8', 'replace')}")

    def exchange(self, head, body):
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

        def is_whole(text):
            end = text.find(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", text[:end])
            return end >= 0 and len(text) >= end + 4 + int(length[1] if length else 0)

        return self.read(is_whole)

    def read(self, is_enough):
        text = b""
        while not is_enough(text):
            more = self.socket.recv(65536)
            if not more or text.startswith(b"HTTP/1.1 4") or text.startswith(b"HTTP/1.1 5"):
                raise Unmeasurable(f"the connection ended after {text[:600]!r}")
            text += more
        return text


def wait_until_alive(clients):
    """Reads from all streams until each has had a sign of life."""
    waiting = {client.socket.fileno(): client for client in clients}
    end = time.monotonic() + PATIENCE
    with select.epoll() as poll:
        for number in waiting:
            poll.register(number, select.EPOLLIN)
        while waiting and time.monotonic() < end:
            for number, _ in poll.poll(1):
                text = waiting[number].socket.recv(65536)
                if not text:
                    raise Unmeasurable("the gateway ended a stream that was only idle")
                if b": alive" in text:
                    poll.unregister(number)
                    del waiting[number]
    if waiting:
        raise Unmeasurable(f"{len(waiting)} of {len(clients)} streams gave no sign of life in {PATIENCE} s")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def measure_one(data, name, per_session):
    """Bytes of one session through a server; each takes `per_session` descriptors of the gateway."""
    token = calls.grant(data, name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(SESSIONS, (hard - 300) // per_session - FIRST)
    if count < 1000:
        raise Unmeasurable(f"a process may have only {hard} files open here (ulimit -Hn)")
    # The gateway starts with the usual limit, whatever ours is.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        serve = Serve(data, "--max-sessions", str(count + FIRST))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with serve:
        def opened(first, count):
            return [Client(first + i, serve.port, f"/mcp/{name}", token) for i in range(count)]

        clients = opened(0, FIRST)
        wait_until_alive(clients)
        files = descriptors(serve.pid)
        before = memory_kib(serve.pid)
        clients += opened(FIRST, count)
        wait_until_alive(clients)
        grown = (memory_kib(serve.pid) - before) * 1024 / count
        for client in clients:
            client.socket.close()
        end = time.monotonic() + 20
        while descriptors(serve.pid) > files - FIRST + 32:
            if time.monotonic() > end:
                raise Unmeasurable(f"{descriptors(serve.pid)} descriptors are still open after all streams ended")
            time.sleep(0.1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if count < SESSIONS:
        print(f"bench: streams: {count} sessions: a process may have only {hard} files open here", file=sys.stderr)
    return grown


def measure(results, data):
    with Process([compiled("upstream")], "upstream.log") as quiet, \
            Process([compiled("upstream"), "--events"], "upstream-events.log") as speaking:
        for name, upstream in (("quiet", quiet), ("speaking", speaking)):
            url = f"http://127.0.0.1:{int(upstream.line())}/mcp"
            sluice("server", "add", name, "--url", url, "--allow-private", data=data)
        sluice("server", "add", "child", "--", compiled("upstream"), "--stdio", data=data)
        results["idle_stream_session_bytes"] = measure_one(data, "quiet", 1)
        results["idle_stream_session_stdio_bytes"] = measure_one(data, "child", 1)
        results["idle_stream_session_both_ways_bytes"] = measure_one(data, "speaking", 2)
