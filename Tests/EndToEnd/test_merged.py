"""`/mcp`: all servers of a grant behind one endpoint."""

import json
import unittest

from harness import ALLOW_ALL, Case, Session, request, until


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


if __name__ == "__main__":
    unittest.main()
