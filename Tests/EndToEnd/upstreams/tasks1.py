#!/usr/bin/env python3
"""Tools that run as tasks, served by PyPI's `mcp` 1.x (tasks of 2025-11-25).

    tasks1.py                stdio
    tasks1.py --http [PORT]  prints {"port": N}; ends when standard input ends. Path: /mcp
"""

import asyncio
import json

import mcp.types as types
from mcp.server.lowlevel.server import Server

import serving

TOOLS = {"report": "required", "ask": "required", "boom": "required", "fails": "required", "forever": "required",
         "either": "optional", "plain": "forbidden"}


def text(words, failed=False):
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], isError=failed)


async def call(ctx, name):
    token = ctx.meta.progressToken if ctx.meta else None

    async def work(task):
        match name:
            case "ask":
                answer = await task.elicit(message="Sure?", requestedSchema={
                    "type": "object", "properties": {"ok": {"type": "boolean"}}})
                return text(f"answered {answer.action} {json.dumps(answer.content)}")
            case "boom":
                raise ValueError("boom as asked")
            case "fails":
                return text("it failed", failed=True)
            case "forever":
                await asyncio.sleep(600)
        await task.update_status("half way")
        if token is not None:
            # Of the task, after the answer to its call.
            await ctx.session.send_progress_notification(token, 1, 2, "half way")
        await asyncio.sleep(0.05)
        return text(f"{name} is done")

    if not ctx.experimental.is_task:
        ctx.experimental.validate_task_mode(TOOLS[name])
        return text(f"{name} at once")
    return await ctx.experimental.run_task(work)


def make_server():
    server = Server("tasks1", version="1")
    server.experimental.enable_tasks()

    @server.list_tools()
    async def tools():
        return [types.Tool(name=name, description=name, inputSchema={"type": "object"},
                           execution=types.ToolExecution(taskSupport=support)) for name, support in TOOLS.items()]

    @server.call_tool()
    async def run(name, arguments):
        return await call(server.request_context, name)

    return server


async def serve_http(port):
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    manager = StreamableHTTPSessionManager(app=make_server())

    async def app(scope, receive, send):
        await manager.handle_request(scope, receive, send)

    await serving.serve_http(app, [manager], port)


if __name__ == "__main__":
    serving.main(make_server, serve_http)
