"""`/mcp`: all servers of a grant behind one endpoint."""

import json
import os
import signal
import sys
import threading
import unittest

from harness import ALLOW_ALL, BOTH, FAKE_STDIO, UPSTREAMS, Case, EventStream, FakeUpstream, Session, request, until
from upstreams.rawserver import RawServer
from wire import Legacy, Modern

LARGE = 8 << 20


class Large(FakeUpstream):
    """Its tool `echo` says 8 MiB, on a stream if progress is wanted."""

    def call(self, http_request, message, result, body):
        done = {"content": [{"type": "text", "text": "x" * LARGE}]}
        token = message["params"].get("_meta", {}).get("progressToken")
        if token is None:
            return result(done)
        events = [{"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}},
                  {"id": message["id"], "result": done}]
        text = "".join(f"data: {json.dumps({'jsonrpc': '2.0', **event})}\n\n" for event in events)
        http_request.answer(200, text.encode(), kind="text/event-stream")


class Merged(Case):
    """Two servers that have the same tools, each under a policy of its own."""

    def setUp(self):
        super().setUp()
        self.one, self.two = self.upstream(), self.upstream()
        for name, upstream in (("one", self.one), ("two", self.two)):
            self.sluice("server", "add", name, "--url", upstream.url, "--allow-private")
        self.put_policy("one", ALLOW_ALL, "one")
        self.put_policy("two", {"version": "1", "default": "deny", "tools": {"echo": {}}}, "two")
        self.token = self.grant("one", "one", "both", "--also", "two=two")
        self.gw = self.gateway()

    def session(self, **more):
        return Session(self.gw, "", self.token, **more)

    def test_the_names_say_whose_they_are_and_each_policy_counts(self):
        session = self.session()
        names = session.tools()
        self.assertIn("one__echo", names)
        self.assertIn("two__echo", names)
        self.assertEqual([name for name in names if name.startswith("two__")], ["two__echo"])
        self.assertTrue(all(len(name) <= 64 for name in names))
        self.assertEqual(session.outcome("one__echo"), "allowed")
        self.assertEqual(session.outcome("two__echo"), "allowed")
        hidden = next(name for name in names if name != "one__echo" and name.startswith("one__"))
        self.assertEqual(session.outcome(hidden.replace("one__", "two__")), "denied")
        until(lambda: len(self.decisions()) >= 3, "three decisions")
        self.assertEqual([(row["server"], row["tool"], row["outcome"]) for row in self.decisions()][:2],
                         [("one", "echo", "allowed"), ("two", "echo", "allowed")])

    def test_what_is_nobodys_looks_like_what_is_hidden(self):
        session = self.session()
        for name in ("echo", "three__echo", "one__nothing", "__", "one__", ""):
            with self.subTest(name):
                self.assertEqual(session.outcome(name), "denied")

    def test_one_dead_server_takes_nothing_away_from_the_other(self):
        session = self.session()
        self.assertIn("two__echo", session.tools())
        self.two.close()
        names = session.tools()
        self.assertIn("one__echo", names)
        self.assertNotIn("two__echo", names)
        self.assertEqual(session.outcome("one__echo"), "allowed")

    def test_a_server_that_is_dead_from_the_start(self):
        self.two.close()
        session = self.session()
        self.assertTrue(session.tools())
        self.assertEqual(session.outcome("one__echo"), "allowed")
        answer = session.call("two__echo")
        self.assertEqual(answer.status, 502)

    def test_sessions_are_bound_to_their_grant_and_end(self):
        session = self.session()
        other = self.grant("one", "one", "other")
        fields = dict(session.fields, Authorization=f"Bearer {other}")
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
        self.assertEqual(request(self.gw.address, "POST", "/mcp", body, **fields).status, 404)
        self.assertEqual(request(self.gw.address, "DELETE", "/mcp", **session.fields).status, 204)
        self.assertEqual(session.send("tools/list").status, 404)

    def test_a_grant_reaches_each_of_its_servers_by_its_own_path(self):
        for server in ("one", "two"):
            self.assertEqual(Session(self.gw, server, self.token).outcome("echo"), "allowed")

    def test_large_results_pass_whole(self):
        large = Large()
        self.addCleanup(large.close)
        self.sluice("server", "add", "one", "--url", large.url, "--allow-private", "--replace")
        self.sluice("server", "add", "child", "--", sys.executable, FAKE_STDIO)
        self.put_policy("child", ALLOW_ALL, "child")
        self.token = self.grant("one", "one", "large", "--also", "child=child")
        session = self.session()
        for name, arguments in (("one__echo", {}), ("child__many", {"bytes": LARGE})):
            result = session.call(name, arguments).json["result"]
            self.assertEqual((len(result["content"][0]["text"]), result.get("isError")), (LARGE, None))
        # On a stream, whose events are kept: this one is too large to be kept, and passes all the same.
        stream = EventStream(self.gw.address, "POST", "/mcp", {
            "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
                "name": "one__echo", "arguments": {}, "_meta": {"progressToken": "t"}}}, **session.fields)
        self.addCleanup(stream.close)
        self.assertEqual(stream.kind, "text/event-stream")
        progress, answer = stream.messages()
        self.assertEqual(progress["params"]["progressToken"], "t")
        self.assertEqual(len(answer["result"]["content"][0]["text"]), LARGE)

    def test_a_long_list_ends_nobodys(self):
        entry = 5 << 20

        class Long(RawServer):
            def request(self, exchange, message, modern):
                if message["method"] != "resources/list":
                    return super().request(exchange, message, modern)
                page = int((message.get("params") or {}).get("cursor") or 0)
                return exchange.reply({
                    "resources": [{"uri": f"raw://{page}", "name": "n", "description": "y" * entry}],
                    **({"nextCursor": str(page + 1)} if page < 4 else {})})
        servers = Long(), RawServer()
        for name, server in zip(("long", "short"), servers):
            self.addCleanup(server.close)
            self.sluice("server", "add", name, "--url", server.url(), "--allow-private")
            self.put_policy(name, ALLOW_ALL, name)
        self.token = self.grant("long", "long", "lists", "--also", "short=short")
        session, cursor, found, sizes = self.session(), None, [], []
        while True:
            answer = session.send("resources/list", {"cursor": cursor} if cursor else {})
            sizes.append(len(answer.body))
            found += [entry["uri"].rsplit("/", 1)[1] for entry in answer.json["result"]["resources"]]
            cursor = answer.json["result"].get("nextCursor")
            if cursor is None:
                break
        self.assertEqual(found, ["0", "1", "2", "3", "4", "one"])
        self.assertEqual([size // entry for size in sizes], [3, 2])

    def test_clients_of_the_newest_version(self):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        def ask(method, name=None, **params):
            fields = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                      "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
                      "Mcp-Method": method}
            if name:
                fields["Mcp-Name"] = name
                params["name"] = name
            body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}
            return request(self.gw.address, "POST", "/mcp", json.dumps(body).encode(), **fields)
        self.assertEqual(ask("server/discover").json["result"]["supportedVersions"], ["2026-07-28"])
        names = [tool["name"] for tool in ask("tools/list").json["result"]["tools"]]
        self.assertIn("two__echo", names)
        result = ask("tools/call", "two__echo", arguments={}).json["result"]
        self.assertEqual(result["resultType"], "complete")
        denied = ask("tools/call", "two__slow", arguments={}).json["result"]
        self.assertTrue(denied["isError"])


