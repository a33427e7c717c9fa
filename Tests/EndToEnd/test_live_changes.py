"""Commands work on the stored state while a gateway runs on it, and take effect with the next request."""

import json
import os
import signal
import sys
import threading

import wire
from harness import ALLOW_ALL, DEADLINE, FAKE_STDIO, Case, Session, alive, request, until
from upstreams.rawserver import RawServer


class LiveChanges(Case):
    def test_a_new_policy_judges_the_next_call(self):
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        self.assertEqual(session.outcome("echo"), "allowed")
        self.put_policy("p", {"version": "1", "default": "deny"}, "fake")
        self.assertEqual(session.outcome("echo"), "denied")
        self.assertEqual(session.tools(), [])
        self.put_policy("p", ALLOW_ALL, "fake")
        self.assertEqual(session.outcome("echo"), "allowed")
        self.assertEqual([row["policy_version"] for row in self.decisions()], [1, 2, 3])

    def test_what_needs_a_person_is_denied(self):
        upstream, gateway, token = self.fake({"version": "1", "default": "allow", "tools": {
            "echo": {"action": "require_approval"}, "slow": {"approve_if": [{"conditions": []}]}}})
        session = Session(gateway, "fake", token)
        self.assertEqual([session.outcome("echo"), session.outcome("slow")], ["denied", "denied"])
        self.assertEqual(upstream.calls, [])
        self.assertEqual([row["outcome"] for row in self.decisions()], ["denied", "denied"])

    def test_shadow_mode_lets_through_and_says_so(self):
        upstream, gateway, token = self.fake({"version": "1", "default": "deny", "mode": "shadow"})
        session = Session(gateway, "fake", token)
        self.assertEqual(session.call("echo").json["result"]["content"][0]["type"], "text")
        self.assertEqual(len(upstream.calls), 1)
        self.assertEqual([row["outcome"] for row in self.decisions()], ["shadow_denied"])

    def test_an_invalid_policy_changes_nothing(self):
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        done = self.sluice("policy", "put", "p", "-", "--server", "fake", code=1,
                           stdin='{"version":"1","default":"denny","tols":{}}')
        self.assertIn("-:1:26: error:", done.stderr)
        self.assertIn("-:1:34: error:", done.stderr)
        self.assertIn("tools", done.stderr)
        self.assertEqual(session.outcome("echo"), "allowed")

    def test_a_rotated_token(self):
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        self.assertEqual(session.outcome("echo"), "allowed")
        new = json.loads(self.sluice("grant", "rotate", "test", "--json").stdout)["token"]
        self.assertEqual(session.call("echo").status, 401)
        self.assertEqual(Session(gateway, "fake", new).outcome("echo"), "allowed")

    def test_changes_of_a_resource_are_told_only_while_it_may_be_read(self):
        class Refusing(RawServer):
            def request(self, exchange, message, modern):
                if (message["method"], (message.get("params") or {}).get("uri")) == ("resources/subscribe", "raw://gone"):
                    return exchange.error(-32002, "Resource not found")
                return super().request(exchange, message, modern)
        server = Refusing("legacy", tools=["echo"])
        self.addCleanup(server.close)
        self.sluice("server", "add", "raw", "--url", server.url(), "--allow-private")

        def open_to(*uris):
            tools = {f"resource:{uri}": {} for uri in uris}
            self.put_policy("p", {"version": "1", "default": "deny", "tools": tools}, "raw")
        both = ["raw://one", "raw://two"]
        open_to(*both, "raw://gone")
        token = self.grant("raw", "p")
        gateway = self.gateway()
        old, new = wire.Legacy(gateway.url("raw"), token), wire.Modern(gateway.url("raw"), token)
        streams = [old.get(), new.listen(resourceSubscriptions=[*both, "raw://gone"])]
        self.addCleanup(old.close)
        self.addCleanup(new.close)
        for uri in both:
            self.assertEqual(old.send("resources/subscribe", {"uri": uri}).result, {})
        granted = streams[1].wait(lambda message: True, "the acknowledgement")["params"]["notifications"]
        self.assertEqual(granted["resourceSubscriptions"], both, "what the server does not refuse")
        until(lambda: len(server.streams) == 2, "both streams upstream")

        def told(message):
            params = message.get("params", {})
            return params.get("uri"), params.get("number")

        def heard(number):
            for uri in both:
                server.notify("notifications/resources/updated", {"uri": uri, "number": number})
            seen = []
            for stream in streams:
                stream.wait(lambda message: told(message) == ("raw://two", number), "what may be read still")
                seen.append([told(message)[0] for message in stream.messages if told(message)[1] == number])
            return seen
        self.assertEqual(heard(1), [both, both])
        open_to("raw://two")
        self.assertEqual(heard(2), [["raw://two"], ["raw://two"]])
        open_to(*both, "raw://gone")
        self.assertEqual(heard(3), [both, both])
        every = wire.Modern(gateway.url("").rstrip("/"), token)
        self.addCleanup(every.close)
        exposed = [f"sluice.raw+{uri}" for uri in ("raw://gone", "raw://one")]
        granted = every.listen(resourceSubscriptions=exposed).wait(lambda message: True, "the acknowledgement")
        self.assertEqual(granted["params"]["notifications"]["resourceSubscriptions"], exposed[1:])

    def test_open_sessions_with_all_servers_go_by_the_policy_of_the_moment(self):
        server = RawServer("legacy", tools=["echo", "odd"])
        self.addCleanup(server.close)
        self.sluice("server", "add", "raw", "--url", server.url(), "--allow-private")
        self.put_policy("p", ALLOW_ALL, "raw")
        token = self.grant("raw", "p")
        url = self.gateway().url("").rstrip("/")
        clients = old, new = wire.Legacy(url, token), wire.Modern(url, token)
        self.addCleanup(old.close)
        self.addCleanup(new.close)
        uri = "sluice.raw+raw://one"

        def view(client):
            return [sorted(entry[member] for entry in client.send(f"{kind}/list").result[kind])
                    for kind, member in (("tools", "name"), ("prompts", "name"), ("resources", "uri"))]

        def completions(client):
            """How many of two reach the server, which may have an answer."""
            before = len(server.requests("completion/complete"))
            for reference in ({"type": "ref/prompt", "name": "raw__hello"}, {"type": "ref/resource", "uri": uri}):
                client.send("completion/complete", {"ref": reference, "argument": {"name": "a", "value": "b"}})
            return len(server.requests("completion/complete")) - before

        def subscribed():
            """Whether each of the clients may subscribe."""
            acknowledged = new.listen(resourceSubscriptions=[uri]).wait(lambda _: True, "the acknowledgement")
            return ["result" in old.send("resources/subscribe", {"uri": uri}).response,
                    bool(acknowledged["params"]["notifications"].get("resourceSubscriptions"))]
        closed = {"version": "1", "default": "deny", "tools": {"odd": {}}}
        for policy, tools, others, reached in ((ALLOW_ALL, ["raw__echo", "raw__odd"], [["raw__hello"], [uri]], 2),
                                               (closed, ["raw__odd"], [[], []], 0),
                                               (ALLOW_ALL, ["raw__echo", "raw__odd"], [["raw__hello"], [uri]], 2)):
            self.put_policy("p", policy, "raw")
            for client in clients:
                with self.subTest(policy=policy, version=client.version):
                    self.assertEqual(view(client), [tools, *others])
                    self.assertEqual(completions(client), reached)
            self.assertEqual(subscribed(), [reached > 0] * 2)

    def test_limits_survive_a_new_policy_version(self):
        limited = {"version": "1", "default": "deny", "tools": {
            "echo": {"limits": [{"counter": "c", "window": "hour", "max": 2, "scope": "grant"}]}}}
        _, gateway, token = self.fake(limited)
        session = Session(gateway, "fake", token)
        self.assertEqual([session.outcome("echo") for _ in range(3)], ["allowed", "allowed", "denied"])
        self.put_policy("p", {**limited, "description": "changed"}, "fake")
        self.assertEqual(session.outcome("echo"), "denied")

    def test_a_server_that_comes_and_goes(self):
        upstream, gateway, _ = self.fake()
        self.sluice("server", "add", "late", "--url", upstream.url, "--allow-private")
        self.put_policy("q", ALLOW_ALL, "late")
        session = Session(gateway, "late", self.grant("late", "q", "late"))
        self.assertEqual(session.outcome("echo"), "allowed")
        self.sluice("server", "remove", "late", code=2)
        self.sluice("server", "remove", "late", "--force")
        self.assertIn(session.call("echo").status, (401, 404))

    def test_two_gateways_on_one_folder(self):
        self.fake()
        done = self.sluice("serve", "--listen", "127.0.0.1:0", code=3)
        self.assertIn("another gateway", done.stderr)


