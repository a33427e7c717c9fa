"""What servers log: it reaches who has caused it, and nobody else."""

import re
import sys
import threading

import wire
from harness import ALLOW_ALL, UPSTREAMS, Case, request, until

RAW = UPSTREAMS / "rawserver.py"
LEVEL = "io.modelcontextprotocol/logLevel"


def logs(messages):
    return [(m["params"]["level"], m["params"]["data"]) for m in messages if m.get("method") == "notifications/message"]


class Logs(Case):
    def begin(self, *options, era="legacy"):
        self.sluice("server", "add", "raw", *options, "--", sys.executable, RAW, "--era", era)
        self.put_policy("p", ALLOW_ALL, "raw")
        self.tokens = [self.grant("raw", "p", label) for label in ("one", "two")]
        self.gw = self.gateway()

    def client(self, kind=wire.Legacy, grant=0, **more):
        client = kind(self.gw.url("raw"), self.tokens[grant], **more)
        self.addCleanup(client.close)
        return client

    def dropped(self):
        return self.metric("sluice_dropped_log_messages_total")

    def metric(self, name):
        host, _, port = self.gw.ready["admin"].rpartition(":")
        answer = request((host, int(port)), "GET", "/metrics", Authorization=f"Bearer {self.gw.ready['admin_token']}")
        return int(re.search(rb"^%b(?:{[^}]*})? (\d+)" % name.encode(), answer.body, re.M).group(1))

    def test_a_shared_child_of_one_grant_logs_for_its_calls(self):
        self.begin()
        client = self.client()
        stream = client.get()
        reply = client.call("logs", {"data": "in the call"})
        self.assertEqual(logs(reply.notifications), [("info", "in the call")])
        client.call("logs", {"data": "after it", "late": True})
        client.call("echo")
        stream.wait_method("notifications/message")
        self.assertEqual(logs(stream.messages), [("info", "after it")])
        # Another session of the same grant: each gets its own.
        other = self.client()
        self.assertEqual(logs(other.call("logs", {"data": "other"}).notifications), [("info", "other")])
        self.assertEqual(logs(stream.messages), [("info", "after it")])
        self.assertEqual(self.dropped(), 0)

    def test_a_shared_child_of_two_grants_logs_for_nobody(self):
        self.begin()
        one, two = self.client(), self.client(grant=1)
        stream = two.get()
        # What the first has left behind logs while the second calls.
        one.call("logs", {"data": "secret of one", "late": True})
        self.assertEqual(logs(two.call("echo").notifications), [])
        for client in (one, two):
            self.assertEqual(logs(client.call("logs", {"data": "lost"}).notifications), [])
        until(lambda: self.dropped() == 3, "three that nobody may read")
        self.assertEqual(logs(stream.messages), [])
        self.assertIn("--per-session", self.gw.stderr)

    def test_nor_does_a_modern_one_during_another_s_call(self):
        self.begin(era="modern")
        one, two = self.client(wire.Modern), self.client(wire.Modern, grant=1)
        meta = {LEVEL: "debug"}
        logs_now, ends_now = self.folder / "logs", self.folder / "ends"
        one.call("logs", {"data": "secret of one", "late": True, "until": str(logs_now)}, meta=meta)
        got = []
        calls = threading.Thread(
            target=lambda: got.append(two.call("mix", {"who": 2, "until": str(ends_now)}, meta=meta)), daemon=True)
        calls.start()
        self.addCleanup(ends_now.touch)
        until(lambda: self.metric("sluice_server_calls_in_flight") == 1, "the call of two to be the only one")
        logs_now.touch()
        until(lambda: self.dropped() == 1 or not calls.is_alive(), "what nobody may read")
        ends_now.touch()
        calls.join(60)
        self.assertEqual((logs(got[0].notifications), self.dropped()), ([], 1))

    def test_children_of_sessions_log_for_their_sessions(self):
        self.begin("--per-session")
        for grant in (0, 1):
            reply = self.client(grant=grant).call("logs", {"data": grant})
            self.assertEqual(logs(reply.notifications), [("info", grant)])

    def test_a_shared_child_is_told_the_least_level_and_each_gets_its_own(self):
        self.begin()
        quiet, loud = self.client(), self.client()
        for client, level in ((quiet, "error"), (loud, "debug"), (quiet, "warning")):
            self.assertEqual(client.send("logging/setLevel", {"level": level}).result, {})
        reply = quiet.call("logs", {"data": 1, "level": "info"})
        self.assertEqual(reply.result["content"][0]["text"], "debug")
        self.assertEqual(logs(reply.notifications), [])
        self.assertEqual(logs(quiet.call("logs", {"data": 2, "level": "error"}).notifications), [("error", 2)])
        self.assertEqual(logs(loud.call("logs", {"data": 3, "level": "debug"}).notifications), [("debug", 3)])

    def test_and_at_one_endpoint_for_all_when_it_is_started_anew(self):
        self.begin()
        clients = [wire.Legacy(self.gw.url("").rstrip("/"), self.tokens[0]) for _ in range(2)]
        for client, level in zip(clients, ("debug", "error")):
            self.addCleanup(client.close)
            self.assertEqual(client.send("logging/setLevel", {"level": level}).result, {})
            self.assertEqual(client.send("logging/setLevel", {"level": "loud"}).response["error"]["code"], -32602)
        self.sluice("server", "set", "raw", "--call-timeout", "50s")
        # The quiet one is the last to be there again.
        for client in clients:
            until(lambda: "result" in (client.call("raw__echo").response or {}), "the server to be back")
            client.call("raw__echo")
        reply = clients[0].call("raw__logs", {"data": 1, "level": "debug"})
        self.assertEqual(reply.result["content"][0]["text"], "debug")
        self.assertEqual(logs(reply.notifications), [("debug", 1)])

    def test_a_modern_client_hears_what_it_asks_for_of_a_legacy_server(self):
        self.begin()
        self.hears_what_it_asks_for()

    def test_and_of_a_child_of_its_own(self):
        self.begin("--per-session")
        self.hears_what_it_asks_for()

    def hears_what_it_asks_for(self):
        client = self.client(wire.Modern, capabilities={})
        self.assertEqual(logs(client.call("logs", {"data": 1, "level": "error"}).notifications), [])
        reply = client.call("logs", {"data": 2, "level": "warning"}, meta={LEVEL: "warning"})
        self.assertEqual(logs(reply.notifications), [("warning", 2)])
        self.assertEqual(reply.result["content"][0]["text"], "warning")
        reply = client.call("logs", {"data": 3, "level": "info"}, meta={LEVEL: "debug"})
        self.assertEqual((logs(reply.notifications), reply.result["content"][0]["text"]), ([("info", 3)], "debug"))
        reply = client.call("logs", {"data": 4, "level": "info"}, meta={LEVEL: "warning"})
        self.assertEqual(logs(reply.notifications), [])


if __name__ == "__main__":
    import harness
    harness.main()
