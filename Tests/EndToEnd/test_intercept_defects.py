"""The 19 defects that reading Intercept's source has shown: each has a test that ours does not have it.

      what Intercept does                                        tested
 1    arguments that do not decode are forwarded unchecked       here; engine: InterceptDefectTests.d01
 2    names are matched whatever their case                      here; engine: d02
 3    batches are forwarded unchecked                            here (HTTP and stdio servers)
 4    what is no JSON is forwarded                               here; engine: d04
 5    negative and fractional costs                              engine: d05
 6    quota is lost on network failures                          here; engine: d06_d07
 7    a rollback ignores its window                              engine: d06_d07
 8    stored headers are not sent                                here
 9    no authentication, Origin or Host check; Cookie relayed    here
10    hidden tools leak; filtering drops fields of the list      here; engine: d10
11    denials are answered where the client does not listen      here
12    a reader of lines with a limit of 64 KiB cuts streams      here
13    failures upstream have no answer; HTML reaches the client  here
14    one long call blocks all others and their cancellation     here (stdio server)
15    quota denials name no rule                                 here; engine: d15
16    hashes of arguments can be guessed                         here
17    answers to a mixed batch change their shape                here
18    numbers are rounded                                        engine: d18
19    tool names collide with the names of shared counters       engine: d19

Once more over the transports that Intercept has them on: HTTP+SSE (8, 10, 11, 12, towards clients and servers) and the
bridge from stdio clients, `sluice wrap` (3, 13, 14).
"""

import hashlib
import json
import sys
import threading

from harness import ALLOW_ALL, FAKE_STDIO, Case, FakeUpstream, Session, request, until
from test_streams import OldStream
from test_wrap import HELLO, WrapCase
from upstreams.rawserver import RawServer

GUARDED = {"version": "1", "default": "allow", "tools": {"delete_all": {"action": "deny", "reason": "No deleting."}}}


class OddUpstream(FakeUpstream):
    """Its tool list has more than tools in it, and `big` answers with one very long event."""

    TOOLS = FakeUpstream.TOOLS + ["big", "html500"]
    BIG = 700_000

    list_is_odd = False

    def handle(self, http_request, message, body):
        if message.get("method") != "tools/list":
            return super().handle(http_request, message, body)
        tools = [{"name": name, "inputSchema": {"type": "object"}, "_meta": {"x": name}, "title": name.upper()}
                 for name in self.TOOLS]
        result = {"tools": tools, "_meta": {"of": "the list"}, "other": [1]}
        if self.list_is_odd:
            result["tools"].append({"inputSchema": "no name", "secret_of": "delete_all"})
        http_request.answer(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())

    def call(self, http_request, message, result, body):
        match message["params"]["name"]:
            case "big":
                text = {"content": [{"type": "text", "text": "x" * self.BIG}]}
                event = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": text})
                http_request.answer(200, f"data: {event}\n\n".encode(), kind="text/event-stream")
            case "html500":
                http_request.answer(500, b"<html>secret of the inside</html>", kind="text/html")
            case _:
                super().call(http_request, message, result, body)


def first_text(answer):
    return answer.json["result"]["content"][0]["text"]


def call(number, tool, arguments=None):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments or {}}}


class Fake:
    """The odd server behind a gateway, for a case."""

    def start(self, policy=GUARDED, version="2025-11-25"):
        self.up = OddUpstream()
        self.addCleanup(self.up.close)
        self.sluice("server", "add", "fake", "--url", self.up.url, "--allow-private")
        self.put_policy("p", policy, "fake")
        self.token = self.grant("fake", "p")
        self.gw = self.gateway()
        return Session(self.gw, "fake", self.token, version=version)


