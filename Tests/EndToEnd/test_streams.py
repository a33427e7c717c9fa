"""The client side's streams: questions in mid-call to clients without streams, taking a broken stream up again, and the
transport of 2024-11-05."""

import collections
import datetime
import json
import os
import queue
import subprocess
import sys
import threading
import time

from harness import (
    ALLOW_BOTH_WAYS, CLIENTS, DEADLINE, FAKE_STDIO, UPSTREAMS, Case, Fixture, alive, exchange, request, until)
from test_everything import LARGE, difference, run_clients
from upstreams.rawserver import RawServer, dump, text
from wire import Legacy, Modern, Stream, events

PYTHON1 = CLIENTS["mcp-1.30.0"]
ANSWER = {"action": "accept", "content": {"a": "b"}}


class Streams(Case):
    def raw(self, *options, kind=RawServer):
        server = kind("legacy")
        self.addCleanup(server.close)
        self.sluice("server", "add", "raw", "--url", server.url(), "--allow-private")
        self.put_policy("raw", ALLOW_BOTH_WAYS, "raw")
        self.token = self.grant("raw", "raw", "raw")
        self.gw = self.gateway(*options)
        return server

    def metrics(self):
        host, _, port = self.gw.ready["admin"].rpartition(":")
        return request((host, int(port)), "GET", "/metrics",
                       Authorization=f"Bearer {self.gw.ready['admin_token']}").body.decode()


class Parked(Streams):
    """A client of 2026-07-28 before a server of 2025-11-25 that asks while a call runs."""

    def retry(self, client, asked, answers):
        return client.call("asks", extra={"inputResponses": answers, "requestState": asked["requestState"]}).result

    def told(self, result):
        return json.loads(result["content"][0]["text"])

    def test_a_question_is_an_answer_and_the_retry_goes_on_with_the_call(self):
        server = self.raw()
        client = Modern(self.gw.url("raw"), self.token)
        asked = client.call("asks").result
        self.assertEqual(asked["resultType"], "input_required")
        (key, question), = asked["inputRequests"].items()
        self.assertEqual(question["method"], "elicitation/create")
        done = self.retry(client, asked, {key: ANSWER})
        self.assertEqual((done["resultType"], self.told(done)["result"]), ("complete", ANSWER))
        self.assertEqual(len(server.calls("asks")), 1, "one call")
        self.assertEqual(client.violations, [])
        decisions = [row for row in self.rows() if row["decision_seq"] is None]
        self.assertEqual([row["tool"] for row in decisions], ["asks", "client:elicitation"])
        outcomes = [row for row in self.rows() if row["decision_seq"] is not None]
        self.assertEqual({row["decision_seq"] for row in outcomes}, {row["seq"] for row in decisions})
        self.assertEqual(len(outcomes), 2)

    def test_a_missing_answer_is_asked_for_again(self):
        self.raw()
        client = Modern(self.gw.url("raw"), self.token)
        asked = client.call("asks").result
        for answers in ({}, {"else": ANSWER}, {next(iter(asked["inputRequests"])): {"action": "what"}}):
            asked = self.retry(client, asked, answers)
            self.assertEqual(asked["resultType"], "input_required")
        done = self.retry(client, asked, {key: {"action": "decline"} for key in asked["inputRequests"]})
        self.assertEqual(self.told(done)["result"], {"action": "decline"})

    def test_only_who_was_asked_can_answer(self):
        self.raw()
        client = Modern(self.gw.url("raw"), self.token)
        asked = client.call("asks").result
        answers = {key: ANSWER for key in asked["inputRequests"]}
        other = Modern(self.gw.url("raw"), self.grant("raw", "raw", "other"))
        for wire, extra in [
                (other, {"inputResponses": answers, "requestState": asked["requestState"]}),
                (client, {"inputResponses": answers, "requestState": asked["requestState"] + "A"}),
                (client, {"inputResponses": answers, "requestState": asked["requestState"], "arguments": {"x": 1}})]:
            self.assertEqual(wire.call("asks", extra=extra).error["code"], -32602)
        self.assertEqual(self.told(self.retry(client, asked, answers))["result"], ANSWER)
        again = client.call("asks", extra={"inputResponses": answers, "requestState": asked["requestState"]})
        self.assertEqual(again.error["code"], -32602, "the call has ended")

    def test_behind_the_endpoint_for_all_servers_too(self):
        server = self.raw()
        client = Modern(self.gw.url("raw").rsplit("/", 1)[0], self.token)
        asked = client.call("raw__asks").result
        self.assertEqual(asked["resultType"], "input_required")
        done = client.call("raw__asks", extra={
            "inputResponses": {key: ANSWER for key in asked["inputRequests"]}, "requestState": asked["requestState"]}).result
        self.assertEqual(self.told(done)["result"], ANSWER)
        self.assertEqual(len(server.calls("asks")), 1)

    def test_a_page_to_visit_is_asked_for_and_the_retry_is_a_new_call(self):
        server = self.raw()

        def required(server, exchange):
            if len(server.calls("echo")) > 1:
                return server.done(exchange)
            exchange.error(-32042, "sign in", {"elicitations": [
                {"mode": "url", "message": "Sign in", "url": "https://example.com/", "elicitationId": "e-1"}]})
        server.tools["echo"] = required
        client = Modern(self.gw.url("raw"), self.token)
        asked = client.call("echo").result
        self.assertEqual([question["params"] for question in asked["inputRequests"].values()], [
            {"mode": "url", "message": "Sign in", "url": "https://example.com/"}])
        done = client.call("echo", extra={
            "inputResponses": {key: {"action": "accept"} for key in asked["inputRequests"]},
            "requestState": asked["requestState"]}).result
        self.assertEqual(done["resultType"], "complete")
        self.assertEqual((len(server.calls("echo")), client.violations), (2, []))
        self.assertNotIn("requestState", server.calls("echo")[1].message["params"])

    def test_a_revoked_grant_ends_what_waits(self):
        server = self.raw()
        client = Modern(self.gw.url("raw"), self.token)
        client.call("asks")
        number = json.loads(self.sluice("grant", "list", "--json").stdout)[0]["id"]
        self.sluice("grant", "revoke", number)
        until(lambda: [row for row in self.rows() if row["decision_seq"] is not None and row["tool"] in (None, "asks")]
              and len([row for row in self.rows() if row["decision_seq"] is not None]) == 2, "both outcomes")
        self.assertEqual(len(server.calls("asks")), 1)


