"""How others failed once there were several of something – gateways behind a balancer, a gateway after the next, servers
that come and go – and what one self-hosted gateway promises for each: a session is its process's; whoever asks another one
hears that at once, in the protocol's own words, and nothing of it reaches a server. Clients of 2026-07-28 have none."""

import json
import shutil
import signal
import threading

import test_pitfalls
from harness import ALLOW_BOTH_WAYS, DEADLINE, EventStream, Session, request, sluice, until
from test_pitfalls import first_text
from test_streams import OldStream
from upstreams.rawserver import RawServer, definition, text
from wire import Legacy, Modern


class Instances(test_pitfalls.Pitfall):
    def is_unknown(self, gateway, session, server):
        """Whatever a client does in a session that is not there is 404, says why, and goes no further."""
        before = len(server.seen)
        fields = {name: value for name, value in session.fields.items()}
        asks = {"jsonrpc": "2.0", "id": 1, "result": {}}
        for message in (self.call("echo"), {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
                        {"jsonrpc": "2.0", "id": 3, "method": "ping"}, asks,
                        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}):
            answer = request(gateway.address, "POST", session.path, message, **fields)
            self.assertEqual(answer.status, 404, message)
            self.assertIn(b"initialize", answer.body)
        for more in ({}, {"Last-Event-ID": "1-1"}):
            stream = EventStream(gateway.address, "GET", session.path, **fields, **more)
            self.addCleanup(stream.close)
            self.assertEqual(stream.status, 404)
        self.assertEqual(request(gateway.address, "DELETE", session.path, **fields).status, 404)
        self.assertEqual(len(server.seen), before, "something went to the server")


class Restarted(Instances):
    def test_a_live_session_and_the_next_gateway_agentgateway_754_context_forge_5600(self):
        server = self.raw()
        old = self.session
        self.assertEqual(old.outcome("echo"), "allowed")
        self.gw.end(signal.SIGKILL)
        self.gw = self.gateway()
        self.is_unknown(self.gw, old, server)
        # What the answer tells a client to do is all it takes: same token, same path.
        fresh = self.begin()
        self.assertNotEqual(fresh.fields["Mcp-Session-Id"], old.fields["Mcp-Session-Id"])
        self.assertEqual(fresh.outcome("echo"), "allowed")
        self.assertEqual(len(server.calls("echo")), 2)

    def test_modern_clients_notice_nothing_microsoft_mcp_2970(self):
        server = self.raw("dual")
        client = Modern(self.gw.url("raw"), self.token)
        self.assertEqual(client.call("echo", {"n": 1}).result["content"][0]["text"], '{"n":1}')
        self.gw.end(signal.SIGKILL)
        self.gw = self.gateway()
        client.address = self.gw.address
        self.assertEqual(client.call("echo", {"n": 2}).result["content"][0]["text"], '{"n":2}')
        self.assertEqual((len(server.calls("echo")), client.violations), (2, []))

    def test_a_server_that_began_anew_ends_nobodys_session_docker_412(self):
        """Many clients never open a second session: theirs has to outlive what is behind it."""
        server = self.raw()
        self.assertEqual(self.session.outcome("echo"), "allowed")
        server.close()
        again = RawServer(port=server.port)
        self.addCleanup(again.close)
        until(lambda: self.session.outcome("echo") == "allowed", "the server to be reached again, in the same session")
        self.assertTrue(again.calls("echo"))
        self.assertIn("echo", self.session.tools())


