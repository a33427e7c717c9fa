"""How children and calls of one server are bounded: settings of the server, with real processes."""

import json
import os
import pathlib
import resource
import signal
import socket
import sys
import threading

from harness import ALLOW_ALL, DEADLINE, FAKE_STDIO, UPSTREAMS, Case, Session, alive, request, until
from upstreams.rawserver import RawServer
from wire import Legacy, Modern


class UpstreamLife(Case):
    def begin(self, *options, command=()):
        self.sluice("server", "add", "s", *options, "--", *(command or (sys.executable, str(FAKE_STDIO))))
        self.put_policy("p", ALLOW_ALL, "s")
        self.token = self.grant("s", "p")
        self.gw = self.gateway()
        return self.session()

    def session(self):
        return Session(self.gw, "s", self.token)

    @staticmethod
    def text(answer):
        return answer.json["result"]["content"][0]["text"]

    def pid(self, session):
        return int(self.text(session.call("pid")))

    def test_one_child_for_all(self):
        first = self.begin()
        self.assertEqual(self.pid(first), self.pid(self.session()))

    def test_a_child_for_each_session_ends_with_it(self):
        first = self.begin("--per-session")
        second = self.session()
        pids = self.pid(first), self.pid(second)
        self.assertNotEqual(*pids)
        self.assertEqual(self.pid(first), pids[0])
        self.assertIn(request(self.gw.address, "DELETE", "/mcp/s", **first.fields).status, (200, 202, 204))
        until(lambda: not alive(pids[0]), "the end of the first child")
        self.assertEqual(self.pid(second), pids[1])

    def test_one_that_is_removed_while_it_starts_is_not_started_again(self):
        gate, log = self.folder / "gate", self.folder / "starts"
        script = f'echo $$ >> {log}; while [ ! -e {gate} ]; do sleep 0.05; done; exec "$@"'
        self.sluice("server", "add", "s", "--", "/bin/sh", "-c", script, "sh", sys.executable, FAKE_STDIO)
        self.put_policy("p", ALLOW_ALL, "s")
        self.token = self.grant("s", "p")
        self.gw = self.gateway()
        opened = []

        def open_session():
            try:
                opened.append(self.session())
            except AssertionError as error:
                opened.append(error)
        thread = threading.Thread(target=open_session)
        thread.start()
        until(lambda: log.exists() and log.read_text().strip(), "the start")
        self.sluice("server", "remove", "s", "--force")
        thread.join(DEADLINE)
        self.assertIsInstance(opened[0], AssertionError)
        gate.touch()
        [pid] = log.read_text().split()
        until(lambda: not alive(int(pid)), "the end of the child")
        self.assertEqual(log.read_text().split(), [pid])

    def test_the_pipes_of_those_that_have_ended_are_given_back(self):
        first = self.begin("--per-session")

        def descriptors():
            return len(os.listdir(f"/proc/{self.gw.pid}/fd"))
        self.pid(first)
        before = descriptors()
        for tool in ["pid"] * 5 + ["die"] * 3:
            session = self.session()
            session.call(tool)
            request(self.gw.address, "DELETE", "/mcp/s", **session.fields)
        until(lambda: descriptors() <= before, "the gateway to have as many descriptors as before")

    def test_children_do_not_outlive_a_killed_gateway(self):
        pid = self.pid(self.begin())
        self.assertTrue(alive(pid))
        os.kill(self.gw.process.pid, signal.SIGKILL)
        self.gw.process.wait()
        until(lambda: not alive(pid), "the end of the child")

    def test_limits_of_resources(self):
        session = self.begin("--limit-files", "64", "--limit-memory", "2GiB", "--limit-cpu", "1h")
        limits = pathlib.Path(f"/proc/{self.pid(session)}/limits").read_text()
        self.assertRegex(limits, r"Max open files +64 +64 ")
        self.assertRegex(limits, r"Max address space +2147483648 +2147483648 ")
        self.assertRegex(limits, r"Max cpu time +3600 +3600 ")

    def test_the_gateway_may_open_many_files_and_its_children_as_many_as_before(self):
        usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
        try:
            session = self.begin()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
        self.assertEqual(resource.prlimit(self.gw.pid, resource.RLIMIT_NOFILE), (most, most))
        self.assertEqual(resource.prlimit(self.pid(session), resource.RLIMIT_NOFILE), (256, most))

    def test_too_many_calls_at_once_are_refused(self):
        session = self.begin("--max-calls", "1", "--max-waiting", "0")

        def wait():
            try:
                # The place may be taken by one of the calls below.
                while session.call("wait").json.get("error", {}).get("code") == -31005:
                    pass
            except (OSError, ValueError):
                pass  # The test is over before the call is.
        threading.Thread(target=wait, daemon=True).start()

        def refused():
            return session.call("echo").json.get("error", {}).get("code") == -31005
        until(refused, "a call that finds no place")

    def test_a_server_s_own_time_limit(self):
        session = self.begin("--call-timeout", "1s")
        self.assertEqual(session.call("wait").json["error"]["code"], -31002)

    def test_settings_change_and_are_shown(self):
        self.begin()
        self.sluice("server", "set", "s", "--per-session", "--max-calls", "3", "--call-timeout", "2m")
        shown = json.loads(self.sluice("server", "show", "s", "--json").stdout)
        self.assertEqual((shown["per_session"], shown["max_calls"], shown["call_timeout_seconds"]), (True, 3, 120))
        self.assertNotEqual(self.pid(self.session()), self.pid(self.session()))
        self.sluice("server", "set", "s", "--shared", "--reset", "max-calls")
        shown = json.loads(self.sluice("server", "show", "s", "--json").stdout)
        self.assertNotIn("max_calls", shown)
        self.assertNotIn("per_session", shown)

    def test_settings_that_do_not_fit(self):
        self.sluice("server", "add", "u", "--url", "http://127.0.0.1:9/mcp", "--allow-private", "--per-session", code=2)
        self.sluice("server", "add", "u", "--max-waiting", "3", code=2)
        self.sluice("server", "add", "u", "--call-timeout", "2m", "--longest-call", "1m", "--", "/bin/true", code=2)


