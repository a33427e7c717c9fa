"""How servers fare and what becomes of it: states that operators see, breaker and back-off, caps, resumption, stubborn
children, addresses. With real processes and sockets."""

import datetime
import json
import os
import pathlib
import signal
import sys
import threading
import time

from harness import ALLOW_ALL, DEADLINE, UPSTREAMS, Case, EventStream, Session, alive, children, request, until
from upstreams.rawserver import RawServer, definition, dump, text

STUBBORN = UPSTREAMS / "stubborn.py"


class Life(Case):
    def begin(self, *options, command=None, environment=None, start=True):
        """A server, a gateway in front of it, a session."""
        self.sluice("server", "add", "s", *options, *(("--", *map(str, command)) if command else ()))
        self.put_policy("p", ALLOW_ALL, "s")
        self.token = self.grant("s", "p")
        before = dict(os.environ)
        os.environ.update(environment or {})
        try:
            self.gw = self.gateway()
        finally:
            os.environ.clear()
            os.environ.update(before)
        host, _, port = self.gw.ready["admin"].rpartition(":")
        self.admin = (host, int(port))
        # Shown once, by the first gateway of a folder.
        self.key = self.gw.ready.get("admin_token") or self.key
        return self.session() if start else None

    def raw(self, *options, server=None, start=True, **more):
        server = server or RawServer(**more)
        self.addCleanup(server.close)
        return server, self.begin("--url", server.url(), "--allow-private", *options, start=start)

    def stubborn(self, *options, words=(), **more):
        return self.begin(*options, command=(sys.executable, STUBBORN, *words), **more)

    def session(self):
        return Session(self.gw, "s", self.token)

    def health(self):
        answer = request(self.admin, "GET", "/api/v1/servers", Authorization=f"Bearer {self.key}")
        return {server["name"]: server["health"] for server in answer.json["servers"]}["s"]

    def listed(self):
        """What `sluice server list` says: its JSON, its text, its note."""
        machine = self.sluice("server", "list", "--json")
        people = self.sluice("server", "list")
        return json.loads(machine.stdout)[0]["health"], people.stdout, machine.stderr

    def in_state(self, state):
        return until(lambda: (health := self.health())["state"] == state and health, f"the state {state}")

    @staticmethod
    def first(answer):
        return answer.json["result"]["content"][0]["text"]

    @staticmethod
    def code(answer):
        return answer.json.get("error", {}).get("code")

    def started(self, session, tool, arguments=None):
        """A call on a thread of its own: a list that will hold its answer."""
        answers = []

        def run():
            try:
                answers.append(session.call(tool, arguments))
            except (OSError, ValueError):
                pass  # The test is over before the call is.
        threading.Thread(target=run, daemon=True).start()
        return answers


