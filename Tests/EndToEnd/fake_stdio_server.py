#!/usr/bin/env python3
"""An MCP server over stdio for tests. Arguments choose how it behaves:

    (none)        works: tools `echo`, `pid`, `environment`, `die`, `progress`, `wait`, `cancelled`, `banner`, `many`
    die-at-start  writes two lines to standard error and exits with 7
    silent        never answers
"""

import json
import os
import sys


TOOLS = ["echo", "pid", "environment", "die", "progress", "wait", "cancelled", "banner", "many"]
cancelled = []


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(message, result):
    send({"id": message["id"], "result": result})


def text(value):
    return {"content": [{"type": "text", "text": value}]}


mode = sys.argv[1] if len(sys.argv) > 1 else ""
if mode == "die-at-start":
    sys.stderr.write("fake: reading the configuration\nfake: no such table: widgets\n")
    sys.exit(7)

for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "notifications/cancelled":
        cancelled.append(message["params"]["requestId"])
    if mode == "silent" or "id" not in message:
        continue
    match message.get("method"):
        case "initialize":
            answer(message, {
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake-stdio", "version": "1"}})
        case "tools/list":
            answer(message, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]})
        case "tools/call":
            match message["params"]["name"]:
                case "pid":
                    answer(message, text(str(os.getpid())))
                case "environment":
                    answer(message, text(json.dumps(dict(os.environ))))
                case "progress":
                    token = message["params"].get("_meta", {}).get("progressToken")
                    for step in range(3) if token is not None else []:
                        send({"method": "notifications/progress",
                              "params": {"progressToken": token, "progress": step, "total": 3}})
                    answer(message, text(json.dumps(token)))
                case "wait":
                    pass  # Never answered: only a cancellation ends it.
                case "cancelled":
                    answer(message, text(json.dumps(cancelled)))
                case "banner":
                    sys.stdout.write("this line is no message\n\n{\"neither\": 1}\n")
                    answer(message, text("done"))
                case "many":
                    answer(message, text("x" * message["params"]["arguments"]["bytes"]))
                case "die":
                    sys.stderr.write("fake: dying as asked\n")
                    sys.exit(9)
                case _:
                    answer(message, text(json.dumps(message["params"].get("arguments"))))
        case _:
            answer(message, {})
