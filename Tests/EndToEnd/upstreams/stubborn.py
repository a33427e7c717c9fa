#!/usr/bin/env python3
"""An MCP server over stdio that shows what it was given and does not end when it is told to.

    stubborn.py [--ignore-eof] [--ignore-term] [--broken FILE] [--starts FILE]

Tools: `about` (environment, folder, limits, process numbers), `spawn` (a process of its group that ignores signals),
`own_session` (one that leaves the group), `files` (opens as many files as it may), `wait` (until `release`), `release`,
`huge`, `beat` (progress, `times` times with a `gap`), `die`, `echo`. With --broken it dies at its start while that file exists; --starts: a line for each start.
"""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

words = sys.argv[1:]


def value(flag):
    return words[words.index(flag) + 1] if flag in words else None


def text(content):
    return {"content": [{"type": "text", "text": content if isinstance(content, str) else json.dumps(content)}]}


if value("--starts"):
    with open(value("--starts"), "a") as file:
        file.write(f"{time.monotonic()}\n")
if value("--broken") and pathlib.Path(value("--broken")).exists():
    sys.stderr.write("stubborn: the key sekret-of-the-server is refused\n")
    sys.exit(7)
if "--ignore-term" in words:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

released = threading.Event()
lock = threading.Lock()


def send(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def about():
    return {
        "environment": dict(os.environ), "folder": os.getcwd(), "pid": os.getpid(), "group": os.getpgrp(),
        "session": os.getsid(0),
        "limits": {name: resource.getrlimit(getattr(resource, name))
                   for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_NPROC")}}


def grandchild(**more):
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more)
    process.stdout.readline()  # From now on it ignores the signal.
    return text(str(process.pid))


def files():
    opened = []
    try:
        for _ in range(10_000):
            opened.append(open("/dev/null"))
    except OSError:
        pass  # The limit that is asked for.
    count = len(opened)
    for file in opened:
        file.close()
    return text(str(count))


def call(name, arguments, token):
    match name:
        case "about": return text(about())
        case "spawn": return grandchild()
        case "own_session": return grandchild(start_new_session=True)
        case "files": return files()
        case "beat":
            for step in range(arguments["times"]):
                time.sleep(arguments["gap"])
                send({"method": "notifications/progress", "params": {"progressToken": token, "progress": step}})
            return text("done")
        case "huge": return text("x" * arguments["bytes"])
        case "wait":
            released.wait(60)
            return text("released")
        case "release":
            released.set()
            return text("done")
        case "die":
            sys.stderr.write("stubborn: dying as asked, with the key sekret-of-the-server\n")
            sys.stderr.flush()
            os._exit(9)
        case _: return text(arguments)


def serve(message):
    match message["method"]:
        case "initialize":
            result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                      "serverInfo": {"name": "stubborn", "version": "1"}}
        case "tools/list":
            result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in (
                "about", "spawn", "own_session", "files", "wait", "release", "huge", "beat", "die", "echo")]}
        case "tools/call":
            params = message["params"]
            result = call(params["name"], params.get("arguments") or {}, (params.get("_meta") or {}).get("progressToken"))
        case "server/discover":
            return send({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
        case _:
            result = {}
    send({"id": message["id"], "result": result})


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        threading.Thread(target=serve, args=(message,), daemon=True).start()
while "--ignore-eof" in words:
    time.sleep(1)
