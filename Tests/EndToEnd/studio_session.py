"""sluice-studio over stdio, driven by the official Python client, one process for a whole class of tests."""

import asyncio
import base64
import json
import pathlib
import shutil
import tempfile
import threading
import unittest

import jsonschema
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from fake_image_services import png
from harness import DEADLINE, STUDIO


class Studio:
    """A running studio and a session with it. Every result is held to the tool's own output schema."""

    def __init__(self, *words, env=None, data=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="studio-"))
        self.pictures = self.folder / "pictures"
        self.pictures.mkdir()
        (self.pictures / "a.png").write_bytes(png())
        (self.pictures / "b.png").write_bytes(png(80, 60, (1, 2, 3)))
        self.stderr = (self.folder / "stderr.txt").open("w+")
        self.words = ["--data-dir", str(data or self.folder / "data"), "--allow-root", str(self.pictures),
                      "--service-pace", "20", *map(str, words)]
        self.env = env
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.ready, self.over = threading.Event(), asyncio.Event()
        self.task = asyncio.run_coroutine_threadsafe(self._run(), self.loop)
        if not self.ready.wait(DEADLINE):
            self.task.result(0)
            raise AssertionError("the studio did not start: " + self.log())

    async def _run(self):
        server = StdioServerParameters(command=STUDIO, args=self.words, env=self.env)
        async with stdio_client(server, errlog=self.stderr) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            listed = (await session.list_tools()).model_dump(by_alias=True, mode="json", exclude_none=True)["tools"]
            self.tools = {tool["name"]: tool for tool in listed}
            self.session = session
            self.ready.set()
            await self.over.wait()

    def close(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.task.result(DEADLINE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE)
        self.loop.close()
        self.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        self.stderr.flush()
        return (self.folder / "stderr.txt").read_text()

    async def _call(self, name, arguments, progress):
        async def note(done, total, message):
            progress.append((done, total, message))

        more = {"progress_callback": note} if progress is not None else {}
        result = await self.session.call_tool(name, arguments, **more)
        return result.model_dump(by_alias=True, mode="json")

    def start(self, name, arguments, progress=None):
        """Begins a call; gives a future of its checked result."""
        return asyncio.run_coroutine_threadsafe(self._call(name, arguments, progress), self.loop)

    def ask(self, method, *arguments):
        """The client's answer to another request than a call: `read_resource`, say."""
        return asyncio.run_coroutine_threadsafe(getattr(self.session, method)(*arguments), self.loop).result(4 * DEADLINE)

    def links(self):
        """The URIs of the last call's resource links."""
        return [block["uri"] for block in self.last["content"] if block["type"] == "resource_link"]

    def read(self, uri):
        """The bytes of a resource."""
        content, = self.ask("read_resource", uri).contents
        return base64.b64decode(content.blob, validate=True)

    def call(self, name, progress=None, /, **arguments):
        """Carries out a call and returns its structured content."""
        return self.check(name, self.start(name, arguments, progress).result(4 * DEADLINE))

    def check(self, name, result):
        content = result["structuredContent"]
        jsonschema.Draft202012Validator(self.tools[name]["outputSchema"]).validate(content)
        assert json.loads(result["content"][0]["text"]) == content
        assert result["isError"] == (content["status"] in ("Tool error", "API error")), content
        self.last = result
        return content


class StudioCase(unittest.TestCase):
    """Tests on one studio, `self.studio`."""


    def success(self, name, progress=None, /, **arguments):
        content = self.studio.call(name, progress, **arguments)
        self.assertEqual(content["status"], "success", content)
        return content

    def failure(self, name, code, /, **arguments):
        content = self.studio.call(name, **arguments)
        self.assertIn(content["status"], ("Tool error", "API error"), content)
        self.assertEqual(content["message"], content["error"]["message"])
        self.assertEqual(content["error"]["code"], code, content)
        return content["error"]
