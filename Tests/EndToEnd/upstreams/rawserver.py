#!/usr/bin/env python3
"""An MCP server written from the specification, without an SDK, that misbehaves on demand.

In a test: `RawServer(era=...)` serves HTTP in threads of the test's own process; the test looks at `seen`, changes
`definitions`, adds tools, notifies. What a tool call does is chosen by the tool's name.

As a program it speaks stdio, or with --http HTTP (prints {"port": N}; GET /stats counts what is open):

    rawserver.py --http [--era legacy|modern|dual]
    rawserver.py [--era legacy|modern|dual] [--log FILE] [--banner] [--ignore-eof] [--ignore-term] [--slow-start S]
                 [--die-at-start] [--silent] [--noise] [--resources]
"""

import gzip
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

MODERN = "2026-07-28"
LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
INFO = {"name": "raw", "version": "1"}
DONE = {"content": [{"type": "text", "text": "done"}]}
# Bytes that a re-encoding proxy would change: spaces, order, number forms, escapes.
ODD = ('{"zeta":1.0, "Alpha" : 1E400,"big":12345678901234567890123,"neg":-0,"exp":1e-7,"content":[ {"text":"\\u00e9\\/'
       '\\ud83d\\ude00","type":"text"} ],"x":{"y":[1 ,2.50,{}]},"isError":false,"structuredContent":{"n":9007199254740993,'
       '"d":0.1000}}')

HTTP_TOOLS = [
    "echo", "odd", "progress", "slow", "never", "twice", "wrong_id", "text_id", "unknown_progress", "progress_after",
    "crlf", "cr", "empty_first", "other_events", "no_event_line", "multi_data", "comments", "split", "huge", "gzip_lie", "gzip", "redirect",
    "session_gone", "hang_up", "half_stream", "batch", "not_json", "status500", "empty", "unknown_notification", "asks",
    "asks_elsewhere", "unknown_result_type", "null_id_error", "big_error", "links", "many_messages", "server_ping",
    "steals_meta", "http_error_with_message", "mix"]
TASK_TOOLS = {"greet": "optional", "slow_compute": "optional", "failing_job": "optional", "confirm_delete": "optional",
              "only_as_task": "required", "never_as_task": "forbidden"}
TASKS = "io.modelcontextprotocol/tasks"
STDIO_TOOLS = ["echo", "odd", "progress", "slow", "never", "twice", "wrong_id", "unknown_progress", "garbage", "die", "huge",
               "pid", "spawn", "split", "batch", "stderr_flood", "stop_reading", "no_newline_then_die", "environment",
               "banner", "asks", "steals_meta", "mix", "logs"]


def definition(name, **more):
    return {"name": name, "description": f"Raw {name}", "inputSchema": {"type": "object"}, **more}


def dump(message):
    return json.dumps(message, separators=(",", ":"))


def linger(arguments):
    """As long as a call of `mix` is to last: `ms`, or until the file `until` is there."""
    time.sleep(arguments.get("ms", 0) / 1000)
    end = time.monotonic() + 60
    while "until" in arguments and not os.path.exists(arguments["until"]) and time.monotonic() < end:
        time.sleep(0.02)


def text(value):
    return {"content": [{"type": "text", "text": value}]}


def complete(result, modern, cacheable=False):
    if not modern:
        return result
    return {"resultType": "complete", **({"ttlMs": 0, "cacheScope": "private"} if cacheable else {}), **result}


def discovery():
    return {"supportedVersions": [MODERN], "capabilities": {"tools": {"listChanged": True}, "resources": {}, "prompts": {}},
            "instructions": "raw"}


def is_modern(message):
    meta = (message.get("params") or {}).get("_meta") or {}
    return "io.modelcontextprotocol/protocolVersion" in meta


