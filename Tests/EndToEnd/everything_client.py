#!/usr/bin/env python3
"""Does with a real client all that the fixture catalogue offers, and writes down what the client saw.

Runs under PyPI's mcp 2.x (modes auto, legacy, 2026-07-28), mcp 1.x, and fastmcp's client. Reads jobs from standard
input, a JSON array of {"name", "transport": "http" | "sse" | "stdio", "url" | "command", "mode", "token"}; prints a JSON
line for each: {"name", "protocol", "steps": {step: what was seen}, "raw"}; the last is what `rawbytes.Tape` has, for jobs
with "tape": true, or on a pipe the name of the file that `rawbytes.py` writes. A step that raises or waits too long is written down
as such, so that a run through a gateway can be held against one without.
"""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import json
import os
import sys
import warnings

import rawbytes

warnings.simplefilter("ignore")

WAIT = float(os.environ.get("SLUICE_STEP_WAIT", "10"))
LARGE = 8 * 1024 * 1024


def plain(value):
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, mode="json", exclude_none=True)
    return value


class Agent:
    """What every client can do, in one shape. Subclasses are the libraries."""

    modern = False

    def __init__(self):
        self.tape = rawbytes.Tape()
        self.asked = []       # What the server asked us, in order.
        self.logs = []
        self.notes = []       # Methods of notifications that belong to no request.
        self.noted = asyncio.Event()
        self.acknowledged = False   # A modern listen goes on.

    # Answers to what a server asks. Each notes the parameters it was given.

    def sample(self, params):
        self.asked.append(["sampling", plain(params)])
        return {"role": "assistant", "model": "fixture", "content": {"type": "text", "text": "sampled"},
                "stopReason": "endTurn"}

    def elicit(self, params):
        params = plain(params)
        self.asked.append(["elicitation", params])
        if params.get("mode") == "url":
            return {"action": "accept"}
        content = {}
        for name, schema in params["requestedSchema"].get("properties", {}).items():
            match schema.get("type"):
                case "integer" | "number":
                    content[name] = schema.get("default", 1)
                case "boolean":
                    content[name] = schema.get("default", True)
                case "array":
                    options = schema["items"].get("enum") or [o["const"] for o in schema["items"]["anyOf"]]
                    content[name] = [options[0]]
                case _:
                    options = schema.get("enum") or [o["const"] for o in schema.get("oneOf", [])] or ["Alice"]
                    content[name] = schema.get("default", options[0])
        return {"action": "accept", "content": content}

    def roots(self):
        self.asked.append(["roots", {}])
        return {"roots": [{"uri": "file:///home/someone/project", "name": "project"}, {"uri": "file:///tmp/b%20c"}]}

    def note(self, method, params):
        self.notes.append([method, params])
        self.noted.set()

    async def wait_note(self, method):
        while not any(note[0] == method for note in self.notes):
            self.noted.clear()
            await asyncio.wait_for(self.noted.wait(), 2 * WAIT)
        return next(note for note in self.notes if note[0] == method)[1]


class Sessions(Agent):
    """The official library. Both its major versions have these in the same words."""

    types = None          # Its module of types.

    def recorded(self, httpx, job):
        return {"transport": rawbytes.transport(httpx, self.tape)} if job.get("tape") else {}

    def callbacks(self):
        async def on_sample(context, params):
            return self.types.CreateMessageResult.model_validate(self.sample(params))

        async def on_elicit(context, params):
            return self.types.ElicitResult.model_validate(self.elicit(params))

        async def on_roots(context):
            return self.types.ListRootsResult.model_validate(self.roots())

        async def on_log(params):
            self.logs.append(plain(params))

        async def on_message(message):
            message = getattr(message, "root", message)     # 1.x wraps notifications.
            if hasattr(message, "method"):
                self.note(message.method, plain(message).get("params", {}))

        return {"sampling_callback": on_sample, "elicitation_callback": on_elicit, "list_roots_callback": on_roots,
                "logging_callback": on_log, "message_handler": on_message,
                "client_info": self.types.Implementation(name="everything", version="1")}

    async def call(self, name, arguments, progress=None, meta=None):
        return await self.client.call_tool(name, arguments, progress_callback=progress, meta=meta)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt(name, arguments)

    async def complete(self, ref, argument, context):
        model = self.types.PromptReference if ref["type"] == "ref/prompt" else self.types.ResourceTemplateReference
        return await self.client.complete(model.model_validate(ref), argument, context)

    async def set_level(self, level):
        await self.client.set_logging_level(level)

    async def ping(self):
        return await self.client.send_ping()

    async def subscribe(self, uri):
        return await self.client.subscribe_resource(uri)

    async def unsubscribe(self, uri):
        return await self.client.unsubscribe_resource(uri)