class ParkedOnTheOldTransport(Streams):
    """There all that the server says comes on one stream, and a question names no call."""

    class Old(RawServer):
        def __init__(self):
            super().__init__("legacy")
            self.told = collections.defaultdict(queue.Queue)  # session → answers to its questions

        def old_post(self, exchange):
            if "method" not in exchange.message:
                self.told[exchange.path].put(exchange.message)
            return super().old_post(exchange)

    def test_a_call_that_waits_for_its_client_is_in_nobody_s_way(self):
        server = self.Old()
        self.addCleanup(server.close)

        def asks(server, exchange):
            # Each session counts its questions anew, so all have the same id.
            exchange.event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {
                "message": "?", "requestedSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}})
            answer = server.told[exchange.path].get(timeout=DEADLINE)
            exchange.event(server.final(exchange, text(dump(answer["result"]))))
        server.tools["asks"] = asks
        self.sluice("server", "add", "raw", "--url", server.url("/sse"), "--allow-private")
        self.put_policy("raw", ALLOW_BOTH_WAYS, "raw")
        token = self.grant("raw", "raw", "raw")
        self.gw = self.gateway()
        clients = [Modern(self.gw.url("raw"), token) for _ in range(3)]
        asked = [client.call("asks").result for client in clients]
        self.assertEqual([result["resultType"] for result in asked], ["input_required"] * 3)
        self.assertEqual(clients[0].call("echo", {"n": 1}).result["content"][0]["text"], '{"n":1}')

        def answered(number, question):
            answer = {"action": "accept", "content": {"a": str(number)}}
            done = clients[number].call("asks", extra={
                "inputResponses": {key: answer for key in question["inputRequests"]},
                "requestState": question["requestState"]}).result
            self.assertEqual(json.loads(done["content"][0]["text"]), answer)
        for number in (1, 0, 2):
            answered(number, asked[number])
        self.assertEqual(len(server.calls("asks")), 3)

        def sessions():
            return len([entry for entry in server.streams if entry[0] == "sse"])
        # One for each that waits, and one for the echo; nobody waits now, so nobody needs another.
        self.assertEqual(sessions(), 4)
        answered(1, clients[1].call("asks").result)
        self.assertEqual(sessions(), 4)


class TakenUpAgain(Streams):
    prefix = ""

    def wire(self, token=None, **more):
        return Legacy(self.gw.url("raw"), token or self.token, **more)

    def begin(self):
        server = self.raw()
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

        def wait(server, exchange):
            exchange.stream()
            exchange.event(server.progress_event(exchange, 1))
            self.gate.wait(DEADLINE)
            exchange.event(server.progress_event(exchange, 2))
            exchange.event(server.final(exchange, text("late")))
        server.tools["echo"] = wait
        return server

    def call(self, wire):
        message = wire.message("tools/call", {"name": self.prefix + "echo", "arguments": {}, "_meta": {"progressToken": "mine"}})
        stream = Stream(wire, "POST", json.dumps(message).encode(), wire.fields_for(message), message)
        stream.wait(lambda got: got.get("params", {}).get("progress") == 1, "the first progress")
        return message["id"], stream

    def test_a_client_that_comes_back_gets_the_rest(self):
        server = self.begin()
        wire = self.wire()
        number, stream = self.call(wire)
        self.assertEqual(len(stream.ids), 2, "a priming event and the progress")
        standing = wire.get()
        self.addCleanup(wire.close)
        stream.close()
        again = wire.get(Last_Event_ID=stream.ids[-1])
        self.gate.set()
        answer = again.wait(lambda got: got.get("id") == number, "the answer")
        self.assertEqual(answer["result"]["content"][0]["text"], "late")
        self.assertEqual([got["params"]["progress"] for got in again.messages if "method" in got], [2])
        self.assertTrue(again.ended.wait(DEADLINE), "the stream ends with the answer")
        self.assertFalse(standing.ended.is_set(), "the standing stream is another")
        self.assertEqual(len(server.calls("echo")), 1)
        # All of it once more, from the priming event on; then nothing is left.
        whole = wire.get(Last_Event_ID=stream.ids[0])
        self.assertTrue(whole.ended.wait(DEADLINE))
        self.assertEqual([got.get("params", {}).get("progress") for got in whole.messages], [1, 2, None])
        self.assertEqual(wire.get(Last_Event_ID=whole.ids[-1]).status, 405)
        self.assertEqual(wire.violations, [])

    def test_it_may_come_back_after_the_end(self):
        server = self.begin()
        wire = self.wire()
        number, stream = self.call(wire)
        stream.close()
        self.gate.set()
        until(lambda: len([row for row in self.rows() if row["decision_seq"] is not None]) == 1, "the outcome")
        self.assertEqual(self.rows()[-1]["outcome"], "allowed", "going away cancels nothing")
        again = wire.get(Last_Event_ID=stream.ids[-1])
        self.assertTrue(again.ended.wait(DEADLINE))
        self.assertEqual([got.get("id") for got in again.messages], [None, number])
        self.assertEqual(len(server.calls("echo")), 1)

    def test_other_sessions_and_grants_get_nothing(self):
        self.begin()
        wire = self.wire()
        number, stream = self.call(wire)
        self.gate.set()
        stream.ended.wait(DEADLINE)
        other = self.wire()
        self.addCleanup(other.close)
        got = other.get(Last_Event_ID=stream.ids[0])
        got.ended.wait(0.5)
        self.assertEqual(got.messages, [])
        thief = self.wire(self.grant("raw", "raw", "thief"), start=False)
        thief.session = wire.session
        self.assertEqual(thief.get(Last_Event_ID=stream.ids[0]).status, 404)

    def test_older_versions_get_ids_but_no_priming_event(self):
        self.begin()
        wire = self.wire(version="2025-06-18")
        _, stream = self.call(wire)
        self.assertEqual(len(stream.ids), 1)
        self.gate.set()
        stream.ended.wait(DEADLINE)
        self.assertEqual(len(stream.ids), 3)

    def test_a_plain_answer_is_plain(self):
        self.begin()
        wire = self.wire()
        answer = wire.send("tools/list")
        self.assertEqual(answer.kind, "application/json")

    def test_what_a_standing_stream_missed_is_made_good(self):
        server = self.raw()
        wire = self.wire()
        standing = wire.get()
        self.addCleanup(wire.close)
        until(lambda: server.stats()["streams"], "the gateway's own stream")
        server.notify("notifications/resources/list_changed")
        standing.wait_method("notifications/resources/list_changed")
        self.assertEqual(len(standing.ids), 2, "a priming event and the notification")
        standing.close()
        server.notify("notifications/tools/list_changed")
        again = wire.get(Last_Event_ID=standing.ids[-1])
        again.wait_method("notifications/tools/list_changed")
        self.assertNotIn("notifications/resources/list_changed", [got["method"] for got in again.messages])
        self.assertEqual(again.ids[-1].split("-")[0], standing.ids[-1].split("-")[0], "the same stream")


class TakenUpAgainBehindTheEndpointForAll(TakenUpAgain):
    prefix = "raw__"

    def wire(self, token=None, **more):
        return Legacy(self.gw.url("raw").rsplit("/", 1)[0], token or self.token, **more)


class Crowded(Streams):
    """What requests hold together has a cap, whatever they ask for and whoever has hung up."""

    def held(self):
        lines = [line for line in self.metrics().splitlines() if line.startswith("sluice_request_bytes ")]
        return int(lines[0].split()[1])

    def test_lists_that_nobody_waits_for(self):
        released = threading.Event()
        self.addCleanup(released.set)

        class Silent(RawServer):
            def request(self, exchange, message, modern):
                if message["method"] == "resources/list":
                    released.wait(DEADLINE)
                return super().request(exchange, message, modern)
        # Room for two of the largest messages, of which a grant has one. What is read in it counts: 16 bytes a value.
        self.raw("--max-request-bytes", "1MiB", "--max-calls", "8", kind=Silent)
        large = {"_meta": {"x": [0] * 950_000}}
        size = 950_000 * 16
        first = Legacy(self.gw.url("raw"), self.token)
        message = first.message("resources/list", large)
        connection = first.begin("POST", json.dumps(message).encode(), first.fields_for(message))
        until(lambda: self.held() > size, "the first to be under way")
        connection.close()
        both = Legacy(self.gw.url("raw").rsplit("/", 1)[0], self.token)
        for client in (first, both):
            refused = client.send("resources/list", large)
            self.assertEqual((refused.status, refused.error["code"], refused.fields.get("retry-after")), (503, -31005, "1"))
            # There is room for what is small, and the other grants'.
            self.assertEqual(client.send("ping").result, {})
        other = Legacy(self.gw.url("raw"), self.grant("raw", "raw", "other"))
        self.assertIn("content", other.call("echo", {}).result)
        self.assertGreater(self.held(), size)
        released.set()
        until(lambda: self.held() == 0, "the first to be over")
        self.assertIn("resources", first.send("resources/list", large).result)


    def test_large_bodies_of_strangers_are_not_read(self):
        self.raw()
        host = "%s:%d" % self.gw.address
        token = f"Authorization: Bearer {self.token}\r\n"

        def post(path, fields, length="Content-Length: 1000000"):
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{fields}{length}\r\n\r\n"
            return exchange(self.gw.address, head.encode()).status
        # What is awaited for an answer is the whole body, and it never comes.
        chunked = "Transfer-Encoding: chunked"
        self.assertEqual(post("/mcp/raw", ""), 401)
        self.assertEqual(post("/mcp", "", chunked), 401)
        self.assertEqual(post("/mcp/raw/messages?session=x", "Authorization: Bearer slg_none\r\n"), 401)
        self.assertEqual(post("/mcp/other", token), 404)
        self.assertEqual(post("/mcp/raw", token + "Origin: https://elsewhere.example\r\n"), 403)
        self.assertEqual(post("/healthz", ""), 413)
        self.sluice("grant", "revoke", "raw")
        self.assertEqual(post("/mcp/raw", token), 401)


class Forgotten(Streams):
    """The events of all sessions together have a cap."""

    def test_the_oldest_go_first_whosever(self):
        server = self.raw("--max-history", "64KiB")
        gates = {}

        def wait(server, exchange):
            name = exchange.message["params"]["arguments"]["who"]
            gates[name] = (threading.Event(), threading.Event())
            self.addCleanup(gates[name][0].set)
            exchange.stream()
            for step in range(1, 5):
                event = server.progress_event(exchange, step)
                event["params"]["message"] = name * 8_192
                exchange.event(event)
            gates[name][0].wait(DEADLINE)
            exchange.event(server.final(exchange, text("late")))
            gates[name][1].set()
        server.tools["echo"] = wait

        def call(who):
            wire = Legacy(self.gw.url("raw"), self.token)
            message = wire.message("tools/call", {
                "name": "echo", "arguments": {"who": who}, "_meta": {"progressToken": who}})
            stream = Stream(wire, "POST", json.dumps(message).encode(), wire.fields_for(message), message)
            stream.wait(lambda got: got.get("params", {}).get("progress") == 4, "the last progress")
            stream.close()
            return wire, stream

        (first, lost), (second, kept) = call("a"), call("b")
        third, _ = call("c")
        # 96 KiB were noted: of the first session nothing can be left, its call goes on all the same.
        rest = first.get(Last_Event_ID=lost.ids[0])
        self.addCleanup(first.close)
        gates["a"][0].set()
        rest.wait(lambda got: "result" in got, "the answer")
        self.assertEqual([got["params"]["progress"] for got in rest.messages if "method" in got], [])
        # Of the second some is left, and the answer comes after it.
        whole = second.get(Last_Event_ID=kept.ids[0])
        self.addCleanup(second.close)
        gates["b"][0].set()
        whole.wait(lambda got: "result" in got, "the answer")
        steps = [got["params"]["progress"] for got in whole.messages if "method" in got]
        self.assertTrue(0 < len(steps) < 5 and steps == list(range(5 - len(steps), 5)), steps)
        # The answer of a call that is over and forgotten can't be had.
        gates["c"][0].set()
        self.assertTrue(gates["c"][1].wait(DEADLINE))
        for who in "def":
            call(who)
        for wire, stream in ((first, lost), (second, kept)):
            self.assertEqual(wire.get(Last_Event_ID=stream.ids[0]).status, 405)
        held = [line for line in self.metrics().splitlines() if line.startswith("sluice_event_history_bytes ")]
        self.assertLessEqual(int(held[0].split()[1]), 64 << 10)
        self.assertRegex(self.metrics(), "sluice_forgotten_events_total [1-9]")


class Listens(Streams):
    def test_there_is_an_end_to_them(self):
        self.raw()
        for place in ("raw", ""):
            client = Modern(self.gw.url(place).rstrip("/"), self.token)
            self.addCleanup(client.close)
            streams = [client.listen(toolsListChanged=True) for _ in range(32)]
            for stream in streams:
                stream.wait_method("notifications/subscriptions/acknowledged")
            with self.subTest(place):
                refused = client.listen(toolsListChanged=True)
                self.assertEqual((refused.status, json.loads(refused.body)["error"]["code"]), (503, -31005))
                streams[0].close()
                until(lambda: client.listen(toolsListChanged=True).status == 200, "its place to be free")
                self.assertEqual(client.violations, [])


class Ends(Streams):
    """Streams that stand for long end with their grant, and at once."""

    def streams(self, token):
        every = self.gw.url("raw").rsplit("/", 1)[0]
        opened = {}
        for name, url in (("one", self.gw.url("raw")), ("all", every)):
            wire = Legacy(url, token)
            opened[f"get {name}"] = wire.get()
            self.addCleanup(wire.close)
            wire = Modern(url, token)
            opened[f"listen {name}"] = wire.listen(toolsListChanged=True)
            opened[f"listen {name}"].wait_method("notifications/subscriptions/acknowledged")
            self.addCleanup(wire.close)
        for name in ("old", "old, not begun"):
            old = OldStream(self, token)
            if name == "old":
                old.begin()
            opened[name] = old
        ended = {}

        def watch(name, stream):
            if isinstance(stream, OldStream):
                try:
                    for _ in stream.events:
                        pass
                except OSError:
                    pass
            else:
                stream.ended.wait(2 * DEADLINE)
            ended[name] = time.time()
        for name, stream in opened.items():
            threading.Thread(target=watch, args=(name, stream), daemon=True).start()
        return opened, ended

    def test_when_it_expires(self):
        self.raw()
        for seconds in (5, 15, 30):
            label = f"for {seconds} s"
            token = self.grant("raw", "raw", label, "--expires", f"{seconds}s")
            rows = json.loads(self.sluice("grant", "list", "--json").stdout)
            expires = next(row["expires"] for row in rows if row["label"] == label)
            end = datetime.datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp()
            try:
                opened, ended = self.streams(token)
            except (AssertionError, OSError, KeyError):
                self.assertGreater(time.time(), end)
            if time.time() < end:
                break  # A busy machine may need longer to open them all.
        until(lambda: len(ended) == len(opened), "the end of all")
        for name, moment in ended.items():
            self.assertGreater(moment, end - 0.05, name)
            # They were up to 30 seconds late.
            self.assertLess(moment, end + 10, name)

    def test_when_it_is_revoked(self):
        self.raw()
        opened, ended = self.streams(self.token)
        number = json.loads(self.sluice("grant", "list", "--json").stdout)[0]["id"]
        self.assertEqual(ended, {})
        self.sluice("grant", "revoke", number)
        end = time.time()
        until(lambda: len(ended) == len(opened), "the end of all")
        self.assertLess(max(ended.values()), end + 10, ended)

    def test_when_its_token_is_replaced(self):
        self.raw()
        opened, ended = self.streams(self.token)
        self.assertEqual(ended, {})
        token = json.loads(self.sluice("grant", "rotate", "raw", "--json").stdout)["token"]
        until(lambda: len(ended) == len(opened), "the end of all")
        # The new one begins anew, and what it opens stays.
        opened, ended = self.streams(token)
        self.sluice("grant", "create", "--server", "raw", "--policy", "raw", "--label", "somebody else")
        for url in (self.gw.url("raw"), self.gw.url("raw").rsplit("/", 1)[0]):
            self.assertIn("content", Modern(url, token).call("echo" if url.endswith("raw") else "raw__echo", {}).result)
        self.assertEqual(ended, {})

    def test_what_is_being_opened_ends_too(self):
        # A server takes its time to start; until then a session is in no table.
        gate = self.folder / "gate"
        self.raw()
        script = f'touch {gate}.$$; while [ ! -e {gate} ]; do sleep 0.05; done; exec "$@"'

        def started():
            return [int(path.suffix[1:]) for path in self.folder.glob("gate.*")]
        self.sluice("server", "add", "slow", "--per-session", "--", "/bin/sh", "-c", script, "sh", sys.executable, FAKE_STDIO)
        self.put_policy("slow", ALLOW_BOTH_WAYS, "slow")
        token = self.grant("raw", "raw", "ends", "--also", "slow=slow")
        standing = Legacy(self.gw.url("raw"), token)
        self.addCleanup(standing.close)
        standing.get()
        answers = {}

        def open_listen():
            client = Modern(self.gw.url("slow"), token)
            self.addCleanup(client.close)
            stream = client.listen(toolsListChanged=True)
            stream.ended.wait(DEADLINE)
            return stream.status, stream.ended.is_set(), stream.messages
        openers = {
            "listen": open_listen,
            "list": lambda: Modern(self.gw.url("slow"), token).send("tools/list"),
            "initialize": lambda: request(
                self.gw.address, "POST", "/mcp/slow", json.dumps({
                    "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}
                    ).encode(), **{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                                   "Authorization": f"Bearer {token}"})}

        def run(name):
            answers[name] = openers[name]()
        threads = [threading.Thread(target=run, args=(name,)) for name in openers]
        for thread in threads:
            thread.start()
        until(lambda: len(started()) == 3, "three children to be starting")
        self.sluice("grant", "revoke", "ends")
        # Its other session has ended, so it was looked at what has to end.
        until(lambda: "\nsluice_sessions 0\n" in self.metrics(), "the end of what was open")
        gate.touch()
        for thread in threads:
            thread.join()
        self.assertEqual(answers["initialize"].status, 404, answers["initialize"].body)
        self.assertEqual(answers["list"].error["code"], -31003)
        status, has_ended, messages = answers["listen"]
        self.assertTrue(has_ended, messages)
        self.assertEqual([got for got in messages if "method" in got], [], status)
        until(lambda: not any(map(alive, started())), "the end of the children")
        self.assertIn("\nsluice_sessions 0\n", self.metrics())

    def test_so_do_calls_and_what_is_listened_to(self):
        # Over HTTP, and behind a process that several share, nothing else ends with the client's session.
        servers, log = {}, self.folder / "said"
        for name, era in (("old", "legacy"), ("new", "modern")):
            servers[name] = RawServer(era)
            self.addCleanup(servers[name].close)
            self.sluice("server", "add", name, "--url", servers[name].url(), "--allow-private")
        raw = UPSTREAMS / "rawserver.py"
        self.sluice("server", "add", "child", "--", sys.executable, raw, "--era", "modern", "--resources", "--log", log)
        for name in ("old", "new", "child"):
            self.put_policy(name, ALLOW_BOTH_WAYS, name)
        also = ("--also", "new=new", "--also", "child=child")
        tokens = [self.grant("old", "old", label, *also) for label in ("ends", "stays")]
        self.gw = self.gateway()
        every = self.gw.url("old").rsplit("/", 1)[0]
        got, listens = {}, []
        for all_servers in (False, True):
            for name in ("old", "new", "child"):
                # A legacy server might ask those that can be asked: such a call outlives its request.
                client = Modern(every if all_servers else self.gw.url(name), tokens[0],
                                capabilities=None if all_servers else {})
                tool = f"{name}__never" if all_servers else "never"
                threading.Thread(target=lambda client=client, tool=tool: got.update(
                    {client.path + " " + tool: client.call(tool)}), daemon=True).start()
            client = Modern(every if all_servers else self.gw.url("child"), tokens[0])
            uri = "sluice.child+raw://all" if all_servers else "raw://one"
            listens.append(client.listen(resourceSubscriptions=[uri]))
            self.addCleanup(client.close)

        def said(method):
            lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
            return [line for line in lines if line.get("method") == method]

        def wanted():
            return said("subscriptions/listen")[-1]["params"]["notifications"].get("resourceSubscriptions", [])
        for stream in listens:
            stream.wait_method("notifications/subscriptions/acknowledged")
        until(lambda: [len(servers[name].calls("never")) for name in ("old", "new")] + [len(said("tools/call"))]
              == [2, 2, 2], "all calls under way")
        self.assertEqual((sorted(wanted()), got), (["raw://all", "raw://one"], {}))
        # Lists, too; at the endpoint for all servers they end when the servers have answered.
        held, page = threading.Event(), servers["new"].page
        servers["new"].page = lambda cursor: held.wait(DEADLINE) and page(cursor)
        before = len(servers["new"].requests("tools/list"))
        lists = {}
        for url in (every, self.gw.url("new")):
            client = Modern(url, tokens[0], capabilities={})
            threading.Thread(target=lambda client=client: lists.update(
                {client.path: client.send("tools/list")}), daemon=True).start()
        until(lambda: len(servers["new"].requests("tools/list")) == before + 2, "both lists under way")
        numbers = {row["label"]: row["id"] for row in json.loads(self.sluice("grant", "list", "--json").stdout)}
        self.sluice("grant", "revoke", numbers["ends"])
        end = time.time()
        until(lambda: len(got) == 6, "the end of all calls")
        self.assertLess(time.time(), end + 10)
        held.set()
        until(lambda: len(lists) == 2, "the end of both lists")
        for name, reply in {**got, **lists}.items():
            self.assertEqual(reply.error["data"]["reason"], "cancelled", name)
        until(lambda: wanted() == [], "nothing is listened to in the name of who has gone")
        stays = Modern(self.gw.url("child"), tokens[1])
        self.addCleanup(stays.close)
        stays.listen(resourceSubscriptions=["raw://stays"]).wait_method("notifications/subscriptions/acknowledged")
        self.assertEqual(wanted(), ["raw://stays"])


class Unanswered(Streams):
    """Questions of a server that nobody answers."""

    QUESTION = {"requestedSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}

    class Silent(Legacy):
        """A client that answers one question only."""

        def answer(self, asked):
            if asked["method"] != "elicitation/create" or asked["params"]["message"] == "answer this":
                super().answer(asked)

    def asking(self, server):
        def many(server, exchange):
            def ask(number, message):
                exchange.event({"jsonrpc": "2.0", "id": number, "method": "elicitation/create",
                                "params": {"message": message, **self.QUESTION}})

            def answer():
                # Silence would end the call, which is not the point.
                for step in range(1_000):
                    try:
                        return server.answers.get(timeout=0.2)
                    except queue.Empty:
                        exchange.event(server.progress_event(exchange, step))
            exchange.stream()
            for number in range(65):
                ask(f"q{number}", "?")
            refused = [answer() for _ in range(65)]
            ask("last", "answer this")
            exchange.event(server.final(exchange, text(json.dumps([refused, answer()]))))
        server.tools["echo"] = many

    def test_they_make_room_after_a_while(self):
        server = self.raw()
        self.asking(server)
        self.sluice("server", "set", "raw", "--call-timeout", "2s")
        for url, name in ((self.gw.url("raw"), "echo"), (self.gw.url("raw").rsplit("/", 1)[0], "raw__echo")):
            with self.subTest(name):
                wire = self.Silent(url, self.token)
                wire.handlers["elicitation/create"] = lambda params: ANSWER
                standing = wire.get()
                self.addCleanup(wire.close)
                reply = wire.call(name, {}, meta={"progressToken": 1})
                refused, last = json.loads(reply.result["content"][0]["text"])
                codes = [answer["error"]["code"] for answer in refused]
                self.assertEqual(sorted(codes), [-31005] + [-31002] * 64)
                self.assertEqual({answer["id"] for answer in refused}, {f"q{number}" for number in range(65)})
                self.assertEqual(last["result"], ANSWER)
                self.assertEqual(len([got for got in reply.messages if got.get("method") == "elicitation/create"]), 65)
                until(lambda: len([got for got in standing.messages if got.get("method") == "notifications/cancelled"]) == 64,
                      "the client hears that it need not answer any more")
        until(lambda: len([row for row in self.rows() if row["decision_seq"] is not None]) == len(
            [row for row in self.rows() if row["decision_seq"] is None]), "every question settled")

    def test_nobody_comes_back_for_a_parked_call(self):
        server = self.raw()

        def asks(server, exchange):
            exchange.stream()
            exchange.event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {
                "message": "?", **self.QUESTION}})
            server.release.wait(DEADLINE)
        server.tools["echo"] = asks
        self.sluice("server", "set", "raw", "--call-timeout", "2s")
        client = Modern(self.gw.url("raw"), self.token)
        asked = client.call("echo").result
        self.assertEqual(asked["resultType"], "input_required")
        refused = server.answers.get(timeout=DEADLINE)
        self.assertEqual((refused["id"], refused["error"]["code"]), (1, -31002))
        late = client.call("echo", extra={
            "inputResponses": {key: ANSWER for key in asked["inputRequests"]}, "requestState": asked["requestState"]})
        # The call's own time and that of its question run out together: it is over, or it is gone.
        self.assertIn(late.error["code"], (-31002, -32602))


class OldStream:
    """The transport of 2024-11-05."""

    def __init__(self, case, token, path="/mcp/raw/sse"):
        self.wire = Legacy(case.gw.url("raw"), token, version="2024-11-05", start=False)
        self.connection, self.response = self.wire.open(
            "GET", fields={"Accept": "text/event-stream", "Content-Type": None}, path=path)
        self.status = self.response.status
        if self.status == 200:
            self.events = events(self.response)
            self.path, fields = next(self.events)
            case.assertEqual(fields.get("event"), "endpoint")
        case.addCleanup(self.close)

    def post(self, message, token=None):
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        connection, response = self.wire.open(
            "POST", json.dumps(message).encode(), {"Accept": None, **fields}, path=self.path)
        with connection:
            response.read()
            return response.status

    def next(self):
        for data, fields in self.events:
            if data:
                assert fields.get("event") == "message", fields
                return json.loads(data)
        raise AssertionError("the stream has ended")

    def send(self, number, method, params=None):
        status = self.post({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}})
        assert status == 202, status
        while (got := self.next()).get("id") != number:
            pass
        return got

    def begin(self, capabilities=None, version="2024-11-05"):
        answer = self.send(1, "initialize", {
            "protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": {"name": "old", "version": "1"}})
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer["result"]

    def close(self):
        self.response.close()
        self.connection.close()