class Health(Life):
    def test_from_not_started_to_ready_and_back(self):
        self.sluice("server", "add", "s", "--", sys.executable, str(STUBBORN))
        health, people, note = self.listed()
        self.assertIsNone(health, "a state was invented")
        self.assertIn("no gateway runs on", note)
        self.assertNotRegex(people, "ready|not_started")
        self.sluice("server", "remove", "s")

        self.stubborn(start=False)
        self.assertEqual(self.health(), {
            "state": "not_started", "protocol_version": None, "era": None, "failures_in_a_row": 0, "last_error": None,
            "last_error_at": None, "next_try": None, "pids": [], "calls_in_flight": 0, "calls_waiting": 0})
        pid = json.loads(self.first(self.session().call("about")))["pid"]
        health = self.health()
        self.assertEqual((health["state"], health["pids"], health["protocol_version"], health["era"]),
                         ("ready", [pid], "2025-11-25", "legacy"))
        shown, people, note = self.listed()
        self.assertEqual((shown, note), (health, ""))
        self.assertRegex(people, rf"s +stdio +ready +2025-11-25 +0 +{pid} ")
        self.assertRegex(self.sluice("server", "show", "s").stdout, r"state: +ready")
        metrics = request(self.admin, "GET", "/metrics", Authorization=f"Bearer {self.key}").body.decode()
        self.assertIn('sluice_server_ready{server="s"} 1\n', metrics)

        # The file by which commands find it is its owner's, tells no more than a viewer may see, and ends with it.
        file = self.data / "serving.json"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        token = json.loads(file.read_text())["token"]
        self.assertEqual(request(self.admin, "GET", "/api/v1/status", Authorization=f"Bearer {token}").status, 200)
        grant = json.loads(self.sluice("grant", "list", "--json").stdout)[0]["id"]
        revoked = request(self.admin, "POST", f"/api/v1/grants/{grant}/revoke", Authorization=f"Bearer {token}")
        self.assertEqual(revoked.status, 403)
        self.assertEqual(self.gw.end(), 0)
        self.assertFalse(file.exists())
        self.assertIsNone(self.listed()[0])

        # One that is killed leaves the file behind; nobody believes it.
        self.gw = self.gateway()
        self.gw.end(signal.SIGKILL)
        self.assertTrue(file.exists())
        health, _, note = self.listed()
        self.assertIsNone(health)
        self.assertIn("no gateway runs on", note)

    def test_calls_in_flight_and_waiting(self):
        server, session = self.raw("--max-calls", "1", "--max-waiting", "2")
        first = self.started(session, "slow")
        until(server.entered.is_set, "the first call to be under way")
        waiting = [self.started(session, "echo", {"n": n}) for n in range(2)]
        until(lambda: self.health()["calls_waiting"] == 2, "two calls to wait")
        self.assertEqual(self.health()["calls_in_flight"], 1)
        self.assertRegex(self.sluice("server", "list").stdout, r" 1 \+ 2 waiting ")
        self.assertEqual(self.code(session.call("echo")), -31005, "the queue has no end")
        self.assertEqual(len(server.calls("echo")), 0)
        server.release.set()
        until(lambda: first and all(waiting), "the answers")
        self.assertEqual([self.first(answers[0]) for answers in waiting], ['{"n":0}', '{"n":1}'])
        until(lambda: (h := self.health())["calls_in_flight"] == h["calls_waiting"] == 0, "all to have left")

    def test_a_server_without_a_cap_counts_its_calls_too(self):
        server, session = self.raw()
        calls = [self.started(session, "slow") for _ in range(3)]
        until(lambda: self.health()["calls_in_flight"] == 3, "three calls")
        server.release.set()
        until(lambda: all(calls), "the answers")
        until(lambda: self.health()["calls_in_flight"] == 0, "none under way")

    def test_each_session_s_child(self):
        first = self.stubborn("--per-session")
        second = self.session()
        pids = sorted(json.loads(self.first(session.call("about")))["pid"] for session in (first, second))
        health = self.health()
        self.assertEqual((health["state"], health["pids"]), ("ready", pids))
        for session in (first, second):
            request(self.gw.address, "DELETE", "/mcp/s", **session.fields)
        until(lambda: self.health()["pids"] == [], "the children to end")
        self.assertEqual(self.in_state("not_started")["failures_in_a_row"], 0)

    def test_what_went_wrong_in_calls_is_told(self):
        server, session = self.raw("--call-timeout", "1s")
        for tool, told in (("not_json", "no JSON-RPC response"), ("status500", "HTTP status 500"), ("never", "no answer|silent|in time")):
            session.call(tool)
            health = self.health()
            self.assertRegex(health["last_error"], told)
            self.assertEqual(health["state"], "ready", "one bad answer is not a bad server")

    def silent(self, session, tool):
        """Three calls that time out."""
        calls = [self.started(session, tool) for _ in range(3)]
        until(lambda: all(calls), "the calls to time out")
        self.assertEqual([self.code(answers[0]) for answers in calls], [-31002] * 3)
        health = self.health()
        self.assertEqual((health["state"], health["failures_in_a_row"]), ("failing", 3))
        self.assertRegex(health["last_error"], "no answer|in time|silent")

    def test_a_server_that_takes_calls_and_answers_none_is_not_ready(self):
        server, session = self.raw("--call-timeout", "1s")
        self.silent(session, "slow")
        server.release.set()
        self.assertEqual(session.outcome("echo"), "allowed", "nobody is kept away")
        health = self.health()
        self.assertEqual((health["state"], health["failures_in_a_row"]), ("ready", 0))

    def test_a_child_that_hangs_is_not_ready(self):
        session = self.stubborn("--call-timeout", "1s")
        pid = json.loads(self.first(session.call("about")))["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.silent(session, "echo")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.in_state("ready")["pids"], [pid], "the same child goes on")

    def test_a_modern_server(self):
        server = RawServer("modern")
        self.addCleanup(server.close)
        session = self.raw(server=server)[1]
        session.call("echo")
        health = self.health()
        self.assertEqual((health["state"], health["era"], health["protocol_version"]), ("ready", "modern", "2026-07-28"))


class Breaker(Life):
    def test_it_opens_and_closes_by_itself(self):
        server, session = self.raw()
        self.assertEqual(session.outcome("echo"), "allowed")
        server.close()
        while (health := self.health())["failures_in_a_row"] < 5 or health["state"] != "breaker_open":
            # A busy machine may be late: then the pause is over, and the next call makes it longer.
            self.assertEqual(self.code(session.call("echo")), -31001)
        self.assertGreaterEqual(health["failures_in_a_row"], 5)
        self.assertIsNotNone(health["next_try"])
        self.assertIn("refused", health["last_error"])

        def shown():
            people = self.sluice("server", "list").stdout
            if "breaker_open" in people:
                return people
            session.call("echo")
        people = until(shown, "an open breaker in the list")
        self.assertRegex(people, r"breaker_open, next try in \d+ s")
        self.assertRegex(people, r"s: .*refused.* \(\d+ failures in a row\)")

        # While it is open nobody bothers the server, though it is there again.
        while not (again := self.health()["next_try"]):
            session.call("echo")
        server = RawServer(port=server.port)
        self.addCleanup(server.close)
        until(lambda: session.outcome("echo") == "allowed", "the breaker to close by itself")
        self.assertGreater(time.time(), datetime.datetime.fromisoformat(again).timestamp() - 0.05)
        health = self.health()
        self.assertEqual((health["state"], health["failures_in_a_row"], health["next_try"]), ("ready", 0, None))
        self.assertIn("refused", health["last_error"], "what happened is not forgotten")

    def test_children_are_started_again_with_growing_pauses(self):
        broken, starts = self.folder / "broken", self.folder / "starts"
        session = self.stubborn(words=("--broken", broken, "--starts", starts))
        broken.touch()
        session.call("die")
        pauses, open_breaker = {}, []

        def tried():
            self.assertNotEqual(session.outcome("echo"), "allowed")
            health = self.health()
            if health["next_try"]:
                failed, again = (datetime.datetime.fromisoformat(health[key]) for key in ("last_error_at", "next_try"))
                pauses[health["failures_in_a_row"]] = (again - failed).total_seconds()
                open_breaker[:] = [health]
            return len(pauses) == 4
        until(tried, "four failures")
        for failures, pause in pauses.items():
            # What is added is the time between two looks at the clock.
            self.assertGreater(pause, 0.25 * 2 ** failures - 0.01)
            self.assertLess(pause, 0.25 * 2 ** failures * 1.9)
        # A start that fails is two at most: the server may have disliked being asked which era it speaks.
        self.assertLessEqual(len(starts.read_text().splitlines()), 1 + 2 * max(pauses))
        health = open_breaker[0]
        self.assertIn("ended", health["last_error"])
        self.assertEqual(health["pids"], [])
        shown = json.dumps(self.health()) + self.sluice("server", "list").stdout
        self.assertNotIn("sekret-of-the-server", shown, "standard error of a server is for the log only")
        self.assertIn("sekret-of-the-server", self.gw.stderr)
        broken.unlink()
        until(lambda: session.outcome("echo") == "allowed", "the server to come back by itself")
        self.assertEqual(self.health()["state"], "ready")

    def test_a_child_that_dies_soon_after_each_start_is_left_alone_too(self):
        session = self.stubborn()
        for least in (0.4, 0.9, 1.9):
            until(lambda: session.outcome("echo") == "allowed", "a child")
            died = time.monotonic()
            session.call("die")
            until(lambda: session.outcome("echo") == "allowed", "the next child")
            self.assertGreater(time.monotonic() - died, least)

    def test_sessions_that_come_again_and_again_start_no_storm_of_children(self):
        broken, starts = self.folder / "broken", self.folder / "starts"

        def moments():
            return [float(line) for line in starts.read_text().splitlines()]
        broken.touch()
        self.stubborn("--per-session", words=("--broken", broken, "--starts", starts), start=False)

        def begin():
            return request(
                self.gw.address, "POST", "/mcp/s", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
                Authorization=f"Bearer {self.token}").json
        for _ in range(5):
            self.assertIn("error", begin())
        health = self.health()
        self.assertEqual((health["failures_in_a_row"], health["pids"]), (5, []))
        before = moments()
        # Many sessions at once, and without a pause, until the breaker has let two tries through.
        stop = threading.Event()

        def storm():
            while not stop.is_set():
                try:
                    begin()
                except OSError:
                    pass  # The test is over.
        threads = [threading.Thread(target=storm, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: self.health()["failures_in_a_row"] >= 7, "two more failures")
        stop.set()
        for thread in threads:
            thread.join()
        # A try is two starts at most: the server may have disliked being asked which era it speaks. So the third start from
        # any is another try, and before that there was a pause. However late this machine is, it is not too early.
        times = moments()
        self.assertEqual(times[:len(before)], before)
        self.assertLessEqual(len(times), 2 * self.health()["failures_in_a_row"])
        self.assertGreater(times[len(before)] - before[-1], 0.9)
        gaps = [later - earlier for earlier, later in zip(times[len(before):], times[len(before) + 2:])]
        self.assertTrue(gaps and min(gaps) > 1.9, gaps)
        broken.unlink()
        until(lambda: "result" in begin(), "the server to be there again")
        self.assertEqual(self.health()["failures_in_a_row"], 0)

    def test_a_first_start_that_fails(self):
        self.begin(command=(sys.executable, STUBBORN, "--broken", "/"), start=False)
        answer = request(
            self.gw.address, "POST", "/mcp/s", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
            Authorization=f"Bearer {self.token}")
        self.assertIn("error", answer.json)
        self.assertIn(self.health()["state"], ("breaker_open", "failing"))


class Caps(Life):
    def test_answers_over_the_cap(self):
        server, session = self.raw("--max-response", "64KiB")

        def as_event(server, exchange):
            exchange.stream()
            exchange.event(server.final(exchange, text("x" * 100_000)))

        def as_events(server, exchange):
            exchange.stream()
            for step in range(30):
                exchange.event(server.progress_event(exchange, step, "x" * 4000))
            exchange.event(server.final(exchange))

        def in_chunks(server, exchange):
            exchange.keep = False
            exchange.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(200):
                exchange.raw(b"400\r\n" + b" " * 1024 + b"\r\n")
        server.tools |= {"odd": as_event, "split": in_chunks, "mix": as_events}
        for tool, arguments in (("huge", {"bytes": 70_000}), ("odd", {}), ("split", {})):
            with self.subTest(tool):
                error = session.call(tool, arguments).json["error"]
                self.assertIn("size limit", error["message"])
                self.assertEqual(len(server.calls(tool)), 1)
        self.assertEqual(len(self.first(session.call("huge", {"bytes": 60_000}))), 60_000)
        self.assertEqual(self.first(session.call("mix")), "done", "the cap is for one message, not for a stream")

    def test_answers_of_a_child_over_the_cap(self):
        session = self.stubborn("--max-response", "64KiB")
        self.assertEqual(len(self.first(session.call("huge", {"bytes": 60_000}))), 60_000)
        self.assertIn("size limit", session.call("huge", {"bytes": 70_000}).json["error"]["message"])
        self.assertIn("more than 65536 bytes", until(lambda: self.health()["last_error"], "the reason"))
        until(lambda: session.outcome("echo") == "allowed", "the child to be there again")


class Clocks(Life):
    def beat(self, session, times):
        return session.send("tools/call", {
            "name": "beat", "arguments": {"times": times, "gap": 0.1}, "_meta": {"progressToken": "p"}}).json

    def both(self, *options):
        """Whatever way the server is reached: a session."""
        def beat(server, exchange):
            exchange.stream()
            for step in range(exchange.message["params"]["arguments"]["times"]):
                time.sleep(0.1)
                exchange.event(server.progress_event(exchange, step))
            exchange.event(server.final(exchange))
        server = RawServer()
        server.tools["beat"] = beat
        server.definitions.append(definition("beat"))
        yield self.raw(*options, server=server)[1]
        self.gw.end()
        self.sluice("server", "remove", "s", "--force")
        yield self.stubborn(*options)

    def test_progress_starts_the_silence_anew(self):
        for session in self.both("--call-timeout", "1s"):
            self.assertEqual(self.beat(session, 15)["result"]["content"][0]["text"], "done")

    def test_progress_does_not_keep_a_call_for_ever(self):
        for session in self.both("--call-timeout", "1s", "--longest-call", "2s"):
            began = time.monotonic()
            self.assertEqual(self.beat(session, 100)["error"]["code"], -31002)
            self.assertGreater(time.monotonic() - began, 1.5)


class HeaderDefinitions(Life):
    GOOD = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    BAD = {
        "no_token": {"properties": {"a": {"type": "string", "x-mcp-header": "a b"}}},
        "no_string": {"properties": {"a": {"type": "string", "x-mcp-header": 7}}},
        "empty": {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        "twice": {"properties": {"a": {"type": "string", "x-mcp-header": "Region"},
                                 "b": {"type": "string", "x-mcp-header": "REGION"}}},
        "no_primitive": {"properties": {"a": {"type": "object", "x-mcp-header": "A"}}},
        "in_an_array": {"properties": {"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}}},
        "line_break": {"properties": {"a": {"type": "string", "x-mcp-header": "A\r\nX-Evil: 1"}}},
    }

    def server(self, era):
        server = RawServer(era)
        server.definitions = [definition("echo", inputSchema=self.GOOD)] + [
            definition(name, inputSchema={"type": "object", **schema}) for name, schema in self.BAD.items()]
        for name in self.BAD:
            server.tools[name] = lambda server, exchange: server.done(exchange)
        return self.raw(server=server)

    def test_tools_with_a_bad_one_are_left_out(self):
        server, session = self.server("modern")
        self.assertEqual(session.tools(), ["echo"])
        for name in self.BAD:
            self.assertEqual(session.call(name).json["result"]["isError"], True, name)
            self.assertEqual(server.calls(name), [], name)
            self.assertRegex(self.gw.stderr, rf'x-mcp-header breaks the rules.*tool="{name}".*problem="[^"]+"')
        self.assertEqual(session.outcome("echo", {"region": "eu-1"}), "allowed")
        self.assertEqual(server.calls("echo")[-1].fields["mcp-param-region"], "eu-1")

    def test_they_mean_nothing_before_2026(self):
        server, session = self.server("legacy")
        self.assertEqual(sorted(session.tools()), sorted(["echo", *self.BAD]))
        for name in self.BAD:
            self.assertEqual(session.outcome(name), "allowed", name)
            self.assertFalse([field for field in server.calls(name)[-1].fields if field.startswith("mcp-param")])


class Resuming(Life):
    def cutting(self, resume):
        """A server whose tool `mix` says two things and then cuts its stream; `resume` answers what asks for the rest."""
        class Cutting(RawServer):
            def answer(self, exchange):
                if exchange.method == "GET" and "last-event-id" in exchange.fields:
                    return resume(self, exchange)
                return super().answer(exchange)
        server = Cutting()

        def cut(server, exchange):
            exchange.stream()
            exchange.raw("id: one-0\nretry: 20\ndata:\n\n")
            exchange.event(server.progress_event(exchange, 1), id="one-1")
            server.cut = exchange
        server.tools["mix"] = cut
        return self.raw(server=server)

    def messages(self, session):
        body = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
            "name": "mix", "arguments": {}, "_meta": {"progressToken": "mine"}}}
        stream = EventStream(self.gw.address, "POST", "/mcp/s", body, **session.fields)
        self.addCleanup(stream.close)
        return list(stream.messages())

    def test_the_rest_of_a_stream_that_was_cut(self):
        def resume(server, exchange):
            exchange.stream()
            exchange.event(server.progress_event(server.cut, 2), id="one-2")
            exchange.event(server.final(server.cut, text("at last")), id="one-3")
        server, session = self.cutting(resume)
        messages = self.messages(session)
        self.assertEqual([m["params"]["progress"] for m in messages if "method" in m], [1, 2])
        answers = [m for m in messages if "result" in m]
        self.assertEqual([(a["id"], a["result"]["content"][0]["text"]) for a in answers], [(5, "at last")])
        self.assertEqual(len(server.calls("mix")), 1, "the call was sent again")
        asked = [x for x in server.seen if x.method == "GET" and "last-event-id" in x.fields]
        self.assertEqual([x.fields["last-event-id"] for x in asked], ["one-1"])
        self.assertEqual(asked[0].fields["mcp-session-id"], server.calls("mix")[0].fields["mcp-session-id"])

    def test_cut_again_and_again(self):
        def resume(server, exchange):
            step = int(exchange.fields["last-event-id"].partition("-")[2]) + 1
            exchange.stream()
            if step < 5:
                exchange.event(server.progress_event(server.cut, step), id=f"one-{step}")
            else:
                exchange.event(server.final(server.cut, text("at last")), id=f"one-{step}")
        server, session = self.cutting(resume)
        messages = self.messages(session)
        self.assertEqual([m["params"]["progress"] for m in messages if "method" in m], [1, 2, 3, 4])
        self.assertEqual(len([m for m in messages if "result" in m]), 1)
        self.assertEqual(len(server.calls("mix")), 1)

    def test_a_server_that_does_not_resume(self):
        server, session = self.cutting(lambda server, exchange: exchange.send(405))
        messages = self.messages(session)
        self.assertIn("may have run", messages[-1]["error"]["message"])
        self.assertEqual(len(server.calls("mix")), 1)
        asked = [x for x in server.seen if x.method == "GET" and "last-event-id" in x.fields]
        self.assertLessEqual(len(asked), 5)


class Listening(Life):
    def test_it_goes_on_when_the_server_is_there_again(self):
        class Strict(RawServer):
            def answer(self, exchange):
                if exchange.method == "GET" and not self.sessions.get(exchange.fields.get("mcp-session-id")):
                    return exchange.send(404)
                return super().answer(exchange)
        server, session = self.raw(server=Strict())
        stream = EventStream(self.gw.address, "GET", "/mcp/s", **session.fields)
        self.addCleanup(stream.close)
        messages = stream.messages()
        for round in range(2):
            until(lambda: server.streams, "the gateway to listen")
            server.notify("notifications/tools/list_changed")
            self.assertEqual(next(messages)["method"], "notifications/tools/list_changed", round)
            if round == 0:
                server.close()
                until(lambda: not server.streams, "the stream to break")
                until(lambda: self.health()["failures_in_a_row"], "it to be looked for in vain")
                server = Strict(port=server.port)
                self.addCleanup(server.close)
        self.assertEqual(len(server.requests("initialize")), 1, "the session was not known any more")

    def test_a_server_without_such_a_stream_is_asked_once(self):
        for status in (405, 404, 400):
            with self.subTest(status):
                server = RawServer()
                server.get_status = status
                session = self.raw(server=server)[1]
                stream = EventStream(self.gw.address, "GET", "/mcp/s", **session.fields)
                until(lambda: [x for x in server.seen if x.method == "GET"], "the gateway to ask")
                end = time.monotonic() + 1.2  # Longer than the first pause.
                while time.monotonic() < end:
                    self.assertEqual(session.outcome("echo"), "allowed")
                self.assertEqual(len([x for x in server.seen if x.method == "GET"]), 1)
                self.assertEqual(len(server.requests("initialize")), 1)
                stream.close()
                self.gw.end()
                self.sluice("server", "remove", "s", "--force")


class Resending(Life):
    def test_only_what_was_certainly_not_run(self):
        """404 means that the session is not known, unless the server answers the very call with it."""
        server, session = self.raw()
        answers = {
            "odd": lambda x: dump({"jsonrpc": "2.0", "id": x.id, "result": text("ran, but 404")}),
            "progress": lambda x: dump({"jsonrpc": "2.0", "id": x.id, "error": {"code": -32000, "message": "no row 7"}}),
            "crlf": lambda x: dump({"jsonrpc": "2.0", "id": x.id, "error": {"code": -32001, "message": "no such row"}}),
            "cr": lambda x: dump({"jsonrpc": "2.0", "id": x.id, "error": {"code": -32602, "message": "session full"}}),
        }
        for tool, body in answers.items():
            server.tools[tool] = lambda server, exchange, body=body: exchange.send(404, body(exchange))
        for tool in answers:
            with self.subTest(tool):
                session.call(tool)
                self.assertEqual(len(server.calls(tool)), 1, "a call that may have run was sent again")
        self.assertEqual(len(server.requests("initialize")), 1)

    def test_a_session_that_is_gone(self):
        server, session = self.raw()
        gone = [
            lambda x: dump({"jsonrpc": "2.0", "id": x.id, "error": {"code": -32001, "message": "Session not found"}}),
            lambda x: dump({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}}),
            lambda x: dump({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "Not found"}}),
            lambda x: "Session not found", lambda x: "",
        ]
        for number, body in enumerate(gone):
            def once(server, exchange, body=body):
                if server.sessions.get(exchange.fields["mcp-session-id"]) == "old":
                    return exchange.send(404, body(exchange))
                return server.done(exchange)
            for name in server.sessions:
                server.sessions[name] = "old"
            server.tools["echo"] = once
            with self.subTest(number):
                before = len(server.calls("echo"))
                self.assertEqual(self.first(session.call("echo")), "done")
                self.assertEqual(len(server.calls("echo")), before + 2)

    def test_a_second_404_is_the_answer(self):
        server, session = self.raw()
        server.tools["echo"] = lambda server, exchange: exchange.send(404)
        self.assertEqual(self.code(session.call("echo")), -31003)
        self.assertEqual(len(server.calls("echo")), 2)


class Children(Life):
    def test_environment_folder_and_limits_arrive(self):
        place = self.folder / "place"
        place.mkdir()
        session = self.stubborn(
            "--env", "GIVEN=by-hand", "--inherit", "PASSED_ON", "--directory", place, "--limit-files", "64",
            "--limit-memory", "2GiB", "--limit-cpu", "1h", "--limit-processes", "4000",
            environment={"PASSED_ON": "yes", "SECRET_OF_THE_GATEWAY": "sekret", "AWS_SECRET_ACCESS_KEY": "sekret",
                         "LD_PRELOAD_NOT": "x", "PYTHONPATH": "/nowhere"})
        about = json.loads(self.first(session.call("about")))
        environment = about["environment"]
        self.assertEqual((environment["GIVEN"], environment["PASSED_ON"]), ("by-hand", "yes"))
        usual = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM"}
        self.assertLessEqual(set(environment), usual | {"GIVEN", "PASSED_ON"})
        self.assertEqual(about["folder"], str(place.resolve()))
        self.assertEqual(about["limits"], {
            "RLIMIT_NOFILE": [64, 64], "RLIMIT_AS": [2 << 30] * 2, "RLIMIT_CPU": [3600] * 2, "RLIMIT_NPROC": [4000] * 2})
        self.assertEqual((about["group"], about["session"]), (about["pid"], about["pid"]))
        self.assertLess(int(self.first(session.call("files"))), 64)

    def test_without_limits_there_are_none_of_ours(self):
        import resource
        about = json.loads(self.first(self.stubborn().call("about")))
        self.assertEqual(about["limits"]["RLIMIT_AS"], list(resource.getrlimit(resource.RLIMIT_AS)))
        self.assertEqual(about["folder"], os.getcwd())

    def family(self, session):
        """The child, and a process that it started."""
        return [json.loads(self.first(session.call("about")))["pid"], int(self.first(session.call("spawn")))]

    def test_one_that_ignores_everything_is_killed_with_its_group(self):
        session = self.stubborn("--per-session", words=("--ignore-eof", "--ignore-term"))
        family = self.family(session)
        request(self.gw.address, "DELETE", "/mcp/s", **session.fields)
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")
        self.assertEqual(self.gw.end(), 0)

    def test_a_server_that_is_removed(self):
        family = self.family(self.stubborn(words=("--ignore-eof", "--ignore-term")))
        self.sluice("server", "remove", "s", "--force")
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")

    def test_the_gateway_s_end(self):
        family = self.family(self.stubborn(words=("--ignore-eof", "--ignore-term")))
        self.assertEqual(self.gw.end(), 0)
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")

    def test_none_outlives_a_gateway_that_is_killed(self):
        session = self.stubborn(words=("--ignore-eof", "--ignore-term"))
        family = self.family(session) + children(self.gw.pid)
        self.assertTrue(all(map(alive, family)))
        self.gw.end(signal.SIGKILL)
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")

    def test_none_outlives_a_gateway_that_is_killed_while_it_stops(self):
        session = self.stubborn("--per-session", words=("--ignore-eof", "--ignore-term"))
        family = self.family(session) + self.family(self.session())
        self.gw.process.send_signal(signal.SIGTERM)
        self.gw.end(signal.SIGKILL)
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")

    def test_the_keeper_that_was_ended_comes_back(self):
        session = self.stubborn("--per-session", words=("--ignore-eof", "--ignore-term"))
        family = self.family(session)
        keepers = [pid for pid in children(self.gw.pid)
                   if b"keep-children" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
        self.assertEqual(len(keepers), 1)
        os.kill(keepers[0], signal.SIGKILL)
        until(lambda: not alive(keepers[0]), "the end of the keeper")
        # The next child needs one, which is told of all.
        family += self.family(self.session())
        self.gw.end(signal.SIGKILL)
        for pid in family:
            until(lambda: not alive(pid), f"the end of {pid}")

    def test_children_that_are_gone_are_forgotten(self):
        """The keeper must not kill what has a dead child's number by now: it is told of each end."""
        session = self.stubborn()
        pid = json.loads(self.first(session.call("about")))["pid"]
        session.call("die")
        until(lambda: not alive(pid), "the end of the child")
        until(lambda: session.outcome("echo") == "allowed", "the next child")
        self.assertEqual(self.gw.end(), 0)


class Addresses(Life):
    """No address of this machine or its networks without leave, whatever it is called."""

    def attempt(self, server, url, *options):
        added = self.sluice("server", "add", "s", "--url", url, *options)
        self.put_policy("p", ALLOW_ALL, "s")
        token = self.grant("s", "p")
        gateway = self.gateway()
        answer = request(gateway.address, "POST", "/mcp/s", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
            Authorization=f"Bearer {token}")
        return answer, gateway

    def test_addresses_as_text_are_refused_at_registration(self):
        for host in ("127.0.0.1", "localhost", "a.localhost", "[::1]", "10.1.2.3", "172.16.0.1", "192.168.0.1",
                     "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]",
                     "[64:ff9b::7f00:1]", "[2002:7f00:1::]"):
            with self.subTest(host):
                done = self.sluice("server", "add", "s", "--url", f"http://{host}:9/mcp", code=2)
                self.assertIn("--allow-private", done.stderr)

    def test_names_are_judged_by_what_they_resolve_to_at_each_connection(self):
        """These are no addresses to us, but the system's resolver makes 127.0.0.1 of them: like a name whose owner changes
        its address after the registration."""
        for host in ("127.1", "0x7f000001", "2130706433", "017700000001"):
            with self.subTest(host):
                server = RawServer()
                answer, gateway = self.attempt(server, f"http://{host}:{server.port}/mcp")
                self.assertEqual(answer.json["error"]["code"], -31001)
                self.assertEqual(server.seen, [], "it was connected to")
                self.assertRegex(gateway.stderr, "not allowed|can't be reached|private")
                shown = self.sluice("server", "list").stdout
                self.assertRegex(shown, r"is or resolves to an address that is not allowed")
                gateway.end()
                server.close()
                self.sluice("server", "remove", "s", "--force")
                self.sluice("server", "list")

    def test_the_same_names_with_leave(self):
        server = RawServer()
        self.addCleanup(server.close)
        answer, _ = self.attempt(server, f"http://127.1:{server.port}/mcp", "--allow-private")
        self.assertEqual(answer.json["result"]["serverInfo"]["name"], "raw")

    def test_redirects_are_not_followed(self):
        target = RawServer()
        self.addCleanup(target.close)
        server = RawServer()
        self.addCleanup(server.close)
        self.sluice("server", "add", "s", "--url", server.url(), "--allow-private", "--header", "X-Api-Key: sekret")
        self.put_policy("p", ALLOW_ALL, "s")
        self.token = self.grant("s", "p")
        self.gw = self.gateway()
        session = self.session()
        self.assertEqual(session.outcome("odd"), "allowed")
        places = [target.url(), server.url("/elsewhere"), f"//127.0.0.1:{target.port}/mcp",
                  f"http://127.1:{target.port}/mcp?token=sekret"]
        for status in (301, 302, 303, 307, 308):
            for place in places:
                with self.subTest(status=status, place=place):
                    server.tools["echo"] = lambda server, x: x.send(status, Location=place)
                    before = len(server.seen)
                    self.assertIn("error", session.call("echo").json)
                    self.assertEqual(len(server.seen) - before, 1)
        self.assertEqual(target.seen, [], "the credentials went to another server")
        self.assertNotIn("sekret", self.gw.stderr)

    def test_a_redirect_of_the_first_request(self):
        target = RawServer()
        self.addCleanup(target.close)

        class Elsewhere(RawServer):
            def answer(self, exchange):
                exchange.send(307, Location=target.url())
        server = Elsewhere()
        self.addCleanup(server.close)
        answer, _ = self.attempt(server, server.url(), "--allow-private")
        self.assertIn("error", answer.json)
        self.assertEqual(target.seen, [])
        self.assertRegex(self.sluice("server", "list").stdout, "redirects are not followed")


if __name__ == "__main__":
    import harness
    harness.main()
