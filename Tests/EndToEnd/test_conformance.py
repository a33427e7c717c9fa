"""The official conformance suite's server scenarios (rewritten in conformance.py), directly and through the gateway."""

import concurrent.futures
import json
import os
import pathlib
import socket
import sys

import conformance
import wire_merged
import wire_pipe
import wire_sse
from harness import ALLOW_BOTH_WAYS, CLIENTS, SLUICE, UPSTREAMS, FixtureCase, Pending
from upstreams.rawserver import RawServer
from wire import Legacy, Modern, Shared, SharedLegacy

PYTHON2, PYTHON1 = CLIENTS["mcp-2.3.0"], CLIENTS["mcp-1.30.0"]

ERAS = ("legacy", "modern")
# route → (fixture, its path; None for stdio)
ROUTES = {
    "stdio2": ("everything2", None),
    "http2-legacy": ("everything2", "/legacy/mcp"),
    "http2-modern": ("everything2", "/modern/mcp"),
    "resumable2": ("everything2", "/resumable/mcp"),
    "sse2": ("everything2", "/sse"),
    "http1": ("everything1", "/mcp"),
    "stdio1": ("everything1", None),
}
HTTP, MERGED = (Legacy, Modern), (wire_merged.MergedLegacy, wire_merged.MergedModern)
PIPE = (wire_pipe.PipeLegacy, wire_pipe.PipeModern)
OLD, MERGED_OLD = (wire_sse.OldLegacy, Modern), (wire_sse.MergedOldLegacy, Modern)

# What the SDK's own servers get wrong, or see otherwise. "direct/route/era/scenario" → why.
EXPLAINED = {
    "direct/mcp2/*/parse-error": "mcp 2.x writes id null where the schema wants none",
    "direct/mcp2/*/batch-refused": "mcp 2.x writes id null where the schema wants none",
    "direct/mcp2/legacy/accept-header": "mcp 2.x writes id null where the schema wants none",
    "direct/mcp2/modern/posted-response-refused": "mcp 2.x writes id null where the schema wants none",
    "direct/mcp2/modern/server-stateless: versions":
        "mcp 2.x takes a request with a legacy version header for a legacy one, whatever the body says",
    "direct/*/legacy/no-request-without-capability": "the fixture asks without looking; the gateway must not let it",
    "direct/mcp1/legacy/accept-header": "mcp 1.x does not take */* for both types",
}

# What can't be translated between the eras (docs/protocol.md says it to users): not applicable, whatever comes of it.
IMPOSSIBLE = {
    **{f"*{route}/modern/input-required-*": "the keys are the modern server's own; a legacy one has none"
       for route in ("http2-legacy", "resumable2", "sse2", "http1", "stdio1")},
    "http2-modern/legacy/elicitation-url-required": "a modern server asks instead of refusing with -32042",
    "http2-modern/legacy/elicitation-url": "a modern server sends no notifications/elicitation/complete",
    "merged http2-modern/legacy/elicitation-url*": "a modern server asks, and sends no notice",
    "*stdio2/legacy/elicitation-url*": "the server speaks the modern era with the gateway",
    "modern/legacy tasks/tasks-list": "a modern server has no list of tasks",
    "legacy/modern tasks/tasks-created-and-polled": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-failed-job": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-cancel": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-input": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-headers": "a tool that need not be a task is called at once",
}

# What the gateway can't do yet.
PENDING = {}
PENDING_MERGED = {}
PENDING_PIPE = {}
PENDING_TASKS = {}
PENDING_OLD = {}


