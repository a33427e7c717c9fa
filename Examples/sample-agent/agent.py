#!/usr/bin/env python3
"""A sample agent: the public Python MCP client (PyPI `mcp`), calling Sluice Studio through the gateway.

It uploads a picture, asks for a mask of the face, and goes on asking until the policy's limit refuses. One line per
decision; exit code 0 only if every decision was the one expected.

    SLUICE_TOKEN=slg_… agent.py http://127.0.0.1:7420/mcp/studio Examples/pictures/astronaut.png --limit 30
"""

import argparse
import asyncio
import json
import os
import pathlib
import sys
import time

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

MODEL = "runware:35@8"  # MediaPipe's face mesh


def envelope(result):
    """The JSON object that Studio's tools answer with, as structured content or as the first text."""
    if result.structured_content:
        return result.structured_content
    return json.loads(result.content[0].text)


def decision(result):
    """What the gateway says about its decision: empty for an allowed call without limits."""
    return (result.meta or {}).get("sluice/decision", {})


class Unexpected(Exception):
    """A decision that is not the one the starter policy should have taken."""


async def run(url, picture, limit, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            print(f"agent: connected, protocol {client.protocol_version}; the policy shows: {', '.join(tools)}")

            async def call(number, tool, arguments):
                started = time.perf_counter()
                result = await client.call_tool(tool, arguments)
                spent = (time.perf_counter() - started) * 1000
                verdict = "denied " if decision(result) else ("failed " if result.is_error else "allowed")
                detail = ""
                if result.is_error:
                    detail = "  " + " ".join(block.text for block in result.content if block.type == "text")
                print(f"agent: call {number:>2}  {tool:<12} {verdict} {spent:7.1f} ms{detail}", flush=True)
                return result

            upload = await call("-", "imageUpload", {"file_path": str(picture)})
            if upload.is_error:
                raise Unexpected("the upload did not succeed")
            image = envelope(upload)["result"]["data"][0]["imageUUID"]

            arguments = {"inputImage": image, "model": MODEL, "outputFormat": "PNG"}
            mask = None
            for number in range(1, limit + 1):
                result = await call(number, "imageMasking", arguments)
                if result.is_error:
                    raise Unexpected(f"call {number} of {limit} was not carried out")
                mask = mask or envelope(result)["result"]["data"][0]

            refused = await call(limit + 1, "imageMasking", arguments)
            verdict = decision(refused)
            if not refused.is_error or verdict.get("outcome") != "denied":
                raise Unexpected(f"call {limit + 1} passed although the limit is {limit}")
            wait = verdict.get("retryAfterMs", 0) / 1000
            print(f"agent: refused by {verdict['rule']}; the next call would pass in {wait:.0f} s")
            print(f"agent: {len(mask['detections'])} face found, mask written to {mask['maskImagePath']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="the server's URL at the gateway")
    parser.add_argument("picture", type=pathlib.Path, help="a PNG, JPEG or WebP file with a face")
    parser.add_argument("--limit", type=int, default=30, help="calls that the policy lets through (default: 30)")
    options = parser.parse_args()
    token = os.environ.get("SLUICE_TOKEN")
    if not token:
        parser.error("the environment variable SLUICE_TOKEN must hold the grant's token")
    code = 0
    try:
        asyncio.run(run(options.url, options.picture.resolve(), options.limit, token))
    except* Unexpected as group:
        print(f"agent: unexpected: {group.exceptions[0]}", file=sys.stderr)
        code = 1
    except* (httpx2.HTTPError, MCPError) as group:
        print(f"agent: {options.url} could not be used: {group.exceptions[0]}", file=sys.stderr)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