class TakenBack(Case):
    def test_a_list_that_nobody_waits_for_takes_no_place(self):
        released = threading.Event()
        self.addCleanup(released.set)

        class Silent(RawServer):
            def request(self, exchange, message, modern):
                if message["method"] == "resources/list":
                    released.wait()
                return super().request(exchange, message, modern)
        server = Silent("modern")
        self.addCleanup(server.close)
        self.sluice("server", "add", "s", "--max-calls", "2", "--url", server.url(), "--allow-private")
        self.put_policy("p", ALLOW_ALL, "s")
        tokens = [self.grant("s", "p", label) for label in ("one", "other")]
        gateway = self.gateway()
        first, other = (Modern(gateway.url("").rstrip("/"), token) for token in tokens)
        for count in range(1, 4):
            message = first.message("resources/list")
            connection = first.begin("POST", json.dumps(message).encode(), first.fields_for(message))
            until(lambda: len(server.requests("resources/list")) == count, "the server to be asked")
            connection.close()
        # Without that the third would find no place, and the other grant's call would wait for 120 s.
        self.assertIn("content", other.call("s__echo", {}).result)


class Untouched(Case):
    """What a modern server reads of a modern client's request is what was sent and judged, but in the named places."""

    #: What its policy does not list is cut out of what the client says that it can do.
    ABILITIES = '{"elicitation": {"form":{}, "url":{}}, "sampling":{},"roots":{"listChanged":true}}'

    def test_every_order_and_spelling(self):
        server = RawServer("modern")
        self.addCleanup(server.close)
        self.sluice("server", "add", "newest", "--url", server.url(), "--allow-private")
        self.put_policy("p", ALLOW_ALL, "newest")
        token = self.grant("newest", "p")
        gateway = self.gateway()
        meta = ('"_meta": {%s"io.modelcontextprotocol/protocolVersion": "2026-07-28",'
                ' "io.modelcontextprotocol/clientCapabilities":%s}')
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in "newest__echo")
        requests = {
            "tools/call": ("name", "newest__echo", ["newest__echo", escaped], "echo", '"arguments":{"text":"/safe"}'),
            "prompts/get": ("name", "newest__hello", ["newest__hello"], "hello", '"arguments": {}'),
            "resources/read": ("uri", "sluice.newest+raw://one", ["sluice.newest+raw://one"], "raw://one", '"x" : 1.0'),
        }
        for method, (key, header, names, own, rest) in requests.items():
            for name in names:
                for order in ((0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)):
                    for more in ("", '"note": "n", '):
                        def written(number, name, abilities):
                            members = f'"{key}":"{name}"', rest, meta % (more, abilities)
                            params = ",".join(members[index] for index in order)
                            return f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{{{params}}}}}'.encode()
                        with self.subTest(method, name=name, order=order, more=more):
                            sent = written(7, name, self.ABILITIES)
                            answer = request(gateway.address, "POST", "/mcp", sent, **{
                                "Authorization": f"Bearer {token}", "Content-Type": "application/json",
                                "Accept": BOTH, "MCP-Protocol-Version": "2026-07-28",
                                "Mcp-Method": method, "Mcp-Name": header})
                            self.assertIn("result", answer.json, answer.body)
                            seen = [got for got in server.seen if got.message and got.message.get("method") == method][-1]
                            self.assertEqual(seen.body, written(seen.id, own, "{}"))