class OldTransport(Streams):
    def test_a_session_on_one_stream(self):
        server = self.raw()
        old = OldStream(self, self.token)
        self.assertRegex(old.path, r"^/mcp/raw/messages\?session=[0-9a-f]{64}$")
        self.assertEqual(old.post({"jsonrpc": "2.0", "id": 9, "method": "tools/list"}), 202)
        self.assertIn("error", old.next(), "initialize comes first")
        self.assertEqual(old.begin()["protocolVersion"], "2024-11-05")
        self.assertIn("error", old.send(2, "initialize", {"protocolVersion": "2024-11-05"}))
        names = [tool["name"] for tool in old.send(3, "tools/list")["result"]["tools"]]
        self.assertIn("echo", names)
        self.assertEqual(old.send("four", "tools/call", {"name": "echo", "arguments": {"n": 1}})["result"]["content"][0]["text"],
                         '{"n":1}')
        old.post({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
            "name": "progress", "arguments": {}, "_meta": {"progressToken": "t"}}})
        got = [old.next() for _ in range(4)]
        self.assertEqual([m.get("params", {}).get("progressToken") for m in got], ["t", "t", "t", None])
        self.assertEqual(self.decisions()[-1]["outcome"], "allowed")
        self.assertEqual(len(server.requests("initialize")), 1)

    def test_a_slow_call_holds_up_nothing(self):
        server = self.raw()
        old = OldStream(self, self.token)
        old.begin()
        old.post({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "slow", "arguments": {}}})
        self.assertTrue(server.entered.wait(DEADLINE))
        self.assertIn("result", old.send(3, "ping"))
        server.release.set()
        self.assertEqual(old.next()["id"], 2)

    def test_one_client_has_so_many_requests_under_way(self):
        # Over a pipe, where no number of connections has its say.
        self.sluice("server", "add", "raw", "--", sys.executable, UPSTREAMS / "rawserver.py")
        self.put_policy("raw", ALLOW_BOTH_WAYS, "raw")
        self.token = self.grant("raw", "raw", "raw")
        self.gw = self.gateway()
        old, other = OldStream(self, self.token), OldStream(self, self.token)
        old.begin()
        other.begin()
        call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "never", "arguments": {}}}
        self.assertEqual({old.post({**call, "id": number}) for number in range(2, 258)}, {202})
        self.assertEqual(old.post({**call, "id": 258}), 503)
        self.assertIn("result", other.send(2, "ping"))
        # What cancels is taken, and makes room.
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
        self.assertEqual(old.post(cancel), 202)
        until(lambda: old.post({"jsonrpc": "2.0", "id": 259, "method": "ping"}) == 202, "room for another")

    def test_who_reads_nothing_loses_its_stream(self):
        server = self.raw()
        server.tools["echo"] = lambda server, exchange: exchange.reply(text("x" * (31 << 20)))
        deaf, other = OldStream(self, self.token), OldStream(self, self.token)
        deaf.begin()
        other.begin()
        # Two of the largest answers may wait, a third is too many.
        for number in range(2, 5):
            deaf.post({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})
            until(lambda: len([row for row in self.rows() if row["decision_seq"] is not None]) == number - 1, "the answer")
        until(lambda: deaf.post({"jsonrpc": "2.0", "id": 9, "method": "ping"}) == 404, "the end of the session")
        self.assertIn("result", other.send(3, "ping"))

    def test_the_url_is_good_for_its_grant_only_and_as_long_as_the_stream(self):
        self.raw()
        old = OldStream(self, self.token)
        old.begin()
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        thief = self.grant("raw", "raw", "thief")
        self.assertEqual(old.post(ping, thief), 404)
        self.assertEqual(old.post(ping, "slg_x"), 401)
        path, old.path = old.path, "/mcp/raw/messages"
        self.assertEqual(old.post(ping), 400)
        old.path = "/mcp/raw/messages?session=" + "0" * 64
        self.assertEqual(old.post(ping), 404)
        old.path = path
        self.assertIn("result", old.send(2, "ping"))
        old.close()
        until(lambda: old.post(ping) == 404, "the end of the session")

    def test_only_what_the_transport_has(self):
        self.raw()
        fields = {"Authorization": f"Bearer {self.token}"}
        for method, path, status in [
                ("POST", "/mcp/raw/sse", 405), ("DELETE", "/mcp/raw/messages", 405), ("GET", "/mcp/raw/messages", 405),
                ("GET", "/mcp/other/sse", 404), ("GET", "/mcp/raw/sse/x", 404),
                ("POST", "/mcp/sse", 405), ("DELETE", "/mcp/messages", 405), ("GET", "/mcp/messages", 405),
                ("POST", "/mcp/messages?session=x", 404), ("POST", "/mcp/messages", 400), ("GET", "/mcp/sse/", 404)]:
            answer = request(self.gw.address, method, path, Accept="text/event-stream", **fields)
            self.assertEqual((path, answer.status), (path, status))
            if status == 405:
                self.assertEqual(answer.fields["allow"], "GET" if path.endswith("/sse") else "POST")
                self.assertIn("HTTP+SSE", answer.json["error"]["message"])

    def both(self, *options):
        """A second server, that of another era, and a grant for the two: (servers, token)."""
        servers = {"raw": self.raw(*options), "two": RawServer("modern")}
        self.addCleanup(servers["two"].close)
        self.sluice("server", "add", "two", "--url", servers["two"].url(), "--allow-private")
        self.put_policy("two", {**ALLOW_BOTH_WAYS, "hide": ["odd"]}, "two")
        return servers, self.grant("raw", "raw", "both", "--also", "two=two")

    def test_all_servers_of_a_grant_on_one_stream(self):
        servers, token = self.both()
        old = OldStream(self, token, "/mcp/sse")
        self.assertRegex(old.path, r"^/mcp/messages\?session=[0-9a-f]{64}$")
        self.assertEqual(old.post({"jsonrpc": "2.0", "id": 9, "method": "tools/list"}, token), 202)
        self.assertIn("error", old.next(), "initialize comes first")
        self.assertEqual(old.begin({"elicitation": {}}, "2025-11-25")["protocolVersion"], "2025-11-25")
        self.assertIn("error", old.send(2, "initialize", {"protocolVersion": "2024-11-05"}))
        names = [tool["name"] for tool in old.send(3, "tools/list")["result"]["tools"]]
        self.assertIn("raw__odd", names)
        self.assertIn("two__echo", names)
        self.assertNotIn("two__odd", names)
        for number, server in ((4, "raw"), ("five", "two")):
            told = old.send(number, "tools/call", {"name": f"{server}__echo", "arguments": {"n": 1}})
            self.assertEqual(told["result"]["content"][0]["text"], '{"n":1}')
            self.assertEqual(len(servers[server].calls("echo")), 1)
        # Progress comes before its answer, a question in the middle of a call finds its way there and back.
        old.post({"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {
            "name": "raw__progress", "arguments": {}, "_meta": {"progressToken": "t"}}})
        got = [old.next() for _ in range(4)]
        self.assertEqual([m.get("params", {}).get("progressToken") for m in got], ["t", "t", "t", None])
        old.post({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "raw__asks", "arguments": {}}})
        asked = old.next()
        self.assertEqual(asked["method"], "elicitation/create")
        old.post({"jsonrpc": "2.0", "id": asked["id"], "result": ANSWER})
        self.assertEqual(json.loads(old.next()["result"]["content"][0]["text"])["result"], ANSWER)
        # What a server says of itself.
        for server in servers.values():
            until(lambda: server.streams, "the gateway to listen")
            server.notify("notifications/tools/list_changed")
            self.assertEqual(old.next()["method"], "notifications/tools/list_changed")
        self.assertEqual([row["server"] for row in self.decisions()], ["raw", "two", "raw", "raw"])

        # The path is this grant's and this endpoint's, and ends with the stream; so do the sessions behind it.
        ping = {"jsonrpc": "2.0", "id": 8, "method": "ping"}
        self.assertEqual(old.post(ping, self.token), 404)
        path, old.path = old.path, old.path.replace("/mcp/", "/mcp/raw/")
        self.assertEqual(old.post(ping), 404)
        old.path = path
        self.assertIn("result", old.send(8, "ping"))
        self.assertTrue(any(servers["raw"].sessions.values()))
        old.close()
        until(lambda: old.post(ping) == 404, "the end of the session")
        until(lambda: not any(servers["raw"].sessions.values()), "the end of the server's")
        one = OldStream(self, token)
        one.begin()
        one.path = one.path.replace("/mcp/raw/", "/mcp/")
        self.assertEqual(one.post(ping), 404)

    def test_a_revoked_grant_ends_the_stream_of_all(self):
        _, token = self.both()
        old = OldStream(self, token, "/mcp/sse")
        old.begin()
        grant = next(g["id"] for g in json.loads(self.sluice("grant", "list", "--json").stdout) if g["label"] == "both")
        self.sluice("grant", "revoke", grant)
        with self.assertRaises(AssertionError) as ended:
            old.next()
        self.assertIn("the stream has ended", str(ended.exception))
        self.assertEqual(OldStream(self, token, "/mcp/sse").status, 401)

    def test_a_real_client_and_all_servers(self):
        _, token = self.both()
        script = """if True:
            import asyncio, json, os, sys
            from mcp import ClientSession, types
            from mcp.client.sse import sse_client

            async def elicit(context, params):
                return types.ElicitResult(action="accept", content={"a": "b"})

            async def main():
                headers, steps = {"Authorization": "Bearer " + os.environ["SLUICE_TOKEN"]}, []

                async def step(progress, total, message):
                    steps.append(progress)
                async with sse_client(sys.argv[1], headers=headers) as (read, write):
                    async with ClientSession(read, write, elicitation_callback=elicit) as session:
                        hello = await session.initialize()
                        tools = [tool.name for tool in (await session.list_tools()).tools]

                        async def call(name, arguments=None, **more):
                            return (await session.call_tool(name, arguments or {}, **more)).content[0].text
                        told = [await call("raw__echo", {"n": 1}), await call("two__echo", {"n": 2}),
                                await call("raw__progress", progress_callback=step), await call("raw__asks")]
                        uri = (await session.list_resources()).resources[-1].uri
                        read = (await session.read_resource(uri)).contents[0].text
                        print(json.dumps({"version": hello.protocolVersion, "tools": tools, "told": told,
                                          "steps": steps, "read": read}))
            asyncio.run(main())
            """
        done = subprocess.run([PYTHON1, "-c", script, self.gw.url("sse")], capture_output=True, text=True,
                              timeout=2 * DEADLINE, env={**os.environ, "SLUICE_TOKEN": token})
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = json.loads(done.stdout)
        self.assertEqual((seen["version"], seen["steps"], seen["read"]), ("2025-11-25", [1, 2, 3], "one"))
        self.assertEqual(seen["told"][:3], ['{"n":1}', '{"n":2}', "done"])
        self.assertEqual(json.loads(seen["told"][3])["result"], ANSWER)
        self.assertLessEqual({"raw__odd", "two__echo"}, set(seen["tools"]))
        self.assertNotIn("two__odd", seen["tools"])

    def test_a_real_client_does_all_it_can(self):
        fixture = Fixture(PYTHON1, "everything1.py")
        self.addCleanup(fixture.close)
        self.sluice("server", "add", "http1", "--url", fixture.url(), "--allow-private")
        self.put_policy("http1", ALLOW_BOTH_WAYS, "http1")
        token = self.grant("http1", "http1", "http1")
        gateway = self.gateway("--max-body", "16MiB")
        job = {"python": PYTHON1, "mode": "legacy", "transport": "sse"}
        seen = run_clients([
            {**job, "name": "direct", "url": fixture.url("/sse")},
            {**job, "name": "through", "url": gateway.url("http1") + "/sse", "token": token}], wait=20)
        problems = {}
        for step, direct in seen["direct"]["steps"].items():
            through = seen["through"]["steps"].get(step, seen["through"]["steps"].get("connection", {}))
            if step == "large" and through.get("value") == LARGE:
                continue
            if problem := difference(step, direct, through, True):
                problems[step] = problem
        self.assertGreater(len(seen["direct"]["steps"]), 30)
        print(f"old transport: {len(seen['direct']['steps']) - len(problems)} of {len(seen['direct']['steps'])} steps",
              file=sys.stderr)
        self.assertEqual(problems, {})


if __name__ == "__main__":
    import harness
    harness.main()