class Sessions2(Sessions):
    """mcp 2.x"""

    @contextlib.asynccontextmanager
    async def connect(self, job):
        import httpx2
        import mcp_types
        from mcp import Client
        from mcp.client.sse import sse_client
        from mcp.client.stdio import StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client

        self.types = mcp_types
        headers = {"Authorization": f"Bearer {job['token']}"} if job.get("token") else {}
        async with contextlib.AsyncExitStack() as stack:
            match job["transport"]:
                case "stdio":
                    server = StdioServerParameters(command=job["command"][0], args=job["command"][1:])
                case "sse":
                    server = sse_client(job["url"], headers=headers)
                case _:
                    http = await stack.enter_async_context(httpx2.AsyncClient(
                        headers=headers, timeout=120, **self.recorded(httpx2, job)))
                    server = streamable_http_client(job["url"], http_client=http, max_sse_event_size=None)
            self.client = await stack.enter_async_context(Client(
                server, mode=job["mode"], log_level="debug", **self.callbacks()))
            self.protocol, self.instructions = self.client.protocol_version, self.client.instructions
            self.modern = self.protocol == "2026-07-28"
            yield self

    def listed(self, kind, cursor):
        return {"tools": self.client.list_tools, "prompts": self.client.list_prompts,
                "resources": self.client.list_resources,
                "resourceTemplates": self.client.list_resource_templates}[kind](cursor=cursor, cache_mode="refresh")

    async def read(self, uri):
        return await self.client.read_resource(uri, cache_mode="bypass")

    async def cancelled_call(self, name, arguments, started):
        task = asyncio.create_task(self.call(name, arguments, progress=started))
        return task

    @contextlib.asynccontextmanager
    async def listening(self, uris):
        async with self.client.listen(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True,
                                      resource_subscriptions=uris) as stream:
            async def pump():
                async for event in stream:
                    self.note("listen " + type(event).__name__, {})
            task = asyncio.create_task(pump())
            yield
            task.cancel()


class FastClient(Sessions2):
    """fastmcp"""

    @contextlib.asynccontextmanager
    async def connect(self, job):
        import mcp_types as types
        from fastmcp import Client
        from fastmcp.client.elicitation import ElicitResult
        from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

        async def on_sample(messages, params, context):
            return types.CreateMessageResult.model_validate(self.sample(params))

        async def on_elicit(message, response_type, params, context):
            answer = self.elicit(params)
            return ElicitResult(action=answer["action"], content=answer.get("content"))

        async def on_roots(context):
            return [types.Root.model_validate(root) for root in self.roots()["roots"]]

        async def on_log(params):
            self.logs.append(plain(params))

        async def on_message(message):
            if hasattr(message, "method"):
                self.note(message.method, plain(message).get("params", {}))

        headers = {"Authorization": f"Bearer {job['token']}"} if job.get("token") else {}
        match job["transport"]:
            case "stdio":
                transport = StdioTransport(command=job["command"][0], args=job["command"][1:], keep_alive=False)
            case "sse":
                transport = SSETransport(job["url"], headers=headers)
            case _:
                transport = StreamableHttpTransport(job["url"], headers=headers)
        async with Client(transport, mode=job["mode"], sampling_handler=on_sample, elicitation_handler=on_elicit,
                          roots=on_roots, log_handler=on_log, message_handler=on_message, timeout=120,
                          client_info=types.Implementation(name="everything", version="1")) as self.client:
            session = self.client.session
            self.protocol = session.protocol_version
            self.instructions = session.instructions
            self.modern = self.protocol == "2026-07-28"
            yield self

    def listed(self, kind, cursor):
        return {"tools": self.client.list_tools_mcp, "prompts": self.client.list_prompts_mcp,
                "resources": self.client.list_resources_mcp,
                "resourceTemplates": self.client.list_resource_templates_mcp}[kind](cursor=cursor, cache_mode="refresh")

    async def call(self, name, arguments, progress=None, meta=None):
        return await self.client.call_tool_mcp(name, arguments or {}, progress_handler=progress, meta=meta)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt_mcp(name, arguments)

    async def read(self, uri):
        return await self.client.read_resource_mcp(uri)

    async def complete(self, ref, argument, context):
        import mcp_types as types
        model = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
        return await self.client.complete_mcp(model.model_validate(ref), argument, context)

    async def ping(self):
        await self.client.ping()
        return {}

    async def subscribe(self, uri):
        return await self.client.session.subscribe_resource(uri)

    async def unsubscribe(self, uri):
        return await self.client.session.unsubscribe_resource(uri)

    @contextlib.asynccontextmanager
    async def listening(self, uris):
        from mcp.client.subscriptions import listen
        async with listen(self.client.session, tools_list_changed=True, prompts_list_changed=True,
                          resources_list_changed=True, resource_subscriptions=uris) as stream:
            async def pump():
                async for event in stream:
                    self.note("listen " + type(event).__name__, {})
            task = asyncio.create_task(pump())
            yield
            task.cancel()


