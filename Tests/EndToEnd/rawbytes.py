"""What results are on the wire, byte by byte: taken down by a client's transport, or by a program between a client and a
server on a pipe.

`Tape` holds what one client got; `members` takes a result apart without decoding it, so that two can be held against each
other without the places which a gateway has to rewrite. As a program: `rawbytes.py FILE COMMAND ARG…` runs the command and
writes all that passes in both directions to the file, one line each, with `>` before what goes in and `<` what comes out.
"""

import hashlib
import json
import subprocess
import sys
import threading

DECODER = json.JSONDecoder(strict=False)
BLANK = " \t\r\n"
LONGEST = 4096
# What the gateway says in its own name (docs/protocol.md, "What is rewritten").
OWN = ("resultType", "ttlMs", "cacheScope", "requestState")
OWN_META = ("io.modelcontextprotocol/serverInfo", "sluice/")
LISTS = {"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources",
         "resources/templates/list": "resourceTemplates"}


def skip(text, at):
    while text[at] in BLANK:
        at += 1
    return at


def members(text):
    """The members of an object as they are written: [(key, value)], both with all that belongs to them."""
    at, found = skip(text, 0), []
    if text[at] != "{":
        raise ValueError("no object")
    at = skip(text, at + 1)
    while text[at] != "}":
        key = at
        _, at = DECODER.raw_decode(text, at)
        name = text[key:at]
        value = skip(text, skip(text, at) + 1)
        _, at = DECODER.raw_decode(text, value)
        found.append((name, text[value:at]))
        at = skip(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def elements(text):
    """The elements of an array as they are written."""
    at, found = skip(text, 1), []
    while text[at] != "]":
        start = at
        _, at = DECODER.raw_decode(text, at)
        found.append(text[start:at])
        at = skip(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def short(text):
    return text if len(text) <= LONGEST else f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"


def comparable(method, result):
    """A result without the named places: its other members as they are written, those that are too long as digests."""
    out = []
    for name, value in members(result):
        key = json.loads(name)
        if key in OWN or method in LISTS and key == "nextCursor":
            continue
        if key == "_meta":
            value = ",".join(f"{n}:{v}" for n, v in members(value) if not json.loads(n).startswith(OWN_META))
            if not value:
                continue
        if LISTS.get(method) == key:
            # Other clients of the fixture add such entries, and take them away, at any time.
            value = "\n".join(one for one in elements(value) if '"test_dynamic_' not in one)
        out.append([name, short(value)])
    return out


class Tape:
    """What one client got for its requests."""

    def __init__(self):
        self.step = None
        self.asked = {}     # id → (step, method, what was asked for)
        self.results = []   # [step, method, what was asked for, "result" or "error", its members]

    def request(self, body):
        try:
            message = json.loads(body)
        except ValueError:
            return
        if not isinstance(message, dict) or "method" not in message or "id" not in message:
            return
        params = {key: value for key, value in (message.get("params") or {}).items()
                  if key not in ("_meta", "requestState", "task")}
        params.pop("cursor", None)
        # The first number that answers bear is the only one that these clients give a request.
        self.asked[json.dumps(message["id"])] = (self.step, message["method"], json.dumps(params, sort_keys=True))

    def message(self, text):
        """A message of the other side, as it is written."""
        try:
            parts = dict((json.loads(name), value) for name, value in members(text))
        except (ValueError, IndexError):
            return
        kind = next((kind for kind in ("result", "error") if kind in parts), None)
        asked = self.asked.get(parts.get("id")) if kind else None
        if asked is None:
            return
        step, method, what = asked
        value = comparable(method, parts[kind]) if kind == "result" else [list(pair) for pair in members(parts[kind])]
        self.results.append([step, method, what, kind, value])

    def body(self, kind, data):
        """A whole HTTP body."""
        text = data.decode()
        if "text/event-stream" not in kind:
            if text:
                self.message(text)
            return
        # Both ends write an event's data in one line or several, and lines end in LF or CRLF.
        for event in text.replace("\r\n", "\n").split("\n\n"):
            lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
            if lines:
                self.message("\n".join(lines))

    def file(self, path):
        """What the program below has written."""
        with open(path, encoding="utf-8", newline="\n") as lines:
            for line in lines:
                if line[0] == ">":
                    self.request(line[1:])
                else:
                    self.message(line[1:])


def transport(httpx, tape):
    """A transport for the HTTP client of a library that takes down what comes for each POST."""

    class Recorded(httpx.AsyncByteStream):
        def __init__(self, inner, kind):
            self.inner, self.kind, self.data = inner, kind, []

        async def __aiter__(self):
            async for piece in self.inner:
                self.data.append(piece)
                yield piece

        async def aclose(self):
            data, self.data = b"".join(self.data), []
            tape.body(self.kind, data)
            await self.inner.aclose()

    class Recorder(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request):
            if request.method == "POST":
                tape.request(request.content)
            response = await super().handle_async_request(request)
            if request.method == "POST":
                response.stream = Recorded(response.stream, response.headers.get("content-type", ""))
            return response
    return Recorder()


def main():
    path, *command = sys.argv[1:]
    lock = threading.Lock()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open(path, "wb") as out:
        def carry(mark, source, sink):
            for line in source:
                with lock:
                    out.write(mark + line)
                    out.flush()
                sink.write(line)
                sink.flush()
            sink.close()
        outward = threading.Thread(target=carry, args=(b"<", child.stdout, sys.stdout.buffer), daemon=True)
        outward.start()
        try:
            carry(b">", sys.stdin.buffer, child.stdin)
        except BrokenPipeError:
            pass  # The command has ended.
        outward.join(10)
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
