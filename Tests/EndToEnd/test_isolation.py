"""Clients under load never get each other's answers, nothing is left behind, nobody waits for anybody.

64 clients, half of them of each era, all send id 1 and the same progress token; the server delays at random, clients
break off at random. Counted afterwards, through /proc and the gateway's own metrics: sessions, calls, connections, file descriptors, children.
"""

import asyncio
import collections
import json
import os
import pathlib
import random
import re
import socket
import sys
import threading
import time

from harness import ALLOW_ALL, BOTH, DEADLINE, UPSTREAMS, Case, Fixture, Session, children, request, until

# Over the four kinds of upstreams more than 10,000 calls, also without those that are broken off.
CLIENTS, EACH, ANSWERED = 64, 44, 2_550
META = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
TOKEN = "the same for all"
ENVELOPE = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}
RAW = UPSTREAMS / "rawserver.py"


class Gone(Exception):
    """This client broke off, as it meant to."""


class Talker:
    """One client: a session of its own, if it is of the legacy era, and one connection that it opens anew after breaking off."""

    def __init__(self, address, path, token, name, modern=False):
        self.address, self.path, self.token, self.name, self.modern = address, path, token, name, modern
        self.session = None
        self.reader = self.writer = None

    async def connect(self):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(*self.address)

    def leave(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def post(self, message, leave=False, method="POST"):
        await self.connect()
        body = json.dumps(message).encode() if message is not None else b""
        head = [f"{method} {self.path} HTTP/1.1", f"Host: {self.address[0]}:{self.address[1]}", f"Accept: {BOTH}",
                "Content-Type: application/json", f"Content-Length: {len(body)}", f"Authorization: Bearer {self.token}"]
        if self.modern:
            head += [f"MCP-Protocol-Version: {MODERN}", f"Mcp-Method: {message['method']}",
                     f"Mcp-Name: {message['params']['name']}"]
        if self.session:
            head += [f"Mcp-Session-Id: {self.session}", "MCP-Protocol-Version: 2025-11-25"]
        self.writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()
        if leave:
            await asyncio.sleep(random.random() * 0.01)
            self.leave()
            raise Gone
        status = int((await self.reader.readline()).split()[1])
        fields = {}
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding") == "chunked":
            data = b""
            while size := int(await self.reader.readline(), 16):
                data += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        else:
            data = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.leave()
        if fields.get("content-type", "").startswith("text/event-stream"):
            lines = [line[5:] for line in data.decode().splitlines() if line.startswith("data:")]
            messages = [json.loads(line) for line in lines if line.strip()]
        else:
            messages = [json.loads(data)] if data else []
        return status, fields, messages

    async def start(self):
        if self.modern:
            return
        _, fields, messages = await self.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": self.name, "version": "1"}}})
        assert "result" in messages[0], messages
        self.session = fields["mcp-session-id"]
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def end(self):
        if self.session:
            await self.post(None, method="DELETE")
        self.leave()

    async def call(self, number, dice):
        """One call; checks that all that comes is its own."""
        who = [self.name, number]
        progress = dice.random() < 0.3
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "mix", "arguments": {"who": who, "ms": dice.choice((0, 0, 0, 1, 3, 10)), "progress": progress},
            "_meta": {"progressToken": TOKEN, **(ENVELOPE if self.modern else {})}}}
        status, _, messages = await self.post(message, leave=dice.random() < 0.04)
        assert status == 200, (status, messages)
        last = messages[-1]
        assert last["id"] == 1 and json.loads(last["result"]["content"][0]["text"]) == who, (who, messages)
        tokens = [note["params"]["progressToken"] for note in messages[:-1]]
        steps = [note["params"]["progress"] for note in messages[:-1]]
        assert tokens == [TOKEN] * len(tokens) and steps == ([1, 2] if progress else []), (who, messages)


