"""What the end-to-end tests share: the programs, throw-away folders, a gateway, raw sockets, an upstream that misbehaves.

Everything real: the release programs, the system's sockets and processes. Ports are chosen by the system, and nothing
waits for a fixed time: a step waits until what it needs is there, up to DEADLINE.
"""

import faulthandler
import fnmatch
import functools
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / ".build/release"))
SLUICE = str(BIN / "sluice")
STUDIO = str(BIN / "sluice-studio")
PICTURE = ROOT / "Examples/pictures/astronaut.png"
STARTER_POLICY = ROOT / "Assets/policies/studio.policy.json"
FAKE_STDIO = ROOT / "Tests/EndToEnd/fake_stdio_server.py"
CLIENTS = {
    "mcp-2.3.0": str(ROOT / ".venv-agent/bin/python"),
    "mcp-1.30.0": str(ROOT / ".venv-agent-1.30/bin/python"),
}
FASTMCP = str(ROOT / ".venv-fastmcp/bin/python")
UPSTREAMS = ROOT / "Tests/EndToEnd/upstreams"
DEADLINE = 30.0
# No single test takes a third of this, in seconds.
HANGS_AFTER = 300

ALLOW_ALL = {"version": "1", "default": "allow"}
# Also what a server may ask of the client, which is refused unless it is listed.
ALLOW_BOTH_WAYS = {**ALLOW_ALL, "tools": {name: {} for name in ("client:sampling", "client:elicitation", "client:roots")}}
BOTH = "application/json, text/event-stream"


def until(condition, what, times=1):
    """Waits until `condition()` is true and returns its value; at most so many times the usual deadline."""
    end = time.monotonic() + times * DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {times * DEADLINE:.0f} s for: {what}")


def alive(pid):
    """Whether a process runs: one that is gone, or that only waits for its parent to take note, does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # The second when it ends between opening and reading.
        return False


def children(pid):
    """The processes that a process has started, and that it has not taken note of as ended."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass  # This thread has just ended.
    return found


def sluice(*words, data=None, stdin=None, env=None, before=None):
    """Runs one command to its end; `before` in its process, before it begins."""
    line = [SLUICE, *map(str, words)]
    if data is not None:
        at = line.index("--") if "--" in line else len(line)
        line[at:at] = ["--data-dir", str(data)]
    return subprocess.run(
        line, input=stdin, capture_output=True, text=True, timeout=DEADLINE, env={**os.environ, **(env or {})},
        preexec_fn=before)


class Gateway:
    """A running `sluice serve`."""

    def __init__(self, data, *options, listen="127.0.0.1:0"):
        self.stderr_path = f"{data}.stderr-{time.monotonic_ns()}"
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                [SLUICE, "serve", "--json", "--data-dir", str(data), "--listen", listen, *options],
                stdout=subprocess.PIPE, stderr=stderr, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(DEADLINE)
            self.process.stdout.close()
            raise AssertionError(f"the gateway did not start ({self.process.returncode}): {self.stderr}")
        self.ready = json.loads(line)
        host, _, port = self.ready["listen"].rpartition(":")
        self.address = (host, int(port))
        self.pid = self.process.pid

    @property
    def stderr(self):
        return pathlib.Path(self.stderr_path).read_text(errors="replace")

    def url(self, server):
        return f"http://{self.address[0]}:{self.address[1]}/mcp/{server}"

    def end(self, number=signal.SIGTERM):
        """Sends a signal and waits for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self.process.stdout.close()
        return code


class Answer:
    """An HTTP answer that was read whole."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        if self.fields.get("content-type", "").startswith("text/event-stream"):
            # The response is the last message on its stream.
            data = [line[5:].strip() for line in self.body.decode().splitlines() if line.startswith("data:")]
            return json.loads([item for item in data if item][-1])
        return json.loads(self.body)


def exchange(address, raw):
    """Sends bytes as they are and reads one answer."""
    with socket.create_connection(address, timeout=DEADLINE) as connection:
        try:
            connection.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass  # An answer may come before all was sent; read it.
        return read_answer(connection)


class EventStream:
    """An answer that goes on: server-sent events, one JSON message each."""

    def __init__(self, address, method, path, body=b"", **fields):
        head = {"Host": f"{address[0]}:{address[1]}", "Accept": BOTH if method == "POST" else "text/event-stream"}
        if method == "POST":
            body = json.dumps(body).encode()
            head |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        head |= fields
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.connection = socket.create_connection(address, timeout=DEADLINE)
        self.connection.sendall(text.encode() + b"\r\n" + body)
        self.response = http.client.HTTPResponse(self.connection, method=method)
        self.response.begin()
        self.status = self.response.status
        self.kind = self.response.getheader("Content-Type", "")

    def messages(self):
        """Each message as it comes; the only one, if the answer is no stream."""
        if self.kind.startswith("application/json"):
            yield json.loads(self.response.read())
            return
        data = b""
        end = time.monotonic() + DEADLINE
        while line := self.response.readline():
            # Comments keep the connection alive, so the socket's own timeout never comes.
            if time.monotonic() > end:
                raise AssertionError(f"no message within {DEADLINE:.0f} s")
            line = line.rstrip(b"\r\n")
            if line.startswith(b"data:"):
                data += line[5:].strip()
            elif not line and data:
                yield json.loads(data)
                data = b""

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)  # Wakes a thread that reads.
        except OSError:
            pass  # The other side was first.
        self.response.close()
        self.connection.close()