class InterceptDefects(Fake, Case):
    def child(self, policy, version="2025-11-25"):
        self.sluice("server", "add", "child", "--", sys.executable, FAKE_STDIO)
        self.put_policy("c", policy, "child")
        token = self.grant("child", "c", "child")
        if not hasattr(self, "gw"):
            self.gw = self.gateway()
        return Session(self.gw, "child", token, version=version)

    def raw(self, session, text):
        return request(session.address, "POST", session.path, text.encode(), **session.fields)

    def test_d01_arguments_that_do_not_decode(self):
        session = self.start()
        for arguments in ["[]", '"x"', "7", "true", "null"]:
            with self.subTest(arguments):
                self.raw(session, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all","arguments":%s}}'
                         % arguments)
        for params in ["[]", '"delete_all"', '["delete_all"]', '{"name":["delete_all"]}', "{}"]:
            with self.subTest(params):
                answer = self.raw(session, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}' % params)
                self.assertIn("error", answer.json)
        self.assertEqual(self.up.calls, [])

    def test_d02_names_in_another_case(self):
        session = self.start({"version": "1", "default": "deny", "tools": {"echo": {}}})
        for text in ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all","Name":"echo"}}',
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"delete_all"}}',
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","METHOD":"ping","params":{"name":"delete_all"}}',
                     '{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"delete_all"}}',
                     # Go's encoding/json folds more than ASCII, and the last member wins.
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"param\u017f":{"name":"delete_all"}}',
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"argument\u017f":{"a":2}}}',
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"A":2}}}',
                     '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"delete_all"}}']:
            with self.subTest(text):
                self.raw(session, text)
        self.assertEqual(self.up.calls, [])

    def test_d03_batches_are_judged_call_by_call(self):
        for make in (self.start, self.child):
            with self.subTest(make.__name__):
                if make == self.start:
                    session = self.start(version="2025-03-26")
                    allowed, denied = "echo", "delete_all"
                else:
                    session = self.child({"version": "1", "default": "allow", "tools": {"pid": {"action": "deny"}}},
                                         version="2025-03-26")
                    allowed, denied = "echo", "pid"
                answer = session.post([call(1, denied), call(2, allowed), call(3, denied)])
                by_id = {item["id"]: item for item in answer.json}
                self.assertEqual(set(by_id), {1, 2, 3})
                self.assertTrue(by_id[1]["result"]["isError"] and by_id[3]["result"]["isError"])
                self.assertNotIn("isError", by_id[2]["result"])
        self.assertEqual([item["params"]["name"] for item in self.up.calls], ["echo"])
        # Where the protocol has no batches, none gets through.
        session = Session(self.gw, "fake", self.token)
        self.assertEqual(session.post([call(1, "echo")]).status, 400)
        self.assertEqual(len(self.up.calls), 1)

    def test_d04_what_is_no_json(self):
        session = self.start()
        for text in ["", "tools/call", "<xml/>", json.dumps(call(1, "delete_all"))[:-1], json.dumps(call(1, "echo")) + "x",
                     json.dumps(call(1, "echo")).replace('"id": 1', '"id": 01'), "\ufeff" + json.dumps(call(1, "echo"))]:
            with self.subTest(text):
                self.assertEqual(self.raw(session, text).status, 400)
        self.assertEqual(self.up.calls, [])

    def test_d06_quota_after_failures(self):
        limit = {"limits": [{"counter": "c", "window": "hour", "max": 1}]}
        session = self.start({"version": "1", "default": "allow", "all_tools": limit})
        # Certainly without effect: given back.
        for tool in ["status500", "rpc_error", "html500"]:
            with self.subTest(tool):
                self.assertNotEqual(session.outcome(tool), "denied")
        # Sent, then lost: nobody knows, so it stays.
        self.assertEqual(session.outcome("hang_up"), "error")
        self.assertEqual(session.outcome("echo"), "denied")

    def test_d06_quota_when_the_server_is_not_there(self):
        session = self.start({"version": "1", "default": "allow",
                              "all_tools": {"limits": [{"counter": "c", "window": "hour", "max": 1}]}})
        self.assertEqual(session.outcome("rpc_error"), "error")
        self.up.close()
        for _ in range(3):
            self.assertEqual(session.outcome("echo"), "error", "quota was lost though nothing was sent")

    def test_d08_stored_headers_are_sent(self):
        session = self.start(ALLOW_ALL)
        self.sluice("server", "add", "keyed", "--url", self.up.url, "--allow-private", "--header", "X-Key: s3cret",
                    "--header", "Authorization: Bearer upstream")
        self.put_policy("q", ALLOW_ALL, "keyed")
        session = Session(self.gw, "keyed", self.grant("keyed", "q", "keyed"))
        self.assertEqual(session.outcome("echo"), "allowed")
        self.assertEqual(self.up.headers[-1]["X-Key"], "s3cret")
        self.assertEqual(self.up.headers[-1]["Authorization"], "Bearer upstream")

    def test_d09_the_listener_asks_who_calls(self):
        session = self.start(ALLOW_ALL)
        without = {name: value for name, value in session.fields.items() if name != "Authorization"}
        for fields, status in [(without, 401), ({**session.fields, "Authorization": "Bearer slg_wrong"}, 401),
                               ({**session.fields, "Origin": "https://evil.example"}, 403),
                               ({**session.fields, "Host": "evil.example"}, 403)]:
            with self.subTest(fields):
                answer = request(session.address, "POST", session.path, call(1, "echo"), **fields)
                self.assertEqual(answer.status, status)
        self.assertEqual(self.up.calls, [])
        answer = request(session.address, "POST", session.path, call(1, "echo"), Cookie="a=b", X_Secret="c",
                         Proxy_Authorization="Basic eA==", **session.fields)
        self.assertEqual(answer.status, 200)
        for name in ["Authorization", "Cookie", "X-Secret", "Proxy-Authorization"]:
            self.assertIsNone(self.up.headers[-1].get(name), name)

    def test_d10_hidden_tools_and_the_rest_of_the_list(self):
        session = self.start({"version": "1", "default": "allow", "hide": ["delete_*"]})
        result = session.send("tools/list").json["result"]
        self.assertEqual([tool["name"] for tool in result["tools"]],
                         [name for name in self.up.TOOLS if name != "delete_all"])
        self.assertEqual((result["_meta"], result["other"]), ({"of": "the list"}, [1]))
        for tool in result["tools"]:
            self.assertEqual((tool["_meta"], tool["title"]), ({"x": tool["name"]}, tool["name"].upper()))
        # A list with something in it that is no tool shows no more than before.
        self.up.list_is_odd = True
        self.assertNotIn(b"delete_all", session.send("tools/list").body)
        other = Session(self.gw, "fake", self.token)
        self.assertNotIn(b"delete_all", other.send("tools/list").body)

    def test_d11_denials_come_as_the_answer(self):
        session = self.start()
        for accept in ["application/json, text/event-stream", "text/event-stream, application/json"]:
            with self.subTest(accept):
                answer = request(session.address, "POST", session.path, call("x", "delete_all"),
                                 **{**session.fields, "Accept": accept})
                self.assertEqual((answer.status, answer.json["id"]), (200, "x"))
                self.assertIn("[POLICY DENIED] No deleting.", answer.json["result"]["content"][0]["text"])

    def test_d12_long_lines(self):
        session = self.start(ALLOW_ALL)
        text = session.call("big").json["result"]["content"][0]["text"]
        self.assertEqual(len(text), OddUpstream.BIG)
        child = self.child(ALLOW_ALL)
        text = child.call("many", {"bytes": OddUpstream.BIG}).json["result"]["content"][0]["text"]
        self.assertEqual(len(text), OddUpstream.BIG)

    def test_d13_every_failure_is_answered(self):
        session = self.start(ALLOW_ALL)
        for tool in ["status500", "html500", "not_json", "wrong_id", "hang_up"]:
            with self.subTest(tool):
                answer = session.call(tool)
                message = answer.json
                self.assertEqual((message["jsonrpc"], message["id"]), ("2.0", session.last_id))
                self.assertIn("error", message)
                self.assertNotIn(b"<html>", answer.body)
                self.assertNotIn(b"secret", answer.body)
        child = self.child(ALLOW_ALL)
        self.assertIn("error", child.call("die").json)
        until(lambda: child.outcome("echo") == "allowed", "the server's next start")

    def test_d14_a_long_call_blocks_nothing(self):
        child = self.child(ALLOW_ALL)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(child.post(call("long", "wait"))), daemon=True)
        waiting.start()
        until(lambda: any(row["tool"] == "wait" for row in self.decisions()), "the long call's decision")
        for _ in range(5):
            self.assertEqual(child.outcome("echo"), "allowed")
        self.assertEqual(answers, [])

        def cancelled():
            child.notify("notifications/cancelled", {"requestId": "long"})
            return json.loads(child.call("cancelled").json["result"]["content"][0]["text"])

        until(cancelled, "the cancellation to reach the server past the long call")

    def test_d15_quota_denials_name_their_rule(self):
        session = self.start({"version": "1", "default": "allow", "tools": {
            "echo": {"limits": [{"counter": "few", "window": "hour", "max": 1}]}}})
        self.assertEqual([session.outcome("echo") for _ in range(2)], ["allowed", "denied"])
        row = self.decisions()[-1]
        self.assertEqual((row["outcome"], row["rule"], row["rule_alias"]),
                         ("denied", "/tools/echo/limits/0", "/tools/echo/limits/few"))

    def test_d16_hashes_of_arguments_can_not_be_guessed(self):
        arguments = {"pin": "0000"}
        digests = []
        for folder in ("one", "two"):
            self.data = self.folder / folder
            session = self.start(ALLOW_ALL)
            session.call("echo", arguments)
            session.call("echo", arguments)
            self.gw.end()
            first, second = [row["argument_digest"] for row in self.decisions()]
            self.assertEqual(first, second, "the same arguments can't be recognised")
            digests.append(first)
        self.assertNotEqual(*digests, "the digest depends on nothing but the arguments")
        for text in [json.dumps(arguments), json.dumps(arguments, separators=(",", ":"))]:
            for name in ["sha256", "sha3_256", "blake2s", "sha512", "blake2b"]:
                self.assertNotIn(hashlib.new(name, text.encode()).hexdigest()[:64], digests)
            self.assertNotIn(hashlib.blake2b(text.encode(), digest_size=32).hexdigest(), digests)

    def test_d17_a_mixed_batch_keeps_its_shape(self):
        session = self.start(version="2025-03-26")
        note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        ping = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
        for batch, wanted in [([call(1, "delete_all"), ping, call(2, "echo")], [1, "p", 2]),
                              ([call(2, "echo"), call(1, "delete_all")], [2, 1]),
                              ([call(1, "delete_all"), note], [1]), ([note, call(2, "echo")], [2])]:
            with self.subTest(batch):
                answer = session.post(batch)
                self.assertEqual(answer.status, 200)
                self.assertIsInstance(answer.json, list)
                self.assertEqual(sorted(map(str, wanted)), sorted(str(item["id"]) for item in answer.json))
                self.assertEqual([item["id"] for item in answer.json], wanted, "answers changed places")
        self.assertEqual(session.post([note, note]).status, 202)


