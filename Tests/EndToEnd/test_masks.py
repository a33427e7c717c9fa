"""The masks that come back through the gateway, judged by MediaPipe's own Python package."""

import base64
import os
import pathlib
import subprocess

from harness import ROOT, STUDIO, Case, Session

PICTURES = pathlib.Path(os.environ.get("SLUICE_SHARED", ROOT.parent / "shared")) / "data/images"
JUDGE = [str(ROOT / ".venv-judge/bin/python"), str(ROOT / "Tests/ImagingTests/judge/judge.py")]
PLAIN = {"maskPadding": 0, "maskBlur": 0, "outputFormat": "PNG"}
NONE_FOUND = ["chelsea.png", "coffee.png"]


def overlap(a, b):
    """Intersection over union of two boxes (x_min, y_min, x_max, y_max)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return both / (area - both)


class Masks(Case):
    def setUp(self):
        super().setUp()
        self.sluice("server", "add", "studio", "--", STUDIO, "--data-dir", str(self.folder / "studio"),
                    "--allow-root", str(PICTURES))
        self.put_policy("p", {"version": "1", "default": "allow"}, "studio")
        self.session = Session(self.gateway(), "studio", self.grant("studio", "p"))

    def upload(self, name):
        result = self.session.call("imageUpload", {"file_path": str(PICTURES / name)}).json["result"]
        self.assertFalse(result["isError"], result)
        return result["structuredContent"]["result"]["data"][0]["imageUUID"]

    def mask(self, image, **arguments):
        result = self.session.call("imageMasking", {"inputImage": image, **PLAIN, **arguments}).json["result"]
        self.assertFalse(result["isError"], result)
        return result["structuredContent"]["result"]["data"][0], result["structuredContent"]

    def judge(self, *pictures):
        done = subprocess.run([*JUDGE, *map(str, pictures)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return [line.split() for line in done.stdout.splitlines()]

    def test_against_mediapipe(self):
        image = self.upload("astronaut.png")
        mesh, _ = self.mask(image, model="runware:35@8")
        path = PICTURES / "astronaut.png"
        findings = self.judge(f"{path}={mesh['maskImagePath']}", *(PICTURES / name for name in NONE_FOUND))

        iou = next(float(words[2]) for words in findings if words[:2] == ["astronaut.png", "iou"])
        self.assertGreaterEqual(iou, 0.93)
        for model, kind in [("runware:35@6", "full"), ("runware:35@7", "short")]:
            with self.subTest(model):
                data, _ = self.mask(image, model=model)
                theirs = [list(map(float, words[3:7])) for words in findings if words[:2] == ["astronaut.png", kind]]
                self.assertEqual((len(data["detections"]), len(theirs)), (1, 1))
                ours = [data["detections"][0][key] for key in ("x_min", "y_min", "x_max", "y_max")]
                self.assertGreaterEqual(overlap(ours, theirs[0]), 0.85)
        for name in NONE_FOUND:
            self.assertIn([name, "faces", "0"], findings)

    def test_nothing_to_find(self):
        for name in NONE_FOUND:
            image = self.upload(name)
            for model in ["runware:35@6", "runware:35@7", "runware:35@8"]:
                with self.subTest((name, model)):
                    data, whole = self.mask(image, model=model)
                    self.assertEqual(data["detections"], [])
                    self.assertEqual(whole["coverage"], 0)
                    self.assertIn("warning", whole)

    def test_forms_and_formats(self):
        image = self.upload("astronaut.png")
        magic = {"PNG": b"\x89PNG", "JPG": b"\xff\xd8\xff", "WEBP": b"RIFF"}
        for form, key in [("URL", "maskImageURL"), ("dataURI", "maskImageDataURI"),
                          ("base64Data", "maskImageBase64Data")]:
            for kind, start in magic.items():
                with self.subTest((form, kind)):
                    data, _ = self.mask(image, model="runware:35@8", outputType=form, outputFormat=kind)
                    self.assertTrue(pathlib.Path(data["maskImagePath"]).read_bytes().startswith(start))
                    if form == "base64Data":
                        self.assertTrue(base64.b64decode(data[key], validate=True).startswith(start))
                    elif form == "dataURI":
                        self.assertTrue(data[key].startswith("data:image/"))
                    else:
                        self.assertRegex(data[key], r"^(file|http)://")
        # A client on another machine reads the link through the gateway.
        *_, link = self.session.call("imageMasking", {"inputImage": image, "model": "runware:35@8", **PLAIN}).json["result"]["content"]
        content, = self.session.send("resources/read", {"uri": link["uri"]}).json["result"]["contents"]
        self.assertEqual((content["uri"], content["mimeType"], content["blob"][:4]), (link["uri"], "image/png", "iVBO"))


class Restart(Case):
    def test_handles_survive_a_restart(self):
        token = self.studio()
        gateway = self.gateway()
        session = Session(gateway, "studio", token)
        path = str(ROOT / "Examples/pictures/astronaut.png")
        first = session.call("imageUpload", {"file_path": path}).json["result"]["structuredContent"]
        image = first["result"]["data"][0]["imageUUID"]
        gateway.end()
        session = Session(self.gateway(), "studio", token)
        result = session.call("imageMasking", {"inputImage": image, "model": "runware:35@8"}).json["result"]
        self.assertFalse(result["isError"], result)


if __name__ == "__main__":
    import harness
    harness.main()
