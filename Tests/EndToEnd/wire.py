"""A raw MCP client for tests: says exactly what it is told, keeps every message, and checks each against the schema.

`Legacy` opens a session by `initialize`; `Modern` sends what 2026-07-28 asks of a request. Both send one POST on a
connection of its own and read JSON or an event stream, answering what the server asks meanwhile.
"""

import http.client
import json
import socket
import threading
import time
import urllib.parse

from mcp_types import methods as shapes

BOTH = "application/json, text/event-stream"
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
WAIT = 60.0


class NotApplicable(Exception):
    """The server never claimed what the scenario is about."""


class Reply:
    """What one request got: the status, the fields and all messages, the response among them."""

    def __init__(self, status, fields, kind):
        self.status, self.fields, self.kind = status, fields, kind
        self.messages, self.body, self.raw = [], b"", []

    @property
    def response(self):
        return next((m for m in self.messages if isinstance(m, dict) and "method" not in m), None)

    @property
    def responses(self):
        return [m for m in self.messages if isinstance(m, dict) and "method" not in m]

    @property
    def notifications(self):
        return [m for m in self.messages if isinstance(m, dict) and "method" in m and "id" not in m]

    @property
    def requests(self):
        return [m for m in self.messages if isinstance(m, dict) and "method" in m and "id" in m]

    @property
    def result(self):
        if self.response is None or "result" not in self.response:
            raise AssertionError(f"no result: status {self.status}, {self.body[:300] or self.messages!r}")
        return self.response["result"]

    @property
    def error(self):
        if self.response is None or "error" not in self.response:
            raise AssertionError(f"no error: status {self.status}, {self.body[:300] or self.messages!r}")
        return self.response["error"]


def events(response, until=None):
    """The data of each event with its other fields, as they come. CRLF, LF, comments, empty events."""
    data, fields = [], {}
    while True:
        line = response.readline()
        if not line:
            return
        line = line.rstrip(b"\r\n").decode()
        if line == "":
            if data or fields:
                yield "\n".join(data), fields
            data, fields = [], {}
        elif line.startswith(":"):
            yield None, {"comment": line}
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            else:
                fields[name] = value
        if until is not None and until():
            return