class Noticed(Case):
    """A server that dies, and its return, are told to whoever listens, though nobody asks for anything."""

    def setUp(self):
        super().setUp()
        self.broken = self.folder / "broken"
        self.servers = {"streams": RawServer(), "plain": RawServer(), "newest": RawServer("modern")}
        # Without a stream nothing ends with the server.
        self.servers["plain"].get_status = 405
        self.addCleanup(lambda: [server.close() for server in self.servers.values()])
        for name, server in self.servers.items():
            self.sluice("server", "add", name, "--url", server.url(), "--allow-private")
        self.sluice("server", "add", "child", "--", sys.executable, UPSTREAMS / "stubborn.py", "--broken", self.broken)
        self.names = [*self.servers, "child"]
        for name in self.names:
            self.put_policy(name, ALLOW_ALL, name)
        others = [word for name in self.names[1:] for word in ("--also", f"{name}={name}")]
        self.token = self.grant("streams", "streams", "all", *others)
        self.gw = self.gateway()

    def shown(self, client):
        return {tool["name"].split("__")[0] for tool in client.send("tools/list").result["tools"]}

    def test_a_listen_that_began_without_a_server_hears_it_later(self):
        for server in self.servers.values():
            server.close()
        modern = Modern(self.gw.url("").rstrip("/"), self.token)
        self.addCleanup(modern.close)
        stream = modern.listen(toolsListChanged=True, promptsListChanged=True)
        stream.wait_method("notifications/subscriptions/acknowledged")

        def heard():
            return len([got for got in list(stream.messages) if got["method"] == "notifications/tools/list_changed"])
        for name in ("streams", "newest"):
            count = heard()
            server = RawServer("modern" if name == "newest" else "legacy", port=self.servers[name].port)
            self.servers[name] = server
            until(lambda: heard() > count, "it to be back")
            until(lambda: server.streams, "the gateway to listen")
            count = heard()
            server.notify("notifications/tools/list_changed")
            until(lambda: heard() > count, "its own change")
        self.assertEqual(modern.violations, [])

    def test_one_whose_definition_changes_has_not_gone(self):
        url = self.gw.url("").rstrip("/")
        client, modern = Legacy(url, self.token), Modern(url, self.token)
        self.addCleanup(client.close)
        self.addCleanup(modern.close)
        client.get()
        modern.listen(toolsListChanged=True).wait_method("notifications/subscriptions/acknowledged")

        def openings(name):
            return len(self.servers[name].requests("server/discover" if name == "newest" else "initialize"))
        for round in ("50s", "51s"):
            before = {name: openings(name) for name in self.servers}
            for name in self.names:
                self.sluice("server", "set", name, "--call-timeout", round)
            # Nobody asks for anything: who listens shall hear it all the same.
            until(lambda: all(openings(name) > before[name] for name in self.servers), "a look at each as it is now")
            self.assertEqual(self.shown(client), set(self.names))
            self.assertEqual(self.shown(modern), set(self.names))
        self.assertNotIn("can't be reached", self.gw.stderr)

    def test_what_a_client_has_said_outlives_a_new_definition(self):
        url = self.gw.url("").rstrip("/")
        client, modern = Legacy(url, self.token), Modern(url, self.token)
        self.addCleanup(client.close)
        self.addCleanup(modern.close)
        uris = ["sluice.streams+raw://one"]
        stream = client.get()
        self.assertEqual(client.send("resources/subscribe", {"uri": uris[0]}).result, {})
        self.assertEqual(client.send("logging/setLevel", {"level": "error"}).result, {})
        listen = modern.listen(resourceSubscriptions=uris)
        listen.wait_method("notifications/subscriptions/acknowledged")
        server = self.servers["streams"]

        def told():
            return sorted(x.message["method"] for x in server.seen if isinstance(x.message, dict)
                          and x.message["method"] in ("resources/subscribe", "logging/setLevel"))
        before = told()
        self.assertEqual(before, ["logging/setLevel", "resources/subscribe", "resources/subscribe"])
        self.sluice("server", "set", "streams", "--call-timeout", "50s")
        self.assertEqual(self.shown(client), set(self.names))
        self.assertEqual(self.shown(modern), set(self.names))
        until(lambda: told() == sorted(2 * before), "the server to be told again")
        until(lambda: len([entry for entry in server.streams if server.sessions.get(entry[3])]) == 2, "both to listen")
        server.notify("notifications/resources/updated", {"uri": "raw://one"})
        for side in (stream, listen):
            self.assertEqual(side.wait_method("notifications/resources/updated")["params"]["uri"], uris[0])

    def test_by_clients_of_both_eras(self):
        url = self.gw.url("").rstrip("/")
        client, modern = Legacy(url, self.token), Modern(url, self.token)
        self.addCleanup(client.close)
        self.addCleanup(modern.close)
        self.assertEqual(self.shown(client), set(self.names))
        pid = json.loads(client.call("child__about").result["content"][0]["text"])["pid"]
        streams = client.get(), modern.listen(toolsListChanged=True)
        streams[1].wait_method("notifications/subscriptions/acknowledged")

        def told(count, what):
            change = "notifications/tools/list_changed"
            until(lambda: all(len([got for got in list(stream.messages) if got.get("method") == change]) >= count
                              for stream in streams), what)
        until(lambda: self.servers["streams"].streams, "the gateway to listen")
        self.broken.touch()
        os.kill(pid, signal.SIGKILL)
        self.servers["plain"].close()
        told(2, "the end of two")
        self.servers["streams"].close()
        self.servers["newest"].close()
        told(4, "the end of the others")
        self.assertEqual(self.shown(client), set())
        for name, server in self.servers.items():
            self.servers[name] = RawServer("modern" if name == "newest" else "legacy", port=server.port)
        self.broken.unlink()
        told(8, "all to be back")
        self.assertEqual(self.shown(client), set(self.names))
        self.assertEqual((client.violations, modern.violations), ([], []))


if __name__ == "__main__":
    unittest.main()
