#!/usr/bin/env python3
"""An MCP server over stdio for tests. Arguments choose how it behaves:

    (none)        works: tools `echo`, `pid`, `environment`, `die`
    die-at-start  writes two lines to standard error and exits with 7
    silent        never answers
"""

import json
import os
import sys


def answer(message, result):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
    sys.stdout.flush()


def text(value):
    return {"content": [{"type": "text", "text": value}]}


mode = sys.argv[1] if len(sys.argv) > 1 else ""
if mode == "die-at-start":
    sys.stderr.write("fake: reading the configuration\nfake: no such table: widgets\n")
    sys.exit(7)

for line in sys.stdin:
    message = json.loads(line)
    if mode == "silent" or "id" not in message:
        continue
    match message.get("method"):
        case "initialize":
            answer(message, {
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake-stdio", "version": "1"}})
        case "tools/list":
            names = ["echo", "pid", "environment", "die"]
            answer(message, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]})
        case "tools/call":
            match message["params"]["name"]:
                case "pid":
                    answer(message, text(str(os.getpid())))
                case "environment":
                    answer(message, text(json.dumps(dict(os.environ))))
                case "die":
                    sys.stderr.write("fake: dying as asked\n")
                    sys.exit(9)
                case _:
                    answer(message, text(json.dumps(message["params"].get("arguments"))))
        case _:
            answer(message, {})
