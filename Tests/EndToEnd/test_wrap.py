"""`sluice wrap`: the gateway as a stdio server, spoken to by raw lines and by real clients."""

import json
import os
import signal
import subprocess
import sys
import unittest

from harness import ALLOW_ALL, ALLOW_BOTH_WAYS, CLIENTS, DEADLINE, FAKE_STDIO, FASTMCP, SLUICE, Case, Fixture, alive, main, sluice, until
from test_everything import PYTHON1, PYTHON2, difference, run_clients, stdio_command

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


class Wrapped:
    """A running `sluice wrap` and its two pipes."""

    def __init__(self, *words, env=None):
        self.process = subprocess.Popen(
            [SLUICE, "wrap", *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})})
        self.lines = []

    def raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **message):
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def receive(self):
        line = self.process.stdout.readline()
        assert line.endswith(b"\n") and line.strip(), line
        return json.loads(line)

    def answer(self, number):
        """The answer to a request; what comes before it is kept in `lines`."""
        while True:
            message = self.receive()
            if message.get("id") == number and "method" not in message:
                return message
            self.lines.append(message)

    def ask(self, number, method, params=None):
        self.send(id=number, method=method, **({} if params is None else {"params": params}))
        return self.answer(number)

    def modern(self, number, method, params=None, **meta):
        return self.ask(number, method, {**(params or {}), "_meta": {**MODERN, **meta}})

    def call(self, number, tool, arguments=None):
        return self.ask(number, "tools/call", {"name": tool, "arguments": arguments or {}})

    def hello(self):
        answer = self.ask(0, "initialize", HELLO)
        self.send(method="notifications/initialized")
        return answer["result"]

    def end(self):
        """Closes its input: (exit code, what else it said, its standard error)."""
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err.decode()


class WrapCase(Case):
    def wrap(self, *words, policy=None, env=None):
        options = ["--data-dir", self.data, "--name", "fake"]
        if policy is not None:
            path = self.folder / "wrap.policy.json"
            path.write_text(json.dumps(policy))
            options += ["--policy", path]
        wrapped = Wrapped(*options, *(words or ["--", sys.executable, FAKE_STDIO]), env=env)

        def close():
            if wrapped.process.poll() is None:
                wrapped.process.kill()
            wrapped.process.communicate()
        self.addCleanup(close)
        return wrapped


