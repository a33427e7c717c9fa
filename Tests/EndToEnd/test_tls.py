"""TLS on both sides, with Python's `ssl` as the other end: what others wrote has to agree with us, byte by byte."""

import concurrent.futures
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

from harness import ALLOW_ALL, BOTH, CLIENTS, DEADLINE, ROOT, SLUICE, Case, FakeUpstream, Session, until

KIND = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

REAL_CLIENT = """
import asyncio, os, sys, client_job

async def main():
    async with client_job.connect(sys.argv[1], os.environ["SLUICE_TOKEN"]) as (session, _):
        for number in range(5):
            print((await session.call_tool("echo", {"text": f"over TLS {number}"})).content[0].text)

asyncio.run(main())
"""


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.ca = folder / "ca.pem"
        self.run("req", "-x509", *KIND, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority", "-days", "9")

    def run(self, *words):
        subprocess.run(["openssl", *map(str, words)], cwd=self.folder, check=True, capture_output=True)

    def make(self, name, alternatives="DNS:localhost,IP:127.0.0.1", days=9):
        """The paths of a certificate and its key."""
        self.run("req", *KIND, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternatives}")
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def client(self, version=None):
        """A context that trusts this authority only."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def server(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


class SecureUpstream(FakeUpstream):
    """The fake upstream over TLS. It counts handshakes and those that took up a session."""

    def __init__(self, context):
        self.handshakes, self.resumed, self.failures = 0, 0, []
        self.names = []
        super().__init__()
        context.sni_callback = lambda _connection, name, _context: self.names.append(name)
        plain = self.server.get_request

        def secure():
            connection, peer = plain()
            # Here nobody else is kept waiting: the tests connect one at a time or in small numbers.
            connection.settimeout(DEADLINE)
            try:
                wrapped = context.wrap_socket(connection, server_side=True)
            except (ssl.SSLError, OSError) as error:
                self.failures.append(str(error))
                raise
            self.handshakes += 1
            self.resumed += wrapped.session_reused
            return wrapped, peer

        self.server.get_request = secure
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/mcp"


class Trickle:
    """A way to a server that passes on one byte at a time, each in a segment of its own, in both directions."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            for source, sink in [(near, far), (far, near)]:
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        # Each thread closes what it reads from, once nothing more comes.
        with source:
            try:
                while data := source.recv(65536):
                    for index in range(len(data)):
                        sink.sendall(data[index:index + 1])
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # One side has closed.

    def close(self):
        # Wakes whoever waits in `accept`, so that its thread ends with the test.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class TLSCase(Case):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder / "tls")


class Listener(TLSCase):
    """Clients in Python, the gateway as the server."""

    def serve(self, *options, name="gw", **more):
        if not (self.authority.folder / f"{name}.pem").exists():
            self.authority.make(name)
        folder = self.authority.folder
        upstream = self.upstream()
        self.sluice("server", "add", "fake", "--url", upstream.url, "--allow-private")
        self.put_policy("p", ALLOW_ALL, "fake")
        self.token = self.grant("fake", "p")
        return upstream, self.gateway(
            "--tls-cert", str(folder / f"{name}.pem"), "--tls-key", str(folder / f"{name}.key"), *options, **more)

    def connect(self, address, version=None, session=None, context=None):
        context = context or self.authority.client(version)
        plain = socket.create_connection(address, timeout=DEADLINE)
        return context.wrap_socket(plain, server_hostname="localhost", session=session)

    def ask(self, connection, message, **fields):
        """One request on a connection that goes on: the answer's status, fields and message."""
        body = json.dumps(message).encode()
        head = {"Host": "localhost", "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                "Accept": BOTH, "Content-Length": str(len(body)), **fields}
        text = "POST /mcp/fake HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n"
        connection.sendall(text.encode() + body)
        return self.answer(connection)

    @staticmethod
    def answer(connection):
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        body = response.read()
        if response.getheader("Content-Type", "").startswith("text/event-stream"):
            body = [line[5:] for line in body.splitlines() if line.startswith(b"data:")][-1]
        return response.status, response.headers, json.loads(body) if body else None

    def open(self, connection):
        """Starts an MCP session: the fields of later requests."""
        status, fields, _ = self.ask(connection, {
            "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tls", "version": "1"}}})
        self.assertEqual(status, 200)
        session = {"Mcp-Session-Id": fields["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        self.ask(connection, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **session)
        return session

    def call(self, connection, session, number, tool="echo", **arguments):
        status, _, message = self.ask(connection, {
            "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}},
            **session)
        self.assertEqual(status, 200)
        self.assertEqual(message["id"], number)
        return message["result"]["content"][0]["text"]

    def test_calls_over_both_versions(self):
        _, gateway = self.serve()
        self.assertEqual(gateway.ready["scheme"], "https")
        for version, name in [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]:
            with self.subTest(name), self.connect(gateway.address, version) as connection:
                self.assertEqual(connection.version(), name)
                session = self.open(connection)
                for number in range(2, 30):
                    self.assertIn(f"text {number}", self.call(connection, session, number, text=f"text {number}"))
                # 1 MiB there and back.
                self.assertIn("x" * (1 << 20), self.call(connection, session, 99, text="x" * (1 << 20)))
                # Both sides say goodbye: no error here means that the closing message came.
                connection.unwrap()

    def test_sessions_are_taken_up(self):
        _, gateway = self.serve("--loops", "2")
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            context, session = self.authority.client(version), None
            for number in range(6):
                with self.subTest(f"{version.name} {number}"):
                    with self.connect(gateway.address, session=session, context=context) as connection:
                        self.open(connection)
                        self.assertEqual(connection.session_reused, number > 0)
                        session = connection.session

    def test_who_is_turned_away(self):
        _, gateway = self.serve()
        old = self.authority.client()
        with warnings.catch_warnings(action="ignore"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        http2 = self.authority.client()
        http2.set_alpn_protocols(["h2"])
        weak = self.authority.client(ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers("AES128-SHA:AES256-SHA:AES128-SHA256")
        stranger = ssl.create_default_context()
        for name, context in [("TLS 1.1", old), ("HTTP/2 only", http2), ("no forward secrecy", weak), ("stranger", stranger)]:
            with self.subTest(name), self.assertRaises((ssl.SSLError, ConnectionError)):
                self.connect(gateway.address, context=context)
        both = self.authority.client()
        both.set_alpn_protocols(["h2", "http/1.1"])
        with self.connect(gateway.address, context=both) as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")
            self.open(connection)

    def test_plain_http_is_told(self):
        _, gateway = self.serve()
        with socket.create_connection(gateway.address, timeout=DEADLINE) as connection:
            connection.sendall(b"POST /mcp/fake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
            answer = b""
            while data := connection.recv(65536):
                answer += data
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"https://", answer)

    def test_clients_that_others_wrote(self):
        """PyPI's `mcp`, both versions, told of our authority the way their HTTP library reads it."""
        _, gateway = self.serve()
        url = f"https://localhost:{gateway.address[1]}/mcp/fake"
        for name, python in CLIENTS.items():
            with self.subTest(name):
                done = subprocess.run(
                    [python, "-c", REAL_CLIENT, url], capture_output=True, text=True, timeout=DEADLINE,
                    cwd=ROOT / "Tests/EndToEnd",
                    env={**os.environ, "SSL_CERT_FILE": str(self.authority.ca), "SLUICE_TOKEN": self.token})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("over TLS", done.stdout)

    def test_byte_by_byte(self):
        _, gateway = self.serve()
        trickle = Trickle(gateway.address)
        self.addCleanup(trickle.close)
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            with self.connect(trickle.address, version) as connection:
                session = self.open(connection)
                self.assertIn("drop by drop", self.call(connection, session, 2, text="drop by drop"))

    def test_a_hundred_at_once(self):
        _, gateway = self.serve()

        def client(number):
            with self.connect(gateway.address) as connection:
                session = self.open(connection)
                return all(f"{number}-{turn}" in self.call(connection, session, turn, text=f"{number}-{turn}")
                           for turn in range(2, 7))

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            self.assertEqual(list(pool.map(client, range(100))), [True] * 100)

    def test_no_renegotiation(self):
        _, gateway = self.serve()
        done = subprocess.run(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{gateway.address[1]}", "-CAfile",
             str(self.authority.ca)], input="R\n", capture_output=True, text=True, timeout=DEADLINE)
        self.assertIn("no renegotiation", done.stdout + done.stderr)

    def test_a_client_that_does_not_read(self):
        _, gateway = self.serve()
        with self.connect(gateway.address) as connection:
            session = self.open(connection)
            body = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
                "name": "echo", "arguments": {"text": "x" * (2 << 20)}}}).encode()
            head = "".join(f"{name}: {value}\r\n" for name, value in {
                "Host": "localhost", "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                "Accept": BOTH, "Content-Length": str(len(body)), **session}.items())
            connection.sendall(b"POST /mcp/fake HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)
            # The answer, 2 MiB, is more than the socket takes; meanwhile others are served.
            with self.connect(gateway.address) as other:
                self.open(other)
            status, _, message = self.answer(connection)
            self.assertEqual((status, message["id"]), (200, 2))

    def test_the_certificate_is_replaced(self):
        folder = self.authority.folder
        self.authority.make("old")
        self.authority.make("new", "DNS:localhost,DNS:new.example")
        shutil.copy(folder / "old.pem", folder / "gw.pem")
        shutil.copy(folder / "old.key", folder / "gw.key")
        _, gateway = self.serve()

        def subject():
            with self.connect(gateway.address) as connection:
                return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]

        with self.connect(gateway.address) as kept:
            session = self.open(kept)
            self.assertEqual(subject(), "old")
            # Half a replacement: the key does not belong to the certificate.
            shutil.copy(folder / "new.key", folder / "next")
            os.replace(folder / "next", folder / "gw.key")
            self.assertEqual(subject(), "old")
            until(lambda: "does not belong" in gateway.stderr, "a line about the broken pair")
            shutil.copy(folder / "new.pem", folder / "next")
            os.replace(folder / "next", folder / "gw.pem")
            self.assertEqual(subject(), "new")
            until(lambda: "the certificate was replaced" in gateway.stderr, "a line about the new certificate")
            self.assertIn("still here", self.call(kept, session, 5, text="still here"))
        self.assertEqual(gateway.stderr.count("does not belong"), 1)
        self.assertEqual(gateway.end(signal.SIGTERM), 0)

    def test_the_admin_plane(self):
        folder = self.authority.folder
        self.authority.make("old-admin")
        self.authority.make("new-admin")
        for kind in ("pem", "key"):
            shutil.copy(folder / f"old-admin.{kind}", folder / f"admin.{kind}")
        _, gateway = self.serve("--admin-tls-cert", folder / "admin.pem", "--admin-tls-key", folder / "admin.key")
        self.assertEqual((gateway.ready["scheme"], gateway.ready["admin_scheme"]), ("https", "https"))
        host, _, port = gateway.ready["admin"].rpartition(":")
        address = (host, int(port))

        def ask(connection, method, path, **fields):
            head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": f"localhost:{port}", **fields}.items())
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return response.status, response.headers, response.read()

        def subject():
            with self.connect(address) as connection:
                return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]

        bearer = {"Authorization": f"Bearer {gateway.ready['admin_token']}"}
        with self.connect(address) as kept:
            self.assertEqual(subject(), "old-admin")
            self.assertEqual(ask(kept, "GET", "/healthz")[0], 200)
            self.assertEqual(ask(kept, "GET", "/api/v1/status")[0], 401)
            status, fields, _ = ask(kept, "POST", "/api/v1/session", **bearer, **{"Content-Length": "0"})
            self.assertEqual(status, 201)
            self.assertIn("Secure", fields["Set-Cookie"])
            cookie = {"Cookie": fields["Set-Cookie"].split(";")[0]}
            self.assertEqual(ask(kept, "GET", "/api/v1/status", **cookie)[0], 200)
            for kind in ("key", "pem"):
                shutil.copy(folder / f"new-admin.{kind}", folder / "next")
                os.replace(folder / "next", folder / f"admin.{kind}")
            until(lambda: subject() == "new-admin", "the new certificate")
            self.assertEqual(ask(kept, "GET", "/api/v1/status", **cookie)[0], 200, "what is open goes on")
            # The data plane has its own.
            with self.connect(gateway.address) as connection:
                self.assertEqual(dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"], "gw")
        with socket.create_connection(address, timeout=DEADLINE) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 400 "))

    def test_the_admin_plane_alone(self):
        """Commands on the same machine ask it, too: they know its certificate, though not by what name it goes."""
        for name in ("admin", "next", "foreign"):
            self.authority.make(name, "DNS:gw.example.com")
        folder = self.authority.folder
        certificate, key = folder / "admin.pem", folder / "admin.key"
        upstream = self.upstream()
        self.sluice("server", "add", "fake", "--url", upstream.url, "--allow-private")
        gateway = self.gateway("--admin-tls-cert", os.path.relpath(certificate), "--admin-tls-key", key)
        self.assertEqual((gateway.ready["scheme"], gateway.ready["admin_scheme"]), ("http", "https"))

        def asked():
            done = subprocess.run([SLUICE, "server", "list", "--json", "--data-dir", self.data], cwd=self.folder,
                                  capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual(done.returncode, 0, done.stderr)
            return (json.loads(done.stdout)[0]["health"] or {}).get("state"), done.stderr

        self.assertEqual(asked(), ("not_started", ""))
        self.assertRegex(self.sluice("server", "show", "fake").stdout, "state: +not_started")
        # The certificate may be replaced: it is the file that is believed.
        for kind in ("key", "pem"):
            os.replace(folder / f"next.{kind}", folder / f"admin.{kind}")
        self.assertEqual(asked(), ("not_started", ""))
        # Whoever has taken the place of the gateway gets no token, be its certificate of the same authority.
        announced = json.loads((self.data / "serving.json").read_text())
        (self.data / "serving.json").write_text(json.dumps({**announced, "certificate": str(folder / "foreign.pem")}))
        state, note = asked()
        self.assertIsNone(state)
        self.assertIn("can't be asked how the servers fare", note)
        self.assertIn("certificate", note)

    def test_files_that_do_not_do(self):
        certificate, key = self.authority.make("a")
        _, other = self.authority.make("b")
        self.authority.run("pkey", "-in", "a.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
        for words, says in [
            (["--tls-cert", certificate], "belong together"),
            (["--tls-key", key], "belong together"),
            (["--admin-tls-cert", certificate], "--admin-tls-cert and --admin-tls-key belong together"),
            (["--admin-tls-cert", certificate, "--admin-tls-key", other], "does not belong to the first certificate"),
            (["--tls-cert", certificate, "--tls-key", other], "does not belong to the first certificate"),
            (["--tls-cert", certificate, "--tls-key", self.authority.folder / "locked.key"], "is encrypted"),
            (["--tls-cert", self.folder / "none.pem", "--tls-key", key], "is not there"),
            (["--tls-cert", key, "--tls-key", key], "no certificate in"),
        ]:
            with self.subTest(says):
                done = self.sluice("serve", "--listen", "127.0.0.1:0", *words, code=2)
                self.assertIn(says, done.stderr)


class Upstreams(TLSCase):
    """Servers in Python, the gateway as the client."""

    def secure(self, name="up", *, context=None, **certificate):
        if not (self.authority.folder / f"{name}.pem").exists():
            self.authority.make(name, **certificate)
        upstream = SecureUpstream(context or self.authority.server(name))
        self.addCleanup(upstream.close)
        return upstream

    def behind(self, upstream, *options, ca=True, url=None):
        """The gateway in front of it, and an MCP session."""
        trust = ["--ca", str(self.authority.ca)] if ca else []
        self.sluice("server", "add", "up", "--url", url or upstream.url, "--allow-private", *trust, *options)
        self.put_policy("p", ALLOW_ALL, "up")
        token = self.grant("up", "p")
        gateway = self.gateway("--loops", "1", "--no-polling")
        return gateway, Session(gateway, "up", token)

    def probe(self, *options, code=3, url):
        """What `server tools` says of a server that can't be trusted."""
        self.sluice("server", "add", "probed", "--replace", "--url", url, "--allow-private", *options)
        return self.sluice("server", "tools", "probed", code=code)

    def test_many_calls_one_handshake(self):
        upstream = self.secure()
        _, session = self.behind(upstream, url=upstream.url.replace("127.0.0.1", "localhost"))
        before = upstream.handshakes
        for number in range(20):
            self.assertIn(f"n{number}", session.call("echo", {"text": f"n{number}"}).json["result"]["content"][0]["text"])
        self.assertLessEqual(upstream.handshakes, before + 1)
        self.assertEqual(set(upstream.names), {"localhost"})

    def test_sessions_are_taken_up(self):
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            with self.subTest(version.name):
                self.authority.make("up")
                context = self.authority.server("up")
                context.minimum_version = context.maximum_version = version
                upstream = self.secure(context=context)
                self.data = self.folder / f"data-{version.name}"
                _, session = self.behind(upstream)
                for number in range(4):
                    # It closes after its answer, so that the next call needs a connection of its own.
                    self.assertEqual(session.outcome("status500"), "error")
                    for connection in list(upstream.connections):
                        try:
                            connection.shutdown(socket.SHUT_RDWR)
                        except OSError:
                            pass
                    upstream.connections.clear()
                    until(lambda: session.outcome("echo") == "allowed", "a call over a new connection")
                self.assertGreaterEqual(upstream.handshakes, 4)
                self.assertGreaterEqual(upstream.resumed, upstream.handshakes - 2, upstream.handshakes)

    def test_certificates_that_are_refused(self):
        good = self.secure()
        expired = self.secure("expired", days=-1)
        elsewhere = self.secure("elsewhere", alternatives="DNS:elsewhere.example")
        ca = ["--ca", str(self.authority.ca)]
        for name, upstream, options, says in [
            ("unknown authority", good, [], ["Test authority", "CA file"]),
            ("expired", expired, ca, ["expired on 20", "CN = expired"]),
            ("another name", elsewhere, ca, ["not for `127.0.0.1`", "DNS:elsewhere.example"]),
        ]:
            with self.subTest(name):
                done = self.probe(*options, url=upstream.url)
                for text in [*says, upstream.url.split("/")[2]]:
                    self.assertIn(text, done.stderr)
                self.assertEqual(upstream.calls, [])
        self.probe(*ca, url=good.url, code=0)

    def test_a_server_without_tls(self):
        upstream = self.upstream()
        done = self.probe("--ca", str(self.authority.ca), url=upstream.url.replace("http://", "https://"))
        self.assertIn("check scheme and port", done.stderr)

    def test_a_server_that_asks_who_we_are(self):
        self.authority.make("up")
        certificate, key = self.authority.make("gateway", "DNS:gateway.example")
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            with self.subTest(version.name):
                context = self.authority.server("up")
                context.minimum_version = context.maximum_version = version
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self.authority.ca)
                upstream = self.secure(context=context)
                ca = ["--ca", str(self.authority.ca)]
                done = self.probe(*ca, url=upstream.url)
                self.assertIn("client certificate", done.stderr)
                self.probe(*ca, "--client-cert", str(certificate), "--client-key", str(key), url=upstream.url, code=0)

    def test_what_cannot_be_meant(self):
        ca = str(self.authority.ca)
        for words, says in [
            (["--url", "http://example.com/mcp", "--ca", ca], "https://"),
            (["--url", "https://example.com/mcp", "--ca", str(self.folder / "none.pem")], "is not there"),
            (["--url", "https://example.com/mcp", "--client-cert", ca], "belong together"),
            (["--ca", ca, "--", "true"], "https://"),
        ]:
            with self.subTest(says):
                self.assertIn(says, self.sluice("server", "add", "s", *words, code=2).stderr)
        self.sluice("server", "add", "s", "--url", "https://example.com/mcp", "--ca", ca)
        self.assertEqual(json.loads(self.sluice("server", "show", "s", "--json").stdout)["ca"], ca)

    def test_an_answer_that_is_cut_off(self):
        """Without a length, the end of the connection is the end of the answer: only if TLS says so."""
        self.authority.make("up")
        for is_whole in [True, False]:
            with self.subTest(is_whole=is_whole):
                upstream = self.secure()

                def cut(http_request, message, result, body, is_whole=is_whole):
                    text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
                        "content": [{"type": "text", "text": "all of it"}]}}).encode()
                    http_request.wfile.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + text)
                    http_request.wfile.flush()
                    http_request.close_connection = True
                    if is_whole:
                        try:
                            http_request.connection.unwrap()
                        except (ssl.SSLError, OSError):
                            pass  # The other side may have closed first.

                upstream.call = cut
                self.data = self.folder / f"data-{is_whole}"
                _, session = self.behind(upstream)
                self.assertEqual(session.outcome("echo"), "allowed" if is_whole else "error")

    def test_byte_by_byte(self):
        upstream = self.secure()
        trickle = Trickle(upstream.server.server_address)
        self.addCleanup(trickle.close)
        _, session = self.behind(upstream, url=f"https://127.0.0.1:{trickle.address[1]}/mcp")
        self.assertEqual(session.outcome("echo", {"text": "drop by drop"}), "allowed")
        self.assertEqual(session.outcome("stream"), "allowed")

    def test_forty_at_once(self):
        upstream = self.secure()
        _, session = self.behind(upstream)
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda number: session.call("echo", {"text": f"n{number}."}).json, range(200)))
        for answer in answers:
            self.assertIn("result", answer)
        self.assertLessEqual(upstream.handshakes, 64)

    def test_a_server_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            started = time.monotonic()
            done = self.probe("--ca", str(self.authority.ca), url=f"https://127.0.0.1:{silent.getsockname()[1]}/mcp")
            self.assertIn("handshake", done.stderr)
            self.assertLess(time.monotonic() - started, DEADLINE)
