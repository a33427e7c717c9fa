"""What MCP asks of a gateway in the middle: versions, sessions, streams, progress, cancellation, own ids."""

import gzip
import json
import sys
import threading
import zlib

from harness import ALLOW_ALL, FAKE_STDIO, Case, EventStream, Session, request, until


class Versions(Case):
    def setUp(self):
        super().setUp()
        self.fake_upstream, self.gw, self.token = self.fake()

    def test_every_version_we_speak(self):
        for version in ["2025-11-25", "2025-06-18", "2025-03-26"]:
            with self.subTest(version):
                session = Session(self.gw, "fake", self.token, version=version)
                self.assertEqual(session.initialized["protocolVersion"], version)
                self.assertIn("tools", session.initialized["capabilities"])
                self.assertEqual(session.outcome("echo"), "allowed")

    def test_a_version_we_do_not_speak(self):
        for version in ["1999-01-01", "2031-01-01"]:
            session = Session(self.gw, "fake", self.token, version=version)
            self.assertEqual(session.initialized["protocolVersion"], "2025-11-25")

    def test_a_version_header_that_is_none(self):
        session = Session(self.gw, "fake", self.token)
        session.fields["MCP-Protocol-Version"] = "nonsense"
        self.assertEqual(session.send("tools/list").status, 400)

    def test_batches_only_in_2025_03_26(self):
        batch = [{"jsonrpc": "2.0", "id": number, "method": "ping"} for number in (1, 2)]
        session = Session(self.gw, "fake", self.token, version="2025-06-18")
        answer = session.post(batch)
        self.assertEqual((answer.status, answer.json["error"]["code"]), (400, -32600))

    def test_the_probe_of_a_newer_client(self):
        """mcp 2.x asks `server/discover` first and falls back when that is refused."""
        answer = request(self.gw.address, "POST", "/mcp/fake", {
            "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}}}},
            Authorization=f"Bearer {self.token}", MCP_Protocol_Version="2026-07-28")
        self.assertIn(answer.status, (400, 404))
        self.assertIn("error", answer.json)


class Sessions(Case):
    def setUp(self):
        super().setUp()
        self.fake_upstream, self.gw, self.token = self.fake()

    def test_a_session_belongs_to_its_grant(self):
        session = Session(self.gw, "fake", self.token)
        other = self.grant("fake", "p", "other")
        session.fields["Authorization"] = f"Bearer {other}"
        self.assertEqual(session.send("tools/list").status, 404, "a session was used with another grant's token")

    def test_session_ids_can_not_be_guessed(self):
        names = {Session(self.gw, "fake", self.token).fields["Mcp-Session-Id"] for _ in range(20)}
        self.assertEqual(len(names), 20)
        self.assertGreaterEqual(min(map(len, names)), 22)
        for row in self.rows():
            self.assertNotIn(row["session_id"], names, "the ledger holds what would let one into a session")

    def test_notifications_are_accepted(self):
        session = Session(self.gw, "fake", self.token)
        answer = session.notify("notifications/initialized")
        self.assertEqual((answer.status, answer.body), (202, b""))

    def test_ping_and_unknown_methods(self):
        session = Session(self.gw, "fake", self.token)
        self.assertEqual(session.send("ping").json["result"], {})
        # What nobody has heard of is the server's to know; what the protocol has for others is not.
        self.assertEqual(session.send("no/such/method").json.get("result", {}), {})
        self.assertEqual(session.send("elicitation/create").json["error"]["code"], -32601)

    def test_ids_keep_their_type(self):
        session = Session(self.gw, "fake", self.token)
        for number in [0, -1, 2**53, "1", "", "ä"]:
            with self.subTest(number):
                answer = session.post({"jsonrpc": "2.0", "id": number, "method": "tools/call",
                                       "params": {"name": "echo", "arguments": {}}})
                self.assertEqual(answer.json["id"], number)
                self.assertIs(type(answer.json["id"]), type(number))

    def test_credentials_and_sessions_stay_here(self):
        session = Session(self.gw, "fake", self.token)
        session.call("echo")
        headers = self.fake_upstream.headers[-1]
        self.assertIsNone(headers.get("Authorization"))
        self.assertEqual(headers.get("Mcp-Session-Id"), "upstream-session")
        self.assertNotIn(self.token, str(headers))

    def test_a_request_without_an_id_is_no_way_around_the_policy(self):
        """Servers exist that look at the method first: to them it would be a call."""
        session = Session(self.gw, "fake", self.token)
        for method in ("tools/call", "Tools/Call", "resources/read", "no/such"):
            answer = session.notify(method, {"name": "echo", "arguments": {}})
            self.assertEqual(answer.status, 202)
        # A notification goes on, and shows that all before it were seen to.
        session.notify("notifications/roots/list_changed")
        until(lambda: "notifications/roots/list_changed" in self.fake_upstream.notified, "the notification")
        self.assertEqual(self.fake_upstream.calls, [])
        self.assertEqual(set(self.fake_upstream.notified),
                         {"notifications/initialized", "notifications/roots/list_changed"})

    def test_stored_headers_go_along(self):
        self.sluice("server", "add", "keyed", "--url", self.fake_upstream.url, "--allow-private",
                    "--header", "X-Api-Key: s3cret")
        self.put_policy("q", ALLOW_ALL, "keyed")
        Session(self.gw, "keyed", self.grant("keyed", "q", "keyed")).call("echo")
        self.assertEqual(self.fake_upstream.headers[-1].get("X-Api-Key"), "s3cret")

    def test_the_stream_says_that_tools_changed(self):
        session = Session(self.gw, "fake", self.token)
        stream = EventStream(self.gw.address, "GET", "/mcp/fake", **session.fields)
        self.addCleanup(stream.close)
        self.assertEqual((stream.status, stream.kind.split(";")[0]), (200, "text/event-stream"))
        self.put_policy("p", {"version": "1", "default": "deny", "tools": {"echo": {}}}, "fake")
        message = next(stream.messages())
        self.assertEqual(message["method"], "notifications/tools/list_changed")
        self.assertEqual(session.tools(), ["echo"])

    def test_more_sessions_than_allowed(self):
        self.gw.end()
        gateway = self.gateway("--max-sessions", "2")
        Session(gateway, "fake", self.token), Session(gateway, "fake", self.token)
        try:
            Session(gateway, "fake", self.token)
        except AssertionError as error:
            self.assertIn("503", str(error))


class Bodies(Case):
    def test_compressed_bodies_are_refused(self):
        """They are not taken for what they are not: no call goes on."""
        upstream, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}
        plain = json.dumps(message).encode()
        bodies = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain), "br": plain, "GZIP": plain, "": plain,
                  "identity, gzip": plain}
        for coding, body in bodies.items():
            for path in (session.path, "/mcp"):
                with self.subTest(coding, path=path):
                    answer = request(gateway.address, "POST", path, body, **session.fields, Content_Encoding=coding)
                    self.assertEqual(answer.status, 415)
                    self.assertEqual(answer.fields["accept-encoding"], "identity")
                    self.assertIn("leave out Content-Encoding", answer.json["error"]["message"])
        self.assertEqual(upstream.calls, [])
        answer = request(gateway.address, "POST", session.path, plain, **session.fields, Content_Encoding="Identity")
        self.assertEqual(answer.status, 200)


