"""Bad input gets a clear message: what, where, how to mend it, and the contract's exit code."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from harness import PICTURE, STARTER_POLICY, STUDIO, Case, Session


class BadInput(Case):
    def test_port_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.sluice("serve", "--listen", f"127.0.0.1:{port}", code=3)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)
        self.assertIn("use", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_admin_port_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = self.sluice("serve", "--listen", "127.0.0.1:0", "--admin-listen", address, code=3)
        self.assertIn(address, done.stderr)
        self.assertIn("--admin-listen", done.stderr)
        # Nothing was promised: the first admin token is still to come.
        self.assertIn("admin_token", self.gateway().ready)

    def test_data_folder_is_a_file(self):
        self.data.write_text("")
        done = self.sluice("serve", "--listen", "127.0.0.1:0", code=3)
        self.assertIn(str(self.data), done.stderr)

    def test_data_folder_not_writable(self):
        # /proc takes no folders from anybody, also not from root.
        self.data = pathlib.Path("/proc/sluice-data")
        done = self.sluice("serve", "--listen", "127.0.0.1:0", code=3)
        self.assertIn("/proc/sluice-data", done.stderr)

    def test_no_data_folder(self):
        done = self.sluice("grant", "list", code=3)
        self.assertIn("--data-dir", done.stderr)
        self.assertFalse(self.data.exists(), "a command that only looks has made a folder")

    def test_a_secret_key_that_others_may_read(self):
        self.studio()
        os.chmod(self.data / "secret.key", 0o644)
        done = self.sluice("grant", "list", code=3)
        self.assertIn("secret.key", done.stderr)

    def test_a_database_that_is_none(self):
        self.studio()
        for path in self.data.glob("sluice.db*"):
            path.write_bytes(b"this is no database, and long enough to be looked at\n" * 100)
        done = self.sluice("grant", "list", code=1)
        self.assertIn("sluice.db", done.stderr)

    def test_private_addresses(self):
        for url in ["http://127.0.0.1:1/mcp", "http://localhost/mcp", "http://[::1]/mcp", "http://10.1.2.3/mcp",
                    "http://192.168.0.1/mcp", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]/mcp",
                    "http://0.0.0.0/mcp", "http://x.localhost/mcp"]:
            with self.subTest(url):
                done = self.sluice("server", "add", "s", "--url", url, code=2)
                self.assertIn("--allow-private", done.stderr)
        self.sluice("server", "add", "s", "--url", "http://127.0.0.1:1/mcp", "--allow-private")

    def test_addresses_that_are_none(self):
        for url in ["", "example.com", "ftp://example.com", "http://", "http://exa mple.com/", "http://h:99999/"]:
            with self.subTest(url):
                self.sluice("server", "add", "s", f"--url={url}", code=2)

    def test_names(self):
        for name in ["", "a/b", "ä", "a b", "../x", "x" * 300]:
            with self.subTest(name):
                self.sluice("server", "add", name, "--url", "http://example.com/mcp", code=2)
        self.studio()
        done = self.sluice("grant", "create", "--server", "studo", "--policy", "studio", "--label", "l", code=2)
        self.assertIn("studio", done.stderr, "no suggestion for a name that is nearly right")

    def test_secrets_stay_out_of_messages(self):
        done = self.sluice("server", "add", "s", "--url", "http://example.com/mcp", "--header", "s3cret", code=2)
        self.assertNotIn("s3cret", done.stderr)
        self.sluice("server", "add", "s", "--url", "http://example.com/mcp", "--header", "X-Key: s3cret")
        for words in [("server", "show", "s"), ("server", "show", "s", "--json"), ("server", "list", "--json")]:
            self.assertNotIn("s3cret", self.sluice(*words).stdout)
        self.assertIn("X-Key", self.sluice("server", "show", "s").stdout)


class BadPictures(Case):
    """What Studio says, through the gateway."""

    def setUp(self):
        super().setUp()
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()

    def session(self, *options):
        self.sluice("server", "add", "studio", "--", STUDIO, "--data-dir", str(self.folder / "studio"),
                    "--allow-root", str(self.pictures), *options)
        self.sluice("policy", "put", "studio", STARTER_POLICY, "--server", "studio")
        return Session(self.gateway(), "studio", self.grant("studio", "studio"))

    def failure(self, session, tool, arguments):
        result = session.call(tool, arguments).json["result"]
        self.assertTrue(result["isError"], result)
        self.assertNotIn("sluice/decision", result.get("_meta", {}))
        error = result["structuredContent"]["error"]
        self.assertTrue(error["message"])
        return error

    def test_a_picture_that_is_none(self):
        path = self.pictures / "notes.png"
        path.write_text("not a picture at all")
        error = self.failure(self.session(), "imageUpload", {"file_path": str(path)})
        self.assertIn("PNG", error["message"])

    def test_a_broken_picture(self):
        path = self.pictures / "broken.png"
        path.write_bytes(PICTURE.read_bytes()[:5000])
        session = self.session()
        result = session.call("imageUpload", {"file_path": str(path)}).json["result"]
        if not result.get("isError"):
            uuid = result["structuredContent"]["result"]["data"][0]["imageUUID"]
            self.failure(session, "imageMasking", {"inputImage": uuid, "model": "runware:35@8"})

    def test_paths_outside_the_roots(self):
        secret = self.folder / "outside.png"
        shutil.copy(PICTURE, secret)
        (self.pictures / "link.png").symlink_to(secret)
        session = self.session()
        for path in [secret, "/etc/passwd", f"{self.pictures}/../outside.png", self.pictures / "link.png",
                     "/proc/self/environ"]:
            with self.subTest(path):
                error = self.failure(session, "imageUpload", {"file_path": str(path)})
                self.assertNotIn("root:", error["message"])

    def test_a_model_file_that_is_missing(self):
        vendor = self.folder / "vendor"
        vendor.mkdir()
        shutil.copy(PICTURE, self.pictures / "a.png")
        session = self.session("--models", str(vendor))
        done = session.call("imageUpload", {"file_path": str(self.pictures / "a.png")}).json["result"]
        uuid = done["structuredContent"]["result"]["data"][0]["imageUUID"]
        error = self.failure(session, "imageMasking", {"inputImage": uuid, "model": "runware:35@8"})
        self.assertIn("scripts/setup", error["message"])

    def test_values_out_of_range(self):
        shutil.copy(PICTURE, self.pictures / "a.png")
        session = self.session()
        for wrong in [{"confidence": 1.5}, {"maxDetections": 0}, {"maskPadding": 10**9}, {"model": "runware:35@99"},
                      {"outputFormat": "GIF"}, {"inputImage": 7}, {}]:
            with self.subTest(wrong):
                message = session.call("imageMasking", {"inputImage": "x", **wrong} if wrong else {}).json
                self.assertTrue("error" in message or message["result"]["isError"])


class StudioProgram(Case):
    def test_wrong_usage(self):
        done = subprocess.run([STUDIO, "--nosuch"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--nosuch", done.stderr)
        done = subprocess.run([STUDIO, "--help"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0)
        self.assertIn("Examples:", done.stdout)


if __name__ == "__main__":
    import harness
    harness.main()
