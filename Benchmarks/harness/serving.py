"""What a gateway costs that nobody calls: memory and the time until it is ready."""
import http.client
import os
import statistics
import time

from . import calls, mcp
from .processes import Process, Serve, Unmeasurable, compiled, free_port, memory_kib, serve_command, sluice

SESSIONS = 2000


def measure_idle(results, data):
    with Serve(data) as serve:
        time.sleep(1)
        results["idle_memory_mib"] = memory_kib(serve.pid) / 1024


def start_once(data):
    """Milliseconds from starting the program to the first 200 from /readyz."""
    port = free_port()
    command = serve_command(data, port)
    began = time.monotonic()
    with Process(command, "start.log"):
        while time.monotonic() - began < 20:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return (time.monotonic() - began) * 1000
            except OSError:
                time.sleep(0.0005)
    raise Unmeasurable("/readyz never answered 200")


def measure_start(results, data):
    results["start_ms"] = statistics.median(start_once(data) for _ in range(7))


def measure_sessions(results, data):
    """Resident memory of one idle session, from the growth over many."""
    with Process([compiled("upstream")], "upstream.log") as upstream:
        port = int(upstream.line())
        sluice("server", "add", "bench-sessions", "--url", f"http://127.0.0.1:{port}/mcp", "--allow-private", data=data)
        token = calls.grant(data, "bench-sessions")
        with Serve(data) as serve:

            def open_sessions(count):
                for _ in range(count):
                    mcp.Session(serve.port, "/mcp/bench-sessions", token).connection.close()

            open_sessions(100)
            time.sleep(0.5)
            before = memory_kib(serve.pid)
            open_sessions(SESSIONS)
            time.sleep(0.5)
            results["idle_session_bytes"] = (memory_kib(serve.pid) - before) * 1024 / SESSIONS
