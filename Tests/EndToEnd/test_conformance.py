"""The official conformance suite's server scenarios (rewritten in conformance.py), directly and through the gateway."""

import concurrent.futures
import json
import os
import pathlib
import sys

import conformance
from harness import ALLOW_BOTH_WAYS, CLIENTS, UPSTREAMS, FixtureCase, Pending
from upstreams.rawserver import RawServer

PYTHON2, PYTHON1 = CLIENTS["mcp-2.3.0"], CLIENTS["mcp-1.30.0"]

# route → (fixture, its path; None for stdio, eras of the client)
ROUTES = {
    "stdio2": ("everything2", None, ("legacy", "modern")),
    "http2-legacy": ("everything2", "/legacy/mcp", ("legacy", "modern")),
    "http2-modern": ("everything2", "/modern/mcp", ("legacy", "modern")),
    "resumable2": ("everything2", "/resumable/mcp", ("legacy",)),
    "sse2": ("everything2", "/sse", ("legacy",)),
    "http1": ("everything1", "/mcp", ("legacy",)),
    "stdio1": ("everything1", None, ("legacy", "modern")),
}

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
    "http2-legacy/modern/input-required-*": "the keys are the modern server's own; a legacy one has none",
    "stdio1/modern/input-required-*": "the keys are the modern server's own; a legacy one has none",
    "http2-modern/legacy/elicitation-url-required": "a modern server asks instead of refusing with -32042",
    "http2-modern/legacy/elicitation-url": "a modern server sends no notifications/elicitation/complete",
    "stdio2/legacy/elicitation-url*": "the server speaks the modern era with the gateway",
    "modern/legacy tasks/tasks-list": "a modern server has no list of tasks",
    "legacy/modern tasks/tasks-created-and-polled": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-failed-job": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-cancel": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-input": "a tool that need not be a task is called at once",
    "legacy/modern tasks/tasks-headers": "a tool that need not be a task is called at once",
}

# What the gateway can't do yet.
PENDING = {
    "http2-modern/legacy/list-changed": "sometimes: the client acts before its stream listens at the modern server",
}

PENDING_TASKS = {}


class Conformance(FixtureCase):
    def run_all(self, targets):
        """`targets`: (name, url, token, era); name/era/scenario → outcome."""
        outcomes = {}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            waiting = {pool.submit(conformance.run, url, token, era): f"{name}/{era}" for name, url, token, era in targets}
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
        for route, (fixture, path, _) in ROUTES.items():
            if path is None:
                # A shared child's log messages can't be told apart while several clients call.
                python = PYTHON2 if fixture == "everything2" else PYTHON1
                self.sluice("server", "add", route, "--per-session", "--", python, UPSTREAMS / f"{fixture}.py")
            else:
                self.sluice("server", "add", route, "--url", self.fixtures[fixture].url(path), "--allow-private")
            self.put_policy(route, ALLOW_BOTH_WAYS, route)
        tokens = {route: self.grant(route, route, route) for route in ROUTES}
        gateway = self.gateway()
        outcomes = self.run_all([(route, gateway.url(route), tokens[route], era)
                                 for route, (_, _, eras) in ROUTES.items() for era in eras])
        self.settle("through the gateway", outcomes, PENDING)


if __name__ == "__main__":
    import harness
    harness.main()