class Wrap(WrapCase):
    def test_large_results_pass_whole(self):
        wrapped = self.wrap()
        wrapped.hello()
        self.assertEqual(wrapped.call(1, "many", {"bytes": 8 << 20})["result"]["content"][0]["text"], "x" * (8 << 20))
        modern = wrapped.modern(2, "tools/call", {"name": "many", "arguments": {"bytes": 8 << 20}})
        self.assertEqual(len(modern["result"]["content"][0]["text"]), 8 << 20)

    def test_a_legacy_session(self):
        wrapped = self.wrap()
        self.assertEqual(wrapped.hello()["serverInfo"]["name"], "fake-stdio")
        names = [tool["name"] for tool in wrapped.ask(1, "tools/list")["result"]["tools"]]
        self.assertIn("echo", names)
        answer = wrapped.call("two", "echo", {"a": 1})
        self.assertEqual(json.loads(answer["result"]["content"][0]["text"]), {"a": 1})
        self.assertEqual(wrapped.ask(3, "ping"), {"jsonrpc": "2.0", "id": 3, "result": {}})
        code, out, err = wrapped.end()
        self.assertEqual((code, out), (0, b""))
        self.assertIn("no policy: all tools pass and are recorded", err)
        [row] = self.decisions()
        self.assertEqual((row["server"], row["tool"], row["outcome"], row["grant_label"]), ("fake", "echo", "allowed", "wrap"))
        self.assertEqual(self.sluice("audit", "verify").returncode, 0)

    def test_a_policy_judges(self):
        policy = {"version": "1", "default": "deny", "tools": {
            "echo": {"require": [{"path": "args.n", "op": "lte", "value": 3, "on_deny": "Too large."}],
                     "limits": [{"counter": "c", "window": "hour", "max": 2, "scope": "grant"}]}}}
        wrapped = self.wrap(policy=policy)
        wrapped.hello()
        self.assertEqual([tool["name"] for tool in wrapped.ask(1, "tools/list")["result"]["tools"]], ["echo"])
        self.assertIn("Too large.", wrapped.call(2, "echo", {"n": 4})["result"]["content"][0]["text"])
        self.assertTrue(wrapped.call(3, "pid")["result"]["isError"])
        self.assertNotIn("isError", wrapped.call(4, "echo", {"n": 1})["result"])
        wrapped.end()
        # The limit goes on in the next process.
        wrapped = self.wrap(policy=policy)
        wrapped.hello()
        self.assertNotIn("isError", wrapped.call(1, "echo", {"n": 1})["result"])
        self.assertTrue(wrapped.call(2, "echo", {"n": 1})["result"]["isError"])
        wrapped.end()
        self.assertEqual([row["outcome"] for row in self.decisions()], ["denied", "denied", "allowed", "allowed", "denied"])

    def test_modern_requests_speak_for_themselves(self):
        wrapped = self.wrap()
        found = wrapped.modern(1, "server/discover")["result"]
        self.assertIn("2026-07-28", found["supportedVersions"])
        self.assertIn("echo", [tool["name"] for tool in wrapped.modern(2, "tools/list")["result"]["tools"]])
        answer = wrapped.modern(3, "tools/call", {"name": "echo", "arguments": {"a": 1}})
        self.assertEqual(answer["result"]["resultType"], "complete")
        wrong = wrapped.modern(4, "tools/list", **{"io.modelcontextprotocol/protocolVersion": "2031-01-01"})
        self.assertEqual(wrong["error"]["code"], -32022)
        # Both eras on one pipe.
        wrapped.hello()
        self.assertNotIn("resultType", wrapped.call(5, "echo")["result"])
        self.assertEqual(wrapped.end()[0], 0)

    def test_a_modern_call_is_cancelled_by_notification(self):
        wrapped = self.wrap()
        wrapped.send(id="w", method="tools/call", params={"name": "wait", "arguments": {}, "_meta": MODERN})
        # Answered by the server, and so after the server has the other one.
        wrapped.modern(1, "tools/call", {"name": "echo", "arguments": {}})
        wrapped.send(method="notifications/cancelled", params={"requestId": "w"})
        until(lambda: "[]" != wrapped.modern(2, "tools/call", {"name": "cancelled"})["result"]["content"][0]["text"],
              "the cancellation at the server")
        code, out, _ = wrapped.end()
        self.assertEqual((code, out), (0, b""))
        self.assertFalse([line for line in wrapped.lines if line.get("id") == "w"], "a cancelled request was answered")

    def test_a_legacy_call_is_cancelled_by_notification(self):
        wrapped = self.wrap()
        wrapped.hello()
        wrapped.send(id="w", method="tools/call", params={"name": "wait", "arguments": {}})
        wrapped.call(1, "echo")
        wrapped.send(method="notifications/cancelled", params={"requestId": "w"})
        until(lambda: "[]" != wrapped.call(2, "cancelled")["result"]["content"][0]["text"], "the cancellation at the server")
        # Taken back before it has gone anywhere.
        wrapped.send(id="v", method="tools/call", params={"name": "wait", "arguments": {}})
        wrapped.send(method="notifications/cancelled", params={"requestId": "v"})
        wrapped.call(3, "echo")
        self.assertEqual(wrapped.end()[:2], (0, b""))
        self.assertFalse([line for line in wrapped.lines if line.get("id") in ("v", "w")], "a cancelled request was answered")

    def test_a_slow_call_delays_nobody(self):
        wrapped = self.wrap()
        wrapped.hello()
        wrapped.send(id="w", method="tools/call", params={"name": "wait", "arguments": {}})
        self.assertIn("result", wrapped.call(1, "echo"))

    def test_what_is_too_much_is_refused_and_the_rest_is_read(self):
        wrapped = self.wrap()
        wrapped.hello()
        # 16 bytes a value count, and its text twice.
        large = {"x": [0] * 950_000}
        refused = None
        for number in range(1, 12):
            wrapped.send(id=number, method="tools/call", params={"name": "wait", "arguments": large})
            if "result" not in (small := wrapped.call(f"small {number}", "echo")):
                raise AssertionError(small)
            refused = next((line for line in wrapped.lines if line.get("id") == number), None)
            if refused:
                break
        self.assertEqual(refused["error"]["code"], -31005)
        self.assertGreater(number, 4)
        self.assertEqual(wrapped.ask("ping", "ping")["result"], {})
        # One that was taken back gives its room to another.
        wrapped.send(method="notifications/cancelled", params={"requestId": 1})
        self.assertIn("result", wrapped.call("large", "echo", large))

    def test_subscriptions_are_stamped_and_ended(self):
        wrapped = self.wrap()
        for number in (7, "eight"):
            wrapped.send(id=number, method="subscriptions/listen",
                         params={"notifications": {"toolsListChanged": True}, "_meta": MODERN})
            seen = wrapped.receive()
            self.assertEqual(seen["method"], "notifications/subscriptions/acknowledged", seen)
            self.assertEqual(seen["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], number)
        # A change of the policy changes what is listed; both listens hear of it.
        self.put_policy("wrap-fake", {"version": "1", "default": "deny"}, "fake")
        heard = [wrapped.receive() for _ in range(2)]
        self.assertEqual({line["method"] for line in heard}, {"notifications/tools/list_changed"})
        self.assertEqual({line["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] for line in heard}, {7, "eight"})
        wrapped.send(method="notifications/cancelled", params={"requestId": 7})
        wrapped.modern(1, "tools/list")
        self.put_policy("wrap-fake", ALLOW_ALL, "fake")
        heard = wrapped.receive()
        self.assertEqual(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "eight")
        self.assertEqual(wrapped.end()[0], 0)

    def test_the_pipe_is_the_legacy_stream(self):
        wrapped = self.wrap()
        wrapped.hello()
        self.put_policy("wrap-fake", {"version": "1", "default": "deny"}, "fake")
        self.assertEqual(wrapped.receive()["method"], "notifications/tools/list_changed")
        wrapped.end()

    def test_garbage_is_answered_and_survived(self):
        wrapped = self.wrap("--max-message", "64KiB", "--", sys.executable, FAKE_STDIO)
        for line, code in [
            (b"hello\n", -32700), (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}\n', -32700),
            (b'{"id":1,"method":"ping"}\n', -32600), (b"\xff\xfe\n", -32700), (b'"text"\n', -32600),
            (b"[1,2]\n", -32600), (b"x" * 100_000 + b"\n", -32600),
        ]:
            wrapped.raw(line)
            answer = wrapped.receive()
            self.assertEqual(answer["error"]["code"], code, (line[:40], answer))
            self.assertNotIn("id", answer)
        # Before the handshake a ping is answered, a request refused under its own id, a notification passed over.
        self.assertEqual(wrapped.ask(1, "ping")["result"], {})
        self.assertEqual(wrapped.ask(2, "tools/list")["error"]["code"], -32600)
        wrapped.send(method="notifications/initialized")
        wrapped.send(id=99, result={})
        wrapped.raw(b"\n  \r\n")
        wrapped.raw(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}).encode() + b"\r\n")
        self.assertIn("result", wrapped.answer(0))
        self.assertIn("before", wrapped.ask(3, "initialize", HELLO)["error"]["message"])
        self.assertIn("result", wrapped.call(4, "echo"))
        self.assertEqual(wrapped.end()[0], 0)

    def test_what_was_sent_before_the_end_is_answered(self):
        lines = [{"id": 0, "method": "initialize", "params": HELLO}]
        wrapped = self.wrap()
        for line in lines:
            wrapped.send(**line)
        wrapped.answer(0)
        for number in range(1, 21):
            wrapped.send(id=number, method="tools/call", params={"name": "echo", "arguments": {"n": number}})
        code, out, _ = wrapped.end()
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(code, 0)
        self.assertEqual(sorted(answer["id"] for answer in answers), list(range(1, 21)))
        for answer in answers:
            self.assertEqual(json.loads(answer["result"]["content"][0]["text"]), {"n": answer["id"]})

    def test_nothing_of_the_server_is_left(self):
        for number in (None, signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                # A server that ignores the end of its input and has a child of its own.
                script = self.folder / "stubborn.py"
                script.write_text(
                    "import subprocess, sys, runpy\n"
                    "other = subprocess.Popen(['sleep', '1000'])\n"
                    f"open({str(self.folder / 'pids')!r}, 'w').write(f'{{__import__(\"os\").getpid()}} {{other.pid}}')\n"
                    f"sys.argv = ['fake']\nrunpy.run_path({str(FAKE_STDIO)!r})\n"
                    "import time\ntime.sleep(1000)\n")
                wrapped = self.wrap("--", sys.executable, script)
                wrapped.hello()
                pids = [int(pid) for pid in (self.folder / "pids").read_text().split()]
                self.assertTrue(all(map(alive, pids)))
                if number:
                    wrapped.send(id=1, method="tools/call", params={"name": "wait", "arguments": {}})
                    wrapped.process.send_signal(number)
                    wrapped.process.wait(DEADLINE)
                code, _, _ = wrapped.end()
                self.assertEqual(code, 0)
                until(lambda: not any(map(alive, pids)), "the end of the server's processes")

    def test_what_the_server_says_reaches_no_line_of_ours(self):
        wrapped = self.wrap()
        wrapped.hello()
        self.assertEqual(wrapped.call(1, "banner")["result"]["content"][0]["text"], "done")
        self.assertEqual(wrapped.lines, [])

    def test_only_named_variables_reach_the_server(self):
        words = ["--env", "SET=1", "--inherit", "PASSED", "--", sys.executable, FAKE_STDIO]
        wrapped = self.wrap(*words, env={"PASSED": "2", "SECRET": "3"})
        wrapped.hello()
        seen = json.loads(wrapped.call(1, "environment")["result"]["content"][0]["text"])
        self.assertEqual((seen.get("SET"), seen.get("PASSED"), seen.get("SECRET")), ("1", "2", None))

    def test_a_server_that_does_not_start_is_told_to_the_client(self):
        wrapped = self.wrap("--", sys.executable, FAKE_STDIO, "die-at-start")
        answer = wrapped.ask(0, "initialize", HELLO)
        self.assertEqual(answer["error"]["data"]["reason"], "unreachable")
        code, _, err = wrapped.end()
        self.assertEqual(code, 0)
        self.assertIn("no such table: widgets", err)

    def test_exit_codes_and_nothing_half_written(self):
        bad = self.folder / "bad.json"
        bad.write_text('{"version": "1", "default": "maybe"}')
        for words, code, text in [
            (["--policy", bad, "--", "cat"], 1, "bad.json"), (["--policy", "/nowhere", "--", "cat"], 2, "/nowhere"),
            ([], 2, "--url"), (["--url", "http://127.0.0.1:1/mcp"], 2, "--allow-private"),
            (["--url", "http://8.8.8.8/", "--", "cat"], 2, "not both"), (["--env", "A", "--", "cat"], 2, "--env"),
        ]:
            with self.subTest(words):
                done = sluice("wrap", *words, data=self.data, stdin="")
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertFalse(self.data.exists())
        self.wrap().hello()
        done = sluice("wrap", "--name", "fake", "--", sys.executable, FAKE_STDIO, data=self.data, stdin="")
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_another_server_of_the_name_is_not_replaced(self):
        self.sluice("server", "add", "fake", "--", "/bin/cat")
        done = sluice("wrap", "--name", "fake", "--", "/bin/true", data=self.data, stdin="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("another server", done.stderr)

    def test_the_name_is_that_of_what_is_wrapped(self):
        for number, (program, name) in enumerate({"My.Server": "my-server", "sse": "sse-server"}.items()):
            path, data = self.folder / program, self.folder / f"data-{number}"
            path.symlink_to(sys.executable)
            wrapped = Wrapped("--data-dir", data, "--", path, FAKE_STDIO)
            wrapped.hello()
            self.assertEqual(wrapped.end()[0], 0)
            listed = json.loads(sluice("server", "list", "--json", data=data).stdout)
            self.assertEqual([server["name"] for server in listed], [name])

    def test_each_process_has_a_folder(self):
        env = {"XDG_STATE_HOME": str(self.folder)}
        first, second = (Wrapped("--", sys.executable, FAKE_STDIO, env=env) for _ in range(2))
        for wrapped in (first, second):
            wrapped.hello()
        folders = sorted((self.folder / "sluice/wrap").iterdir())
        self.assertEqual(len(folders), 2)
        self.assertEqual(folders[1].name, folders[0].name + "-2")
        for wrapped in (first, second):
            self.assertEqual(wrapped.end()[0], 0)
        # The next one takes up the first folder again.
        again = Wrapped("--", sys.executable, FAKE_STDIO, env=env)
        again.hello()
        self.assertIn(str(folders[0]), again.end()[2])
        self.assertEqual(len(list((self.folder / "sluice/wrap").iterdir())), 2)


class RealClients(WrapCase):
    """Steps of `everything_client.py` through `sluice wrap`, compared with what the client sees without it."""

    STEPS = ["list tools", "list prompts", "list resources", "list resourceTemplates", "simple_text", "image_content",
             "multiple_content_types", "error_handling", "structured", "numbers", "echo", "unknown tool", "progress",
             "side by side", "ping"]
    ASKS = ["sampling", "elicitation", "roots", "elicitation enums"]
    AGENTS = {"mcp2-auto": (PYTHON2, "auto"), "mcp2-legacy": (PYTHON2, "legacy"), "mcp2-modern": (PYTHON2, "2026-07-28"),
              "mcp1": (PYTHON1, "legacy"), "fastmcp": (FASTMCP, "auto")}

    def test_the_same_as_without_it(self):
        fixture = Fixture(PYTHON2, "everything2.py")
        self.addCleanup(fixture.close)
        policy = self.folder / "both.policy.json"
        policy.write_text(json.dumps(ALLOW_BOTH_WAYS))
        ways = {"stdio": ["--", *stdio_command("everything2")],
                "http": ["--url", fixture.url("/legacy/mcp"), "--allow-private"]}
        direct, through = [], []
        for agent, (python, mode) in self.AGENTS.items():
            job = {"python": python, "mode": mode, "only": self.STEPS + self.ASKS}
            # What a modern client sees of a legacy server is what a legacy one sees, but for the envelope.
            seen_as = {"python": PYTHON1, "mode": "legacy"} if python == PYTHON1 or mode == "legacy" else job
            direct.append({**job, **seen_as, "name": agent, "transport": "http", "url": fixture.url()})
            for way, words in ways.items():
                line = [SLUICE, "wrap", "--name", way, "--data-dir", str(self.folder / f"{agent}-{way}"),
                        "--policy", str(policy), *words]
                through.append({**job, "name": f"{agent}/{way}", "transport": "stdio", "command": line})
        direct, through = run_clients(direct, wait=20), run_clients(through, wait=20)
        compared = 0
        for agent, (_, mode) in self.AGENTS.items():
            for way in ways:
                seen = through[f"{agent}/{way}"]
                self.assertEqual(seen["protocol"], "2025-11-25" if "legacy" in mode else "2026-07-28", seen["steps"])
                for step, expected in direct[agent]["steps"].items():
                    asks = step in self.ASKS
                    # How modern clients are asked by legacy servers is in test_everything.py; they have no ping.
                    if (asks or step == "ping") and "legacy" not in mode:
                        continue
                    compared += 1
                    got = seen["steps"].get(step, seen["steps"].get("connection"))
                    self.assertIsNone(difference(step, expected, got, False), (agent, way, step))
        self.assertGreater(compared, 100)


if __name__ == "__main__":
    main()
