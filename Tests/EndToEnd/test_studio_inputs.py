"""Pictures that calls name by URL: what is read, and what must never be asked for."""

import base64
import pathlib
import shutil
import subprocess
import tempfile

from fake_image_services import FakeHost, png
from harness import until
from studio_session import Studio, StudioCase

PICTURE = {"Content-Type": "image/png"}


class Closed(StudioCase):
    """A studio as it comes: public hosts over https only."""

    @classmethod
    def setUpClass(cls):
        cls.host = FakeHost()
        cls.addClassCleanup(cls.host.close)
        cls.host.pages["/a.png"] = (200, PICTURE, png())
        cls.studio = Studio()
        cls.addClassCleanup(cls.studio.close)

    def test_no_way_into_this_network(self):
        port = self.host.port
        for host in [
            "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.0", "2130706433",
            "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1.", "10.0.0.1", "172.16.0.1", "192.168.1.1",
            "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]",
            "[2002:7f00:1::]", "[::127.0.0.1]", "224.0.0.1", "255.255.255.255", "192.0.2.1", "[64:ff9b::7f00:1]",
        ]:
            for scheme in ("http", "https"):
                with self.subTest(f"{scheme}://{host}"):
                    content = self.studio.call("imageUpload", file_path=f"{scheme}://{host}:{port}/a.png")
                    self.assertNotEqual(content["status"], "success")
                    # With a point at its end it is a name, which nobody has.
                    code = "fetchFailed" if scheme == "https" and host == "127.0.0.1." else "urlNotAllowed"
                    self.assertEqual(content["error"]["code"], code)
        self.assertEqual(self.host.requests, [])

    def test_other_urls(self):
        for url in ["http://example.org/a.png", "https://user:password@example.org/a.png", "https://", "https:///a.png",
                    "https://example.org:0/a.png", "https://example.org:99999/a.png", "https://exa mple.org/a.png"]:
            with self.subTest(url):
                self.failure("imageMasking", "urlNotAllowed", inputImage=url, model="runware:35@6")
        error = self.failure("imageMasking", "fetchFailed", inputImage="https://does-not-exist.invalid/a.png", model="runware:35@6")
        self.assertEqual((error["parameter"], error["retryable"]), ("inputImage", True))

    def test_a_link_of_our_own_is_read_without_asking_anybody(self):
        content = self.success("imageMasking", inputImage="a.png", model="runware:35@6", outputFormat="PNG")
        link = content["result"]["data"][0]["maskImageURL"]
        again = self.success("imageUpload", file_path=link)
        self.assertEqual(again["result"]["data"][0]["width"], 64)