def read_answer(connection, method="POST"):
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    fields = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, fields, response.read())


def request(address, method, path, body=b"", **fields):
    """One request on a connection of its own. Field names are written with `_` for `-`; None leaves a field out."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = {"Host": f"{address[0]}:{address[1]}", "Connection": "close"}
    if method == "POST":
        head |= {"Content-Type": "application/json", "Accept": BOTH, "Content-Length": str(len(body))}
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in head.items() if v is not None) + "\r\n"
    return exchange(address, text.encode() + body)


class Session:
    """A small MCP client over raw requests, for what the real clients never do."""

    def __init__(self, gateway, server, token, version="2025-11-25"):
        self.address, self.path, self.token = gateway.address, f"/mcp/{server}".rstrip("/"), token
        self.fields = {"Authorization": f"Bearer {token}"}
        self.last_id = 0
        answer = self.send("initialize", {
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "end-to-end", "version": "1"}})
        if answer.status != 200:
            raise AssertionError(f"initialize: {answer.status} {answer.body!r}")
        self.initialized = answer.json["result"]
        self.fields["MCP-Protocol-Version"] = self.initialized["protocolVersion"]
        if "mcp-session-id" in answer.fields:
            self.fields["Mcp-Session-Id"] = answer.fields["mcp-session-id"]
        self.notify("notifications/initialized")

    def post(self, message):
        return request(self.address, "POST", self.path, message, **self.fields)

    def send(self, method, params=None):
        self.last_id += 1
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        if params is not None:
            message["params"] = params
        return self.post(message)

    def notify(self, method, params=None):
        return self.post({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def call(self, tool, arguments=None):
        """A tools/call: the HTTP answer."""
        return self.send("tools/call", {"name": tool, "arguments": arguments or {}})

    def outcome(self, tool, arguments=None):
        """A tools/call in one word."""
        message = self.call(tool, arguments).json
        if "error" in message:
            return "error"
        denied = message["result"].get("_meta", {}).get("sluice/decision")
        return "denied" if denied else "allowed"

    def tools(self):
        return [tool["name"] for tool in self.send("tools/list").json["result"]["tools"]]


class FakeUpstream:
    """An MCP server over Streamable HTTP that answers as it is told: `echo` works, the others fail in their own way."""

    TOOLS = ["echo", "stream", "slow", "status500", "not_json", "wrong_id", "hang_up", "tool_error", "rpc_error", "delete_all"]

    def __init__(self):
        self.calls = []
        self.headers = []
        self.notified = []
        self.connections = set()
        self.release = threading.Event()
        self.entered = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def setup(self):
                super().setup()
                outer.connections.add(self.connection)

            def do_GET(self):
                self.answer(405, b"")

            def do_DELETE(self):
                self.answer(200, b"")

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.handle(self, json.loads(body), body)

            def answer(self, status, body, kind="application/json", **fields):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # Connections that the other side closes are part of the tests.

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mcp"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # Closed already.

    def handle(self, http_request, message, body):
        if "id" not in message:
            self.notified.append(message["method"])
            http_request.answer(202, b"")
            return

        def result(value, number=message["id"]):
            text = json.dumps({"jsonrpc": "2.0", "id": number, "result": value}).encode()
            http_request.answer(200, text)

        match message["method"]:
            case "initialize":
                text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                    "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                    "serverInfo": {"name": "fake", "version": "1"}}}).encode()
                http_request.answer(200, text, Mcp_Session_Id="upstream-session")
            case "tools/list":
                result({"tools": [{"name": name, "description": name, "inputSchema": {"type": "object"}}
                                  for name in self.TOOLS]})
            case "tools/call":
                self.calls.append(message)
                self.headers.append(http_request.headers)
                self.call(http_request, message, result, body)
            case _:
                result({})

    def call(self, http_request, message, result, body):
        text = {"content": [{"type": "text", "text": "done"}]}
        match message["params"]["name"]:
            case "slow":
                self.entered.set()
                self.release.wait(DEADLINE)
                result(text)
            case "stream":
                token = message["params"].get("_meta", {}).get("progressToken")
                events = [{"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}]
                events = (events if token is not None else []) + [{"id": message["id"], "result": text}]
                stream = "".join(f"event: message\ndata: {json.dumps({'jsonrpc': '2.0', **event})}\n\n"
                                 for event in events)
                http_request.answer(200, b": hello\n\n" + stream.encode(), kind="text/event-stream")
            case "status500":
                http_request.answer(500, b"no")
            case "not_json":
                http_request.answer(200, b"<html>")
            case "wrong_id":
                result(text, number=987654)
            case "hang_up":
                http_request.connection.shutdown(socket.SHUT_RDWR)
                http_request.close_connection = True
            case "tool_error":
                result({**text, "isError": True})
            case "rpc_error":
                http_request.answer(200, json.dumps({
                    "jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "no"}}).encode())
            case _:
                result({"content": [{"type": "text", "text": body.decode()}]})


class Fixture:
    """A program of `upstreams/` that serves HTTP on a port of its choice. It ends when its standard input does."""

    def __init__(self, python, script, *words):
        self.process = subprocess.Popen(
            [python, str(UPSTREAMS / script), "--http", *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.address = ("127.0.0.1", self.port)

    def url(self, path="/mcp"):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Pending:
    """What the gateway can't do yet: `{glob over names: reason}`. The table can only shrink: a name that passes although
    the table has it fails the test, unless its reason says "sometimes:", and so does a glob that is the name of nothing."""

    def __init__(self, table):
        self.table = table

    def reason(self, name):
        return next((reason for glob, reason in self.table.items() if fnmatch.fnmatchcase(name, glob)), None)

    def settle(self, outcomes):
        """`outcomes`: name → None or what went wrong. Returns the complaints, none if all is as the table says."""
        complaints = []
        for name, problem in outcomes.items():
            reason = self.reason(name)
            if problem is None and reason is not None and not reason.startswith("sometimes:"):
                complaints.append(f"{name} works now: take it out of PENDING ({reason})")
            elif problem is not None and reason is None:
                complaints.append(f"{name}: {problem}")
        for glob in self.table:
            if not any(fnmatch.fnmatchcase(name, glob) for name in outcomes):
                complaints.append(f"PENDING has {glob!r}, which is the name of nothing")
        return complaints


def pending(reason):
    """Marks a test of what the gateway can't do yet: it runs, and fails as soon as it works."""
    def mark(test):
        @functools.wraps(test)
        def run(self):
            global DEADLINE
            before, DEADLINE = DEADLINE, 8.0  # It will most likely be waited for in vain.
            try:
                test(self)
            except Exception:
                return
            finally:
                DEADLINE = before
            self.fail(f"this works now: take the mark off ({reason})")
        return run
    return mark


