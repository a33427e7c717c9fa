"""Each row of the contract's table of situations, through a real socket."""

import threading

from harness import ALLOW_ALL, BOTH, Case, Session, exchange, request, until


class Situations(Case):
    def setUp(self):
        super().setUp()
        self.fake_upstream, self.gw, self.token = self.fake(options=("--max-body", "64KiB", "--call-timeout", "1s"))
        self.address = self.gw.address
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def ask(self, body=None, path="/mcp/fake", method="POST", **fields):
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"} if body is None else body
        answer = request(self.address, method, path, body, **{**self.bearer, **fields})
        self.assertIn("x-request-id", answer.fields)
        return answer

    def check_rpc_error(self, answer, status, code, number=None):
        self.assertEqual((answer.status, answer.json["error"]["code"]), (status, code), answer.body)
        self.assertEqual(answer.json.get("id"), number)

    # --- who may call

    def test_no_token(self):
        answer = self.ask(Authorization=None)
        self.assertEqual(answer.status, 401)
        self.assertTrue(answer.fields["www-authenticate"].startswith("Bearer"))

    def test_tokens_that_are_none(self):
        for value in ["Bearer ", "Bearer x", f"Bearer {self.token}x", f"Basic {self.token}", "Bearer slg_" + "A" * 43]:
            with self.subTest(value=value):
                answer = self.ask(Authorization=value)
                self.assertEqual(answer.status, 401)
                self.assertTrue(answer.fields["www-authenticate"].startswith("Bearer"))

    def test_a_revoked_token(self):
        session = Session(self.gw, "fake", self.token)
        self.assertEqual(session.outcome("echo"), "allowed")
        self.sluice("grant", "revoke", "test")
        self.assertEqual(session.call("echo").status, 401, "the next request after the revocation")

    def test_an_expired_token(self):
        token = self.grant("fake", "p", "short", "--expires", "1s")
        until(lambda: self.ask(Authorization=f"Bearer {token}").status == 401, "the grant's end")

    def test_a_grant_of_another_server(self):
        self.sluice("server", "add", "other", "--url", self.fake_upstream.url, "--allow-private")
        self.assertEqual(self.ask(path="/mcp/other").status, 403)

    def test_an_unknown_server(self):
        self.assertEqual(self.ask(path="/mcp/nosuch").status, 404)

    def test_paths_that_are_none(self):
        for path in ["/", "/mcp/", "/nothing", "/mcp/fake/x", "/mcp/fake%2f"]:
            with self.subTest(path=path):
                self.assertIn(self.ask(path=path).status, (400, 404))

    # --- what is no message

    def test_not_json(self):
        deep = b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 70 + b"]" * 70 + b"}"
        for body in [b"", b"{", b"nope", b'{"a":1,"a":2}', b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"{} {}", deep,
                     b"\xef\xbb\xbf{}"]:
            with self.subTest(body=body[:20]):
                self.check_rpc_error(self.ask(body), 400, -32700)

    def test_not_a_message(self):
        for body in [{}, [], 7, "x", {"jsonrpc": "1.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "id": 1},
                     {"jsonrpc": "2.0", "id": {}, "method": "ping"}, {"jsonrpc": "2.0", "id": 1, "method": 3},
                     [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]]:
            with self.subTest(body=body):
                answer = self.ask(body)
                self.assertEqual((answer.status, answer.json["error"]["code"]), (400, -32600), answer.body)

    def test_a_body_over_the_limit(self):
        head = (f"POST /mcp/fake HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n"
                f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\nAccept: {BOTH}\r\n")
        # Declared: the answer comes although no byte of the body was ever sent.
        self.assertEqual(exchange(self.address, f"{head}Content-Length: 9999999\r\n\r\n".encode()).status, 413)
        # Chunked: the answer comes with the chunk that goes over.
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        chunked = exchange(self.address, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 4)
        self.assertEqual(chunked.status, 413)

    def test_headers_too_large(self):
        self.assertEqual(self.ask(X_Long="a" * 70_000).status, 431)
        many = "".join(f"X-{number}: 1\r\n" for number in range(300))
        answer = exchange(self.address, f"POST /mcp/fake HTTP/1.1\r\nHost: localhost\r\n{many}\r\n".encode())
        self.assertEqual(answer.status, 431)

    def test_what_proxies_disagree_about(self):
        head = f"POST /mcp/fake HTTP/1.1\r\nHost: 127.0.0.1:{self.address[1]}\r\n"
        for name, rest in {
            "both lengths": "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            "two lengths": "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "odd length": "Content-Length: +2\r\n\r\n{}",
            "unknown coding": "Transfer-Encoding: gzip\r\n\r\n{}",
            "folded line": "X-A: 1\r\n b\r\n\r\n",
            "bare LF": "X-A: 1\n\r\n",
            "space before colon": "X-A : 1\r\n\r\n",
            "no such version": None,
        }.items():
            with self.subTest(name):
                text = "POST /mcp/fake HTTP/9.9\r\nHost: localhost\r\n\r\n" if rest is None else head + rest
                self.assertIn(exchange(self.address, text.encode()).status, (400, 501, 505))

    def test_wrong_content_type(self):
        for kind in ["text/plain", "application/x-www-form-urlencoded", None]:
            with self.subTest(kind=kind):
                self.assertEqual(self.ask(Content_Type=kind).status, 415)
        self.assertNotEqual(self.ask(Content_Type="application/json; charset=utf-8").status, 415)

    def test_wrong_accept(self):
        for kind in ["text/html", "image/*"]:
            with self.subTest(kind=kind):
                self.assertEqual(self.ask(Accept=kind).status, 406)

    def test_origin_and_host(self):
        self.assertEqual(self.ask(Origin="https://evil.example").status, 403)
        self.assertEqual(self.ask(Origin="null").status, 403)
        self.assertEqual(self.ask(Host="evil.example").status, 403)
        initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}
        self.assertEqual(self.ask(initialize, Origin="http://localhost:3000").status, 200)

    def test_an_unknown_session(self):
        answer = self.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, Mcp_Session_Id="nosuch",
                          MCP_Protocol_Version="2025-11-25")
        self.assertEqual(answer.status, 404)

    def test_an_ended_session(self):
        session = Session(self.gw, "fake", self.token)
        ended = request(self.address, "DELETE", "/mcp/fake", **session.fields)
        self.assertIn(ended.status, (200, 202, 204))
        self.assertEqual(session.send("tools/list").status, 404)

    # --- what the policy and the upstream say

    def test_a_policy_denial(self):
        self.put_policy("p", {"version": "1", "default": "allow", "hide": ["delete_*"]}, "fake")
        session = Session(self.gw, "fake", self.token)
        self.assertNotIn("delete_all", session.tools())
        answer = session.call("delete_all")
        self.assertEqual(answer.status, 200)
        result = answer.json["result"]
        self.assertTrue(result["isError"])
        unknown = session.call("no_such_tool").json["result"]
        text = result["content"][0]["text"]
        self.assertEqual(text.replace("delete_all", "no_such_tool"), unknown["content"][0]["text"],
                         "a hidden tool must look like one that does not exist")
        self.assertEqual(self.fake_upstream.calls, [], "a denied call went on")
        self.assertEqual(self.decisions()[0]["rule"], "(hidden)")

    def upstream_failure(self, tool, status, reason=None):
        session = Session(self.gw, "fake", self.token)
        answer = session.call(tool)
        self.assertEqual(answer.status, status, answer.body)
        error = answer.json["error"]
        self.assertEqual(answer.json["id"], session.last_id)
        self.assertFalse(-32768 <= error["code"] <= -32000, error)
        self.assertTrue(error["data"]["reason"])
        self.assertIn("x-request-id", answer.fields)
        last = until(lambda: [row for row in self.rows() if row["decision_seq"] is not None], "the outcome row")[-1]
        self.assertEqual(last["outcome"], "error")

    def test_upstream_unreachable(self):
        session = Session(self.gw, "fake", self.token)
        self.fake_upstream.close()
        answer = session.call("echo")
        self.assertEqual(answer.status, 502, answer.body)
        self.assertTrue(answer.json["error"]["data"]["reason"])

    def test_upstream_too_slow(self):
        self.upstream_failure("slow", 504)

    def test_upstream_breaks_off(self):
        self.upstream_failure("hang_up", 502)

    def test_upstream_answers_no_json(self):
        self.upstream_failure("not_json", 502)

    def test_upstream_answers_another_id(self):
        self.upstream_failure("wrong_id", 502)

    def test_upstream_status_500(self):
        self.upstream_failure("status500", 502)

    def test_upstream_errors_pass_with_the_callers_id(self):
        session = Session(self.gw, "fake", self.token)
        answer = session.call("rpc_error")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (200, -32602))
        self.assertEqual(answer.json["id"], session.last_id)
        self.assertTrue(session.call("tool_error").json["result"]["isError"])

    def test_own_ids_upstream_and_the_very_bytes(self):
        session = Session(self.gw, "fake", self.token)
        raw = b'{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"echo","arguments":{"n": 1.50e1}}}'
        answer = session.post(raw)
        self.assertEqual(answer.json["id"], "mine")
        sent = answer.json["result"]["content"][0]["text"]
        self.assertIn('"arguments":{"n": 1.50e1}', sent, "the arguments were written anew")
        self.assertNotIn('"mine"', sent, "the client's id went upstream")

    def test_health(self):
        for path in ["/healthz", "/readyz"]:
            answer = request(self.address, "GET", path)
            self.assertEqual(answer.status, 200)

    def test_calls_at_the_same_time(self):
        sessions = [Session(self.gw, "fake", self.token) for _ in range(8)]
        wrong = []

        def work(number, session):
            for turn in range(20):
                mark = f"{number}-{turn}"
                answer = session.call("echo", {"mark": mark}).json
                if answer["id"] != session.last_id or mark not in answer["result"]["content"][0]["text"]:
                    wrong.append(mark)

        threads = [threading.Thread(target=work, args=pair) for pair in enumerate(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.decisions()), 160)


class LedgerGone(Case):
    def test_nothing_is_forwarded_without_a_ledger(self):
        """The disk takes nothing any more: 503, and the upstream never hears of the call."""
        import resource
        upstream = self.upstream()
        self.sluice("server", "add", "fake", "--url", upstream.url, "--allow-private")
        self.put_policy("p", ALLOW_ALL, "fake")
        token = self.grant("fake", "p")
        gateway = self.gateway()
        session = Session(gateway, "fake", token)
        self.assertEqual(session.outcome("echo"), "allowed")
        size = max(path.stat().st_size for path in self.data.glob("sluice.db*"))
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (size // 4096 * 4096, size // 4096 * 4096))

        statuses = [session.call("echo", {"pad": "x" * 100}).status for _ in range(200)]
        self.assertEqual(statuses[-1], 503, gateway.stderr[-2000:])
        self.assertEqual(set(statuses) - {200}, {503})
        self.assertEqual(request(gateway.address, "GET", "/readyz").status, 503)
        self.assertEqual(request(gateway.address, "GET", "/healthz").status, 200)
        self.assertEqual(len(upstream.calls), 1 + statuses.count(200), "a call went on without being recorded")


if __name__ == "__main__":
    import harness
    harness.main()
