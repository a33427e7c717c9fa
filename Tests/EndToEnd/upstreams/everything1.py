#!/usr/bin/env python3
"""The catalogue served by PyPI's `mcp` 1.x: an upstream that knows no version after 2025-11-25.

    everything1.py                stdio
    everything1.py --http [PORT]  prints {"port": N}; ends when standard input ends. Paths: /mcp, /sse
"""

import mcp.types as types
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.shared.exceptions import McpError
from mcp.shared.message import ServerMessageMetadata

import catalogue
import serving

shop = catalogue.Catalogue()


def plain(model):
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


class Peer(catalogue.Peer):
    def __init__(self, ctx):
        self.ctx, self.session = ctx, ctx.session
        self.meta = plain(ctx.meta) if ctx.meta else {}
        self.capabilities = plain(ctx.session.client_params.capabilities)
        if ctx.request is not None:
            self.headers = [[name, value] for name, value in ctx.request.headers.items()]

    async def progress(self, progress, total=None, message=None):
        token = self.meta.get("progressToken")
        if token is not None:
            await self.session.send_progress_notification(
                token, progress, total, message, related_request_id=str(self.ctx.request_id))

    async def log(self, level, data, logger=None):
        await self.session.send_log_message(level, data, logger, related_request_id=self.ctx.request_id)

    async def request(self, method, params, related=True):
        request, result = {
            "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
            "elicitation/create": (types.ElicitRequest, types.ElicitResult),
            "roots/list": (types.ListRootsRequest, types.ListRootsResult)}[method]
        message = {"method": method, **({"params": params} if params else {})}
        return plain(await self.session.send_request(
            types.ServerRequest(request.model_validate(message)), result,
            metadata=ServerMessageMetadata(related_request_id=self.ctx.request_id) if related else None))

    async def changed(self, kind):
        await {"tools": self.session.send_tool_list_changed, "prompts": self.session.send_prompt_list_changed,
               "resources": self.session.send_resource_list_changed}[kind]()

    async def updated(self, uri):
        await self.session.send_resource_updated(uri)

    async def elicitation_complete(self, number):
        await self.session.send_elicit_complete(number, related_request_id=self.ctx.request_id)


def make_server():
    server = Server("everything-1", version="1.2.3", instructions=catalogue.INSTRUCTIONS,
                    icons=[types.Icon.model_validate(catalogue.ICON)], website_url="https://example.com/")

    def on(request_type, result_type, handler):
        async def run(request):
            params = plain(request.params) if request.params else {}
            try:
                result = await handler(Peer(server.request_context), params)
            except catalogue.Fault as fault:
                raise McpError(types.ErrorData(code=fault.code, message=fault.message, data=fault.data)) from None
            return types.ServerResult(result_type.model_validate(result))
        server.request_handlers[request_type] = run

    def listing(kind):
        async def run(peer, params):
            return shop.list(kind, params.get("cursor"))
        return run

    async def call_tool(peer, params):
        return await shop.call(peer, params["name"], params.get("arguments"))

    async def read(peer, params):
        return shop.read(params["uri"])

    async def prompt(peer, params):
        return await shop.prompt(peer, params["name"], params.get("arguments"))

    async def complete(peer, params):
        return shop.complete(params["ref"], params["argument"], params.get("context"))

    async def nothing(peer, params):
        return {}

    on(types.ListToolsRequest, types.ListToolsResult, listing("tools"))
    on(types.CallToolRequest, types.CallToolResult, call_tool)
    on(types.ListResourcesRequest, types.ListResourcesResult, listing("resources"))
    on(types.ListResourceTemplatesRequest, types.ListResourceTemplatesResult, listing("resourceTemplates"))
    on(types.ReadResourceRequest, types.ReadResourceResult, read)
    on(types.SubscribeRequest, types.EmptyResult, nothing)
    on(types.UnsubscribeRequest, types.EmptyResult, nothing)
    on(types.ListPromptsRequest, types.ListPromptsResult, listing("prompts"))
    on(types.GetPromptRequest, types.GetPromptResult, prompt)
    on(types.CompleteRequest, types.CompleteResult, complete)
    on(types.SetLevelRequest, types.EmptyResult, nothing)
    options = server.create_initialization_options(NotificationOptions(True, True, True))
    options.capabilities.resources.subscribe = True  # The SDK always says false.
    server.create_initialization_options = lambda *_, **__: options
    return server


async def serve_http(port):
    from mcp.server.sse import SseServerTransport
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    server = make_server()
    manager = StreamableHTTPSessionManager(app=server, security_settings=TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=["127.0.0.1:*"], allowed_origins=["http://127.0.0.1:*"]))
    sse = SseServerTransport("/messages/")

    async def app(scope, receive, send):
        if scope["path"] == "/mcp":
            await manager.handle_request(scope, receive, send)
        else:
            await serving.serve_events(server, sse, scope, receive, send)

    await serving.serve_http(app, [manager], port)


if __name__ == "__main__":
    serving.main(make_server, serve_http)
