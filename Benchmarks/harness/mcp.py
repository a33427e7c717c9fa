"""A small MCP client over Streamable HTTP, and the raw requests that the load generators send."""
import http.client
import json
import os

from .processes import OUT, Unmeasurable

VERSION = "2025-06-18"

CALL = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {
    "name": "add",
    "arguments": {"a": 2, "b": 40, "note": "the sum of two small numbers, with a remark", "exact": True},
    "_meta": {"progressToken": 3}}}


def compact(message):
    return json.dumps(message, separators=(",", ":")).encode()


class Session:
    """One connection and one session."""

    def __init__(self, port, path, token=None):
        self.port, self.path = port, path
        self.headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if token:
            self.headers["Authorization"] = "Bearer " + token
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.last = 0
        self.request("initialize", {
            "protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}})
        self.headers["MCP-Protocol-Version"] = VERSION
        self.post(compact({"jsonrpc": "2.0", "method": "notifications/initialized"}))

    def post(self, body):
        self.connection.request("POST", self.path, body, self.headers)
        response = self.connection.getresponse()
        session = response.getheader("Mcp-Session-Id")
        if session:
            self.headers["Mcp-Session-Id"] = session
        text = response.read().decode()
        if response.status not in (200, 202):
            raise Unmeasurable(f"POST {self.path}: {response.status} {text[:500]}")
        if response.getheader("Content-Type", "").startswith("text/event-stream"):
            text = [line[5:] for line in text.splitlines() if line.startswith("data:")][-1]
        return json.loads(text) if text else None

    def request(self, method, params):
        self.last += 1
        answer = self.post(compact({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}))
        if not answer or "result" not in answer:
            raise Unmeasurable(f"{method}: {answer}")
        return answer["result"]

    def call(self, tool, arguments):
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise Unmeasurable(f"{tool}: {json.dumps(result)[:600]}")
        return result

    def raw_call(self, name):
        """Writes the canned call as a whole HTTP request of this session to a file; its path."""
        body = compact(CALL)
        head = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        head += [f"{key}: {value}" for key, value in self.headers.items()] + [f"Content-Length: {len(body)}", "", ""]
        path = os.path.join(OUT, name)
        with open(path, "wb") as file:
            file.write("\r\n".join(head).encode() + body)
        return path