class Replicas(Instances):
    """Two gateways that know the same servers, grants and keys, as behind a balancer that sends a client to either."""

    def replicas(self, era="dual"):
        self.server = RawServer(era)
        self.addCleanup(self.server.close)
        self.sluice("server", "add", "raw", "--url", self.server.url(), "--allow-private")
        self.put_policy("raw", ALLOW_BOTH_WAYS, "raw")
        self.token = self.grant("raw", "raw", "raw")
        first, self.data = self.data, self.folder / "copy"
        shutil.copytree(first, self.data)
        self.other, self.data = self.gateway(), first
        self.gw = self.gateway()

    def test_a_session_is_its_gateways_agentgateway_573_mcp_hangar_877_mcp_gateway_registry_960(self):
        self.replicas("legacy")
        here, there = self.begin(), Session(self.other, "raw", self.token)
        self.is_unknown(self.other, here, self.server)
        self.is_unknown(self.gw, there, self.server)
        # And neither is harmed by it.
        self.assertEqual([here.outcome("echo"), there.outcome("echo")], ["allowed", "allowed"])
        self.assertEqual(len(self.server.calls("echo")), 2)

    def test_requests_of_the_modern_era_go_to_either_microsoft_mcp_2970(self):
        self.replicas()
        here, there = (Modern(gateway.url("raw"), self.token) for gateway in (self.gw, self.other))
        for number in range(4):
            client = (here, there)[number % 2]
            self.assertEqual(json.loads(client.call("echo", {"n": number}).result["content"][0]["text"]), {"n": number})
        self.assertEqual(here.send("server/discover").result, there.send("server/discover").result)
        # A modern server's own state is sealed with a key that both have: the round begun here ends there.
        asked = here.call("asks", {})
        self.assertEqual(asked.result["resultType"], "input_required")
        answers = {key: {"action": "accept", "content": {"a": "b"}} for key in asked.result["inputRequests"]}
        done = there.call("asks", {}, extra={"inputResponses": answers, "requestState": asked.result["requestState"]})
        self.assertEqual(json.loads(done.result["content"][0]["text"])["state"], "raw-state")
        # So is a cursor of ours.
        self.server.definitions, self.server.pages = [definition(f"t{number}") for number in range(1_500)], 500
        here.path = there.path = "/mcp"
        first = here.send("tools/list").result
        rest = there.send("tools/list", {"cursor": first["nextCursor"]}).result
        self.assertEqual(len({tool["name"] for tool in first["tools"] + rest["tools"]}), 1_500)
        self.assertEqual((here.violations, there.violations), ([], []))

    def test_one_folder_has_one_gateway_agentgateway_754(self):
        """Two would count the same limits apart."""
        server = self.raw()
        refused = sluice("serve", "--listen", "127.0.0.1:0", data=self.data)
        self.assertEqual(refused.returncode, 3, refused.stderr)
        self.assertRegex(refused.stderr, "another gateway")
        self.assertEqual(self.session.outcome("echo"), "allowed")
        self.assertEqual(len(server.calls("echo")), 1)