class Stopping(Case):
    def test_sigterm_finishes_the_call_in_flight(self):
        upstream, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        answers = []
        caller = threading.Thread(target=lambda: answers.append(session.call("slow")))
        caller.start()
        self.assertTrue(upstream.entered.wait(30))
        gateway.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in gateway.stderr, "the gateway to begin to stop")
        upstream.release.set()
        caller.join()
        self.assertEqual(answers[0].status, 200)
        self.assertEqual(answers[0].json["result"]["content"][0]["text"], "done")
        self.assertEqual(gateway.process.wait(DEADLINE), 0)
        outcomes = [row["outcome"] for row in self.rows() if row["decision_seq"] is not None]
        self.assertEqual(outcomes[-1], "allowed")
        self.sluice("audit", "verify")

    def test_a_call_that_never_ends_does_not_hold_it(self):
        upstream, gateway, token = self.fake(options=("--drain-limit", "1s"))
        session = Session(gateway, "fake", token)
        caller = threading.Thread(target=lambda: session.call("slow"))
        caller.daemon = True
        caller.start()
        self.assertTrue(upstream.entered.wait(30))
        self.assertEqual(gateway.end(), 0)

    def test_children_end_with_it(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                name = f"child-{number}"
                self.sluice("server", "add", name, "--", sys.executable, FAKE_STDIO)
                self.put_policy(name, ALLOW_ALL, name)
                gateway = self.gateway()
                session = Session(gateway, name, self.grant(name, name, name))
                pid = int(session.call("pid").json["result"]["content"][0]["text"])
                os.kill(pid, 0)
                gateway.end(number)
                until(lambda: not alive(pid), "the child to end")


class Children(Case):
    def session(self, *mode):
        self.sluice("server", "add", "child", "--env", "SECRET=s3cret-value", "--", sys.executable, FAKE_STDIO, *mode)
        self.put_policy("p", ALLOW_ALL, "child")
        self.token = self.grant("child", "p")
        self.gw = self.gateway("--start-timeout", "2s")
        return Session(self.gw, "child", self.token)

    def test_a_child_sees_only_what_it_may(self):
        session = self.session()
        environment = json.loads(session.call("environment").json["result"]["content"][0]["text"])
        self.assertEqual(environment["SECRET"], "s3cret-value")
        self.assertNotIn("SLUICE_TOKEN", environment)
        self.assertLessEqual(set(environment) - {"SECRET", "LC_CTYPE"}, {
            "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM"})
        for path in self.data.glob("sluice.db*"):
            self.assertNotIn(b"s3cret-value", path.read_bytes(), "a credential is stored in clear text")

    def test_a_child_that_dies_is_started_again(self):
        session = self.session()
        self.assertEqual(session.call("die").status, 502)
        until(lambda: session.outcome("echo") == "allowed", "the child to be there again")

    def test_a_command_that_does_not_start(self):
        self.sluice("server", "add", "child", "--", sys.executable, FAKE_STDIO, "die-at-start")
        done = self.sluice("server", "tools", "child", code=3)
        self.assertIn("no such table: widgets", done.stderr, "the last lines of its standard error are not shown")
        self.put_policy("p", ALLOW_ALL, "child")
        token = self.grant("child", "p")
        gateway = self.gateway()
        initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}
        fields = {"Authorization": f"Bearer {token}"}
        answer = request(gateway.address, "POST", "/mcp/child", initialize, **fields)
        if answer.status == 200:
            answer = Session(gateway, "child", token).call("echo")
        self.assertEqual(answer.status, 502, answer.body)
        self.assertNotIn("widgets", answer.body.decode(), "an agent must not read a server's log")
        until(lambda: "no such table: widgets" in gateway.stderr, "the operator's log")

    def test_a_command_that_is_not_there(self):
        self.sluice("server", "add", "gone", "--", "/nonexistent/program")
        done = self.sluice("server", "tools", "gone", code=3)
        self.assertIn("/nonexistent/program", done.stderr)
        self.assertEqual(self.sluice("doctor", code=1).stdout.count("broken"), 1)

    def test_a_silent_command(self):
        self.sluice("server", "add", "silent", "--", sys.executable, FAKE_STDIO, "silent")
        self.sluice("server", "tools", "silent", "--timeout", "1s", code=3)


if __name__ == "__main__":
    import harness
    harness.main()
