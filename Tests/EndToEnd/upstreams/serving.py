"""What both fixture servers need to serve HTTP, whichever library they show."""

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


def listen(port):
    """Says on which port, and ends the program when its standard input ends."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    return listener
