#!/usr/bin/env python3
"""Calls tools as tasks by a real client: PyPI's `mcp` 1.x (tasks of 2025-11-25) or 2.x (the extension of 2026-07-28, which
its client has a place for). Prints {tool: what came of it} as JSON.

    tasks_client.py URL TOOL…      token in SLUICE_TOKEN
"""

import asyncio
import importlib.metadata
import json
import os
import sys

VERSION = importlib.metadata.version("mcp")
FIELDS = {"Authorization": f"Bearer {os.environ['SLUICE_TOKEN']}"}


def told(error):
    return {"error": [error.error.code, error.error.message, error.error.data]}


def plain(result):
    return {"text": [block.text for block in result.content], "failed": bool(getattr(result, "isError", None) or getattr(
        result, "is_error", None))}


async def legacy(url, tools):
    import httpx
    from mcp import ClientSession, types
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.exceptions import McpError

    async def elicit(context, params):
        return types.ElicitResult(action="accept", content={"ok": True})

    progress = []

    async def heard(step, total, message):
        progress.append([step, total])

    async def one(session, name):
        if name == "tools":
            listed = await session.list_tools()
            return {tool.name: tool.execution.taskSupport if tool.execution else None for tool in listed.tools}
        if name == "claims":
            return session.get_server_capabilities().model_dump(mode="json", exclude_none=True).get("tasks")
        tasks = session.experimental
        created = await tasks.call_tool_as_task(name.removeprefix("cancel:"), {}, ttl=60_000)
        task, seen = created.task.taskId, []
        if name.startswith("cancel:"):
            state = await tasks.cancel_task(task)
            return {"status": state.status, "then": (await tasks.get_task(task)).status}
        async for state in tasks.poll_task(task):
            if not seen or seen[-1] != state.status:
                seen.append(state.status)
            if state.status == "input_required":
                break
        result = await tasks.get_task_result(task, types.CallToolResult)
        return {**plain(result), "seen": seen, "related": (result.meta or {}).get(
            "io.modelcontextprotocol/related-task") == {"taskId": task}}

    out = {}
    async with httpx.AsyncClient(headers=FIELDS, timeout=30) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _):
            async with ClientSession(read, write, elicitation_callback=elicit) as session:
                await session.initialize()
                for name in tools:
                    try:
                        out[name] = await one(session, name)
                    except McpError as error:
                        out[name] = told(error)
    return out


async def modern(url, tools):
    from typing import Any, ClassVar, Literal

    import httpx2
    import mcp_types as types
    from mcp import Client, MCPError
    from mcp.client.extension import ClientExtension, ResultClaim
    from mcp.client.streamable_http import streamable_http_client

    class Task(types.Result):
        result_type: Literal["task"] = "task"
        task_id: str
        status: str
        ttl_ms: int | None

    class State(types.Result):
        model_config = {"extra": "allow"}

    class Ask(types.Request[dict[str, Any], str]):
        method: str
        params: dict[str, Any]
        name_param: ClassVar[str | None] = "taskId"

    seen = {}

    class Tasks(ClientExtension):
        identifier = "io.modelcontextprotocol/tasks"

        def claims(self):
            return [ResultClaim(result_type="task", model=Task, resolve=self.resolve)]

        async def resolve(self, task, context):
            states = seen.setdefault(context.tool_name, [task.status])

            async def ask(method, **more):
                return (await context.session.send_request(
                    Ask(method=method, params={"taskId": task.task_id, **more}), State)).model_dump(by_alias=True)

            if os.environ.get("SLUICE_CANCEL"):
                await ask("tasks/cancel")
            for _ in range(400):
                state = await ask("tasks/get")
                if state["status"] != states[-1]:
                    states.append(state["status"])
                if state["status"] == "input_required":
                    await ask("tasks/update", inputResponses={
                        key: {"action": "accept", "content": {"ok": True}} for key in state["inputRequests"]})
                if state["status"] == "completed":
                    return types.CallToolResult.model_validate(state["result"])
                if state["status"] in ("failed", "cancelled"):
                    words = json.dumps({key: state.get(key) for key in ("status", "error")})
                    return types.CallToolResult(content=[types.TextContent(text=words)], is_error=True)
                await asyncio.sleep(0.02)
            raise AssertionError("the task never ends")

    async def elicit(context, params):
        return types.ElicitResult(action="accept", content={"ok": True})

    out = {}
    async with httpx2.AsyncClient(headers=FIELDS, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http), extensions=[Tasks()],
                          elicitation_callback=elicit, mode="2026-07-28") as client:
            for name in tools:
                try:
                    out[name] = {**plain(await client.call_tool(name, {})), "seen": seen.get(name)}
                except MCPError as error:
                    out[name] = told(error)
    return out


if __name__ == "__main__":
    print(json.dumps(asyncio.run((legacy if VERSION.startswith("1.") else modern)(sys.argv[1], sys.argv[2:]))))