class BeginsAnew(Case):
    """A legacy server that begins anew is told again what its client goes by: its subscriptions and its log level."""

    AGAIN = [("logging/setLevel", {"level": "error"}), ("resources/subscribe", {"uri": "raw://one"}),
             ("resources/subscribe", {"uri": "raw://two"})]
    gw = None

    def client(self, *options):
        self.sluice("server", "add", "s", *map(str, options))
        self.put_policy("p", ALLOW_ALL, "s")
        self.token = self.grant("s", "p", options[0].strip("-") or "shared")
        self.gw = self.gw or self.gateway()
        client = Legacy(self.gw.url("s"), self.token)
        self.addCleanup(client.close)
        return client

    def say(self, client):
        for method, params in [*self.AGAIN[1:], ("resources/subscribe", {"uri": "raw://three"}), self.AGAIN[0],
                               ("resources/unsubscribe", {"uri": "raw://three"})]:
            self.assertEqual(client.send(method, params).result, {})

    def called(self, client):
        """A call that works as soon as the server does."""
        until(lambda: "result" in (client.call("echo", {}).response or {}), "the server to be back")

    def test_over_http(self):
        class Strict(RawServer):
            def answer(self, exchange):
                if exchange.method == "GET" and not self.sessions.get(exchange.fields.get("mcp-session-id")):
                    return exchange.send(404)
                return super().answer(exchange)

            def request(self, exchange, message, modern):
                if (message.get("params") or {}).get("uri") == "raw://refused":
                    return exchange.error(-32002, "Resource not found")
                return super().request(exchange, message, modern)

        def told(server):
            return [(x.message["method"], x.message["params"]) for x in server.seen
                    if isinstance(x.message, dict) and x.message["method"] in dict(self.AGAIN)]
        server = Strict()
        self.addCleanup(server.close)
        client = self.client("--url", server.url(), "--allow-private")
        stream = client.get()
        self.say(client)
        # What the server refuses it is not asked for again.
        self.assertEqual(client.send("resources/subscribe", {"uri": "raw://refused"}).error["code"], -32002)
        # It forgets, and a call finds out.
        for name in server.sessions:
            server.sessions[name] = False
        self.called(client)
        until(lambda: told(server)[5:] == self.AGAIN, "it to be told again")
        # The stream of the session that it forgot is open still, and nothing comes on it any more.
        session = [name for name in server.sessions if server.sessions[name]]
        until(lambda: [entry for entry in server.streams if entry[3] in session], "the gateway to listen")
        server.notify("notifications/resources/updated", {"uri": "raw://one"}, *session)
        stream.wait_method("notifications/resources/updated")
        # It is another one, and the client's stream finds out.
        server.close()
        server = Strict(port=server.port)
        self.addCleanup(server.close)
        until(lambda: told(server) == self.AGAIN, "the other to be told")
        until(lambda: server.streams, "the gateway to listen")
        server.notify("notifications/resources/updated", {"uri": "raw://two"})
        stream.wait(lambda message: (message.get("params") or {}).get("uri") == "raw://two", "the change of two")
        # One that forgets everything at once has been told once for each beginning, and no more.
        server.tools["echo"] = lambda server, exchange: exchange.send(404)
        before = len(server.requests("initialize"))
        self.assertIn("error", client.call("echo", {}).response)
        self.assertEqual(len(server.requests("initialize")), before + 1)

    def test_over_the_event_stream_of_2024(self):
        server = RawServer()
        self.addCleanup(server.close)
        client = self.client("--url", server.url("/sse"), "--allow-private")
        stream = client.get()
        self.say(client)

        def told():
            return [(x.message["method"], x.message["params"]) for x in server.seen
                    if isinstance(x.message, dict) and x.message["method"] in dict(self.AGAIN)]
        for _, exchange, _, _ in list(server.streams):
            exchange.connection.shutdown(socket.SHUT_RDWR)
        # Nobody asks for anything.
        until(lambda: told()[4:] == self.AGAIN, "it to be told again")
        server.notify("notifications/resources/updated", {"uri": "raw://two"})
        stream.wait_method("notifications/resources/updated")

    def test_over_a_pipe(self):
        for kind in ("--per-session", "--shared"):
            log = self.folder / f"seen{kind}"
            client = self.client(
                *([kind] if kind == "--per-session" else []), "--", sys.executable, UPSTREAMS / "rawserver.py", "--resources",
                "--log", log)
            if kind == "--shared":
                # What only a listen that has ended wanted is not said again.
                modern = Modern(self.gw.url("s"), self.token)
                modern.listen(resourceSubscriptions=["raw://gone"]).wait_method(
                    "notifications/subscriptions/acknowledged")
                modern.close()
            self.say(client)

            def told():
                lines = [json.loads(line) for line in log.read_text().splitlines()]
                begins = [n for n, line in enumerate(lines) if line.get("method") == "initialize"]
                return len(begins), [(line["method"], line["params"]) for line in lines[begins[-1]:]
                                     if line.get("method") in dict(self.AGAIN)]
            with self.subTest(kind):
                self.assertEqual(told()[0], 1)
                client.call("die", {})
                if kind == "--shared":
                    self.called(client)
                until(lambda: told() == (2, self.AGAIN), "the new one to be told")
            self.sluice("server", "remove", "s", "--force")


if __name__ == "__main__":
    import harness
    harness.main()