class Sessions1(Sessions):
    """mcp 1.x"""

    @contextlib.asynccontextmanager
    async def connect(self, job):
        import httpx
        import mcp.types
        from mcp import ClientSession
        from mcp.client.sse import sse_client
        from mcp.client.stdio import StdioServerParameters, stdio_client
        from mcp.client.streamable_http import streamable_http_client

        self.types = mcp.types
        headers = {"Authorization": f"Bearer {job['token']}"} if job.get("token") else {}
        async with contextlib.AsyncExitStack() as stack:
            match job["transport"]:
                case "stdio":
                    streams = await stack.enter_async_context(stdio_client(
                        StdioServerParameters(command=job["command"][0], args=job["command"][1:])))
                case "sse":
                    streams = await stack.enter_async_context(sse_client(job["url"], headers=headers))
                case _:
                    http = await stack.enter_async_context(httpx.AsyncClient(
                        headers=headers, timeout=120, **self.recorded(httpx, job)))
                    streams = await stack.enter_async_context(streamable_http_client(job["url"], http_client=http))
            self.client = await stack.enter_async_context(ClientSession(
                streams[0], streams[1], **self.callbacks()))
            initialized = await self.client.initialize()
            self.protocol, self.instructions = initialized.protocolVersion, initialized.instructions
            yield self

    def listed(self, kind, cursor):
        return {"tools": self.client.list_tools, "prompts": self.client.list_prompts,
                "resources": self.client.list_resources,
                "resourceTemplates": self.client.list_resource_templates}[kind](
                    params=self.types.PaginatedRequestParams(cursor=cursor) if cursor else None)

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def cancel_wire(self, number):
        await self.client.send_notification(self.types.ClientNotification(self.types.CancelledNotification(
            params=self.types.CancelledNotificationParams(requestId=number, reason="enough"))))


# --- The scenario ----------------------------------------------------------------------------------------------------