class Wire:
    version = None
    over = "http"

    def __init__(self, url, token=None):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self.address, self.path = (parts.hostname, parts.port or 80), parts.path
        self.token = token
        self.number = 0
        self.lock = threading.Lock()
        self.violations = []
        self.streams = []
        self.peers = []
        self.handlers = {}      # Method of a server's request → function(params) → result.

    def another(self, **more):
        """A client of the same kind that has said nothing yet."""
        self.peers.append(type(self)(self.url, self.token, **more))
        return self.peers[-1]

    # What a subclass changes in messages on their way, because the place has other names for things.

    def outward(self, body, fields):
        return body, fields

    def inward(self, message, sent):
        return message

    # --- Sending -------------------------------------------------------------------------------------------------

    def base(self):
        fields = {"Host": f"{self.address[0]}:{self.address[1]}", "Accept": BOTH, "Content-Type": "application/json",
                  "Connection": "close"}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        return fields

    def fields_for(self, message):
        return {}

    def next_id(self):
        with self.lock:
            self.number += 1
            return self.number

    def open(self, method, body=b"", fields=None, path=None):
        """Sends a request; the connection and the head of its answer."""
        connection = self.begin(method, body, fields, path)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return connection, response

    def begin(self, method, body=b"", fields=None, path=None):
        """Sends a request, and waits for nothing."""
        if method == "POST":
            body, fields = self.outward(body, fields or {})
        head = {**self.base(), **(fields or {})}
        if method == "POST":
            head["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
        connection = socket.create_connection(self.address, timeout=WAIT)
        connection.sendall(f"{method} {path or self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        return connection

    def post(self, message, *, fields=None, body=None, each=None, own_head=False):
        """One POST and all it gets. `fields` are put over the usual ones (None leaves one out)."""
        body = json.dumps(message).encode() if body is None else body
        usual = {} if own_head or not isinstance(message, dict) else self.fields_for(message)
        connection, response = self.open("POST", body, {**usual, **(fields or {})})
        kind = (response.getheader("Content-Type") or "").split(";")[0]
        reply = Reply(response.status, {n.lower(): v for n, v in response.getheaders()}, kind)
        try:
            if kind == "text/event-stream":
                end = time.monotonic() + WAIT
                for data, _ in events(response):
                    # Comments keep the connection alive, so the socket's own timeout never comes.
                    if time.monotonic() > end:
                        raise AssertionError(f"no end of the stream within {WAIT:.0f} s: {reply.messages!r}")
                    if not data:
                        continue
                    reply.raw.append(data)
                    got = json.loads(data)
                    self.check(got, message)
                    got = self.inward(got, message)
                    reply.messages.append(got)
                    if each:
                        each(got)
                    if isinstance(got, dict) and "method" in got and "id" in got:
                        self.answer(got)
            else:
                reply.body = response.read()
                if reply.body and kind == "application/json":
                    got = json.loads(reply.body)
                    reply.raw.append(reply.body.decode())
                    self.check(got, message)
                    reply.messages.append(self.inward(got, message))
        finally:
            response.close()
            connection.close()
        return reply

    def answer(self, request):
        handler = self.handlers.get(request["method"])
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        if request["method"] == "ping":
            answer["result"] = {}
        elif handler is None:
            answer["error"] = {"code": -32601, "message": "not here"}
        else:
            answer["result"] = handler(request.get("params", {}))
        reply = self.post(answer)
        if reply.status != 202:
            self.violations.append(f"an answer to {request['method']} got {reply.status} {reply.body[:200]!r}")

    def message(self, method, params=None, number=None):
        message = {"jsonrpc": "2.0", "id": self.next_id() if number is None else number, "method": method}
        if params is not None:
            message["params"] = params
        return message

    def send(self, method, params=None, number=None, **more):
        return self.post(self.message(method, params, number), **more)

    def call(self, name, arguments=None, number=None, meta=None, extra=None, **more):
        params = {"name": name, **({"arguments": arguments} if arguments is not None else {}), **(extra or {})}
        if meta:
            params["_meta"] = meta
        return self.send("tools/call", params, number, **more)

    def stream(self, message):
        """Sends a request and leaves its stream open."""
        return Stream(self, "POST", json.dumps(message).encode(), self.fields_for(message), message)

    def notify(self, method, params=None, **more):
        return self.post({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}, **more)

    def all(self, method, member):
        """Every page of a list."""
        entries, cursor = [], None
        for _ in range(100):
            result = self.send(method, {"cursor": cursor} if cursor is not None else {}).result
            entries += result[member]
            cursor = result.get("nextCursor")
            if cursor is None:
                return entries
        raise AssertionError("the cursor never ends")

    def close(self):
        """Ends what is still open, without a word to the server."""
        for stream in self.streams:
            stream.close()
        for peer in self.peers:
            peer.close()
        self.streams, self.peers = [], []

    # --- Checking ------------------------------------------------------------------------------------------------

    def check(self, got, sent):
        """Notes how a message breaks the schema of this version."""
        problem = self.problem(got, sent)
        if problem:
            self.violations.append(f"{problem}: {json.dumps(got)[:400]}")

    def problem(self, got, sent):
        if not isinstance(got, dict):
            return "not a single message"
        if got.get("jsonrpc") != "2.0":
            return "no jsonrpc: 2.0"
        version = self.version
        try:
            if "method" in got:
                table = shapes.SERVER_REQUESTS if "id" in got else shapes.SERVER_NOTIFICATIONS
                shape = table.get((got["method"], version))
                if shape is None:
                    return f"{got['method']} does not exist in {version}"
                shape.model_validate(got, by_name=False)
                return None
            if ("result" in got) == ("error" in got):
                return "not exactly one of result and error"
            if "error" in got:
                error = got["error"]
                if type(error.get("code")) is not int or not isinstance(error.get("message"), str):
                    return "an error without code or message"
                if "id" in got and got["id"] is None:
                    return "an error with id null"
                return None
            if not isinstance(got["result"], dict):
                return "a result that is no object"
            if isinstance(sent, dict) and "method" in sent:
                if got.get("id") != sent.get("id") or type(got.get("id")) is not type(sent.get("id")):
                    return f"id {got.get('id')!r} for {sent.get('id')!r}"
                if got["result"].get("resultType") == "task" or "task" in got["result"]:
                    return None  # Tasks are in no schema that we have.
                if (sent["method"], version) in shapes.SERVER_RESULTS:
                    shapes.validate_server_result(sent["method"], version, got["result"])
        except Exception as error:
            return f"{type(error).__name__} {str(error)[:300]}"
        return None


class Legacy(Wire):
    def __init__(self, url, token=None, version="2025-11-25", capabilities=None, start=True):
        super().__init__(url, token)
        self.version = version
        self.session = None
        self.capabilities = capabilities if capabilities is not None else {
            "sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": True}}
        if start:
            self.initialize()

    def initialize(self):
        self.opening = self.send("initialize", {
            "protocolVersion": self.version, "capabilities": self.capabilities,
            "clientInfo": {"name": "wire", "version": "1"}})
        self.initialized = self.opening.result
        self.version = self.initialized["protocolVersion"]
        self.session = self.opening.fields.get("mcp-session-id")
        self.accepted = self.notify("notifications/initialized")
        self.claims = self.initialized["capabilities"]

    def fields_for(self, message):
        if message.get("method") == "initialize":
            return {}
        fields = {"MCP-Protocol-Version": self.version}
        if self.session:
            fields["Mcp-Session-Id"] = self.session
        return fields

    def get(self, **fields):
        """The standalone stream."""
        return Stream(self, "GET", b"", {**self.fields_for({}), "Accept": "text/event-stream", "Content-Type": None,
                                         **{n.replace("_", "-"): v for n, v in fields.items()}})

    def delete(self):
        connection, response = self.open("DELETE", fields={**self.fields_for({}), "Content-Type": None})
        with connection:
            response.read()
            return response.status


class SharedLegacy(Legacy):
    """All that say hello alike share one session, where one is dear. For `url` a `Shared`."""

    def __init__(self, url, token=None, own=False, **more):
        self.own = own
        super().__init__(url, token, **more)

    def another(self, **more):
        return super().another(own=True, **more)

    def initialize(self):
        if self.own or self.url.first is None:
            super().initialize()
        if not self.own:
            first = self.url.first = self.url.first or self
            self.version, self.session, self.claims = first.version, first.session, first.claims
            self.opening, self.initialized, self.accepted = first.opening, first.initialized, first.accepted

    def delete(self):
        return super().delete() if self.own else None


class Shared(str):
    """A URL, and the first client that has opened a session there."""

    first = None

    def close(self):
        if self.first is not None:
            Legacy.delete(self.first)


class Modern(Wire):
    version = MODERN

    def __init__(self, url, token=None, capabilities=None):
        super().__init__(url, token)
        self.capabilities = capabilities if capabilities is not None else {
            "sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {}}

    @property
    def claims(self):
        if not hasattr(self, "_claims"):
            self._claims = self.send("server/discover").result["capabilities"]
        return self._claims

    def message(self, method, params=None, number=None):
        params = dict(params or {})
        params["_meta"] = {META + "protocolVersion": MODERN, META + "clientCapabilities": self.capabilities,
                           META + "clientInfo": {"name": "wire", "version": "1"}, **(params.get("_meta") or {})}
        return super().message(method, params, number)

    def fields_for(self, message):
        if "method" not in message:
            return {"MCP-Protocol-Version": MODERN}
        fields = {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
        params = message.get("params") or {}
        if message["method"] in ("tools/call", "prompts/get") and isinstance(params.get("name"), str):
            fields["Mcp-Name"] = params["name"]
        if message["method"] == "resources/read":
            fields["Mcp-Name"] = params.get("uri")
        if message["method"] in ("tasks/get", "tasks/update", "tasks/cancel"):
            fields["Mcp-Name"] = params.get("taskId")
        return fields

    def listen(self, **wanted):
        message = self.message("subscriptions/listen", {"notifications": wanted})
        stream = self.stream(message)
        stream.number = message["id"]
        return stream


class Stream:
    """An open stream of messages, read by a thread of its own."""

    def __init__(self, wire, method, body, fields, sent=None):
        self.wire = wire
        wire.streams.append(self)
        self.connection, self.response = wire.open(method, body, fields)
        self.status = self.response.status
        self.kind = (self.response.getheader("Content-Type") or "").split(";")[0]
        self.messages, self.ids, self.ended = [], [], threading.Event()
        self.body = b""
        self.sent = sent
        if self.kind == "text/event-stream":
            threading.Thread(target=self.read, daemon=True).start()
        else:
            self.body = self.response.read()
            self.ended.set()

    def read(self):
        try:
            for data, fields in events(self.response):
                if "id" in fields:
                    self.ids.append(fields["id"])
                if not data:
                    continue
                message = json.loads(data)
                self.wire.check(message, self.sent)
                message = self.wire.inward(message, self.sent)
                self.messages.append(message)
                if "method" in message and "id" in message:
                    self.wire.answer(message)
        except (OSError, ValueError, AttributeError):
            pass  # Closed.
        self.ended.set()

    def wait(self, condition, what, seconds=WAIT):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = next((message for message in list(self.messages) if condition(message)), None)
            if found is not None:
                return found
            time.sleep(0.01)
        raise AssertionError(f"waited for {what}; there were {json.dumps(self.messages)[:400]}")

    def wait_method(self, method, seconds=WAIT):
        return self.wait(lambda message: message.get("method") == method, method, seconds)

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.ended.wait(5)
        self.connection.close()
