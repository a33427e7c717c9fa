"""Two image services of the tests' own, faithful to the contracts that sluice-studio speaks, misbehaving when told to.

Each is a real HTTP server on a port of the system's choice. `plan` makes its next answers bad, in order; what came in is
kept in `requests` for the tests to judge. Pictures are real PNG files with a text chunk that must not reach the caller.
"""

import base64
import http.server
import json
import socket
import struct
import threading
import urllib.parse
import uuid
import zlib


def png(width=64, height=48, colour=(200, 40, 90), text=b"Comment\0made by a secret workflow"):
    """A PNG of one colour, with a text chunk unless `text` is empty."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + (chunk(b"tEXt", text) if text else b"") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 1000


class Service:
    """A server whose handler asks the subclass; knows how to misbehave."""

    def __init__(self):
        self.requests = []
        self.plan = []
        self.file_plan = []  # The same for files.
        self.files = {}
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.gone = threading.Event()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                service.handle(self, b"")

            def do_POST(self):
                service.handle(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            do_PUT = do_POST

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # Clients that go away are part of the tests.
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # What goes wrong.

    def answer(self, handler, status, body, kind="application/json", **fields):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)

    def misbehave(self, handler, step):
        """Carries out one step of the plan. True: the request is dealt with."""
        kind, *rest = step
        if kind == "cut":  # The connection ends in the middle of the answer.
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"data\":")
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        elif kind == "hang":  # No answer until the test lets go.
            self.released.wait(30)
            handler.close_connection = True
        elif kind == "listen":  # No answer: waits for the client to give up, and notes that it did.
            if handler.connection.recv(1) == b"":
                self.gone.set()
            handler.close_connection = True
        elif kind == "status":
            status, body, *fields = rest
            self.answer(handler, status, body, **(fields[0] if fields else {}))
        elif kind == "raw":  # A body of another kind.
            body, content_type = rest
            self.answer(handler, 200, body, content_type)
        else:
            raise AssertionError(f"unknown step {kind}")

    def handle(self, handler, body):
        path = urllib.parse.urlsplit(handler.path).path
        if path.startswith("/files/"):
            return self.file(handler, path)
        with self.lock:
            self.requests.append((handler.command, handler.path, dict(handler.headers), body))
            step = self.plan.pop(0) if self.plan else None  # None in the plan: an answer as it should be.
        if step and step[0] == "accept-then-cut":  # The work is done, but nobody hears of it.
            self.take(handler, json.loads(body))
            return self.misbehave(handler, ("cut",))
        if step:
            return self.misbehave(handler, step)
        status, reply = self.reply(handler, body)
        self.answer(handler, status, reply)

    def file(self, handler, path):
        found = self.files.get(path)
        if self.file_plan:
            return self.misbehave(handler, self.file_plan.pop(0))
        if found is None:
            return self.answer(handler, 403, b"expired", "text/plain")
        content, kind = found
        self.answer(handler, 200, content, kind)

    def keep(self, content, kind):
        path = f"/files/{uuid.uuid4()}"
        self.files[path] = (content, kind)
        return self.base + path


class FakeRunware(Service):
    """Runware's API: an array of tasks in, `data` and `errors` out; tasks are known by their UUIDs."""

    key = "rw-secret-key-0123456789"

    def __init__(self):
        super().__init__()
        self.images = {}
        self.results = {}
        self.polls_needed = 2
        self.polls = {}
        self.made = 0

    @property
    def url(self):
        return self.base + "/v1"

    def tasks(self, kind=None):
        """The tasks that came in, of one kind or all."""
        found = [task for _, path, _, body in self.requests if path == "/v1" for task in json.loads(body)]
        return [task for task in found if kind is None or task["taskType"] == kind]

    def reply(self, handler, body):
        if handler.headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"errors": [{"code": "invalidApiKey", "message": "the key is wrong"}]}
        try:
            tasks = json.loads(body)
            assert isinstance(tasks, list) and tasks
        except (ValueError, AssertionError):
            return 400, {"errors": [{"code": "invalidRequest", "message": "an array of tasks is wanted"}]}
        return self.take(handler, tasks)

    def take(self, handler, tasks):
        data, errors = [], []
        dry = handler.headers.get("X-Runware-Dry-Run") == "1"
        for task in tasks:
            good, bad = self.one(task, dry)
            data += good
            errors += bad
        reply = {}
        if data:
            reply["data"] = data
        if errors:
            reply["errors"] = errors
        return (400 if errors and not data else 200), reply

    def error(self, task, code, message, **more):
        return {"code": code, "message": message, "taskUUID": task.get("taskUUID"), "taskType": task["taskType"], **more}

    def one(self, task, dry):
        kind, name = task["taskType"], task.get("taskUUID")
        if not name or str(uuid.UUID(name)) != name or uuid.UUID(name).version != 4:
            return [], [self.error(task, "invalidTaskUUID", "a version 4 UUID is wanted", parameter="taskUUID")]
        if kind == "getResponse":
            return self.poll(task)
        if "webhookURL" in task:
            return [], [self.error(task, "invalidWebhookURL", "nobody asked for webhooks")]
        with self.lock:
            if name in self.results:
                return [], [self.error(task, "conflictTaskUUID", "this UUID was used", parameter="taskUUID")]
        head = {"taskType": kind, "taskUUID": name}
        if dry:
            return [{**head, "cost": 0.0125}], []
        if task.get("positivePrompt") == "rwre, forbidden" or task.get("positivePrompt") == "forbidden":
            return [], [self.error(task, "contentPolicyViolation", "not this", parameter="positivePrompt")]
        items = getattr(self, kind)(task, head)
        if isinstance(items, tuple):
            return items
        with self.lock:
            self.results[name] = items
        if kind == "videoInference":
            return [head], []
        return items, []

    def poll(self, task):
        name = task["taskUUID"]
        with self.lock:
            items = self.results.get(name)
            self.polls[name] = self.polls.get(name, 0) + 1
            count = self.polls[name]
        if items is None:
            return [], [self.error(task, "taskNotFound", "no such task")]
        if items and items[0]["taskType"] == "videoInference" and count <= self.polls_needed:
            return [{"taskType": "videoInference", "taskUUID": name, "status": "processing", "progress": 30 * count}], []
        return [{**item, "status": "success"} for item in items], []

    def picture(self, task, head, prefix="image"):
        self.made += 1
        new = str(uuid.uuid4())
        kind = {"JPG": "image/jpeg", "WEBP": "image/webp"}.get(task.get("outputFormat"), "image/png")
        item = {**head, f"{prefix}UUID": new,
                f"{prefix}URL": self.keep(png(task.get("width", 64), task.get("height", 48)), "image/png" if kind else kind)}
        if task.get("includeCost"):
            item["cost"] = 0.0013
        return item

    def known(self, task, *names):
        """An error if a picture is none that was uploaded."""
        for name in names:
            if name in task and task[name] not in self.images:
                return [], [self.error(task, "invalidInputImage", f"{name} is unknown", parameter=name)]
        return None

    def imageUpload(self, task, head):
        text = task["image"]
        content = base64.b64decode(text.partition(",")[2])
        new = str(uuid.uuid4())
        self.images[new] = content
        return [{**head, "imageUUID": new, "imageURL": self.keep(content, "image/png")}]

    def imageInference(self, task, head):
        bad = self.known(task, "seedImage", "maskImage")
        if bad:
            return bad
        return [{**self.picture(task, head), "seed": (2**53 + 1) + number, **(
            {"NSFWContent": False} if task.get("checkNSFW") else {})} for number in range(task.get("numberResults", 1))]

    def photoMaker(self, task, head):
        return [{**self.picture(task, head), "seed": 9, "inputImagesUUID": task["inputImages"]}]

    def imageUpscale(self, task, head):
        return self.known(task, "inputImage") or [{**self.picture(task, head), "inputImageUUID": task["inputImage"]}]

    def imageBackgroundRemoval(self, task, head):
        return self.known(task, "inputImage") or [self.picture(task, head)]

    def imageCaption(self, task, head):
        return self.known(task, "inputImage") or [{**head, "text": "A mug and a lamp.", "cost": 0.0006}]

    def imageMasking(self, task, head):
        bad = self.known(task, "inputImage")
        if bad:
            return bad
        item = self.picture(task, head, "maskImage")
        return [{**item, "inputImageUUID": task["inputImage"],
                 "detections": [{"x_min": 12, "y_min": 8.4, "x_max": 30, "y_max": 40}]}]

    def modelSearch(self, task, head):
        return [{**head, "totalResults": 212, "results": [
            {"air": "civitai:1@2", "name": task.get("search", "Sample"), "category": "checkpoint", "private": False}]}]

    def videoInference(self, task, head):
        self.made += 1
        return [{**head, "videoUUID": str(uuid.uuid4()), "videoURL": self.keep(MP4, "video/mp4"), "seed": 77, "cost": 0.18}]