class Open(StudioCase):
    """A studio whose operator named a host."""

    @classmethod
    def setUpClass(cls):
        cls.host, cls.other = FakeHost(), FakeHost()
        cls.addClassCleanup(cls.host.close)
        cls.addClassCleanup(cls.other.close)
        cls.studio = Studio("--fetch-host", f"127.0.0.1:{cls.host.port}", "--max-image", "100000")
        cls.addClassCleanup(cls.studio.close)

    def setUp(self):
        self.host.pages.clear()
        self.host.requests.clear()
        self.host.pages["/a.png"] = (200, PICTURE, png())
        self.other.pages["/a.png"] = (200, PICTURE, png())

    def upload(self, page):
        self.host.pages["/x"] = page
        return self.studio.call("imageUpload", file_path=self.host.base + "/x")

    def test_a_picture_is_read_and_kept(self):
        content = self.success("imageUpload", file_path=self.host.base + "/a.png")
        item = content["result"]["data"][0]
        local = self.success("imageUpload", file_path="a.png")["result"]["data"][0]
        self.assertEqual(item["imageUUID"], local["imageUUID"], "the same picture is the same, wherever it came from")
        self.success("imageMasking", inputImage=self.host.base + "/a.png", model="runware:35@6")

    def test_redirects_are_judged_like_urls(self):
        self.assertEqual(self.upload((302, {"Location": "/a.png"}, b""))["status"], "success")
        self.assertEqual(self.upload((307, {"Location": self.host.base + "/a.png"}, b""))["status"], "success")
        for place in [self.other.base + "/a.png", "https://169.254.169.254/latest/meta-data", "file:///etc/passwd",
                      "https://[::1]/a.png", "//127.0.0.1:1/a.png", "gopher://127.0.0.1/", "ftp://example.org/a.png"]:
            with self.subTest(place):
                self.assertEqual(self.upload((302, {"Location": place}, b""))["error"]["code"], "urlNotAllowed")
        self.assertEqual(self.other.requests, [])
        self.assertIn("more than 3", self.upload((302, {"Location": "/x"}, b""))["error"]["message"])
        self.assertEqual(self.upload((302, {}, b""))["error"]["code"], "fetchFailed")

    def test_what_is_no_picture(self):
        for page, code in [
            ((200, {"Content-Type": "text/html"}, b"<html>"), "fetchFailed"),
            ((200, PICTURE, b"<html>"), "invalidImage"), ((200, PICTURE, b""), "invalidImage"),
            ((200, PICTURE, png()[:50]), "invalidImage"), ((200, PICTURE, b"\0" * 100_001), "imageTooLarge"),
            ((200, {**PICTURE, "Content-Length": "1000000000"}, b"x"), "imageTooLarge"),
            ((404, {}, b""), "fetchFailed"), ((500, {}, b""), "fetchFailed"), ((204, {}, b""), "fetchFailed"),
            ((200, {**PICTURE, "Content-Length": "1000"}, b"short"), "fetchFailed"),
        ]:
            with self.subTest(page[:2]):
                self.assertEqual(self.upload(page)["error"]["code"], code)

    def test_a_host_that_is_silent_holds_up_nobody_who_gives_up(self):
        self.host.pages["/slow"] = "hang"
        call = self.studio.start("imageUpload", {"file_path": self.host.base + "/slow"})
        until(lambda: self.host.requests, "the request")
        call.cancel()
        self.success("imageUpload", file_path="a.png")


class Rebinding(StudioCase):
    """A name whose addresses change between two questions: public for whoever judges it, this machine's for who connects."""

    def test_what_was_judged_is_what_is_connected_to(self):
        host = FakeHost()
        self.addCleanup(host.close)
        host.pages["/a.png"] = (200, PICTURE, png())
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rebinding-"))
        self.addCleanup(shutil.rmtree, folder)
        library, log = folder / "rebinding.so", folder / "log"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, pathlib.Path(__file__).with_name("rebinding.c")],
                       check=True)
        answers = ["93.184.215.14", "127.0.0.1", "93.184.215.14,127.0.0.1", "127.0.0.1,93.184.215.14", "10.0.0.1"]
        self.studio = Studio("--fetch-host", f"127.0.0.1:{host.port}", env={
            "LD_PRELOAD": str(library), "REBIND": ";".join(answers), "REBIND_LOG": str(log)})
        self.addCleanup(self.studio.close)
        # The double works: a host that the operator named is reached through it.
        self.success("imageUpload", file_path=host.base + "/a.png")
        self.assertEqual(log.read_text().split(), ["connect", "127.0.0.1"])
        host.requests.clear()
        for number, (answer, code, connected) in enumerate([
            (answers[0], "fetchFailed", ["93.184.215.14"]), (answers[1], "urlNotAllowed", []),
            (answers[2], "fetchFailed", ["93.184.215.14"]), (answers[3], "fetchFailed", ["93.184.215.14"]),
            (answers[4], "urlNotAllowed", []),
        ]):
            with self.subTest(answer):
                log.write_text("")
                url = f"https://n{number}.rebind.test:{host.port}/a.png"
                self.failure("imageUpload", code, file_path=url)
                words = [line.split() for line in log.read_text().splitlines()]
                self.assertEqual([name for what, name in words if what == "resolve"], [f"n{number}.rebind.test"],
                                 "asked once: there is no second answer")
                self.assertEqual([name for what, name in words if what == "connect"], connected)
        self.assertEqual(host.requests, [])


class Off(StudioCase):
    def test_no_fetch(self):
        self.studio = Studio("--no-fetch")
        self.addCleanup(self.studio.close)
        error = self.failure("imageUpload", "urlNotAllowed", file_path="https://example.org/a.png")
        self.assertIn("fetches no URLs", error["message"])
        data = base64.b64encode(png()).decode()
        for form in ["a.png", str(pathlib.Path(self.studio.pictures, "a.png")), f"data:image/png;base64,{data}", data]:
            self.success("imageUpload", file_path=form)