class Several(test_pitfalls.Many):
    """Behind `/mcp`."""

    def test_cancellation_finds_its_server_context_forge_1983_Kuadrant_422(self):
        self.many("one", "two", more=["slow"])
        for name in ("one", "two"):
            self.behind(self.call(f"{name}__slow", name))
            self.assertTrue(self.servers[name].entered.wait(DEADLINE))
        self.session.notify("notifications/cancelled", {"requestId": "two", "reason": "enough"})
        two = self.servers["two"]
        until(lambda: two.cancelled, "the cancellation at its server, while the call goes on")
        self.assertEqual(two.cancelled, [two.calls("slow")[0].message["id"]])
        self.assertEqual(self.servers["one"].cancelled, [])

    def test_no_session_of_no_servers_agentgateway_742(self):
        self.many("one", "two")
        for server in self.servers.values():
            server.close()
        answer = request(self.gw.address, "POST", "/mcp", {
            "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
            Authorization=f"Bearer {self.token}")
        self.assertEqual(answer.status, 502)
        self.assertNotIn("mcp-session-id", answer.fields)
        self.assertEqual(answer.json["id"], 1)
        self.assertEqual(answer.json["error"]["data"]["reason"], "unreachable")
        # One that is there again is enough.
        again = RawServer(tools=["echo"], port=self.servers["one"].port)
        self.addCleanup(again.close)
        again.tools["echo"] = lambda server, exchange: server.done(exchange, text("one"))

        def reached():
            try:
                return Session(self.gw, "", self.token)
            except AssertionError:
                return None
        session = until(reached, "a session")
        until(lambda: session.outcome("one__echo") == "allowed", "the server's answer")

    def test_a_server_that_is_back_is_told_of_and_shown_again_agentgateway_1266(self):
        """On the standing stream of either transport; nobody has to ask in between."""
        self.many("one", "two")
        gone = self.servers["two"]
        gone.close()
        self.cover("one", "two")
        self.assertEqual(self.session.tools(), ["one__echo"])
        old = OldStream(self, self.token, "/mcp/sse")
        old.begin()
        self.assertEqual([tool["name"] for tool in old.send(2, "tools/list")["result"]["tools"]], ["one__echo"])
        stream = EventStream(self.gw.address, "GET", "/mcp", **self.session.fields)
        self.addCleanup(stream.close)
        again = RawServer(tools=["echo"], port=gone.port)
        self.addCleanup(again.close)
        self.assertEqual(next(stream.messages())["method"], "notifications/tools/list_changed")
        self.assertEqual(self.session.tools(), ["one__echo", "two__echo"])
        self.assertEqual(old.next()["method"], "notifications/tools/list_changed")
        listed = old.send(3, "tools/list")["result"]["tools"]
        self.assertEqual([tool["name"] for tool in listed], ["one__echo", "two__echo"])


class OneServer(test_pitfalls.Pitfall):
    """What one gateway before one server shows."""

    def test_equal_ids_on_one_pipe_agents_1632(self):
        """Two sessions share a child, and both say id 1."""
        self.stdio()
        other, seen = self.begin(), {}

        def late():
            seen["late"] = first_text(self.session.post(self.call("mix", 1, who="late", ms=400)))
        thread = threading.Thread(target=late)
        thread.start()
        until(lambda: any(row["tool"] == "mix" for row in self.decisions()), "the first call")
        seen["soon"] = first_text(other.post(self.call("mix", 1, who="soon")))
        thread.join()
        self.assertEqual(seen, {"late": '"late"', "soon": '"soon"'})

    def test_cancellation_reaches_a_child_context_forge_1983(self):
        log = self.folder / "log"
        self.stdio("--log", str(log))

        def lines(method):
            return [m for m in map(json.loads, log.read_text().splitlines()) if m.get("method") == method]
        self.behind(self.call("never", "mine"))
        until(lambda: log.exists() and lines("tools/call"), "the call")
        self.session.notify("notifications/cancelled", {"requestId": "mine"})
        until(lambda: lines("notifications/cancelled"), "the cancellation")
        self.assertEqual([m["params"]["requestId"] for m in lines("notifications/cancelled")],
                         [m["id"] for m in lines("tools/call")])

    def test_requests_over_the_limit_are_told_so_agentgateway_1410_3578(self):
        """Its number is an option, the answer names it, and nobody takes it for bad JSON."""
        server = self.raw(options=("--max-body", "16KiB"))
        self.assertEqual(self.session.outcome("echo", {"text": "x" * 8_000}), "allowed")
        answer = self.session.call("echo", {"text": "x" * 20_000})
        self.assertEqual(answer.status, 413)
        self.assertNotIn(b"-32700", answer.body)
        self.assertRegex(answer.body.decode(), r"(?i)large|limit|size|bytes")
        self.assertEqual(len(server.calls("echo")), 1)

    def test_what_a_policy_filters_is_private_anythingmcp_533(self):
        """A cache on the way must not show one caller's list to another, whatever the server says of its own."""
        server = self.raw("dual", policy={"version": "1", "default": "deny", "tools": {"echo": {}}})
        page = server.page
        server.page = lambda cursor: {**page(cursor), "cacheScope": "public", "ttlMs": 60_000}
        client = Modern(self.gw.url("raw"), self.token)
        listed = client.send("tools/list").result
        self.assertEqual(([tool["name"] for tool in listed["tools"]], listed["cacheScope"]), (["echo"], "private"))
        client.path = "/mcp"
        self.assertEqual(client.send("tools/list").result["cacheScope"], "private")
        self.assertEqual(client.violations, [])

    def test_modern_listeners_hear_it_once_toolhive_5768_5744(self):
        server = self.raw("dual")
        client = Modern(self.gw.url("raw"), self.token)
        client.send("tools/list")
        stream = client.listen(toolsListChanged=True)
        self.addCleanup(client.close)
        until(lambda: any(kind == "listen" for kind, *_ in server.streams), "the gateway to listen upstream")
        server.definitions = [*server.definitions, definition("new")]
        server.notify("notifications/tools/list_changed")
        stream.wait_method("notifications/tools/list_changed")
        # All that was ever sent is here once the stream has ended, and it ends with its grant.
        grant = json.loads(self.sluice("grant", "list", "--json").stdout)[0]["id"]
        self.sluice("grant", "revoke", grant)
        self.assertTrue(stream.ended.wait(DEADLINE))
        told = [message["method"] for message in stream.messages if "method" in message]
        self.assertEqual(told, ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"])
        self.assertEqual(client.violations, [])

    def test_a_dead_child_is_not_said_to_be_well_mcp_proxy_247(self):
        self.stdio()
        dead = int(first_text(self.session.call("pid")))

        def health():
            return json.loads(self.sluice("server", "list", "--json").stdout)[0]["health"]
        self.assertEqual((health()["state"], health()["pids"]), ("ready", [dead]))
        self.assertTrue(self.told(self.session.call("die")))
        now = until(lambda: (now := health()) and dead not in now["pids"] and now, "the child's death to be seen")
        self.assertFalse(now["state"] == "ready" and not now["pids"], now)
        until(lambda: self.session.outcome("echo") == "allowed", "a new child")
        now = health()
        self.assertEqual((now["state"], len(now["pids"])), ("ready", 1))
        self.assertNotIn(dead, now["pids"])

    def test_lists_are_filtered_again_when_they_change_gridctl_287(self):
        """A tool that appears while a session goes on is judged like all others."""
        server = self.raw(policy={"version": "1", "default": "deny", "tools": {"echo": {}, "late_*": {}}})
        self.assertEqual(self.session.tools(), ["echo"])
        client = Legacy(self.gw.url("raw"), self.token)
        self.addCleanup(client.close)
        stream = client.get()
        until(lambda: any(kind == "get" for kind, *_ in server.streams), "the stream upstream")
        server.definitions = [*server.definitions, definition("late_one"), definition("wipe")]
        server.notify("notifications/tools/list_changed")
        stream.wait_method("notifications/tools/list_changed")
        until(lambda: sorted(self.session.tools()) == ["echo", "late_one"], "the list as it is now")
        self.assertTrue(self.told(self.session.call("wipe")))
        self.assertEqual(server.calls("wipe"), [])


if __name__ == "__main__":
    import harness
    harness.main()