class FakeBFL(Service):
    """The API of Black Forest Labs: submit, ask at the polling URL, fetch the sample."""

    key = "bfl-secret-key-0123456789"

    def __init__(self):
        super().__init__()
        self.tasks = {}
        self.statuses = []
        self.pending = 1
        self.polling_base = None
        self.cost = 4

    @property
    def url(self):
        return self.base

    def submitted(self):
        """Endpoint and body of each submission."""
        return [(path.rpartition("/")[2], json.loads(body)) for method, path, _, body in self.requests if method == "POST"]

    def reply(self, handler, body):
        if handler.headers.get("x-key") != self.key:
            return 403, {"detail": "Not authenticated"}
        if handler.command == "POST":
            return self.take(handler, json.loads(body), handler.path.rpartition("/")[2])
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        return self.poll(query["id"][0])

    def take(self, handler, task, endpoint=""):
        if not isinstance(task.get("prompt"), str):
            return 422, {"detail": [{"loc": ["body", "prompt"], "msg": "field required", "type": "missing"}]}
        if task.get("width", 32) % 16:
            return 422, {"detail": [{"loc": ["body", "width"], "msg": "must be a multiple of 32", "type": "value_error"}]}
        name = f"f00d-{len(self.tasks) + 1}"
        with self.lock:
            self.tasks[name] = [task, 0]
        reply = {"id": name, "polling_url": f"{self.polling_base or self.base}/v1/get_result?id={name}"}
        if self.cost is not None:
            reply["cost"] = self.cost
        return 200, reply

    def poll(self, name):
        with self.lock:
            entry = self.tasks.get(name)
            if entry is None:
                return 404, {"id": name, "status": "Task not found", "result": None}
            entry[1] += 1
            status = self.statuses.pop(0) if self.statuses else ("Pending" if entry[1] <= self.pending else "Ready")
        if isinstance(status, dict):
            return 200, {"id": name, **status}
        if status != "Ready":
            return 200, {"id": name, "status": status, "result": None, "progress": 0.5}
        task = entry[0]
        sample = self.keep(png(task.get("width", 64), task.get("height", 48)), "image/png")
        return 200, {"id": name, "status": "Ready", "progress": 1,
                     "result": {"sample": sample, "seed": 2**53 + 3, "prompt": task["prompt"], "duration": 4.2}}


class FakeHost(Service):
    """A web host whose pages are what a test says: a path's status, fields and body."""

    def __init__(self):
        super().__init__()
        self.pages = {}

    def handle(self, handler, body):
        with self.lock:
            self.requests.append((handler.command, handler.path, dict(handler.headers), body))
        page = self.pages.get(handler.path, (404, {}, b"nothing here"))
        if page == "hang":
            self.released.wait(30)
            handler.close_connection = True
            return
        status, fields, content = page
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **fields}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
