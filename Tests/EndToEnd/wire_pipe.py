"""The raw clients on `sluice wrap`: one message a line, in place of HTTP. What HTTP says by a status, the code says here."""

import json
import subprocess
import threading

from wire import META, WAIT, Legacy, Modern, Reply, Stream

STATUS = {-32700: 400, -32600: 400, -32602: 400, -32020: 400, -32021: 400, -32022: 400, -32601: 404}


class Place(str):
    """What to start instead of where to go: `command`. All modern clients, and all legacy ones that say hello alike, share a
    process."""

    def __new__(cls, name, command):
        place = super().__new__(cls, f"http://{name}/")
        place.command, place.pipes = command, {}
        return place

    def pipe(self, key):
        if key not in self.pipes:
            self.pipes[key] = Pipe(self.command)
        return self.pipes[key]

    def close(self):
        for pipe in self.pipes.values():
            pipe.close()
        self.pipes = {}


class Line:
    """One way for all that a server says. A thread reads it and brings each message to who waits for it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = []       # PipeStreams, in order.
        self.count = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def next_id(self):
        with self.lock:
            self.count += 1
            return self.count

    def join(self, stream):
        with self.lock:
            self.waiting.append(stream)

    def leave(self, stream):
        with self.lock:
            self.waiting = [one for one in self.waiting if one is not stream]

    def read(self):
        for message in self.messages():
            with self.lock:
                waiting = list(self.waiting)
            for stream in self.takers(message, waiting):
                stream.take(message)
                if "method" in message and "id" in message:
                    break  # One answer.
        with self.lock:
            waiting = list(self.waiting)
        for stream in waiting:
            stream.ended.set()

    @staticmethod
    def takers(message, waiting):
        if not isinstance(message, dict) or "method" not in message:
            number = message.get("id") if isinstance(message, dict) else None
            mine = [s for s in waiting if s.number == number and type(s.number) is type(number) and s.wants_answer]
            return mine[:1]
        # Else a message does not say whom it is for: it may be for all who wait.
        subscription = ((message.get("params") or {}).get("_meta") or {}).get(META + "subscriptionId")
        return [s for s in waiting if s.is_listen and s.number == subscription] if subscription is not None else [
            s for s in waiting if not s.is_listen]


class Pipe(Line):
    """One process."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.opening = None     # What `initialize` got, for those who share it.
        super().__init__()

    def messages(self):
        return map(json.loads, self.process.stdout)

    def write(self, data):
        with self.lock:
            self.process.stdin.write(data + b"\n")
            self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class PipeStream(Stream):
    """What comes for one request, or, without one, for the session."""

    status, kind, body, ids = 200, "text/event-stream", b"", ()

    def __init__(self, wire, sent=None, wants_answer=True, each=None):
        self.wire, self.sent, self.wants_answer, self.each = wire, sent, wants_answer, each
        self.number = sent.get("id") if isinstance(sent, dict) else None
        self.is_listen = isinstance(sent, dict) and sent.get("method") == "subscriptions/listen"
        self.messages, self.ended = [], threading.Event()
        wire.streams.append(self)
        wire.pipe.join(self)

    def take(self, message):
        self.wire.check(message, self.sent)
        message = self.wire.inward(message, self.sent)
        self.messages.append(message)
        if self.each:
            self.each(message)
        if isinstance(message, dict) and "method" in message and "id" in message:
            self.wire.answer(message)
        elif "method" not in message:
            self.wire.pipe.leave(self)
            self.ended.set()

    def close(self):
        self.wire.pipe.leave(self)
        if self.is_listen and not self.ended.is_set():
            self.wire.notify("notifications/cancelled", {"requestId": self.number, "_meta": {
                META + "protocolVersion": self.wire.version, META + "clientCapabilities": {}}})


class Talks:
    """In place of the HTTP half of Wire. For `url` a Place."""

    over = "pipe"

    def next_id(self):
        return self.pipe.next_id()

    def fields_for(self, message):
        return {}

    def put(self, body, fields):
        """Sends one message; what its POST was answered with, where there is one and it was refused."""
        self.pipe.write(body)

    def post(self, message, *, fields=None, body=None, each=None, own_head=False):
        is_request = not isinstance(message, dict) or "method" in message and "id" in message
        stream = PipeStream(self, message, each=each) if is_request else None
        refused = self.put(json.dumps(message).encode() if body is None else body, fields or {})
        if stream is None or refused:
            if stream:
                self.drop(stream)
            return refused or Reply(202, {}, "application/json")
        reply = Reply(200, {}, "application/json")
        if not stream.ended.wait(WAIT):
            raise AssertionError(f"no answer within {WAIT:.0f} s: {stream.messages!r}")
        self.drop(stream)
        reply.messages = stream.messages
        error = (reply.response or {}).get("error")
        if error and (isinstance(self, Modern) or error["code"] in (-32700, -32600)):
            reply.status = STATUS.get(error["code"], 200)
        return reply

    def drop(self, stream):
        self.pipe.leave(stream)
        self.streams.remove(stream)

    def stream(self, message):
        stream = PipeStream(self, message)
        self.put(json.dumps(message).encode(), {})
        return stream

    def get(self, **fields):
        return PipeStream(self, wants_answer=False)


class PipeLegacy(Talks, Legacy):
    def __init__(self, url, token=None, **more):
        self.own = None if not more else Pipe(url.command)
        self.pipe = self.own or url.pipe("legacy")
        super().__init__(url, token, **more)

    def initialize(self):
        if self.own is None and self.pipe.opening:
            self.opening, self.initialized, self.accepted, self.claims = self.pipe.opening
            return
        super().initialize()
        if self.own is None:
            self.pipe.opening = (self.opening, self.initialized, self.accepted, self.claims)

    def close(self):
        super().close()
        if self.own is not None:
            self.own.close()


class PipeModern(Talks, Modern):
    def __init__(self, url, token=None, **more):
        self.pipe = url.pipe("modern")
        super().__init__(url, token, **more)
