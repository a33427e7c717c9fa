#!/usr/bin/env python3
"""The catalogue served by PyPI's `mcp` 2.x.

    everything2.py                stdio
    everything2.py --http [PORT]  prints {"port": N}; ends when standard input ends. Paths:
                                  /mcp both eras, /legacy/mcp, /modern/mcp, /json/mcp (legacy, JSON answers),
                                  /resumable/mcp (legacy with event ids), /sse (HTTP+SSE of 2024-11-05)
"""

import json
import warnings

warnings.simplefilter("ignore")

import mcp_types as types
from mcp_types.methods import CACHEABLE_METHODS
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged)
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

import catalogue
import serving

MODERN = "2026-07-28"
shop = catalogue.Catalogue()
bus = InMemorySubscriptionBus()
EVENTS = {"tools": ToolsListChanged, "prompts": PromptsListChanged, "resources": ResourcesListChanged}


class Peer(catalogue.Peer):
    def __init__(self, ctx):
        self.ctx = ctx
        params = dict(ctx.params or {})
        self.modern = ctx.protocol_version == MODERN
        self.meta = dict(params.get("_meta") or {})
        self.inputs, self.state = params.get("inputResponses"), params.get("requestState")
        declared = ctx.session.client_capabilities
        self.capabilities = declared.model_dump(by_alias=True, exclude_none=True) if declared else {}
        if ctx.request is not None:
            self.headers = [[name, value] for name, value in ctx.request.headers.items()]

    async def progress(self, progress, total=None, message=None):
        await self.ctx.session.report_progress(progress, total, message)

    async def log(self, level, data, logger=None):
        await self.ctx.session.send_log_message(level, data, logger, related_request_id=self.ctx.request_id)

    async def request(self, method, params, related=True):
        request, result = {
            "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
            "elicitation/create": (types.ElicitRequest, types.ElicitResult),
            "roots/list": (types.ListRootsRequest, types.ListRootsResult)}[method]
        message = {"method": method, **({"params": params} if params else {})}
        answer = await self.ctx.session.send_request(
            request.model_validate(message), result,
            metadata=ServerMessageMetadata(related_request_id=self.ctx.request_id) if related else None)
        return answer.model_dump(by_alias=True, mode="json", exclude_none=True)

    async def changed(self, kind):
        if self.modern:
            await bus.publish(EVENTS[kind]())
            return
        await {"tools": self.ctx.session.send_tool_list_changed, "prompts": self.ctx.session.send_prompt_list_changed,
               "resources": self.ctx.session.send_resource_list_changed}[kind]()

    async def updated(self, uri):
        if self.modern:
            await bus.publish(ResourceUpdated(uri=uri))
        else:
            await self.ctx.session.send_resource_updated(uri)

    async def elicitation_complete(self, number):
        await self.ctx.session.send_elicit_complete(number, related_request_id=self.ctx.request_id)

    async def drop_stream(self):
        if self.ctx.close_sse_stream is not None:
            await self.ctx.close_sse_stream()


def guarded(handler):
    """Faults become JSON-RPC errors."""
    async def run(ctx, params):
        peer = Peer(ctx)
        try:
            result = await handler(peer, dict(ctx.params or {}))
        except catalogue.Fault as fault:
            raise MCPError(fault.code, fault.message, fault.data) from None
        if not peer.modern:
            return result
        caching = {"ttlMs": 60000, "cacheScope": "public"} if ctx.method in CACHEABLE_METHODS else {}
        return {"resultType": "complete", **caching, **result}
    return run


def listing(kind):
    async def run(peer, params):
        return shop.list(kind, params.get("cursor"))
    return guarded(run)


@guarded
async def call_tool(peer, params):
    return await shop.call(peer, params["name"], params.get("arguments"))


@guarded
async def read(peer, params):
    return shop.read(params["uri"])


@guarded
async def prompt(peer, params):
    return await shop.prompt(peer, params["name"], params.get("arguments"))


@guarded
async def complete(peer, params):
    return shop.complete(params["ref"], params["argument"], params.get("context"))


@guarded
async def nothing(peer, params):
    return {}


def make_server():
    server = Server(
        "everything-2", version="1.2.3", title="Everything", instructions=catalogue.INSTRUCTIONS,
        icons=[types.Icon.model_validate(catalogue.ICON)], website_url="https://example.com/",
        on_list_tools=listing("tools"), on_call_tool=call_tool, on_list_resources=listing("resources"),
        on_list_resource_templates=listing("resourceTemplates"), on_read_resource=read,
        on_subscribe_resource=nothing, on_unsubscribe_resource=nothing, on_list_prompts=listing("prompts"),
        on_get_prompt=prompt, on_completion=complete, on_set_logging_level=nothing,
        on_subscriptions_listen=ListenHandler(bus))
    # Every transport asks for these options without our flags.
    plain = server.create_initialization_options
    server.create_initialization_options = lambda *_, **__: plain(NotificationOptions(True, True, True))
    return server


# --- HTTP ------------------------------------------------------------------------------------------------------------


class Events:
    """Keeps what a stream sent, so that it can be resumed."""

    def __init__(self):
        self.all = []

    async def store_event(self, stream, message):
        self.all.append((stream, message))
        return str(len(self.all))

    async def replay_events_after(self, last, send):
        from mcp.server.streamable_http import EventMessage
        number = int(last)
        if not 0 < number <= len(self.all):
            return None
        stream = self.all[number - 1][0]
        for index in range(number, len(self.all)):
            if self.all[index][0] == stream and self.all[index][1] is not None:
                await send(EventMessage(self.all[index][1], str(index + 1)))
        return stream


def only(era, app):
    """Refuses the other era as a server that never heard of it would."""
    async def run(scope, receive, send):
        version = next((value.decode() for name, value in scope["headers"] if name == b"mcp-protocol-version"), None)
        if (version == MODERN) == (era == "modern"):
            await app(scope, receive, send)
            return
        error = ({"code": -32022, "message": "Unsupported protocol version",
                  "data": {"supported": [MODERN], "requested": version or ""}} if era == "modern" else
                 {"code": -32600, "message": "Bad Request: Missing session ID"})
        body = json.dumps({"jsonrpc": "2.0", "id": None if era == "modern" else "server-error", "error": error}).encode()
        await send({"type": "http.response.start", "status": 400, "headers": [
            (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
    return run


async def serve_http(port):
    from mcp.server.sse import SseServerTransport
    from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    server = make_server()
    guard = TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=["127.0.0.1:*"], allowed_origins=["http://127.0.0.1:*"])

    def manager(**more):
        return StreamableHTTPSessionManager(app=server, security_settings=guard, **more)
    managers = {
        "/mcp": manager(), "/legacy/mcp": manager(), "/modern/mcp": manager(), "/json/mcp": manager(json_response=True),
        "/resumable/mcp": manager(event_store=Events(), retry_interval=50),
    }
    apps = {path: StreamableHTTPASGIApp(one) for path, one in managers.items()}
    apps["/modern/mcp"] = only("modern", apps["/modern/mcp"])
    for path in ("/legacy/mcp", "/json/mcp", "/resumable/mcp"):
        apps[path] = only("legacy", apps[path])
    sse = SseServerTransport("/messages/")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        elif scope["path"] in apps:
            await apps[scope["path"]](scope, receive, send)
        else:
            await serving.serve_events(server, sse, scope, receive, send)

    await serving.serve_http(app, managers.values(), port)


if __name__ == "__main__":
    serving.main(make_server, serve_http)
