#!/usr/bin/env python3
"""The main job, by a real client that others wrote: runs under either version of PyPI's `mcp`, prints JSON.

    client_job.py URL PICTURE COUNT      token in SLUICE_TOKEN

Uploads the picture (unless COUNT starts with `+`: then SLUICE_IMAGE names it), asks for COUNT masks, and prints
{"protocol", "tools", "image", "calls": [{"error", "decision", "limits", "text"}…], "first": …}.
"""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import sys

VERSION = importlib.metadata.version("mcp")


@contextlib.asynccontextmanager
async def connect(url, token):
    """A client session of either version, and the protocol version it negotiated."""
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"}
    if VERSION.startswith("1."):
        import httpx
        from mcp import ClientSession

        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            async with streamable_http_client(url, http_client=http) as (read, write, _):
                async with ClientSession(read, write) as session:
                    initialized = await session.initialize()
                    yield session, initialized.protocolVersion
    else:
        import httpx2
        from mcp import Client

        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                yield client, client.protocol_version


def describe(result):
    raw = result.model_dump(by_alias=True, mode="json")
    meta = raw.get("_meta") or {}
    return {
        "error": bool(raw.get("isError")),
        "decision": meta.get("sluice/decision"),
        "limits": meta.get("sluice/limits"),
        "structured": raw.get("structuredContent"),
        "text": next((block["text"] for block in raw["content"] if block["type"] == "text"), None),
    }


async def main(url, picture, count):
    async with connect(url, os.environ["SLUICE_TOKEN"]) as (session, protocol):
        tools = await session.list_tools()
        image = os.environ.get("SLUICE_IMAGE")
        upload = None
        if image is None:
            upload = describe(await session.call_tool("imageUpload", {"file_path": picture}))
            image = json.loads(upload["text"])["result"]["data"][0]["imageUUID"]
        arguments = {"inputImage": image, "model": "runware:35@8", "outputFormat": "PNG"}
        calls = [describe(await session.call_tool("imageMasking", arguments)) for _ in range(count)]
        hidden = describe(await session.call_tool("noSuchTool", {}))
        print(json.dumps({
            "protocol": protocol, "tools": [tool.name for tool in tools.tools], "image": image, "upload": upload,
            "calls": calls, "hidden": hidden}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
