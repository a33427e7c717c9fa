"""Real clients do everything through the gateway that they do without it, and see the same.

`everything_client.py` runs under PyPI's mcp 2.x (three modes), mcp 1.x and fastmcp, once directly against each fixture
server and once through the gateway for every kind of upstream. What a step saw must be equal; allowed to differ is only
what the gateway says in its own name (server information, caching, `sluice/` members of `_meta`). Where both sides of the
gateway are of one era, results and errors are also compared as they are written, byte by byte (`rawbytes.py`).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import ALLOW_BOTH_WAYS, CLIENTS, FASTMCP, ROOT, UPSTREAMS, FixtureCase, Pending

PYTHON2, PYTHON1 = CLIENTS["mcp-2.3.0"], CLIENTS["mcp-1.30.0"]
AGENTS = {  # name → (interpreter, mode)
    "mcp2-auto": (PYTHON2, "auto"),
    "mcp2-legacy": (PYTHON2, "legacy"),
    "mcp2-modern": (PYTHON2, "2026-07-28"),
    "mcp1": (PYTHON1, "legacy"),
    "fastmcp": (FASTMCP, "auto"),
}
KINDS = {  # name → (fixture, path or None for stdio, era)
    "stdio2": ("everything2", None, "modern"),
    "http2-legacy": ("everything2", "/legacy/mcp", "legacy"),
    "http2-modern": ("everything2", "/modern/mcp", "modern"),
    "sse2": ("everything2", "/sse", "legacy"),
    "stdio1": ("everything1", None, "legacy"),
    "http1": ("everything1", "/mcp", "legacy"),
}
# "agent/kind" → the run without the gateway that has the same bytes.
SAME_BYTES = {
    "mcp2-legacy/http2-legacy": "mcp2-legacy/everything2",
    "mcp2-legacy/sse2": "mcp2-legacy/everything2",
    "mcp2-legacy/http1": "mcp2-legacy/everything1",
    "mcp1/http2-legacy": "mcp1/everything2",
    "mcp1/http1": "mcp1/everything1",
    "mcp1/stdio1": "direct/stdio",
    "mcp2-modern/http2-modern": "mcp2-modern/everything2",
    "mcp2-modern/stdio2": "direct/modern stdio",
}
# Answered by the gateway itself: introductions, and what is called by no name.
OUR_OWN = ("initialize", "server/discover", "subscriptions/listen")
LARGE = [8388608, "0c77bc0a0795a93612d45256897456d0fcb24f151c44c150d07ecd03f4ef5168"]

# "agent/kind/step" → why the gateway can't do it yet.
PENDING = {}


def stdio_command(fixture):
    return [PYTHON2 if fixture == "everything2" else PYTHON1, str(UPSTREAMS / f"{fixture}.py")]


def run_clients(jobs, wait):
    """Runs the jobs, one process for each interpreter, all at once; job name → what was seen. `wait` (seconds) is for one
    step."""
    processes = []
    for python in dict.fromkeys(job["python"] for job in jobs):
        mine = [job for job in jobs if job["python"] == python]
        process = subprocess.Popen(
            [python, str(ROOT / "Tests/EndToEnd/everything_client.py")], text=True,
            env={**os.environ, "SLUICE_STEP_WAIT": str(wait), "SLUICE_AT_ONCE": "6"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(log := tempfile.TemporaryFile("w+")))
        process.stdin.write(json.dumps(mine))
        process.stdin.close()
        processes.append((process, mine, log))
    seen = {}
    for process, mine, log in processes:
        with process.stdout, log:
            for line in process.stdout:
                answer = json.loads(line)
                seen[answer["name"]] = answer
            process.wait()
            log.seek(0)
            words = log.read()[-2000:]
        for job in mine:
            seen.setdefault(job["name"], {
                "protocol": None, "steps": {"connection": {"exception": f"died: {words}"}}, "raw": []})
    return seen


def neutral(value):
    """The value without what each hop says in its own name."""
    if isinstance(value, dict):
        out = {}
        for key, member in value.items():
            if key in ("resultType", "ttlMs", "cacheScope"):
                continue
            if key == "_meta" and isinstance(member, dict):
                member = {name: inner for name, inner in member.items()
                          if not name.startswith(("io.modelcontextprotocol/", "sluice/"))}
                if not member:
                    continue
            out[key] = neutral(member)
        return out
    return [neutral(item) for item in value] if isinstance(value, list) else value


def by_request(raw):
    """(method, what was asked for) → all answers, as they are written."""
    found = {}
    for _, method, what, kind, value in raw:
        if method in OUR_OWN or "no_such" in what or all(part == "" for _, part in value):
            continue
        found.setdefault((method, what), set()).add(json.dumps([kind, value]))
    return found


def raw_differences(name, direct, through):
    """What is written otherwise through the gateway, and how many answers were compared."""
    direct, through = by_request(direct), by_request(through)
    shared = [key for key in through if key in direct]
    wrong = [f"{name}: {key}: direct {sorted(direct[key])} – through the gateway {sorted(through[key])}"
             for key in shared if not through[key] <= direct[key]]
    # What has the job's own name in it is in one of them only.
    missing = [key for key in direct if key not in through and '"suffix"' not in key[1] and '"key"' not in key[1]]
    if missing:
        wrong.append(f"{name}: never seen through the gateway: {missing}")
    return wrong, sum(len(through[key]) for key in shared)


def difference(step, direct, through, same_era):
    """What is wrong with a step, or None."""
    direct, through = neutral(direct), neutral(through)
    if step.startswith("list ") and "value" in through and "value" in direct:
        def order(entry):
            return entry["name"]
        direct, through = ({"value": sorted(side["value"], key=order)} for side in (direct, through))
    if step == "large" and through.get("value") == LARGE:
        return None  # Some clients can't take an event of this size; through the gateway they may.
    if not same_era:
        if step == "url required":
            # -32042 exists in the legacy era only; a modern server asks. Either becomes the other, or a clear error.
            code = through.get("error", {}).get("code")
            return "error -32042 on the modern wire" if code == -32042 and "error" not in direct else None
        if step == "read test://no-such" and through.get("error", {}).get("code") == -32002:
            through["error"]["code"] = -32602  # The legacy era's own code for the same.
        for side in (direct, through):
            for _, asked in (side.get("value") or {}).get("asked", []) if isinstance(side.get("value"), dict) else []:
                asked.pop("elicitationId", None)
    for side in (direct, through):
        if isinstance(side.get("value"), dict) and "asked" in side["value"]:
            side["value"]["asked"].sort(key=lambda pair: json.dumps(pair, sort_keys=True))
    if step == "unknown tool":
        # Servers have their own words for it, the gateway has its own: an error, or a result that is one.
        direct, through = ("error" in side or side.get("value", {}).get("isError") for side in (direct, through))
    if json.dumps(direct) == json.dumps(through):
        return None
    if json.dumps(direct, sort_keys=True) == json.dumps(through, sort_keys=True):
        return None if step not in ("numbers", "echo") else "the order of keys was changed"
    return f"direct {json.dumps(direct)[:300]} – through the gateway {json.dumps(through)[:300]}"


def broken(seen):
    """The steps that a client could not take. Some can't take an event as large as `large`."""
    return {step: value for step, value in seen["steps"].items() if "exception" in value and step != "large"}