async def everything(agent, job):
    """All steps, in order; yields (name, coroutine function)."""
    # What is tried once more must not find what its first try has left half done.
    suffix = "".join(ch for ch in job["name"] if ch.isalnum()) + ("again" if job.get("only") else "")

    async def all_pages(kind):
        entries, cursor = [], None
        for _ in range(50):
            page = plain(await agent.listed(kind, cursor))
            entries += page[kind]
            cursor = page.get("nextCursor")
            if cursor is None:
                return [e for e in entries if not e["name"].startswith("test_dynamic_")]
        raise AssertionError("the cursor never ends")

    async def names(kind):
        seen, cursor = [], None
        for _ in range(50):
            page = plain(await agent.listed(kind, cursor))
            seen += [entry["name"] for entry in page[kind]]
            cursor = page.get("nextCursor")
            if cursor is None:
                return seen
        raise AssertionError("the cursor never ends")

    for kind in ("tools", "prompts", "resources", "resourceTemplates"):
        yield f"list {kind}", lambda kind=kind: all_pages(kind)

    def call(name, arguments=None):
        async def run():
            agent.asked.clear()
            result = plain(await agent.call(name, {} if arguments is None else arguments))
            return {"result": result, **({"asked": list(agent.asked)} if agent.asked else {})}
        return run

    yield "instructions", lambda: asyncio.sleep(0, agent.instructions)
    for name in ("simple_text", "image_content", "audio_content", "embedded_resource", "resource_link",
                 "multiple_content_types", "error_handling", "protocol_error", "structured", "numbers", "decorated"):
        yield name, call(f"test_{name}")
    yield "echo", call("test_echo", {"value": {"z": 9007199254740993, "a": [1.5, -0.25, None, "ü\U0001f600\u2028"],
                                               "M": {}, "big": -2**70}})
    yield "header tool", call("test_header_tool", {"region": "eu, ä"})
    yield "dialect tool", call("json_schema_2020_12_tool", {"name": "n", "contactMethod": "phone"})

    async def unknown():
        result = plain(await agent.call("no_such_tool", {}))
        return {"isError": result.get("isError", False)}
    yield "unknown tool", unknown

    async def meta():
        return plain(await agent.call("test_meta", {}, meta={
            "example.com/a": {"n": 9007199254740993}, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}))
    yield "meta", meta

    async def progress():
        seen = []

        async def on_progress(value, total, message):
            seen.append([value, total, message])
        result = plain(await agent.call("test_tool_with_progress", {}, progress=on_progress))
        return {"seen": seen, "result": result}
    yield "progress", progress

    async def logging():
        if not agent.modern:
            await agent.set_level("debug")
        agent.logs.clear()
        await agent.call("test_tool_with_logging", {})
        await agent.call("test_logging_tool", {})
        for _ in range(100):
            if len(agent.logs) >= 5:
                break
            await asyncio.sleep(0.02)
        return list(agent.logs)
    yield "logging", logging

    yield "sampling", call("test_sampling", {"prompt": "What?"})
    yield "elicitation", call("test_elicitation", {"message": "Who?"})
    yield "elicitation url", call("test_elicitation_url")
    yield "elicitation defaults", call("test_elicitation_sep1034_defaults")
    yield "elicitation enums", call("test_elicitation_sep1330_enums")
    yield "streaming elicitation", call("test_streaming_elicitation")
    yield "url required", call("test_url_required")
    yield "roots", call("test_roots")
    for name in ("elicitation", "sampling", "list_roots", "request_state", "multiple_inputs", "multi_round",
                 "tampered_state", "capabilities"):
        yield f"input {name}", call(f"test_input_required_result_{name}")

    async def large():
        result = plain(await agent.call("test_large", {"bytes": LARGE}))
        words = result["content"][0]["text"]
        return [len(words), hashlib.sha256(words.encode()).hexdigest()]
    yield "large", large

    for uri in ("test://static-text", "test://static-binary", "test://with%20spaces/%C3%A4?q=1#part",
                "ui://fixture/panel", "test://template/a%2Fb/data", "test://no-such"):
        async def read(uri=uri):
            return plain(await agent.read(uri))
        yield f"read {uri}", read
    for name, arguments in (("simple_prompt", None), ("prompt_with_arguments", {"arg1": "ö", "arg2": "{}\""}),
                            ("prompt_with_embedded_resource", {"resourceUri": "test://static-text"}),
                            ("prompt_with_image", None), ("input_required_result_prompt", None), ("no_such", None)):
        async def prompt(name=name, arguments=arguments):
            return plain(await agent.prompt(f"test_{name}", arguments))
        yield f"prompt {name}", prompt

    async def complete_prompt():
        return plain(await agent.complete({"type": "ref/prompt", "name": "test_prompt_with_arguments"},
                                          {"name": "arg1", "value": "pa"}, None))
    yield "complete prompt", complete_prompt

    async def complete_template():
        return plain(await agent.complete({"type": "ref/resource", "uri": "test://template/{id}/data"},
                                          {"name": "id", "value": "a"}, {"other": "1"}))
    yield "complete template", complete_template

    async def cancel():
        key, going = f"cancel-{suffix}", asyncio.Event()

        async def started(*_):
            going.set()
        number = getattr(agent.client, "_request_id", None)
        task = asyncio.create_task(agent.call("test_slow", {"seconds": 30, "key": key}, progress=started))
        await asyncio.wait_for(going.wait(), WAIT)
        if hasattr(agent, "cancel_wire"):
            await agent.cancel_wire(number)
        task.cancel()
        await asyncio.wait([task])
        for _ in range(100):
            answer = plain(await agent.call("test_was_cancelled", {"key": key}))["content"][0]["text"]
            if answer == "yes":
                break
            await asyncio.sleep(0.05)
        return answer
    yield "cancel", cancel

    async def side_by_side():
        going = asyncio.Event()

        async def started(*_):
            going.set()
        slow = asyncio.create_task(agent.call("test_gate", {"key": suffix}, progress=started))
        await asyncio.wait_for(going.wait(), WAIT)
        for _ in range(3):
            await agent.call("test_simple_text", {})
        await agent.call("test_open", {"key": suffix})
        return plain(await slow)["content"][0]["text"].removesuffix(suffix)
    yield "side by side", side_by_side

    changes = (("tool", "tools", "tools", "ToolsListChanged"), ("prompt", "prompts", "prompts", "PromptsListChanged"),
               ("resource", "resources", "resources", "ResourcesListChanged"))
    if agent.modern:
        stack = contextlib.AsyncExitStack()

        async def listen():
            await stack.enter_async_context(agent.listening(["test://watched-resource"]))
            agent.acknowledged = True
            return "acknowledged"
        yield "subscribe", listen
    else:
        async def subscribe():
            await agent.subscribe("test://watched-resource")
            return "acknowledged"
        yield "subscribe", subscribe

    async def updated():
        agent.notes.clear()
        await agent.call("test_trigger_resource_update", {})
        await agent.wait_note("listen ResourceUpdated" if agent.modern else "notifications/resources/updated")
        return "seen"
    yield "resource updated", updated

    for one, many, kind, event in changes:
        async def change(one=one, many=many, kind=kind, event=event):
            agent.notes.clear()
            name = f"test_dynamic_{suffix}"
            added = plain(await agent.call(f"test_trigger_{one}_change", {"suffix": suffix}))["content"][0]["text"]
            await agent.wait_note(f"listen {event}" if agent.modern else f"notifications/{many}/list_changed")
            # The notice may be of somebody else's change, a moment before ours.
            for _ in range(200):
                there = name in await names(kind)
                if there:
                    break
                await asyncio.sleep(0.02)
            removed = plain(await agent.call(f"test_trigger_{one}_change", {"suffix": suffix}))["content"][0]["text"]
            for _ in range(200):
                gone = name not in await names(kind)
                if gone:
                    break
                await asyncio.sleep(0.02)
            return [added, there, removed, gone]
        yield f"{many} changed", change

    if agent.modern:
        async def end():
            if not agent.acknowledged:
                raise AssertionError("nothing to end")
            await stack.aclose()
            return "ended"
        yield "unsubscribe", end
    else:
        async def unsubscribe():
            await agent.unsubscribe("test://watched-resource")
            return "ended"
        yield "unsubscribe", unsubscribe

        async def ping():
            return plain(await agent.ping())
        yield "ping", ping