class Exchange:
    """One HTTP request and its answer, written as the tool likes."""

    def __init__(self, connection, method, path, fields, body):
        self.connection, self.method, self.path, self.fields, self.body = connection, method, path, fields, body
        try:
            self.message = json.loads(body) if body else None
        except ValueError:
            self.message = None
        self.keep = True

    @property
    def id(self):
        return self.message.get("id")

    def raw(self, data):
        self.connection.sendall(data if isinstance(data, bytes) else data.encode())

    def send(self, status, body=b"", kind="application/json", **fields):
        body = body if isinstance(body, bytes) else body.encode()
        head = {"Content-Type": kind, "Content-Length": len(body), **{k.replace("_", "-"): v for k, v in fields.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.raw(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    def reply(self, result, **fields):
        self.send(200, dump({"jsonrpc": "2.0", "id": self.id, "result": result}), **fields)

    def error(self, code, message, data=None, status=200):
        error = {"code": code, "message": message, **({"data": data} if data is not None else {})}
        self.send(status, dump({"jsonrpc": "2.0", "id": self.id, "error": error}))

    def stream(self, **fields):
        """Begins an event stream that ends with the connection."""
        self.keep = False
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                 f"Connection: close\r\n{lines}\r\n")

    def event(self, message, **fields):
        head = "".join(f"{name}: {value}\n" for name, value in fields.items())
        self.raw(f"event: message\n{head}data: {dump(message)}\n\n")

    def result(self, value):
        return {"jsonrpc": "2.0", "id": self.id, "result": value}


class RawServer:
    def __init__(self, era="legacy", tools=HTTP_TOOLS, port=0):
        self.era = era
        self.definitions = [definition(name) for name in tools]
        self.tools = {}              # name → function(server, exchange): a test's own behaviour.
        self.seen = []               # Every exchange, in order of arrival.
        self.remember = True
        self.sessions = {}           # id → open?
        self.streams = []            # Open GET streams and listens: (kind, exchange, subscription id, session)
        self.release = threading.Event()
        self.entered = threading.Event()
        self.gone_away = threading.Event()   # A client closed the connection of a `never` or `slow` call.
        self.cancelled = []
        self.answers = queue.Queue()         # Responses that clients post.
        self.endless_cursor = False
        self.pages = None                    # Page size of tools/list.
        self.initialize_status = None
        self.redirect_to = "http://203.0.113.1/mcp"
        self.instructions = "raw"
        self.get_status = None
        self.sse_endpoint = None
        self.tasks = {}                      # id → the task, with "result" or "error" and "answered"
        self.with_tasks = False
        self.lock = threading.Lock()
        self.connections = set()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.address = ("127.0.0.1", self.port)
        self.closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/mcp"):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        self.closed = True
        self.release.set()
        for end in [self.listener, *self.connections]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # Closed already.
            end.close()

    def requests(self, method):
        """The messages of that method, in order of arrival."""
        return [x.message for x in self.seen if isinstance(x.message, dict) and x.message.get("method") == method]

    def calls(self, tool=None):
        return [x for x in self.seen if isinstance(x.message, dict) and x.message.get("method") == "tools/call"
                and tool in (None, x.message["params"]["name"])]

    def notify(self, method, params=None, session=None):
        """Sends a notification on every open GET stream (of a session, if one is named) and listen."""
        with self.lock:
            streams = [entry for entry in self.streams if session in (None, entry[3])]
        for _, exchange, subscription, _ in streams:
            body = dict(params or {})
            if subscription is not None:
                body["_meta"] = {"io.modelcontextprotocol/subscriptionId": subscription}
            try:
                exchange.event({"jsonrpc": "2.0", "method": method, **({"params": body} if body else {})})
            except OSError:
                pass  # That client has gone.

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def accept(self):
        while not self.closed:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        reader = connection.makefile("rb")
        try:
            while (exchange := self.read(connection, reader)) is not None:
                if self.remember:
                    self.seen.append(exchange)
                self.answer(exchange)
                if not exchange.keep:
                    break
        except (OSError, ValueError):
            pass  # The other side went away, or the test closed us.
        finally:
            self.connections.discard(connection)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    @staticmethod
    def read(connection, reader):
        line = reader.readline()
        if not line:
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        fields = {}
        while (line := reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while (size := int(reader.readline().split(b";")[0], 16)):
                body += reader.read(size)
                reader.readline()
            reader.readline()
        else:
            body = reader.read(int(fields.get("content-length", 0)))
        return Exchange(connection, method, path, fields, body)

    def hold(self, exchange, kind, subscription=None):
        """Keeps a stream open until its client leaves."""
        entry = (kind, exchange, subscription, exchange.fields.get("mcp-session-id"))
        with self.lock:
            self.streams.append(entry)
        try:
            while exchange.connection.recv(4096):
                pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.streams.remove(entry)

    def stats(self):
        with self.lock:
            return {"streams": len(self.streams), "connections": len(self.connections),
                    "sessions": sum(1 for live in self.sessions.values() if live),
                    "sent": getattr(self, "sent", 0)}

    def answer(self, exchange):
        if exchange.path == "/stats":
            return exchange.send(200, dump(self.stats()))
        if exchange.path.startswith("/sse"):
            return self.old_sse(exchange)
        if exchange.path.startswith("/messages"):
            return self.old_post(exchange)
        match exchange.method:
            case "GET":
                if self.era == "modern" or self.get_status:
                    return exchange.send(self.get_status or 405)
                exchange.stream()
                exchange.raw(": open\n\n")
                return self.hold(exchange, "get")
            case "DELETE":
                self.sessions[exchange.fields.get("mcp-session-id")] = False
                return exchange.send(405 if self.era == "modern" else 200)
        message = exchange.message
        if isinstance(message, list):
            return exchange.send(400, dump({"jsonrpc": "2.0", "error": {"code": -32600, "message": "no batches"}}))
        if not isinstance(message, dict):
            return exchange.send(400, dump({"jsonrpc": "2.0", "error": {"code": -32700, "message": "not JSON"}}))
        if "method" not in message:
            self.answers.put(message)
            return exchange.send(202)
        modern = is_modern(message)
        if modern and self.era == "legacy":
            return exchange.error(-32600, "Missing session ID", status=400)
        if not modern and self.era == "modern":
            return exchange.error(-32022, "Unsupported protocol version",
                                  {"supported": [MODERN], "requested": str((message.get("params") or {}).get(
                                      "protocolVersion", ""))}, status=400)
        if modern and (wrong := self.wrong_headers(exchange)):
            return exchange.error(-32020, wrong, status=400)
        if not modern and message["method"] != "initialize":
            session = exchange.fields.get("mcp-session-id")
            if session is None:
                return exchange.error(-32600, "Missing session ID", status=400)
            if not self.sessions.get(session):
                return exchange.error(-32600, "Session not found", status=404)
        if "id" not in message:
            if message["method"] == "notifications/cancelled":
                self.cancelled.append(message["params"]["requestId"])
            return exchange.send(202)
        return self.request(exchange, message, modern)

    def wrong_headers(self, exchange):
        params = exchange.message["params"]
        expected = {"mcp-protocol-version": params["_meta"]["io.modelcontextprotocol/protocolVersion"],
                    "mcp-method": exchange.message["method"]}
        if exchange.message["method"] in ("tools/call", "prompts/get"):
            expected["mcp-name"] = params["name"]
        if exchange.message["method"] == "resources/read":
            expected["mcp-name"] = params["uri"]
        if exchange.message["method"] in ("tasks/get", "tasks/update", "tasks/cancel"):
            expected["mcp-name"] = params["taskId"]
        for name, value in expected.items():
            if exchange.fields.get(name) != value and not exchange.fields.get(name, "").startswith("=?base64?"):
                return f"{name} is {exchange.fields.get(name)!r}, the body says {value!r}"
        return None

    def offer_tasks(self):
        """The tools of the suite's task scenarios, in the way of either era."""
        self.with_tasks = True
        self.definitions += [definition(name, execution={"taskSupport": support}) for name, support in TASK_TOOLS.items()]
        for name in TASK_TOOLS:
            self.tools[name] = RawServer.task_call

    def task_call(self, exchange):
        params = exchange.message["params"]
        modern, name = is_modern(exchange.message), params["name"]
        extensions = ((params.get("_meta") or {}).get("io.modelcontextprotocol/clientCapabilities") or {}).get("extensions", {})
        wanted = TASKS in extensions if modern else "task" in params
        if not wanted:
            if TASK_TOOLS[name] == "required":
                return exchange.error(-32021 if modern else -32601, "only as a task", {"requiredCapabilities": {
                    "extensions": {TASKS: {}}}} if modern else None, status=400 if modern else 200)
            return self.done(exchange, text(f"{name} at once"))
        if TASK_TOOLS[name] == "forbidden":
            return self.done(exchange, text(f"{name} at once"))
        now = "2026-11-21T12:00:00Z"
        task = {"taskId": f"task-{os.urandom(4).hex()}", "status": "working", "createdAt": now, "lastUpdatedAt": now,
                "ttlMs" if modern else "ttl": 60000, "pollIntervalMs" if modern else "pollInterval": 10}
        self.tasks[task["taskId"]] = {"task": task, "name": name, "polls": 0, "answered": None}
        exchange.reply({"resultType": "task", **task} if modern else {"task": task})

    def task_step(self, entry, modern):
        """Each poll brings a task a step further; its state and what it ended with."""
        task, name = entry["task"], entry["name"]
        entry["polls"] += 1
        if task["status"] in ("completed", "cancelled", "failed"):
            pass
        elif name == "confirm_delete" and modern and entry["answered"] is None:
            task["status"] = "input_required"
        elif entry["polls"] >= 2:
            task["status"] = "completed"
        return task

    def task_result(self, entry):
        if entry["name"] == "failing_job":
            return {**text("it failed"), "isError": True}
        return text(f"{entry['name']} done {dump(entry['answered'])}")

    def task_request(self, exchange, message, modern):
        """True if this was a task method and is answered."""
        method, params = message["method"], message.get("params") or {}
        if not self.with_tasks or not method.startswith("tasks/"):
            return False
        if modern and method in ("tasks/list", "tasks/result"):
            return False
        if method == "tasks/list":
            exchange.reply({"tasks": [entry["task"] for entry in self.tasks.values()]})
            return True
        entry = self.tasks.get(params.get("taskId"))
        if entry is None:
            exchange.error(-32602, "no such task", status=400 if modern else 200)
        elif method == "tasks/get":
            task = self.task_step(entry, modern)
            if modern:
                more = {"result": complete(self.task_result(entry), True)} if task["status"] == "completed" else {}
                if task["status"] == "input_required":
                    more = {"inputRequests": {"sure": {"method": "elicitation/create", "params": {
                        "mode": "form", "message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}}}}
                exchange.reply({"resultType": "complete", **task, **more})
            else:
                exchange.reply(task)
        elif method == "tasks/cancel":
            entry["task"]["status"] = "cancelled"
            exchange.reply({"resultType": "complete"} if modern else entry["task"])
        elif method == "tasks/update" and modern:
            entry["answered"] = params.get("inputResponses")
            entry["task"]["status"] = "working"
            exchange.reply({"resultType": "complete"})
        elif method == "tasks/result" and not modern:
            entry["task"]["status"] = "completed"
            exchange.reply({**self.task_result(entry),
                            "_meta": {"io.modelcontextprotocol/related-task": {"taskId": params["taskId"]}}})
        else:
            return False
        return True

    def request(self, exchange, message, modern):
        if self.task_request(exchange, message, modern):
            return None
        match message["method"]:
            case "initialize":
                if self.initialize_status:
                    return exchange.send(self.initialize_status)
                wanted = message["params"]["protocolVersion"]
                session = f"raw-{os.urandom(8).hex()}"
                # One of HTTP+SSE is its stream.
                if "session=" not in exchange.path:
                    self.sessions[session] = True
                return exchange.reply({
                    "protocolVersion": wanted if wanted in LEGACY else LEGACY[0], "serverInfo": INFO,
                    "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "prompts": {},
                                     "logging": {}, "completions": {}, **({"tasks": {
                                         "list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}}
                                         if self.with_tasks else {})},
                    "instructions": self.instructions}, Mcp_Session_Id=session)
            case "server/discover":
                found = discovery()
                if self.with_tasks:
                    found["capabilities"]["extensions"] = {TASKS: {}}
                return exchange.reply(complete(found, True, True))
            case "subscriptions/listen":
                exchange.stream()
                exchange.event({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {
                    "notifications": message["params"]["notifications"],
                    "_meta": {"io.modelcontextprotocol/subscriptionId": message["id"]}}})
                return self.hold(exchange, "listen", message["id"])
            case "tools/list":
                return exchange.reply(complete(self.page((message.get("params") or {}).get("cursor")), modern, True))
            case "tools/call":
                name = message["params"]["name"]
                behaviour = self.tools.get(name) or getattr(self, f"tool_{name}", None)
                if behaviour is None:
                    return exchange.error(-32602, f"Unknown tool: {name}")
                return behaviour(self, exchange) if name in self.tools else behaviour(exchange)
            case "resources/list":
                return exchange.reply(complete({"resources": [{"uri": "raw://one", "name": "one"}]}, modern, True))
            case "resources/templates/list":
                return exchange.reply(complete({"resourceTemplates": []}, modern, True))
            case "resources/read":
                uri = message["params"]["uri"]
                return exchange.reply(complete({"contents": [{"uri": uri, "text": "one"}]}, modern, True))
            case "prompts/list":
                return exchange.reply(complete({"prompts": [{"name": "hello"}]}, modern, True))
            case "prompts/get":
                return exchange.reply(complete({"messages": [
                    {"role": "user", "content": {"type": "text", "text": "hi"}}]}, modern))
            case "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe":
                return exchange.reply({})
            case _:
                return exchange.error(-32601, "Method not found", status=404 if modern else 200)

    def page(self, cursor):
        if self.endless_cursor:
            return {"tools": self.definitions, "nextCursor": "again"}
        if self.pages is None:
            return {"tools": self.definitions}
        start = int(cursor or 0)
        page = {"tools": self.definitions[start:start + self.pages]}
        if start + self.pages < len(self.definitions):
            page["nextCursor"] = str(start + self.pages)
        return page

    # --- What tools do -------------------------------------------------------------------------------------------

    def done(self, exchange, value=DONE):
        exchange.reply(complete(value, is_modern(exchange.message)))

    def final(self, exchange, value=DONE):
        return exchange.result(complete(value, is_modern(exchange.message)))

    def tool_echo(self, exchange):
        self.done(exchange, text(dump(exchange.message["params"].get("arguments"))))

    def tool_odd(self, exchange):
        odd = ODD if not is_modern(exchange.message) else ODD[:-1] + ',"resultType":"complete"}'
        exchange.send(200, f'{{"result" :{odd},"id":{json.dumps(exchange.id)} ,"jsonrpc":"2.0"}}')

    def progress_event(self, exchange, step, token=None):
        own = (exchange.message["params"].get("_meta") or {}).get("progressToken")
        return {"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": own if token is None else token, "progress": step}}

    def tool_progress(self, exchange):
        exchange.stream()
        for step in (1, 2, 3):
            exchange.event(self.progress_event(exchange, step))
            time.sleep(exchange.message["params"].get("arguments", {}).get("gap", 0))
        exchange.event(self.final(exchange))

    def watch(self, exchange):
        """Notes when the client closes the connection."""
        def run():
            try:
                if not exchange.connection.recv(1, socket.MSG_PEEK):
                    self.gone_away.set()
            except OSError:
                self.gone_away.set()
        threading.Thread(target=run, daemon=True).start()

    def tool_slow(self, exchange):
        self.watch(exchange)
        self.entered.set()
        self.release.wait(30)
        self.done(exchange)

    def tool_never(self, exchange):
        self.watch(exchange)
        self.entered.set()
        self.gone_away.wait(30)
        exchange.keep = False

    def tool_twice(self, exchange):
        exchange.stream()
        exchange.event(self.final(exchange, text("first")))
        exchange.event(self.final(exchange, text("second")))

    def tool_wrong_id(self, exchange):
        exchange.send(200, dump({"jsonrpc": "2.0", "id": 987654, "result": DONE}))

    def tool_text_id(self, exchange):
        exchange.send(200, dump({"jsonrpc": "2.0", "id": str(exchange.id), "result": DONE}))

    def tool_unknown_progress(self, exchange):
        exchange.stream()
        own = (exchange.message["params"].get("_meta") or {}).get("progressToken")
        for token in ("never issued", 1, 0, -7, str(own)):
            if token != own:
                exchange.event(self.progress_event(exchange, 1, token))
        exchange.event(self.final(exchange))

    def tool_progress_after(self, exchange):
        exchange.stream()
        exchange.event(self.final(exchange))
        exchange.event(self.progress_event(exchange, 9))

    def tool_crlf(self, exchange):
        exchange.stream()
        exchange.raw(f": hello\r\n\r\nevent: message\r\nid: 7\r\ndata: {dump(self.final(exchange))}\r\n\r\n")

    def tool_cr(self, exchange):
        exchange.stream()
        exchange.raw(f": hello\r\revent: message\rdata: {dump(self.final(exchange))}\r\r")

    def tool_empty_first(self, exchange):
        exchange.stream()
        exchange.raw("id: 1\nretry: 50\ndata:\n\n")
        exchange.raw("id: 2\n\n")
        exchange.event(self.final(exchange))

    def tool_other_events(self, exchange):
        exchange.stream()
        exchange.raw("event: ping\ndata: {}\n\nevent: note\ndata: not JSON\n\n")
        exchange.event(self.final(exchange))

    def tool_no_event_line(self, exchange):
        exchange.stream()
        exchange.raw(f"data:{dump(self.final(exchange))}\n\n")

    def tool_multi_data(self, exchange):
        exchange.stream()
        lines = json.dumps(self.final(exchange), indent=1).splitlines()
        exchange.raw("event: message\n" + "".join(f"data: {line}\n" for line in lines) + "\n")

    def tool_comments(self, exchange):
        exchange.stream()
        for _ in range(50):
            exchange.raw(": still here\n\n:\n")
        exchange.event(self.final(exchange))

    def tool_split(self, exchange):
        exchange.stream()
        for byte in f"event: message\ndata: {dump(self.final(exchange, text('ü😀')))}\n\n".encode():
            exchange.raw(bytes([byte]))
            time.sleep(0.0005)

    def tool_huge(self, exchange):
        size = exchange.message["params"]["arguments"]["bytes"]
        self.done(exchange, text("x" * size))

    def tool_gzip_lie(self, exchange):
        exchange.reply(complete(DONE, is_modern(exchange.message)), Content_Encoding="gzip")

    def tool_gzip(self, exchange):
        exchange.send(200, gzip.compress(dump(self.final(exchange)).encode()), Content_Encoding="gzip")

    def tool_redirect(self, exchange):
        exchange.send(307, Location=self.redirect_to)

    def tool_session_gone(self, exchange):
        """The first time, the session has ended; with a new one it works."""
        session = exchange.fields.get("mcp-session-id")
        if len(self.calls("session_gone")) == 1 and session is not None:
            self.sessions[session] = False
            return exchange.error(-32600, "Session not found", status=404)
        self.done(exchange)

    def tool_hang_up(self, exchange):
        exchange.keep = False

    def tool_half_stream(self, exchange):
        exchange.stream()
        exchange.event(self.progress_event(exchange, 1))
        exchange.raw('event: message\ndata: {"jsonrpc":"2.0","id":')

    def tool_batch(self, exchange):
        exchange.send(200, dump([self.final(exchange)]))

    def tool_not_json(self, exchange):
        exchange.send(200, "<html>oops</html>", kind="text/html")

    def tool_status500(self, exchange):
        exchange.send(500, "a stack trace with secrets", kind="text/plain")

    def tool_http_error_with_message(self, exchange):
        exchange.error(-32603, "told with a status", {"n": 9007199254740993}, status=500)

    def tool_empty(self, exchange):
        exchange.send(200, b"")

    def tool_unknown_notification(self, exchange):
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "method": "notifications/from/the/future", "params": {"n": 2**60}})
        exchange.event(self.final(exchange))

    def tool_asks(self, exchange):
        """A request to the client on the stream of its call; the result tells the answer."""
        if is_modern(exchange.message):
            answers = exchange.message["params"].get("inputResponses")
            if answers is None:
                return exchange.reply({"resultType": "input_required", "requestState": "raw-state", "inputRequests": {
                    "q": {"method": "elicitation/create", "params": {"mode": "form", "message": "?", "requestedSchema": {
                        "type": "object", "properties": {"a": {"type": "string"}}}}}}})
            return self.done(exchange, text(dump({"result": answers["q"],
                                                  "state": exchange.message["params"].get("requestState")})))
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {
            "message": "?", "requestedSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}})
        answer = self.answers.get(timeout=10)
        exchange.event(self.final(exchange, text(dump({key: answer.get(key) for key in ("result", "error")}))))

    def tool_asks_elsewhere(self, exchange):
        """A request to the client on a GET stream, belonging to no call."""
        with self.lock:
            streams = [entry for entry in self.streams if entry[0] == "get"]
        for _, other, _, _ in streams:
            other.event({"jsonrpc": "2.0", "id": "elsewhere", "method": "roots/list"})
        try:
            answer = self.answers.get(timeout=5) if streams else {"error": "no stream"}
        except queue.Empty:
            answer = {"error": "no answer"}
        self.done(exchange, text(dump({key: answer.get(key) for key in ("result", "error")})))

    def tool_unknown_result_type(self, exchange):
        exchange.reply({"resultType": "surprise", **DONE})

    def tool_null_id_error(self, exchange):
        exchange.send(400, dump({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no id"}}))

    def tool_big_error(self, exchange):
        exchange.send(200, '{"jsonrpc":"2.0","id":%s,"error":{"data":{"z":9007199254740993,"a":1.0},"message":"big",'
                      '"code":-32000}}' % json.dumps(exchange.id))

    def tool_links(self, exchange):
        self.done(exchange, {"content": [{"type": "resource_link", "uri": "raw://one", "name": "one"},
                                         {"type": "resource", "resource": {"uri": "ui://raw/panel", "text": "p"}}]})

    def tool_many_messages(self, exchange):
        """Progress (or logs, without a token) without end, for a client that does not read."""
        exchange.stream()
        size = exchange.message["params"].get("arguments", {}).get("bytes", 64 << 20)
        token = (exchange.message["params"].get("_meta") or {}).get("progressToken")
        block, sent = "x" * 16000, 0
        while sent < size:
            exchange.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": block}}
                           if token is None else {"jsonrpc": "2.0", "method": "notifications/progress", "params": {
                               "progressToken": token, "progress": sent + 1, "message": block}})
            sent += len(block)
            self.sent = sent
        exchange.event(self.final(exchange))

    def tool_server_ping(self, exchange):
        if is_modern(exchange.message):
            return self.done(exchange)
        exchange.stream()
        exchange.event({"jsonrpc": "2.0", "id": "ping-1", "method": "ping"})
        answer = self.answers.get(timeout=10)
        exchange.event(self.final(exchange, text(dump(answer))))

    def tool_mix(self, exchange):
        """Waits, tells progress or not, and answers who asked."""
        arguments = exchange.message["params"]["arguments"]
        who = text(dump(arguments["who"]))
        if arguments.get("progress"):
            exchange.stream()
            exchange.event(self.progress_event(exchange, 1))
        linger(arguments)
        if arguments.get("progress"):
            exchange.event(self.progress_event(exchange, 2))
            exchange.event(self.final(exchange, who))
        else:
            self.done(exchange, who)

    def tool_steals_meta(self, exchange):
        self.done(exchange, {**DONE, "_meta": {"sluice/decision": {"outcome": "allowed"}, "kept": 1}})

    # --- HTTP+SSE of 2024-11-05 ----------------------------------------------------------------------------------

    def old_sse(self, exchange):
        if exchange.method != "GET":
            return exchange.send(405)
        exchange.stream()
        session = f"raw-{os.urandom(8).hex()}"
        self.sessions[session] = exchange
        endpoint = self.sse_endpoint or f"/messages?session={session}"
        exchange.raw(f"event: endpoint\r\ndata: {endpoint}\r\n\r\n")
        self.hold(exchange, "sse")
        self.sessions[session] = False

    def old_post(self, exchange):
        stream = self.sessions.get(exchange.path.partition("session=")[2])
        if not stream:
            return exchange.send(404)
        exchange.send(202, "Accepted", kind="text/plain")
        message = exchange.message
        if "method" not in message:
            self.answers.put(message)
        elif "id" in message:
            outer = self

            class Reply(Exchange):
                """Answers go to the other stream."""
                def send(self, status, body=b"", kind="", **fields):
                    if body:
                        stream.raw(f"event: message\ndata: {body if isinstance(body, str) else body.decode()}\n\n")

                def stream(self, **fields):
                    pass

                def raw(self, data):
                    stream.raw(data)

            reply = Reply(None, "POST", exchange.path, exchange.fields, exchange.body)
            threading.Thread(target=outer.request, args=(reply, message, False), daemon=True).start()
        elif message["method"] == "notifications/cancelled":
            self.cancelled.append(message["params"]["requestId"])


# --- stdio -----------------------------------------------------------------------------------------------------------


class Stdio:
    def __init__(self, words):
        def value(flag, default=None):
            return words[words.index(flag) + 1] if flag in words else default

        self.era = value("--era", "legacy")
        self.log = open(value("--log"), "a", buffering=1) if "--log" in words else None
        self.silent = "--silent" in words
        self.resources = {"resources": {"subscribe": True}} if "--resources" in words else {}
        self.level = None
        self.echoed = threading.Event()
        self.cancelled = []
        self.lock = threading.Lock()
        self.answers = queue.Queue()
        if "--ignore-term" in words:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(float(value("--slow-start", 0)))
        if "--die-at-start" in words:
            sys.stderr.write("raw: no such table: widgets\n")
            sys.exit(7)
        if "--banner" in words:
            self.write("Welcome to the raw server\n{not json\n\n[1,2]\n\"text\"\n")
        if "--noise" in words:
            threading.Thread(target=self.noise, daemon=True).start()
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if self.log:
                self.log.write(line.decode())
            if "method" not in message:
                self.answers.put(message)
            elif message["method"] == "notifications/cancelled":
                self.cancelled.append(message["params"]["requestId"])
            elif "id" in message and not self.silent:
                # Of its own thread, so that a slow call delays nobody.
                threading.Thread(target=self.request, args=(message,), daemon=True).start()
        while "--ignore-eof" in words:
            time.sleep(1)

    def noise(self):
        while True:
            sys.stderr.write("raw: " + "noise " * 200 + "\n")
            sys.stderr.flush()

    def write(self, data):
        with self.lock:
            sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode())
            sys.stdout.buffer.flush()

    def send(self, message):
        self.write(dump(message) + "\n")

    def request(self, message):
        modern = is_modern(message)
        number = message["id"]

        def reply(result, cacheable=False):
            self.send({"jsonrpc": "2.0", "id": number, "result": complete(result, modern, cacheable)})

        def error(code, words, data=None):
            self.send({"jsonrpc": "2.0", "id": number, "error": {
                "code": code, "message": words, **({"data": data} if data else {})}})

        if modern and self.era == "legacy":
            return error(-32602, "Invalid request parameters")
        if not modern and self.era == "modern":
            return error(-32022, "Unsupported protocol version", {"supported": [MODERN], "requested": ""})
        match message["method"]:
            case "initialize":
                reply({"protocolVersion": LEGACY[0], "serverInfo": INFO,
                       "capabilities": {"tools": {}, "logging": {}, **self.resources}})
            case "resources/subscribe" | "resources/unsubscribe" if self.resources:
                reply({})
            case "logging/setLevel":
                self.level = message["params"]["level"]
                reply({})
            case "server/discover":
                found = discovery()
                found["capabilities"].update(self.resources)
                reply(found, True)
            case "subscriptions/listen" if self.resources:
                self.send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {
                    "notifications": message["params"]["notifications"],
                    "_meta": {"io.modelcontextprotocol/subscriptionId": number}}})
            case "tools/list":
                reply({"tools": [definition(name) for name in STDIO_TOOLS]}, True)
            case "tools/call":
                self.call(message, reply, error)
            case "ping":
                reply({})
            case _:
                error(-32601, "Method not found")

    def call(self, message, reply, error):
        number, params = message["id"], message["params"]
        arguments, token = params.get("arguments") or {}, (params.get("_meta") or {}).get("progressToken")

        def progress(step, of):
            self.send({"jsonrpc": "2.0", "method": "notifications/progress",
                       "params": {"progressToken": of, "progress": step}})

        match params["name"]:
            case "echo":
                reply(text(dump(arguments)))
                self.echoed.set()
            case "odd":
                odd = ODD if not is_modern(message) else ODD[:-1] + ',"resultType":"complete"}'
                self.write(f'{{"result" :{odd},"id":{json.dumps(number)} ,"jsonrpc":"2.0"}}\n')
            case "progress":
                for step in (1, 2, 3):
                    progress(step, token)
                    time.sleep(arguments.get("gap", 0))
                reply(DONE)
            case "slow":
                time.sleep(arguments.get("seconds", 1))
                reply(DONE)
            case "never":
                pass
            case "twice":
                reply(text("first"))
                reply(text("second"))
            case "wrong_id":
                self.send({"jsonrpc": "2.0", "id": 987654, "result": DONE})
                self.send({"jsonrpc": "2.0", "id": str(number), "result": text("wrong")})
                reply(DONE)
            case "unknown_progress":
                for of in ("never issued", 1, 0, -7, str(token)):
                    if of != token:
                        progress(1, of)
                reply(DONE)
            case "garbage":
                self.write(b"\xff\xfe not UTF-8\n{\"jsonrpc\": \"2.0\"\n\0\n" + b"{}\n[]\nnull\n")
                reply(DONE)
            case "banner":
                self.write("INFO listening\n")
                reply(DONE)
            case "die":
                sys.stderr.write("raw: dying as asked\n")
                os._exit(9)
            case "no_newline_then_die":
                self.write(dump({"jsonrpc": "2.0", "id": number, "result": DONE}))
                os._exit(0)
            case "huge":
                reply(text("x" * arguments["bytes"]))
            case "pid":
                reply(text(str(os.getpid())))
            case "spawn":
                child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                reply(text(str(child.pid)))
            case "split":
                for byte in (dump({"jsonrpc": "2.0", "id": number, "result": complete(text("ü😀"), is_modern(message))})
                             + "\r\n").encode():
                    self.write(bytes([byte]))
                    time.sleep(0.0005)
            case "batch":
                self.send([{"jsonrpc": "2.0", "id": number, "result": DONE}])
                reply(DONE)
            case "stderr_flood":
                sys.stderr.write("flood " * 200_000)
                sys.stderr.flush()
                reply(DONE)
            case "stop_reading":
                self.lock.acquire()  # Never again: nothing is written any more either.
            case "environment":
                reply(text(dump(dict(os.environ))))
            case "asks":
                self.send({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {
                    "message": "?", "requestedSchema": {"type": "object", "properties": {}}}})
                answer = self.answers.get(timeout=10)
                reply(text(dump({key: answer.get(key) for key in ("result", "error")})))
            case "logs":
                # Before the answer, or after it, once somebody has called `echo` or the file `until` is there; says which
                # level was set.
                def log(data):
                    self.send({"jsonrpc": "2.0", "method": "notifications/message", "params": {
                        "level": arguments.get("level", "info"), "data": data}})
                if not arguments.get("late"):
                    log(arguments["data"])
                reply(text(str(self.level)))
                if arguments.get("late"):
                    linger(arguments) if "until" in arguments else self.echoed.wait(30)
                    log(arguments["data"])
            case "steals_meta":
                reply({**DONE, "_meta": {"sluice/decision": {"outcome": "allowed"}, "kept": 1}})
            case "mix":
                if arguments.get("progress") and token is not None:
                    progress(1, token)
                linger(arguments)
                if arguments.get("progress") and token is not None:
                    progress(2, token)
                reply(text(dump(arguments["who"])))
            case _:
                error(-32602, f"Unknown tool: {params['name']}")


if __name__ == "__main__":
    if "--http" in sys.argv:
        server = RawServer(sys.argv[sys.argv.index("--era") + 1] if "--era" in sys.argv else "legacy")
        server.remember = False
        print(json.dumps({"port": server.port}), flush=True)
        sys.stdin.read()
        os._exit(0)
    Stdio(sys.argv[1:])