class Streams(Case):
    def setUp(self):
        super().setUp()
        self.sluice("server", "add", "child", "--", sys.executable, FAKE_STDIO)
        self.put_policy("p", ALLOW_ALL, "child")
        self.token = self.grant("child", "p")
        self.gw = self.gateway()
        self.session = Session(self.gw, "child", self.token)

    def post(self, message, path="/mcp/child", session=None):
        stream = EventStream(self.gw.address, "POST", path, message, **(session or self.session).fields)
        self.addCleanup(stream.close)
        return stream

    def call(self, tool, number, token=None, arguments=None):
        params = {"name": tool, "arguments": arguments or {}}
        if token is not None:
            params["_meta"] = {"progressToken": token}
        return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}

    def test_progress_with_the_callers_token(self):
        for token in ["mine", 7]:
            with self.subTest(token):
                messages = list(self.post(self.call("progress", 5, token)).messages())
                self.assertEqual([message["params"]["progress"] for message in messages[:-1]], [0, 1, 2])
                for message in messages[:-1]:
                    self.assertEqual(message["params"]["progressToken"], token)
                    self.assertIs(type(message["params"]["progressToken"]), type(token))
                self.assertEqual(messages[-1]["id"], 5)
                self.assertNotEqual(json.loads(messages[-1]["result"]["content"][0]["text"]), token,
                                    "the client's token went upstream")

    def test_progress_of_an_http_server(self):
        upstream = self.upstream()
        self.sluice("server", "add", "http", "--url", upstream.url, "--allow-private")
        self.put_policy("q", ALLOW_ALL, "http")
        session = Session(self.gw, "http", self.grant("http", "q", "http"))
        messages = list(self.post(self.call("stream", 3, "mine"), "/mcp/http", session).messages())
        self.assertEqual(messages[0]["params"], {"progressToken": "mine", "progress": 1})
        self.assertEqual((messages[-1]["id"], messages[-1]["result"]["content"][0]["text"]), (3, "done"))

    def test_cancellation_reaches_the_server(self):
        thread = threading.Thread(target=self.post, args=(self.call("wait", "to-cancel"),), daemon=True)
        thread.start()
        until(lambda: any(row["tool"] == "wait" for row in self.decisions()), "the call's decision")

        def seen():
            self.session.notify("notifications/cancelled", {"requestId": "to-cancel", "reason": "test"})
            return json.loads(self.session.call("cancelled").json["result"]["content"][0]["text"])

        cancelled = until(seen, "the cancellation to reach the server")
        self.assertNotIn("to-cancel", cancelled, "the client's id went upstream")
        until(lambda: [row for row in self.rows() if row["decision_seq"] and row["outcome"] == "error"], "its outcome")

    def test_two_calls_with_the_same_id(self):
        other = Session(self.gw, "child", self.token)
        answers = [session.post(self.call("echo", 1, arguments={"who": name})).json
                   for name, session in [("a", self.session), ("b", other)]]
        self.assertEqual([answer["id"] for answer in answers], [1, 1])
        self.assertEqual([json.loads(answer["result"]["content"][0]["text"])["who"] for answer in answers], ["a", "b"])

    def test_lines_that_are_no_messages(self):
        self.assertEqual(self.session.outcome("banner"), "allowed")

    def test_a_large_answer(self):
        size = 3_000_000
        answer = self.session.call("many", {"bytes": size})
        self.assertEqual(len(answer.json["result"]["content"][0]["text"]), size)

    def test_a_client_that_goes_away_is_forgotten(self):
        for number in range(20):
            stream = EventStream(self.gw.address, "GET", "/mcp/child", **self.session.fields)
            stream.close()
            self.assertEqual(self.session.outcome("echo"), "allowed", f"after stream {number}")


if __name__ == "__main__":
    import harness
    harness.main()
