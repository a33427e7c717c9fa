"""What the studio does to pictures on its own machine, through its stdio face: the tools that need no service, models that
a user brings, and pictures that mean harm."""

import base64
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import threading
import unittest
import zlib

from harness import ROOT, STUDIO

PICTURES = pathlib.Path(os.environ.get("SLUICE_SHARED", ROOT.parent / "shared")) / "data/images"
JUDGE = ROOT / "Tests/ImagingTests/judge"
# What the studio may take at its peak, whatever comes: pixels of the largest picture that is read (50 million, 4 bytes
# each), twice, and the models.
MOST_MEMORY = 900 << 20


class Studio:
    """`sluice-studio` on standard input and output."""

    def __init__(self, folder):
        own = folder / "models/own"
        own.mkdir(parents=True)
        for name in ["openvino", "mediapipe"]:
            (folder / "models" / name).symlink_to(ROOT / "vendor" / name)
        (folder / "tiny").mkdir()
        subprocess.run(["python3", JUDGE / "models.py", folder / "tiny"], check=True)
        for name, target in [("yolo", "runware-35@1"), ("isnet", "runware-109@1"), ("u2net", "background-tiny"),
                             ("enlarge-any", "upscale-tiny"), ("lama", "inpaint-tiny")]:
            (folder / f"tiny/{name}.onnx").rename(own / f"{target}.onnx")
        subprocess.run(["python3", JUDGE / "folders.py", own], check=True)
        self.child = subprocess.Popen(
            [STUDIO, "--data-dir", folder / "data", "--allow-root", PICTURES, "--allow-root", folder, "--models",
             folder / "models", "--profile", "all"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # Whatever goes wrong, no test waits for ever.
        self.watchdog = threading.Timer(600, self.child.kill)
        self.watchdog.start()
        self.number = 0
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                "clientInfo": {"name": "test", "version": "1"}})
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def say(self, message):
        self.child.stdin.write(json.dumps(message).encode() + b"\n")
        self.child.stdin.flush()

    def ask(self, method, params):
        self.number += 1
        self.say({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        while True:
            line = self.child.stdout.readline()
            if not line:
                raise AssertionError("the studio has ended")
            message = json.loads(line)
            if message.get("id") == self.number:
                return message

    def call(self, tool, /, **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]

    def peak(self):
        """Most memory that the studio had so far, in bytes."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10

    def end(self):
        self.child.stdin.close()
        code = self.child.wait(30)
        self.watchdog.cancel()
        self.child.stdout.close()
        return code


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, rows, colour=2, depth=8, extra=b""):
    """A PNG file whose rows, filter bytes included, are given."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + extra
            + chunk(b"IDAT", rows if rows[:1] == b"\x78" else zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def zeros(count):
    """So many zeros, compressed without ever having them all."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(min(1 << 20, count - at))) for at in range(0, count, 1 << 20)) + packer.flush()


class LocalImages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.studio = Studio(cls.folder)

    @classmethod
    def tearDownClass(cls):
        code = cls.studio.end()
        cls.temporary.cleanup()
        assert code == 0, f"the studio ended with {code}"

    def done(self, tool, used, key="imagePath", /, **arguments):
        """A call that succeeds on this machine, by that model; gives its first item and the whole."""
        result = self.studio.call(tool, **arguments)
        self.assertFalse(result["isError"], result)
        whole = result["structuredContent"]
        self.assertEqual((whole["engine"], whole["model"]), ("local", used))
        item = whole["result"]["data"][0]
        if key:
            self.assertTrue(pathlib.Path(item[key]).exists())
        return item, whole

    def failed(self, tool, /, **arguments):
        result = self.studio.call(tool, **arguments)
        self.assertTrue(result["isError"], result)
        return result["structuredContent"]["error"]

    def size(self, path):
        """Width, height and channels of a PNG file."""
        data = pathlib.Path(path).read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
        return width, height, {0: 1, 2: 3, 6: 4}[colour]

    def judge(self, *arguments):
        command = [str(ROOT / ".venv-judge/bin/python"), str(JUDGE / "parts.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return [(int(count), float(value)) for count, value in map(str.split, done.stdout.splitlines())]

    # Masks

    def test_hands_and_people(self):
        # MediaPipe's own graph looks at one person only.
        plain = {"maskPadding": 0, "maskBlur": 0, "outputFormat": "PNG", "maxDetections": 1}
        wanted, counts = [], []
        for kind, model, name in [("hands", 3, "hand.png"), ("people", 4, "astronaut.png"), ("people", 5, "hand.png"),
                                  ("hands", 3, "astronaut.png"), ("people", 4, "coffee.png")]:
            item, whole = self.done("imageMasking", f"runware:35@{model}", "maskImagePath",
                                    inputImage=str(PICTURES / name), model=f"runware:35@{model}", **plain)
            self.assertIn("mediapipe", whole["message"])
            wanted.append(f"{kind}:{PICTURES / name}={item['maskImagePath']}")
            counts.append(len(item["detections"]))
        verdicts = self.judge(*wanted)
        self.assertEqual(counts, [count for count, _ in verdicts])
        self.assertEqual(counts, [1, 1, 1, 0, 0])
        for (_, overlap), what in zip(verdicts, wanted):
            self.assertGreaterEqual(overlap, 0.85 if what.startswith("hands") else 0.9, what)

    def test_yolo_runs_from_a_users_file_only(self):
        item, _ = self.done("imageMasking", "runware:35@1", "maskImagePath", inputImage=str(PICTURES / "chelsea.png"),
                            model="runware:35@1")
        self.assertEqual(len(item["detections"]), 2)
        error = self.failed("imageMasking", inputImage=str(PICTURES / "chelsea.png"), model="runware:35@2")
        self.assertEqual((error["code"], error["parameter"]), ("modelUnavailable", "model"))
        self.assertIn("runware:35@6", error["message"])
        self.assertIn("own/runware-35@2.onnx", error["message"])
        self.assertNotIn(str(self.folder), error["message"], "where the server's files are is nobody's business")

    # Whole pictures

    def test_enlarging(self):
        coffee = str(PICTURES / "coffee.png")
        for model, factor in [("local:lanczos", 2), ("local:lanczos", 4), ("local:tiny", 2), ("local:tiny", 3)]:
            with self.subTest((model, factor)):
                item, _ = self.done("imageUpscale", model, inputImage=coffee, model=model, upscaleFactor=factor,
                                    outputFormat="PNG")
                self.assertEqual(self.size(item["imagePath"]), (600 * factor, 400 * factor, 3))

    def test_removing_backgrounds(self):
        astronaut, coffee = str(PICTURES / "astronaut.png"), str(PICTURES / "coffee.png")
        for picture, model, used in [(astronaut, "local:foreground", "local:people"),
                                     (coffee, "local:foreground", "local:grabcut"),
                                     (astronaut, "local:grabcut", "local:grabcut"),
                                     (coffee, "runware:109@1", "runware:109@1"), (coffee, "local:tiny", "local:tiny")]:
            with self.subTest((picture, model)):
                item, _ = self.done("imageBackgroundRemoval", used, inputImage=picture, model=model)
                self.assertEqual(self.size(item["imagePath"])[2], 4)
        for settings, channels in [({"returnOnlyMask": True}, 1), ({"rgba": [10, 20, 30, 1]}, 3),
                                   ({"alphaMatting": True, "alphaMattingErodeSize": 5}, 4),
                                   ({"postProcessMask": True, "returnOnlyMask": True}, 1)]:
            with self.subTest(settings):
                item, _ = self.done("imageBackgroundRemoval", "local:people", inputImage=astronaut,
                                    model="local:people", settings=settings)
                width, height, found = self.size(item["imagePath"])
                self.assertEqual((width, height), (512, 512))
                self.assertEqual(found, channels if channels != 3 else found)
        _, whole = self.done("imageBackgroundRemoval", "local:people", inputImage=astronaut, model="local:people",
                             outputFormat="JPG")
        self.assertIn("laid on white", whole["warning"])
        _, whole = self.done("imageBackgroundRemoval", "local:people", inputImage=astronaut, model="local:people",
                             outputFormat="JPG", settings={"rgba": [10, 20, 30, 1]})
        self.assertNotIn("warning", whole, "nothing is transparent")
        error = self.failed("imageBackgroundRemoval", inputImage=coffee, model="runware:112@5")
        self.assertIn("local:foreground", error["message"])

    def test_taking_things_away(self):
        coffee = str(PICTURES / "coffee.png")
        rows = b"".join(b"\0" + bytes(255 if 250 <= x < 300 and 180 <= y < 220 else 0 for x in range(600)) for y in range(400))
        mask = self.folder / "mask.png"
        mask.write_bytes(png(600, 400, rows, colour=0))
        for model in ["local:telea", "local:navier-stokes", "local:tiny"]:
            with self.subTest(model):
                item, _ = self.done("inpaint", model, image=coffee, prompt="", model=model, mask=str(mask),
                                    output_format="png")
                self.assertEqual(self.size(item["imagePath"]), (600, 400, 3))
                item, _ = self.done("imageInference", model, positivePrompt="__BLANK__", model=model, seedImage=coffee,
                                    maskImage=str(mask), outputFormat="PNG")
                self.assertEqual(self.size(item["imagePath"])[:2], (600, 400))
        _, whole = self.done("inpaint", "local:telea", image=coffee, prompt="a fish", model="local:telea",
                             mask_shape="circle", position="center")
        self.assertIn("`prompt` has no effect", whole["warning"])
        _, whole = self.done("imageInference", "local:telea", positivePrompt="__BLANK__", model="local:telea", seedImage=coffee,
                             maskImage=str(mask), numberResults=3, width=512, checkNSFW=False, scheduler="Euler")
        self.assertEqual(whole["warning"], "`numberResults`, `scheduler`, `width` have no effect with local:telea")
        wrong = self.folder / "wrong.png"
        wrong.write_bytes(png(4, 4, b"\0\xff\xff\xff\xff" * 4, colour=0))
        error = self.failed("inpaint", image=coffee, prompt="", model="local:telea", mask=str(wrong))
        self.assertEqual((error["code"], error["parameter"]), ("invalidParameter", "mask"))

    def test_edges(self):
        item, _ = self.done("control", "local:canny", type="canny", image=str(PICTURES / "coffee.png"), prompt="x",
                            model="local:canny", canny_low_threshold=60, canny_high_threshold=180, output_format="png")
        self.assertEqual(self.size(item["imagePath"]), (600, 400, 1))

    # Folders of models

    def test_pictures_from_words(self):
        files = []
        for seed in [5, 5, 6]:
            item, _ = self.done("generate", "local:tiny-diffusion", prompt="a cat on the mat", width=256, height=256,
                                model="local:tiny-diffusion", seed=seed, output_format="png")
            self.assertEqual((item["seed"], self.size(item["imagePath"])), (seed, (256, 256, 3)))
            files.append(pathlib.Path(item["imagePath"]).read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertNotEqual(files[0], files[2])
        item, whole = self.done("imageInference", "local:tiny-diffusion", positivePrompt="the dog", width=128, height=192,
                                model="local:tiny-diffusion", steps=3, numberResults=2, seed=9, outputFormat="PNG")
        self.assertEqual(self.size(item["imagePath"])[:2], (128, 192))
        self.assertEqual([one["seed"] for one in whole["result"]["data"]], [9, 10])
        self.assertNotIn("warning", whole)
        item, _ = self.done("img2img", "local:tiny-diffusion", image=str(PICTURES / "coffee.png"), prompt="the cat",
                            model="local:tiny-diffusion", strength=0.4, output_format="png")
        self.assertEqual(self.size(item["imagePath"])[:2], (600, 400))

    def test_words_from_pictures(self):
        item, whole = self.done("imageCaption", "local:tiny-captioner", None, inputImage=str(PICTURES / "chelsea.png"),
                                model="local:tiny-captioner")
        self.assertEqual((item["text"], whole["caption"]), ("a cat on a mat", "a cat on a mat"))

    # Pictures that mean harm

    def test_hostile_pictures(self):
        coffee = (PICTURES / "coffee.png").read_bytes()
        jpeg = bytes([0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0]) + bytes([16] * 64) + bytes(
            [0xFF, 0xC0, 0, 11, 8, 0x75, 0x30, 0x75, 0x30, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xFF, 0xD9])
        text = chunk(b"zTXt", b"Comment\0\0" + zeros(200 << 20))
        profile = chunk(b"iCCP", b"icc\0\0" + zeros(200 << 20))
        small = b"".join(b"\0" + bytes([x * 7 % 256 for x in range(90)]) for _ in range(30))
        anim = b"RIFF" + struct.pack("<I", 50) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0, 9, 0, 0, 9, 0, 0]) \
            + b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", 0)
        cases = {
            "cut.png": (coffee[:len(coffee) // 2], "invalidImage"),
            "text.png": (b"this is no picture at all", "invalidImage"),
            "empty.png": (b"", "invalidImage"),
            "gif.png": (b"GIF89a" + bytes(40), "invalidImage"),
            "huge.png": (png(30_000, 30_000, b"\x78\x9c\x03\x00\x00\x00\x00\x01"), "imageTooLarge"),
            "huge.jpg": (jpeg, "imageTooLarge"),
            "wide.png": (png(0x7FFFFFFF, 1, b"\x78\x9c\x03\x00\x00\x00\x00\x01"), "imageTooLarge"),
            # 49 million pixels of nothing, in 150 KB: within the limits, so it must be read, in bounded memory.
            "bomb.png": (png(7_000, 7_000, zeros(7_000 * 21_001)), None),
            "overbomb.png": (png(8_000, 8_000, zeros(8_000 * 24_001)), "imageTooLarge"),
            "more.png": (png(30, 30, zeros(50 << 20)), None),
            "text-bomb.png": (png(30, 30, small, extra=text), None),
            "profile-bomb.png": (png(30, 30, small, extra=profile), None),
            "animated.webp": (anim, ("unsupportedImage", "invalidImage")),
        }
        for name, (data, code) in cases.items():
            with self.subTest(name):
                (self.folder / name).write_bytes(data)
                result = self.studio.call("imageMasking", inputImage=str(self.folder / name), model="runware:35@7")
                if result["isError"]:
                    error = result["structuredContent"]["error"]
                    codes = code if isinstance(code, tuple) else (code,)
                    self.assertIn(error["code"], codes if code else ("invalidImage",), error)
                    self.assertTrue(error["message"])
                else:
                    self.assertIsNone(code, "was read")
                    self.assertEqual(result["structuredContent"]["coverage"], 0)
        self.assertLess(self.studio.peak(), MOST_MEMORY)

    def test_metadata_stays_behind(self):
        secret = b"51.5007 N 0.1246 W"
        rows = b"".join(b"\0" + bytes([x * 7 % 256 for x in range(90)]) for _ in range(30))
        exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0" + secret
        tagged = self.folder / "tagged.png"
        tagged.write_bytes(png(30, 30, rows, extra=chunk(b"eXIf", exif) + chunk(b"tEXt", b"Comment\0" + secret)))
        for form in ["PNG", "JPG", "WEBP"]:
            item, _ = self.done("imageUpscale", "local:lanczos", inputImage=str(tagged), model="local:lanczos",
                                outputFormat=form, outputType="base64Data")
            for data in [pathlib.Path(item["imagePath"]).read_bytes(), base64.b64decode(item["imageBase64Data"])]:
                for word in [secret, b"Exif", b"eXIf", b"tEXt", b"EXIF"]:
                    self.assertNotIn(word, data, form)


if __name__ == "__main__":
    import harness
    harness.main()