class Conformance(FixtureCase):
    def run_all(self, targets):
        """`targets`: (name, url, token, era, kinds of clients); name/era/scenario → outcome."""
        outcomes = {}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            waiting = {pool.submit(conformance.run, *target): f"{name}/{target[2]}" for name, *target in targets}
            for done in concurrent.futures.as_completed(waiting):
                for scenario, outcome in done.result().items():
                    outcomes[f"{waiting[done]}/{scenario}"] = outcome
        return outcomes

    def settle(self, title, outcomes, table):
        impossible = Pending(IMPOSSIBLE)
        away = {name for name, o in outcomes.items()
                if isinstance(o, conformance.NotApplicable) or impossible.reason(name)}
        rest = {name: o for name, o in outcomes.items() if name not in away}
        failed = sum(o is not None for o in rest.values())
        print(f"conformance, {title}: {len(rest) - failed} passed, {failed} failed (each explained), "
              f"{len(away)} not applicable", file=sys.stderr)
        if os.environ.get("SLUICE_OUTCOMES"):
            pathlib.Path(f"{os.environ['SLUICE_OUTCOMES']}.{title.split()[0]}").write_text(json.dumps(rest, indent=1))
        complaints = Pending(table).settle(rest)
        self.assertFalse(complaints, f"{len(complaints)} complaints\n" + "\n".join(complaints[:80]))

    def test_the_fixtures_themselves(self):
        outcomes = self.run_all([
            ("direct/mcp2", self.fixtures["everything2"].url(), None, "legacy"),
            ("direct/mcp2", self.fixtures["everything2"].url(), None, "modern"),
            ("direct/mcp1", self.fixtures["everything1"].url(), None, "legacy")])
        self.settle("direct", outcomes, EXPLAINED)

    def raw(self, era):
        server = RawServer(era, tools=["echo"])
        server.offer_tasks()
        self.addCleanup(server.close)
        return server

    def test_the_task_fixture_itself(self):
        self.settle("direct, tasks", self.run_all([
            (f"direct/{era}", self.raw(era).url(), None, f"{era} tasks") for era in ("legacy", "modern")]), {})

    def test_tasks_through_the_gateway(self):
        for era in ("legacy", "modern"):
            self.sluice("server", "add", era, "--url", self.raw(era).url(), "--allow-private")
            self.put_policy(era, ALLOW_BOTH_WAYS, era)
        tokens = {era: self.grant(era, era, era) for era in ("legacy", "modern")}
        gateway = self.gateway()
        self.settle("tasks through the gateway", self.run_all([
            (upstream, gateway.url(upstream), tokens[upstream], f"{era} tasks")
            for upstream in tokens for era in tokens]), PENDING_TASKS)

    def test_through_the_gateway(self):
        for route in ROUTES:
            self.add(route)
        tokens = {route: self.grant(route, route, route) for route in ROUTES}
        gateway = self.gateway()
        # A session has a process of its own where there is no URL: the scenarios share one.
        outcomes = self.run_all([
            (route, Shared(gateway.url(route)), tokens[route], era, HTTP if path else (SharedLegacy, Modern))
            for route, (_, path) in ROUTES.items() for era in ERAS])
        self.settle("through the gateway", outcomes, PENDING)

    def add(self, route):
        fixture, path = ROUTES[route]
        if path is None:
            # A shared child's log messages can't be told apart while several clients call.
            python = PYTHON2 if fixture == "everything2" else PYTHON1
            self.sluice("server", "add", route, "--per-session", "--", python, UPSTREAMS / f"{fixture}.py")
        else:
            self.sluice("server", "add", route, "--url", self.fixtures[fixture].url(path), "--allow-private")
        self.put_policy(route, ALLOW_BOTH_WAYS, route)

    def test_through_the_merged_endpoint(self):
        """One grant of two servers that have the same names; what is asked is asked of one of them."""
        one, two = routes = ("http2-legacy", "http2-modern")
        for route in routes:
            self.add(route)
        token = self.grant(one, one, "both", "--also", f"{two}={two}")
        url = self.gateway().url("").rstrip("/")
        outcomes = self.run_all([(f"merged {route}", wire_merged.Place(url, route), token, era, MERGED)
                                 for route in routes for era in ERAS])
        self.settle("through /mcp", outcomes, PENDING_MERGED)

    def test_through_a_pipe(self):
        policy = self.folder / "both-ways.policy.json"
        policy.write_text(json.dumps(ALLOW_BOTH_WAYS))
        wrap = ["env", f"XDG_STATE_HOME={self.folder}", SLUICE, "wrap", "--name", "wrapped", "--policy", policy]
        servers = {"wrap stdio2": ["--", PYTHON2, UPSTREAMS / "everything2.py"],
                   "wrap http2-legacy": ["--url", self.fixtures["everything2"].url("/legacy/mcp"), "--allow-private"]}
        targets = []
        for name, server in servers.items():
            for era in ERAS:
                place = wire_pipe.Place("wrap", [*wrap, *server])
                self.addCleanup(place.close)
                targets.append((name, place, None, era, PIPE))
        self.settle("through a pipe", self.run_all(targets), PENDING_PIPE)

    def test_through_the_old_transport(self):
        """HTTP+SSE, which modern clients don't speak: before one server of either era, and before both."""
        one, two = routes = ("http2-legacy", "http2-modern")
        for route in routes:
            self.add(route)
        tokens = {route: self.grant(route, route, route) for route in routes}
        both = self.grant(one, one, "both", "--also", f"{two}={two}")
        gateway = self.gateway()
        self.settle("through the transport of 2024-11-05", self.run_all([
            *((route, f"{gateway.url(route)}/sse", tokens[route], "legacy", OLD) for route in routes),
            (f"merged {one}", wire_merged.Place(gateway.url("sse"), one), both, "legacy", MERGED_OLD)]), PENDING_OLD)

    def test_who_has_the_head_of_a_stream_is_heard(self):
        """What a server says from then on comes: the gateway itself listened before."""
        servers = {era: RawServer(era, tools=["echo"]) for era in ERAS}
        for era, server in servers.items():
            self.addCleanup(server.close)
            self.sluice("server", "add", era, "--url", server.url(), "--allow-private")
            self.put_policy(era, ALLOW_BOTH_WAYS, era)
        token = self.grant("legacy", "legacy", "both", "--also", "modern=modern")
        gateway = self.gateway()
        one, merged = [gateway.url(era) for era in ERAS], [wire_merged.Place(gateway.url("").rstrip("/"), era) for era in ERAS]

        def listening(era):
            seen = servers[era].seen if era == "legacy" else servers[era].requests("subscriptions/listen")
            return len([x for x in seen if era == "modern" or x.method == "GET"])
        for place, (legacy, modern) in ((one, HTTP), (merged, MERGED)):
            for era, url in zip(ERAS, place):
                for _ in range(3):
                    client = legacy(url, token)
                    self.addCleanup(client.close)
                    before = 0 if place is merged else listening(era)  # At /mcp it begins with the session.
                    self.assertEqual(client.get().status, 200)
                    self.assertGreater(listening(era), before)
            before = [listening(era) for era in ERAS]
            for url in place:
                client = modern(url, token)
                self.addCleanup(client.close)
                client.listen(toolsListChanged=True).wait_method("notifications/subscriptions/acknowledged")
            for era, count in zip(ERAS, before):
                self.assertGreater(listening(era), count)

    def test_no_reference_of_a_schema_is_fetched(self):
        """`json-schema-ref-no-deref`: whoever fetches what a server's schema points to can be sent anywhere."""
        canary = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(canary.close)
        there = f"http://127.0.0.1:{canary.getsockname()[1]}/canary.json"
        schema = {"$id": f"{there}?id", "type": "object", "properties": {
            "a": {"$ref": there}, "b": {"$dynamicRef": f"{there}#b"}, "c": {"$schema": there, "$ref": "other.json"}}}
        tool = {"name": "points_away", "description": there, "inputSchema": schema,
                "outputSchema": {"type": "object", "$ref": there}, "icons": [{"src": there}]}
        for era in ERAS:
            server = RawServer(era, tools=[])
            self.addCleanup(server.close)
            server.definitions.append(tool)
            server.tools["points_away"] = RawServer.tool_echo
            self.sluice("server", "add", era, "--url", server.url(), "--allow-private")
            self.put_policy(era, {"version": "1", "default": "deny", "tools": {"points_away": {}}}, era)
        tokens = {era: self.grant(era, era, era) for era in ERAS}
        gateway = self.gateway()
        for era in ERAS:
            for kind in HTTP:
                wire = kind(gateway.url(era), tokens[era])
                [listed] = wire.all("tools/list", "tools")
                self.assertEqual([listed[name] for name in ("inputSchema", "outputSchema")], [schema, tool["outputSchema"]])
                self.assertEqual(conformance.only_text(wire.call("points_away", {}).result), "{}")
                for name in "abc":
                    # What can't be looked up refuses.
                    result = wire.call("points_away", {name: "x"}).result
                    self.assertIn("sluice/decision", result.get("_meta", {}), (name, result))
        self.assertEqual(gateway.end(), 0)
        canary.setblocking(False)
        self.assertRaises(BlockingIOError, canary.accept)


if __name__ == "__main__":
    import harness
    harness.main()