class OverEvents(Fake, Case):
    """HTTP+SSE of 2024-11-05."""

    def old(self, policy):
        self.start(policy)
        old = OldStream(self, self.token, "/mcp/fake/sse")
        old.begin()
        return old

    def server(self, *options, policy=ALLOW_ALL):
        server = RawServer()
        self.addCleanup(server.close)
        self.sluice("server", "add", "old", "--url", server.url("/sse"), "--allow-private", *options)
        self.put_policy("old", policy, "old")
        token = self.grant("old", "old", "old")
        self.gw = self.gateway()
        return server, Session(self.gw, "old", token)

    def test_d08_stored_headers_are_sent(self):
        server, session = self.server("--header", "X-Key: s3cret", "--header", "Authorization: Bearer upstream")
        self.assertEqual(session.outcome("echo"), "allowed")
        self.assertEqual({exchange.path.partition("?")[0] for exchange in server.seen} & {"/sse", "/messages"},
                         {"/sse", "/messages"})
        for exchange in server.seen:
            if exchange.path.startswith(("/sse", "/messages")):
                self.assertEqual((exchange.fields["x-key"], exchange.fields["authorization"]),
                                 ("s3cret", "Bearer upstream"), exchange.path)

    def test_d10_hidden_tools_and_the_rest_of_the_list(self):
        old = self.old({"version": "1", "default": "allow", "hide": ["delete_*"]})
        result = old.send(2, "tools/list")["result"]
        self.assertEqual([tool["name"] for tool in result["tools"]],
                         [name for name in self.up.TOOLS if name != "delete_all"])
        self.assertEqual((result["_meta"], result["other"]), ({"of": "the list"}, [1]))

    def test_d10_hidden_tools_of_a_server(self):
        server, session = self.server(policy={"version": "1", "default": "allow", "hide": ["e*"]})
        names = session.tools()
        self.assertNotIn("echo", names)
        self.assertIn("huge", names)
        self.assertEqual(session.outcome("echo"), "denied")
        self.assertEqual(server.calls("echo"), [])

    def test_d11_denials_come_on_the_stream(self):
        old = self.old(GUARDED)
        denied = old.send("x", "tools/call", {"name": "delete_all", "arguments": {}})
        self.assertIn("[POLICY DENIED] No deleting.", denied["result"]["content"][0]["text"])
        self.assertEqual(self.up.calls, [])

    def test_d12_long_lines(self):
        old = self.old(ALLOW_ALL)
        text = old.send(2, "tools/call", {"name": "big", "arguments": {}})["result"]["content"][0]["text"]
        self.assertEqual(len(text), OddUpstream.BIG)

    def test_d12_long_lines_of_a_server(self):
        _, session = self.server()
        text = first_text(session.call("huge", {"bytes": OddUpstream.BIG}))
        self.assertEqual(len(text), OddUpstream.BIG)