class Everything(FixtureCase):
    def direct_jobs(self):
        jobs = []
        for agent, (python, mode) in AGENTS.items():
            for name, fixture in self.fixtures.items():
                if (agent, name) != ("mcp2-modern", "everything1"):
                    jobs.append({"name": f"{agent}/{name}", "python": python, "mode": mode, "transport": "http",
                                 "url": fixture.url(), "tape": f"{agent}/{name}" in SAME_BYTES.values()})

        def taped(fixture, name):
            tape = str(self.folder / name)
            return {"tape": tape, "command": [sys.executable, str(ROOT / "Tests/EndToEnd/rawbytes.py"), tape,
                                              *stdio_command(fixture)]}
        # The transports must not make a difference without the gateway either.
        jobs += [
            {"name": "direct/stdio", "python": PYTHON1, "mode": "legacy", "transport": "stdio",
             **taped("everything1", "legacy.tape")},
            {"name": "direct/modern stdio", "python": PYTHON2, "mode": "2026-07-28", "transport": "stdio",
             **taped("everything2", "modern.tape")},
            {"name": "direct/sse", "python": PYTHON1, "mode": "legacy", "transport": "sse",
             "url": self.fixtures["everything2"].url("/sse")},
        ]
        return jobs

    def through_jobs(self):
        for kind, (fixture, path, _) in KINDS.items():
            if path is None:
                # What a shared child asks or logs while several calls are under way can't be told apart.
                self.sluice("server", "add", kind, "--per-session", "--", *stdio_command(fixture))
            else:
                self.sluice("server", "add", kind, "--url", self.fixtures[fixture].url(path), "--allow-private")
            self.put_policy(kind, ALLOW_BOTH_WAYS, kind)
        tokens = {(agent, kind): self.grant(kind, kind, f"{agent}-{kind}") for agent in AGENTS for kind in KINDS}
        gateway = self.gateway("--max-body", "16MiB")
        return [{"name": f"{agent}/{kind}", "python": python, "mode": mode, "transport": "http",
                 "url": gateway.url(kind), "token": tokens[agent, kind], "tape": f"{agent}/{kind}" in SAME_BYTES}
                for agent, (python, mode) in AGENTS.items() for kind in KINDS]

    def test_through_the_gateway_as_without_it(self):
        direct_jobs = self.direct_jobs()
        direct = run_clients(direct_jobs, wait=60)
        # Other people's client and server may lose each other on a busy machine, too: such a pair gets a second chance.
        late = [job for job in direct_jobs if broken(direct[job["name"]])]
        direct |= run_clients(late, wait=60) if late else {}
        for name, seen in direct.items():
            self.assertEqual({}, broken(seen), f"directly, {name}: the test is wrong")
        for name, same in (("direct/stdio", "mcp1/everything1"), ("direct/sse", "mcp1/everything2"),
                           ("direct/modern stdio", "mcp2-modern/everything2")):
            for step, value in direct[name]["steps"].items():
                self.assertIsNone(difference(step, direct[same]["steps"][step], value, True), (name, step))
        jobs = self.through_jobs()
        through = run_clients(jobs, wait=10)
        outcomes = self.compare(direct, through)
        # A busy machine may have been late with a step: what failed is tried once more, by itself. A step that fails twice
        # has failed.
        wanted = {}
        for name, problem in outcomes.items():
            if problem is not None and Pending(PENDING).reason(name) is None:
                agent, kind, step = name.split("/", 2)
                wanted.setdefault(f"{agent}/{kind}", ["subscribe"]).append(step)
        if wanted and sum(map(len, wanted.values())) < 60:
            again = run_clients([{**job, "only": wanted[job["name"]]} for job in jobs if job["name"] in wanted], wait=60)
            for name, seen in again.items():
                through[name]["steps"].update(seen["steps"])
                through[name]["raw"] += seen["raw"]
            print(f"everything: tried once more: {wanted}", file=sys.stderr)
            outcomes = self.compare(direct, through)
        if os.environ.get("SLUICE_OUTCOMES"):
            pathlib.Path(os.environ["SLUICE_OUTCOMES"]).write_text(json.dumps(outcomes, indent=1))
        failed = sum(problem is not None for problem in outcomes.values())
        print(f"everything: {len(outcomes) - failed} of {len(outcomes)} steps as without the gateway", file=sys.stderr)
        complaints = Pending(PENDING).settle(outcomes)
        compared = 0
        for name, baseline in SAME_BYTES.items():
            wrong, count = raw_differences(name, direct[baseline]["raw"], through[name]["raw"])
            complaints += [words[:1000] for words in wrong]
            compared += count
        print(f"everything: {compared} answers byte for byte as without the gateway", file=sys.stderr)
        self.assertGreater(compared, 50 * len(SAME_BYTES))
        self.assertFalse(complaints, f"{len(complaints)} complaints\n" + "\n".join(complaints[:60]))

    def compare(self, direct, through):
        """"agent/kind/step" → None or what is wrong with it."""
        outcomes = {}
        for agent in AGENTS:
            for kind, (fixture, _, era) in KINDS.items():
                seen = through[f"{agent}/{kind}"]
                client_era = "modern" if seen["protocol"] == "2026-07-28" else "legacy"
                baseline = direct.get(f"{agent}/{fixture}")
                if baseline is None or (seen["protocol"] == "2026-07-28") != (baseline["protocol"] == "2026-07-28"):
                    # A modern client of a legacy server: the gateway translates; mcp 1.x shows what the server says.
                    baseline = direct[f"mcp1/{fixture}"]
                # Without the simplest call nothing else counts: some steps expect a refusal.
                nothing = difference("", baseline["steps"]["simple_text"], seen["steps"].get("simple_text", {}), True)
                for step in {**baseline["steps"], **seen["steps"]}:
                    if step == "connection" or step == "ping" and agent not in ("mcp2-legacy", "mcp1"):
                        continue  # The first shows in every step, the second no modern client can do.
                    if step == "instructions" and agent == "mcp2-modern":
                        continue  # It never asks for them.
                    expected = baseline["steps"].get(step)
                    got = seen["steps"].get(step, seen["steps"].get("connection", {"exception": "not reached"}))
                    outcomes[f"{agent}/{kind}/{step}"] = nothing or (
                        f"only through the gateway: {json.dumps(got)[:300]}" if expected is None
                        else difference(step, expected, got, client_era == era))
        return outcomes


if __name__ == "__main__":
    import harness
    harness.main()