def problem(error):
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    inner = getattr(error, "error", None)
    if inner is not None and hasattr(inner, "code"):
        return {"error": {"code": inner.code, "message": inner.message, "data": inner.data}}
    return {"exception": f"{type(error).__name__}: {str(error)[:300]}"}


async def run(job, kind):
    steps, agent = {}, kind()
    agent.protocol = None
    try:
        async with asyncio.timeout(400), agent.connect(job):
            async for name, step in everything(agent, job):
                if job.get("only") and name not in job["only"]:
                    continue
                agent.tape.step = name
                try:
                    async with asyncio.timeout(WAIT * 4 if name == "large" or name.endswith("changed") else WAIT):
                        steps[name] = {"value": await step()}
                except TimeoutError:
                    steps[name] = {"exception": "no answer in time"}
                except Exception as error:
                    steps[name] = problem(error)
    except BaseException as error:
        steps["connection"] = problem(error)
    if isinstance(job.get("tape"), str):
        agent.tape.file(job["tape"])
    return {"name": job["name"], "protocol": agent.protocol, "steps": steps, "raw": agent.tape.results}


async def main():
    try:
        importlib.metadata.version("fastmcp")
        kind = FastClient
    except importlib.metadata.PackageNotFoundError:
        kind = Sessions1 if importlib.metadata.version("mcp").startswith("1.") else Sessions2
    gate = asyncio.Semaphore(int(os.environ.get("SLUICE_AT_ONCE", "3")))

    async def one(job):
        async with gate:
            print(json.dumps(await run(job, kind)), flush=True)
    await asyncio.gather(*(one(job) for job in json.load(sys.stdin)))


asyncio.run(main())