class OverTheBridge(WrapCase):
    """`sluice wrap`."""

    def begin(self, wrapped, version="2025-11-25"):
        wrapped.ask(0, "initialize", {**HELLO, "protocolVersion": version})
        wrapped.send(method="notifications/initialized")

    def test_d03_batches_are_judged_call_by_call(self):
        policy = {"version": "1", "default": "allow", "tools": {"pid": {"action": "deny"}}}
        wrapped = self.wrap(policy=policy)
        self.begin(wrapped, "2025-03-26")
        wrapped.raw(json.dumps([call(1, "pid"), call(2, "echo"), call(3, "pid")]).encode() + b"\n")
        answers = wrapped.receive()
        by_id = {item["id"]: item["result"] for item in (answers if isinstance(answers, list) else [answers])}
        self.assertEqual(set(by_id), {1, 2, 3})
        self.assertTrue(by_id[1]["isError"] and by_id[3]["isError"])
        self.assertNotIn("isError", by_id[2])
        # Where the protocol has no batches, none gets through.
        wrapped.end()
        wrapped = self.wrap(policy=policy)
        self.begin(wrapped)
        wrapped.raw(json.dumps([call(1, "echo")]).encode() + b"\n")
        self.assertIn("error", wrapped.receive())
        self.assertEqual(len(self.decisions()), 3)

    def test_d13_every_failure_is_answered(self):
        up = OddUpstream()
        self.addCleanup(up.close)
        wrapped = self.wrap("--url", up.url, "--allow-private")
        self.begin(wrapped)
        for number, tool in enumerate(["status500", "html500", "not_json", "wrong_id", "hang_up"], 1):
            with self.subTest(tool):
                message = wrapped.call(number, tool)
                self.assertIn("error", message)
                self.assertNotIn("html", json.dumps(message))
                self.assertNotIn("secret", json.dumps(message))

    def test_d14_a_long_call_blocks_nothing(self):
        wrapped = self.wrap()
        self.begin(wrapped)
        wrapped.send(**call("long", "wait"))
        for number in range(5):
            self.assertIn("result", wrapped.call(number + 1, "echo"))
        wrapped.send(method="notifications/cancelled", params={"requestId": "long"})
        numbers = iter(range(10, 1_000))
        until(lambda: json.loads(wrapped.call(next(numbers), "cancelled")["result"]["content"][0]["text"]),
              "the cancellation to reach the server past the long call")


if __name__ == "__main__":
    import harness
    harness.main()
