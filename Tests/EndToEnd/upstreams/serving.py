"""What the fixture servers need to be served, whichever library they show."""

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading


async def serve_events(server, sse, scope, receive, send):
    """HTTP+SSE of 2024-11-05 at /sse and /messages/; 404 for all other paths."""
    if scope["path"] == "/sse" and scope["method"] != "GET":
        await answer(send, 405)
    elif scope["path"] == "/sse":
        async with sse.connect_sse(scope, receive, send) as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options())
    elif scope["path"] == "/messages/":
        await sse.handle_post_message(scope, receive, send)
    else:
        await answer(send, 404)


async def answer(send, status):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def serve_http(app, managers, port=0):
    """Serves an ASGI application and says on which port; ends the program when its standard input ends."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    async with contextlib.AsyncExitStack() as stack:
        for manager in managers:
            await stack.enter_async_context(manager.run())
        await uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).serve(sockets=[listener])


async def serve_stdio(server):
    from mcp.server.stdio import stdio_server
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def main(make_server, over_http):
    """Runs a program: without words over stdio, with `--http [PORT]` as the coroutine `over_http(port)` likes."""
    if sys.argv[1:2] == ["--http"]:
        asyncio.run(over_http(int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    else:
        asyncio.run(serve_stdio(make_server()))
