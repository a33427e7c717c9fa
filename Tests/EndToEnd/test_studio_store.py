"""The studio's folder: shared by several processes, and whole after one of them was killed."""

import base64
import json
import os
import pathlib
import subprocess
import tempfile

from fake_image_services import png
from harness import DEADLINE, STUDIO
from studio_session import Studio, StudioCase


def picture(number):
    """About 3 KB that no other number has."""
    return png(text=b"n\0" + str(number).encode() + os.urandom(3000))


def data_uri(number):
    return "data:image/png;base64," + base64.b64encode(picture(number)).decode()


class Store(StudioCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name, "data")

    def objects(self):
        return [path for path in self.data.glob("objects/*/*") if len(path.name) == 64]

    def uploads(self, studio, count):
        calls = [studio.start("imageUpload", {"file_path": data_uri(n)}) for n in range(count)]
        contents = [studio.check("imageUpload", call.result(4 * DEADLINE)) for call in calls]
        return [content["result"]["data"][0]["imageUUID"] for content in contents]

    def test_two_processes_share_a_folder(self):
        one, two = (Studio(data=self.data) for _ in range(2))
        self.addCleanup(one.close)
        self.addCleanup(two.close)
        calls = [(studio, studio.start("imageUpload", {"file_path": data_uri(n)})) for n in range(20) for studio in (one, two)]
        handles = [studio.check("imageUpload", call.result(4 * DEADLINE))["result"]["data"][0]["imageUUID"]
                   for studio, call in calls]
        self.assertEqual(len(set(handles)), 40)
        for studio in (one, two):
            for handle in handles:
                self.assertEqual(studio.call("imageUpload", file_path=handle)["status"], "success")
        # The same picture from both, at once, is one.
        same = data_uri("same")
        found = [studio.start("imageUpload", {"file_path": same}) for studio in (one, two)]
        self.assertEqual(len({call.result(DEADLINE)["structuredContent"]["result"]["data"][0]["imageUUID"] for call in found}), 1)
        self.assertEqual(len(self.objects()), 41)
        used, count = map(int, (self.data / "usage").read_text().split())
        self.assertEqual((used, count), (sum(path.stat().st_size for path in self.objects()), 41))

    def test_what_was_acknowledged_outlives_a_kill(self):
        process = subprocess.Popen([STUDIO, "--data-dir", self.data, "--queue", "100"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)

        def send(**message):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

        send(id=0, method="initialize", params={"protocolVersion": "2025-11-25", "capabilities": {},
                                               "clientInfo": {"name": "t", "version": "1"}})
        for number in range(1, 61):
            send(id=number, method="tools/call", params={"name": "imageUpload", "arguments": {"file_path": data_uri(number)}})
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(20)]
        process.kill()
        process.wait(DEADLINE)
        process.stdin.close()
        handles = [answer["result"]["structuredContent"]["result"]["data"][0]["imageUUID"] for answer in answers[1:]]
        self.studio = Studio(data=self.data)
        self.addCleanup(self.studio.close)
        for handle in handles:
            self.success("imageUpload", file_path=handle)
        # The first picture that a process keeps has the folder counted: the kill may have come between a file and its count.
        self.success("imageUpload", file_path=data_uri("new"))
        used, count = map(int, (self.data / "usage").read_text().split())
        self.assertEqual((used, count), (sum(path.stat().st_size for path in self.objects()), len(self.objects())))
        self.assertGreaterEqual(count, len(handles))
