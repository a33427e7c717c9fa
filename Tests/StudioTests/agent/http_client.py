"""The official Python client and raw requests against `sluice-studio --http`. Usage: see stdio_client.py.

Prints one JSON object with what it saw; the Swift test judges it.
"""

import asyncio
import http.client
import http.server
import json
import re
import signal
import subprocess
import sys
import threading

from mcp import Client, ClientSession
from mcp.client.streamable_http import streamable_http_client

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}
BOTH = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def raw(port, method, path, body=None, headers=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    headers = dict(BOTH if headers is None else headers)
    if host:
        headers["Host"] = host
    connection.request(method, path, data, headers)
    answer = connection.getresponse()
    result = answer.status, answer.headers, answer.read()
    connection.close()
    return result


def raw_requests(port):
    seen = {}

    def note(name, *arguments, **more):
        seen[name] = raw(port, *arguments, **more)[0]

    note("no session", "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    note("get", "GET", "/mcp")
    note("elsewhere", "GET", "/")
    note("listing", "GET", "/files/")
    note("guess", "GET", "/files/" + "A" * 43)
    note("climb", "GET", "/files/..%2f..%2fetc%2fpasswd")
    note("post file", "POST", "/files/x", b"{}")
    note("origin", "POST", "/mcp", INITIALIZE, headers={**BOTH, "Origin": "https://evil.example"})
    note("own origin", "POST", "/mcp", INITIALIZE, headers={**BOTH, "Origin": f"http://localhost:{port}"})
    note("rebound host", "POST", "/mcp", INITIALIZE, host="evil.example")
    note("type", "POST", "/mcp", INITIALIZE, headers={**BOTH, "Content-Type": "text/plain"})
    note("accept", "POST", "/mcp", INITIALIZE, headers={**BOTH, "Accept": "text/html"})
    note("not json", "POST", "/mcp", b"{")
    note("version", "POST", "/mcp", INITIALIZE, headers={**BOTH, "MCP-Protocol-Version": "1999-01-01"})
    note("unknown session", "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers={**BOTH, "Mcp-Session-Id": "x"})

    status, headers, body = raw(port, "POST", "/mcp", INITIALIZE)
    session = headers["Mcp-Session-Id"]
    assert status == 200 and re.fullmatch(r"[!-~]+", session)
    assert json.loads(body)["result"]["protocolVersion"] == "2025-06-18"
    with_session = {**BOTH, "Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-06-18"}

    def post(message):
        return raw(port, "POST", "/mcp", message, headers=with_session)

    seen["notification"] = post({"jsonrpc": "2.0", "method": "notifications/initialized"})[0]
    seen["ping"] = json.loads(post({"jsonrpc": "2.0", "id": "p", "method": "ping"})[2])
    seen["unknown method"] = post({"jsonrpc": "2.0", "id": 2, "method": "nothing"})[0]

    call = {"jsonrpc": "2.0", "id": 3, "method": "tools/call"}
    call["params"] = {"name": "imageUpload", "arguments": {"file_path": "astronaut.png"}}
    status, headers, body = post(call)
    seen["plain"] = [headers["Content-Type"], json.loads(body)["result"]["isError"]]
    call["params"]["_meta"] = {"progressToken": "t"}
    status, headers, body = post(call)
    events = body.decode().split("\n\n")[:-1]
    seen["stream"] = headers["Content-Type"]
    seen["events"] = []
    for event in events:
        lines = [line for line in event.split("\n") if not line.startswith(":")]
        if not lines:
            continue
        assert lines[0] == "event: message", lines
        message = json.loads(lines[1].removeprefix("data: "))
        seen["events"].append(message.get("method", message.get("id")))

    seen["end"] = raw(port, "DELETE", "/mcp", headers=with_session)[0]
    seen["after the end"] = post({"jsonrpc": "2.0", "id": 4, "method": "ping"})[0]
    return seen


async def client_session(url, pictures):
    async with streamable_http_client(url) as streams, ClientSession(streams[0], streams[1]) as session:
        hello = await session.initialize()
        result = await session.call_tool("imageUpload", {"file_path": f"{pictures}/astronaut.png"})
        image = result.structured_content["result"]["data"][0]["imageUUID"]
        result = await session.call_tool(
            "imageMasking", {"inputImage": image, "model": "runware:35@8", "outputType": "base64Data"}
        )
        data = result.structured_content["result"]["data"][0]
        return [hello.protocol_version, len(data["detections"]), len(data["maskImageBase64Data"]) > 1000]


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is PUT to it."""

    got = []

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append([self.path, self.headers["Content-Type"], body[:4].decode("latin-1")])
        self.send_response(500 if self.path == "/broken" else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


async def uploads(url, receiver):
    """Results go to the one host that was allowed, and nowhere else."""
    seen = []
    async with streamable_http_client(url) as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        for endpoint in [
            f"http://127.0.0.1:{receiver}/put?a=1", f"http://127.0.0.1:{receiver}/broken", "http://127.0.0.1:9/put",
            f"http://127.0.0.1:{receiver}@example.org/", f"https://127.0.0.1:{receiver}/put", "nonsense",
        ]:
            arguments = {"inputImage": "astronaut.png", "model": "runware:35@7", "outputFormat": "PNG"}
            result = await session.call_tool("imageMasking", {**arguments, "uploadEndpoint": endpoint})
            content = result.structured_content
            # A result that could not be sent is still a result.
            problems = content.get("furtherErrors", []) if content["status"] == "success" else [content["error"]]
            seen.append([content["status"], *(problem["code"] for problem in problems)])
    return [seen, Receiver.got]


async def client_probing(url):
    """The newer client asks for the newest revision first and has to fall back."""
    async with Client(url) as client:
        return sorted(tool.name for tool in (await client.list_tools()).tools)


def main(program, pictures, vendor, data):
    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    arguments = ["--http", "127.0.0.1:0", "--data-dir", data, "--allow-root", pictures, "--models", vendor]
    arguments += ["--upload-host", f"127.0.0.1:{receiver.server_port}"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE)
    try:
        ready = json.loads(process.stdout.readline())
        port = int(ready["mcp"].split(":")[2].split("/")[0])
        seen = {"raw": raw_requests(port)}
        seen["client"] = asyncio.run(client_session(ready["mcp"], pictures))
        seen["uploads"] = asyncio.run(uploads(ready["mcp"], receiver.server_port))
        seen["probing"] = asyncio.run(client_probing(ready["mcp"]))
        taken = subprocess.run([program, "--http", f"127.0.0.1:{port}", "--data-dir", data], capture_output=True, timeout=60)
        seen["port taken"] = [taken.returncode, taken.stderr.decode()]
        process.send_signal(signal.SIGTERM)
        seen["exit"] = process.wait(timeout=30)
    finally:
        process.kill()
    print(json.dumps(seen))


main(*sys.argv[1:])
