"""The four tools of Flux Studio through a server of our own that speaks BFL's contract, good days and bad days."""

import base64
import json
import pathlib
import struct
import tempfile
import zlib

from fake_image_services import FakeBFL, png
from harness import until
from studio_session import Studio, StudioCase


def pixels(content):
    """Width, height and rows of an 8-bit grey PNG without interlacing."""
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    assert (depth, colour) == (8, 0), (depth, colour)
    at, data = 8, b""
    while at < len(content):
        length, = struct.unpack(">I", content[at:at + 4])
        if content[at + 4:at + 8] == b"IDAT":
            data += content[at + 8:at + 8 + length]
        at += 12 + length
    raw = zlib.decompress(data)
    rows, above = [], bytes(width)
    for y in range(height):
        kind, line = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        for x in range(width):
            left, up, corner = (line[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            guess = left + up - corner
            paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            line[x] = (line[x] + [0, left, up, (left + up) // 2, paeth][kind]) & 255
        above = bytes(line)
        rows.append(above)
    return width, height, rows


class BFL(StudioCase):
    @classmethod
    def setUpClass(cls):
        cls.service = FakeBFL()
        cls.addClassCleanup(cls.service.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        key = pathlib.Path(folder.name, "key")
        key.write_text(cls.service.key + "\n")
        cls.studio = Studio("--bfl-key-file", key, "--bfl-url", cls.service.url, "--profile", "flux",
                            "--service-deadline", "15s")
        cls.addClassCleanup(cls.studio.close)

    def setUp(self):
        self.service.requests.clear()
        self.service.plan.clear()
        self.service.statuses.clear()
        self.service.polling_base = None
        self.service.cost = 4

    def sent(self):
        (endpoint, body), = self.service.submitted()
        return endpoint, body

    def test_four_tools(self):
        self.assertEqual(sorted(self.studio.tools), ["control", "generate", "img2img", "inpaint"])

    def test_generate(self):
        content = self.success("generate", prompt="paper boat on a pond", width=1000, seed=11, output="boat.png")
        endpoint, body = self.sent()
        self.assertEqual((endpoint, body), ("flux-pro-1.1", {
            "prompt": "paper boat on a pond", "width": 992, "height": 768, "seed": 11, "output_format": "png"}))
        self.assertIn("992", content["warning"])
        self.assertEqual((content["engine"], content["model"], content["cost"]), ("bfl", "flux-pro-1.1", 0.04))
        item, = content["result"]["data"]
        self.assertEqual((item["seed"], pathlib.Path(item["imagePath"]).name), (2**53 + 3, "boat.png"))
        self.assertNotIn(b"secret workflow", pathlib.Path(item["imagePath"]).read_bytes())
        # What is there stays.
        again = self.success("generate", prompt="paper boat on a pond", output="boat.png")
        self.assertEqual(pathlib.Path(again["result"]["data"][0]["imagePath"]).name, "boat-2.png")
        # Bad names are refused before anything is paid for.
        self.service.requests.clear()
        for name in ("../boat.png", "x" * 210 + ".png"):
            self.assertEqual(self.failure("generate", "pathNotAllowed", prompt="x", output=name)["parameter"], "output")
        self.failure("img2img", "pathNotAllowed", prompt="x", image="a.png", name="../boat")
        self.assertEqual(self.service.requests, [])

    def test_each_model_has_its_endpoint(self):
        for model, ratio, endpoint, body in [
            ("flux.1-dev", None, "flux-dev", {"width": 1024, "height": 768}),
            ("flux.1.1-ultra", "16:9", "flux-pro-1.1-ultra", {"aspect_ratio": "16:9"}),
            ("flux.1.1-pro", "9:16", "flux-pro-1.1", {"width": 576, "height": 1024}),
            ("flux-kontext-max", "1:1", "flux-kontext-max", {"aspect_ratio": "1:1"}),
            ("flux-2-pro", None, "flux-2-pro", {"width": 1024, "height": 768}),
        ]:
            with self.subTest(model):
                self.service.requests.clear()
                more = {"aspect_ratio": ratio} if ratio else {}
                self.success("generate", prompt="a boat", model=model, **more)
                self.assertEqual(self.sent(), (endpoint, {"prompt": "a boat", "output_format": "jpeg", **body}))
        error = self.failure("generate", "modelUnavailable", prompt="a boat", model="flux.1-pro")
        self.assertIn("retired", error["message"])
        self.assertIn("1440", self.failure("generate", "invalidParameter", prompt="a boat", width=2048)["message"])

    def test_img2img(self):
        picture = None
        for model, name, extra in [
            ("flux.1.1-ultra", "image_prompt", {"image_prompt_strength": 0.7}),
            ("flux-kontext-pro", "input_image", {}), ("flux-2-max", "input_image", {}),
            ("flux.1.1-pro", "image_prompt", {"width": 256, "height": 256}),
        ]:
            with self.subTest(model):
                self.service.requests.clear()
                content = self.success("img2img", image="a.png", prompt="as a drawing", model=model, strength=0.3, name="d")
                endpoint, body = self.sent()
                picture = base64.b64decode(body[name])
                self.assertEqual({key: body[key] for key in extra}, extra)
                self.assertEqual("`strength` has no effect" in content.get("warning", ""), model != "flux.1.1-ultra")
                self.assertRegex(content["result"]["data"][0]["imagePath"], r"/d(-\d+)?\.jpg$")
        self.assertEqual(picture, png(text=b""), "nothing about the picture's making leaves this machine")

    def test_inpaint_paints_the_originals_regions(self):
        for shape, position, inside, outside in [
            ("circle", "center", [(40, 30), (40, 16), (54, 30)], [(40, 12), (60, 30), (0, 0)]),
            ("rectangle", "center", [(40, 30), (20, 15), (59, 44)], [(19, 30), (40, 14), (60, 30), (40, 45)]),
            ("circle", "ground", [(0, 36), (79, 59)], [(0, 35), (40, 0)]),
        ]:
            with self.subTest((shape, position)):
                self.service.requests.clear()
                self.success("inpaint", image="b.png", prompt="grass", mask_shape=shape, position=position)
                endpoint, body = self.sent()
                self.assertEqual((endpoint, body["steps"], body["guidance"]), ("flux-pro-1.0-fill", 50, 60))
                width, height, rows = pixels(base64.b64decode(body["mask"]))
                self.assertEqual((width, height), (80, 60))
                self.assertEqual({rows[y][x] for x, y in inside}, {255})
                self.assertEqual({rows[y][x] for x, y in outside}, {0})
        self.assertIn("as large", self.failure("inpaint", "invalidParameter", image="b.png", prompt="x", mask="a.png")["message"])
        self.failure("inpaint", "incompatibleParameters", image="b.png", prompt="x", mask="b.png", position="ground")

    def test_control(self):
        content = self.success("control", type="depth", image="a.png", prompt="a hall", preprocessed=True)
        endpoint, body = self.sent()
        self.assertEqual((endpoint, base64.b64decode(body["input_image"])), ("flux-kontext-pro", png(text=b"")))
        self.assertIn("no depth model", content["warning"])
        content = self.success("control", type="depth", image="a.png", prompt="a hall", preprocessed=True, steps=9,
                               guidance=3, canny_low_threshold=9, seed=1, prompt_upsampling=False)
        self.assertIn("`canny_low_threshold`, `guidance`, `steps` have no effect with flux-kontext-pro", content["warning"])
        self.assertIn("retired", self.failure("control", "modelUnavailable", type="depth", image="a.png", prompt="x")["message"])
        self.assertIn("pose", self.failure("control", "modelUnavailable", type="pose", image="a.png", prompt="x")["message"])
        # Edges are found on this machine; a picture of one colour has none.
        self.service.requests.clear()
        self.success("control", type="canny", image="a.png", prompt="a hall", canny_low_threshold=0)
        width, height, rows = pixels(base64.b64decode(self.sent()[1]["input_image"]))
        self.assertEqual((width, height, set(b"".join(rows))), (64, 48, {0}))
        content = self.success("control", type="canny", image="a.png", prompt="x", model="local:canny")
        self.assertEqual((content["engine"], content["cost"]), ("local", 0))
        self.assertEqual(content["warning"], "`prompt` has no effect with local:canny")
        # A finished map is not looked through for edges again.
        content = self.success("control", type="canny", image="b.png", prompt="x", model="local:canny", preprocessed=True,
                               seed=4, output_format="png")
        self.assertIn("`prompt`, `seed` have no effect with local:canny", content["warning"])
        width, height, rows = pixels(pathlib.Path(content["result"]["data"][0]["imagePath"]).read_bytes())
        self.assertEqual((width, height, len(set(b"".join(rows)))), (80, 60, 1))
        self.assertNotEqual(rows[0][0], 0)

    def test_every_status(self):
        for status, code, word in [
            ({"status": "Request Moderated", "details": {"Moderation Reasons": ["violence", "x"]}}, "contentRefused", "violence"),
            ({"status": "Content Moderated", "details": None}, "contentRefused", "own result"),
            ({"status": "Error", "details": {"why": "gpu"}}, "serviceFailed", "gpu"),
            ({"status": "Ready", "result": {}}, "serviceFailed", "no picture"),
            ({"status": "Ready", "result": {"sample": "http://127.0.0.1:1/x.png"}}, "serviceFailed", "link"),
        ]:
            with self.subTest(status):
                self.service.statuses[:] = ["Pending", status]
                self.assertIn(word, self.failure("generate", code, prompt="a boat")["message"])
        self.service.statuses[:] = ["Task not found", "Pending", "Something new", "Ready"]
        self.success("generate", prompt="a boat")
        self.service.statuses[:] = ["Task not found"] * 5
        self.failure("generate", "serviceFailed", prompt="a boat")
        self.service.statuses[:] = [{"status": "Ready", "result": {"sample": self.service.base + "/files/expired"}}]
        self.assertIn("expired", self.failure("generate", "serviceRefused", prompt="a boat")["message"])

    def test_what_may_be_paid_for_is_not_to_be_repeated(self):
        gone = {"status": "Ready", "result": {"sample": self.service.base + "/files/expired"}}
        broken = {"status": "Ready", "result": {"sample": self.service.keep(b"no picture", "image/png")}}
        for statuses in (["Task not found"] * 5, [gone], [broken], [{"status": "Error", "details": None}]):
            with self.subTest(statuses[0]):
                self.service.statuses[:] = statuses
                error = self.studio.call("generate", prompt="a boat")["error"]
                self.assertEqual((error["retryable"], error["serviceTaskID"]), (False, f"f00d-{len(self.service.tasks)}"))
        # What was paid for is brought by the error's id, also by a server that was started anew.
        self.service.statuses[:] = [gone]
        error = self.failure("generate", "serviceRefused", prompt="a boat", model="flux-2-pro")
        made = len(self.service.tasks)
        content = self.success("generate", prompt="something else", serviceTaskID=error["serviceTaskID"])
        # The call that paid told no cost, so the first result does, and only that.
        self.assertEqual((len(self.service.tasks), content["cost"], content["model"]), (made, 0.04, "flux-2-pro"))
        self.assertIn("whatever the other arguments say", content["warning"])
        content = self.success("generate", prompt="x", serviceTaskID=error["serviceTaskID"], estimatedCost=0)
        self.assertEqual(content["cost"], 0)
        self.service.tasks["of-old"] = [{"prompt": "a boat"}, 0]
        content = self.success("generate", prompt="x", serviceTaskID="of-old")
        self.assertEqual((content["model"], content["result"]["data"][0]["serviceTaskID"]), ("the service's own", "of-old"))
        error = self.failure("generate", "serviceFailed", prompt="x", serviceTaskID="nobody-s")
        self.assertIn("does not know", error["message"])
        self.failure("generate", "invalidParameter", prompt="x", serviceTaskID="a&id=b")
        self.assertEqual(len(self.service.tasks), made + 1)
        for step in [("cut",), ("status", 502, b""), ("raw", b"{}", "application/json")]:
            with self.subTest(step):
                self.service.plan[:] = [step]
                error = self.studio.call("generate", prompt="a boat")["error"]
                self.assertFalse(error["retryable"])
                self.assertIn("may be paid for", error["message"])
        self.service.plan[:] = [("status", 429, b"")] * 4
        self.assertTrue(self.failure("generate", "rateLimited", prompt="a boat")["retryable"])

    def test_every_refusal(self):
        detail = {"detail": [{"loc": ["body", "width"], "msg": "too wide", "type": "value_error"}]}
        for status, body, code in [
            (401, {"detail": "no"}, "keyRefused"), (403, b"", "keyRefused"), (402, {"detail": "no credits"}, "creditsExhausted"),
            (422, detail, "serviceRefused"), (400, {"message": "bad"}, "serviceRefused"), (500, b"<html>", "serviceFailed"),
        ]:
            with self.subTest(status):
                self.service.requests.clear()
                self.service.plan[:] = [("status", status, body)]
                error = self.failure("generate", code, prompt="a boat")
                self.assertEqual(error["parameter"], "width" if status == 422 else None)
                self.assertEqual(len(self.service.requests), 1, "what may have been accepted is not sent again")
        for steps in [[("status", 429, b"", {"Retry_After": 1})], [("status", 503, b"")]]:
            self.service.requests.clear()
            self.service.plan[:] = steps
            self.success("generate", prompt="a boat")
            self.assertEqual(len(self.service.submitted()), 2)
        self.service.plan[:] = [("status", 429, b"")] * 4
        self.failure("generate", "rateLimited", prompt="a boat")
        self.service.requests.clear()
        self.service.plan[:] = [("cut",)]
        self.failure("generate", "serviceUnreachable", prompt="a boat")
        self.assertEqual(len(self.service.submitted()), 1, "BFL knows no task twice, so nothing is sent twice")
        for answer in [b"{", b"[]", b"{\"polling_url\": \"x\"}", b" " * (2 << 20)]:
            self.service.plan[:] = [("raw", answer, "application/json")]
            self.failure("generate", "serviceFailed", prompt="a boat")

    def test_bad_moments_while_asking(self):
        self.service.plan[:] = [None, ("status", 500, b""), ("cut",), ("raw", b"{}", "application/json"),
                                ("status", 429, b"", {"Retry_After": 0})]
        self.assertEqual(self.studio.call("generate", prompt="a boat")["status"], "API error", "four times in a row is too often")
        self.service.plan[:] = [None, ("status", 500, b""), ("cut",)]
        self.success("generate", prompt="a boat")

    def test_the_key_goes_nowhere_else(self):
        for base in ["https://evil.example", "http://api.bfl.ai", "https://api.bfl.ai.evil.example", "https://api.bfl.ai:444",
                     "http://127.0.0.1:1", "https://user@api.bfl.ai", "https://api.x.y.bfl.ai", "file:///"]:
            with self.subTest(base):
                self.service.polling_base = base
                self.assertIn("key", self.failure("generate", "serviceFailed", prompt="a boat")["message"])
        self.service.polling_base = None
        self.service.plan[:] = [("status", 401, {"detail": "no"})]
        self.failure("generate", "keyRefused", prompt="a boat")
        self.assertNotIn(self.service.key, json.dumps(self.studio.last) + self.studio.log())
        self.success("generate", prompt="a boat")
        fetched = [headers for _, path, headers, _ in self.service.requests if path.startswith("/files/")]
        self.assertEqual([h for h in fetched if "x-key" in {name.lower() for name in h}], [])

    def test_cost_from_the_table_when_the_service_is_silent(self):
        self.service.cost = None
        self.assertEqual(self.success("generate", prompt="a boat", model="flux.1.1-ultra")["cost"], 0.06)
        before = len(self.service.requests)
        content = self.success("generate", prompt="a boat", dryRun=True)
        self.assertEqual((content["cost"], len(self.service.requests)), (0.04, before))
        self.failure("generate", "costTooHigh", prompt="a boat", estimatedCost=0.03)

    def test_a_call_can_be_cancelled(self):
        self.service.statuses[:] = ["Pending"] * 1000
        call = self.studio.start("generate", {"prompt": "a boat"})
        until(lambda: len(self.service.statuses) < 999, "the first question")
        call.cancel()
        # The next task is asked about to its end; the cancelled one never again.
        self.service.statuses[:] = []
        first = max(self.service.tasks)
        self.success("generate", prompt="another")
        asked = self.service.tasks[first][1]
        self.success("generate", prompt="one more")
        self.assertEqual(self.service.tasks[first][1], asked)


class Retired(StudioCase):
    def test_a_successor_where_it_is_allowed(self):
        service = FakeBFL()
        self.addCleanup(service.close)
        self.studio = Studio("--bfl-url", service.url, "--substitute", env={"BFL_API_KEY": service.key, "PATH": "/usr/bin"})
        self.addCleanup(self.studio.close)
        content = self.success("generate", prompt="a boat", model="flux.1-pro")
        self.assertEqual(content["model"], "flux-pro-1.1")
        self.assertIn("retired", content["warning"])
        self.assertEqual(len(self.studio.tools), 15)


class Unconfigured(StudioCase):
    def test_tools_say_what_is_missing(self):
        self.studio = Studio("--profile", "flux")
        self.addCleanup(self.studio.close)
        for name, arguments in [("generate", {}), ("img2img", {"image": "a.png", "name": "n"}), ("inpaint", {"image": "a.png"})]:
            error = self.failure(name, "engineNotConfigured", prompt="a boat", **arguments)
            self.assertIn("--bfl-key-file", error["message"])
        self.failure("generate", "invalidParameter", prompt="  ")
