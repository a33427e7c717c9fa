"""How children and calls of one server are bounded: settings of the server, with real processes."""

import json
import os
import pathlib
import resource
import signal
import sys
import threading

from harness import ALLOW_ALL, FAKE_STDIO, Case, Session, alive, request, until


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


if __name__ == "__main__":
    import harness
    harness.main()