class Case(unittest.TestCase):
    """A test with a folder of its own. Processes it starts are ended, whatever happens."""

    def setUp(self):
        # A test that hangs ends the run and says where each thread stood; what went before is in the log.
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = self.folder / "data"

    def sluice(self, *words, code=0, **more):
        """Runs a command on this test's folder and checks its exit code; returns what it printed."""
        done = sluice(*words, data=self.data, **more)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def gateway(self, *options, **more):
        gateway = Gateway(self.data, *options, **more)
        self.addCleanup(gateway.end, signal.SIGKILL)
        return gateway

    def upstream(self):
        upstream = FakeUpstream()
        self.addCleanup(upstream.close)
        return upstream

    def put_policy(self, name, document, server):
        text = document if isinstance(document, str) else json.dumps(document)
        return self.sluice("policy", "put", name, "-", "--server", server, stdin=text)

    def grant(self, server, policy, label="test", *options):
        done = self.sluice(
            "grant", "create", "--server", server, "--policy", policy, "--label", label, "--json", *options)
        return json.loads(done.stdout)["token"]

    def fake(self, policy=ALLOW_ALL, *, options=()):
        """A gateway with the fake HTTP upstream behind it: (upstream, gateway, token)."""
        upstream = self.upstream()
        self.sluice("server", "add", "fake", "--url", upstream.url, "--allow-private")
        self.put_policy("p", policy, "fake")
        token = self.grant("fake", "p")
        return upstream, self.gateway(*options), token

    def studio(self):
        """Studio as a child over stdio, the starter policy, a grant: the token."""
        self.sluice(
            "server", "add", "studio", "--", STUDIO, "--data-dir", str(self.folder / "studio"),
            "--allow-root", str(PICTURE.parent))
        self.sluice("policy", "put", "studio", STARTER_POLICY, "--server", "studio")
        return self.grant("studio", "studio", "demo")

    def rows(self):
        """The ledger, decisions and outcomes, oldest first."""
        text = self.sluice("audit", "export").stdout
        return [json.loads(line) for line in text.splitlines()]

    def decisions(self):
        return [row for row in self.rows() if row["decision_seq"] is None and row["method"] == "tools/call"]


def main():
    unittest.main(argv=[sys.argv[0], "-v"])


class FixtureCase(Case):
    """Has the catalogue served by both major versions of the official library."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fixtures = {"everything2": Fixture(CLIENTS["mcp-2.3.0"], "everything2.py"),
                        "everything1": Fixture(CLIENTS["mcp-1.30.0"], "everything1.py")}
        for fixture in cls.fixtures.values():
            cls.addClassCleanup(fixture.close)