def rss(pid):
    """Resident memory, bytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024


def descriptors(pid, pool=None):
    """What a process has open: (how many of each, how many connections to the port `pool`)."""
    to_pool = set()
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if pool and int(words[2].split(":")[1], 16) == pool:
            to_pool.add(f"socket:[{words[9]}]")
    held, pooled = collections.Counter(), 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            what = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            continue  # Closed meanwhile.
        pooled += what in to_pool
        if what not in to_pool:
            held[what.partition(":[")[0]] += 1
    return held, pooled


def connections(port):
    """Established TCP connections to a local port, seen from the side that listens."""
    found = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "01" and int(words[1].split(":")[1], 16) == port:
            found += 1
    return found


class Isolation(Case):
    def metric(self, name):
        host, _, port = self.gw.ready["admin"].rpartition(":")
        text = request((host, int(port)), "GET", "/metrics",
                       Authorization=f"Bearer {self.gw.ready['admin_token']}").body.decode()
        return int(re.search(rf"^sluice_{name} (\d+)", text, re.M).group(1))

    def build(self, kind, *options):
        """A gateway before a raw server: `stdio`, `http`, `modern http` or `http+sse`; the fixture, if it is one of its
        own."""
        self.kind, fixture = kind, None
        if kind == "stdio":
            self.sluice("server", "add", "raw", "--", sys.executable, RAW)
        else:
            fixture = Fixture(sys.executable, "rawserver.py", "--era", "modern" if kind == "modern http" else "legacy")
            self.addCleanup(fixture.close)
            self.sluice("server", "add", "raw", "--url", fixture.url("/sse" if kind == "http+sse" else "/mcp"), "--allow-private")
        self.put_policy("p", ALLOW_ALL, "raw")
        self.gw = self.gateway(*options)
        return fixture

    def everyone(self, kind):
        fixture = self.build(kind)
        pool = fixture and fixture.address[1]
        grants = [self.grant("raw", "p", f"g{number}") for number in range(4)]
        talkers = [Talker(self.gw.address, "/mcp/raw", grants[number % 4], f"client-{number}", modern=number % 2 == 1)
                   for number in range(CLIENTS)]
        counts = {"answered": 0, "left": 0, "modern": 0}

        async def one(talker, calls, own):
            await talker.start()
            for number in range(calls):
                try:
                    await talker.call(number, own)
                    counts["answered"] += 1
                    counts["modern"] += talker.modern
                except Gone:
                    counts["left"] += 1

        async def end(talkers):
            for talker in talkers:
                await talker.end()

        async def all_of_them():
            # What a gateway keeps for ever (listeners, a pool, the child) is there after the first client.
            first = Talker(self.gw.address, "/mcp/raw", grants[0], "first")
            await first.start()
            await first.call(0, random.Random(1000))
            await end([first])
            await asyncio.to_thread(
                until, lambda: connections(self.gw.address[1]) == 0, "the first connection to be gone")
            before, _ = descriptors(self.gw.pid, pool)
            await asyncio.gather(*(one(talker, EACH, random.Random(number))
                                   for number, talker in enumerate(talkers)))
            await end(talkers)
            return before

        started = time.monotonic()
        before = asyncio.run(all_of_them())
        print(f"isolation over {kind}: {counts['answered']} calls answered, {counts['modern']} of them in the modern era, "
              f"{counts['left']} broken off, {time.monotonic() - started:.1f} s", file=sys.stderr)
        self.assertGreaterEqual(counts["answered"], ANSWERED)
        self.assertGreaterEqual(counts["modern"], 0.48 * ANSWERED)
        self.assertGreater(counts["left"], 20)

        until(lambda: self.metric("calls_in_flight") == 0, "no call in flight")
        # What stands in for the sessions of modern clients is their grant's, and ends with it.
        self.assertLessEqual(self.metric("sessions"), 2)
        for number in (1, 3):
            self.sluice("grant", "revoke", f"g{number}")
        until(lambda: self.metric("sessions") == 0, "no session")
        until(lambda: connections(self.gw.address[1]) == 0, "no connection of a client")
        if fixture is None:
            # The server, and the process that ends it should we be killed.
            self.assertLessEqual(len(children(self.gw.pid)), 2, "children of sessions that ended")
        else:
            stats = until(lambda: (seen := json.loads(request(fixture.address, "GET", "/stats").body))
                          and seen["sessions"] <= 1 and seen["streams"] <= 1 and seen, "no session upstream")
            # Kept connections are a pool: its size, and not the number of calls.
            self.assertLessEqual(stats["connections"], CLIENTS + 8)
            self.assertLessEqual(descriptors(self.gw.pid, pool)[1], stats["connections"])
        # Exactly what was open after the first client, the pool aside.
        try:
            until(lambda: descriptors(self.gw.pid, pool)[0] == before, "no descriptor more")
        except AssertionError:
            self.assertEqual(descriptors(self.gw.pid, pool)[0], before)
        left = children(self.gw.pid)
        self.assertEqual(self.gw.end(), 0)
        for pid in left:
            until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"the child {pid} to be gone")

    def test_64_clients_over_http(self):
        self.everyone("http")

    def test_64_clients_over_modern_http(self):
        self.everyone("modern http")

    def test_64_clients_over_http_and_sse(self):
        self.everyone("http+sse")

    def test_64_clients_over_stdio(self):
        self.everyone("stdio")

    def slow_and_quick(self, kind):
        self.build(kind)
        session = Session(self.gw, "raw", self.grant("raw", "p"))
        session.call("mix", {"who": "warm"})
        ended, done = [], self.folder / "done"

        def slow():
            ended.append(session.call("mix", {"who": "slow", "until": str(done)}).status)
        threads = [threading.Thread(target=slow) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: self.metric("calls_in_flight") == 8, "the slow calls to be on their way")
        for number in range(40):
            self.assertEqual(session.call("mix", {"who": number}).json["result"]["content"][0]["text"], str(number))
        self.assertEqual(ended, [], "the slow calls are not over yet")
        done.touch()
        for thread in threads:
            thread.join()
        self.assertEqual(ended, [200] * 8)

    def test_slow_calls_delay_nobody_over_http(self):
        self.slow_and_quick("http")

    def test_slow_calls_delay_nobody_over_stdio(self):
        self.slow_and_quick("stdio")

    def test_a_client_that_stops_reading(self):
        """Memory stays below a cap, and others are served."""
        fixture = self.build("http")
        session = Session(self.gw, "raw", self.grant("raw", "p"))
        session.call("mix", {"who": "warm"})
        before = rss(self.gw.pid)
        deaf = []
        for number in range(3):
            body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
                "name": "many_messages", "arguments": {"bytes": 16 << 20}, "_meta": {"progressToken": number}}}).encode()
            fields = {"Host": "%s:%d" % self.gw.address, "Accept": BOTH, "Content-Type": "application/json",
                      "Content-Length": str(len(body)), **session.fields}
            connection = socket.create_connection(self.gw.address, timeout=DEADLINE)
            self.addCleanup(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(("POST /mcp/raw HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items())
                                + "\r\n").encode() + body)
            deaf.append(connection)

        def sent():
            return json.loads(request(fixture.address, "GET", "/stats").body)["sent"]
        until(lambda: sent() > 0, "the stream to begin")
        worst, last, still = 0, -1, 0
        for _ in range(120):
            self.assertEqual(session.call("mix", {"who": 1}).status, 200)
            worst = max(worst, rss(self.gw.pid) - before)
            now = sent()
            still = still + 1 if now == last else 0
            last = now
            if still > 20:
                break
            time.sleep(0.05)
        print(f"a client that stops reading: {worst >> 20} MiB more, {last >> 20} MiB came", file=sys.stderr)
        self.assertLess(worst, 48 << 20, "memory of a client that does not read")
        for connection in deaf:
            connection.close()
        # The server has all the rest to say first: nobody cancelled.
        until(lambda: self.metric("calls_in_flight") == 0, "their calls to end", times=4)


if __name__ == "__main__":
    import harness
    harness.main()
