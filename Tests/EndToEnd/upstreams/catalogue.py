"""What the fixture servers offer, apart from any SDK: the names of the official conformance suite, and more of our own.

A server hands each request to `Catalogue` together with a `Peer`, its view of the one client that asked. Results are
plain dictionaries in the shape of the wire. Where a tool needs the client (sampling, elicitation, roots), `ask` does it
in the era's way: requests to a legacy client, an `input_required` result to a modern one.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os

IMAGE = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
AUDIO = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
ICON = {"src": f"data:image/png;base64,{IMAGE}", "mimeType": "image/png", "sizes": ["1x1"]}
INSTRUCTIONS = "A fixture for tests: call anything, nothing has an effect."
PAGE = 12

# Numbers that a parser into doubles would alter, keys that a sorting writer would move.
NUMBERS = {"zeta": 9007199254740993, "alpha": -9223372036854775809, "Beta": 123456789012345678901234567890,
           "one": 1.5, "tiny": 1e-7, "zero": 0, "nested": {"y": [3, 1, 2], "x": None}}


class Fault(Exception):
    """A JSON-RPC error to answer with."""

    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class NeedInput(Exception):
    """The modern client has to answer these first."""

    def __init__(self, requests, state=None):
        super().__init__("input required")
        self.result = {"resultType": "input_required"}
        if requests:
            self.result["inputRequests"] = requests
        if state is not None:
            self.result["requestState"] = state


class Peer:
    """The client behind one request. A server's own subclass fills in the rest."""

    modern = False
    capabilities = {}       # The client's, as on the wire.
    meta = {}               # The request's own `_meta`, as on the wire.
    inputs = None           # inputResponses
    state = None            # requestState
    headers = None          # HTTP only: a list of pairs

    async def progress(self, progress, total=None, message=None): ...
    async def log(self, level, data, logger=None): ...
    async def request(self, method, params, related=True): ...
    async def changed(self, kind): ...
    async def updated(self, uri): ...
    async def elicitation_complete(self, number): ...
    async def drop_stream(self): ...


def text(*values):
    return {"content": [{"type": "text", "text": value} for value in values]}


def tool_error(value):
    return {**text(value), "isError": True}


SECRET = b"only a fixture"


def seal(value):
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    return body + "." + hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()


def unseal(state):
    body, _, mac = str(state).rpartition(".")
    if not hmac.compare_digest(mac, hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()):
        raise Fault(-32602, "requestState was altered")
    return json.loads(base64.urlsafe_b64decode(body))


CAPABILITY = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}
REQUIRED_MEMBER = {"sampling/createMessage": "content", "elicitation/create": "action", "roots/list": "roots"}


async def ask(peer, requests, state=None):
    """Asks the client all of `requests` (key → method, params); key → its result."""
    if not peer.modern:
        return {key: await peer.request(method, params) for key, (method, params) in requests.items()}
    undeclared = {CAPABILITY[method]: {} for method, _ in requests.values()
                  if CAPABILITY[method] not in peer.capabilities}
    if undeclared:
        raise Fault(-32021, "the client lacks a capability", {"requiredCapabilities": undeclared})
    answers = peer.inputs or {}
    missing = {key: {"method": method, "params": params} for key, (method, params) in requests.items()
               if not isinstance(answers.get(key), dict) or REQUIRED_MEMBER[method] not in answers[key]}
    if missing:
        raise NeedInput(missing, state)
    return answers


def form(message, properties, required=()):
    return {"mode": "form", "message": message,
            "requestedSchema": {"type": "object", "properties": properties, "required": list(required)}}


def sampling(prompt):
    return {"messages": [{"role": "user", "content": {"type": "text", "text": prompt}}], "maxTokens": 100}


def spoken(answer):
    content = answer["content"]
    block = content[0] if isinstance(content, list) else content
    return block.get("text", "")


DEFAULTS = {
    "name": {"type": "string", "default": "John Doe", "description": "Name"},
    "age": {"type": "integer", "default": 30, "description": "Age"},
    "score": {"type": "number", "default": 95.5, "description": "Score"},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True, "description": "Verified"},
}
ENUMS = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First"},
                                                 {"const": "value2", "title": "Second"}]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First"},
                                                         {"const": "value2", "title": "Second"}]}},
}
DIALECT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object",
                          "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
                   "contactMethod": {"type": "string", "enum": ["phone", "email"]}},
    "allOf": [{"anyOf": [{"required": ["name"]}, {"required": ["address"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["name"]}, "else": {"required": []},
    "additionalProperties": False,
}

NAME = {"type": "string"}
# name → (properties of its input, more members of the tool)
TOOLS = {
    "test_simple_text": ({}, {}),
    "test_image_content": ({}, {}),
    "test_audio_content": ({}, {}),
    "test_embedded_resource": ({}, {}),
    "test_resource_link": ({}, {}),
    "test_multiple_content_types": ({}, {}),
    "test_error_handling": ({}, {}),
    "test_protocol_error": ({}, {}),
    "test_tool_with_progress": ({}, {}),
    "test_tool_with_logging": ({}, {}),
    "test_logging_tool": ({}, {}),
    "test_sampling": ({"prompt": NAME}, {}),
    "test_elicitation": ({"message": NAME}, {}),
    "test_elicitation_url": ({}, {}),
    "test_url_required": ({}, {}),
    "test_elicitation_sep1034_defaults": ({}, {}),
    "test_elicitation_sep1330_enums": ({}, {}),
    "test_streaming_elicitation": ({}, {}),
    "test_roots": ({}, {}),
    "test_missing_capability": ({}, {}),
    "test_input_required_result_elicitation": ({}, {}),
    "test_input_required_result_sampling": ({}, {}),
    "test_input_required_result_list_roots": ({}, {}),
    "test_input_required_result_request_state": ({}, {}),
    "test_input_required_result_multiple_inputs": ({}, {}),
    "test_input_required_result_multi_round": ({}, {}),
    "test_input_required_result_tampered_state": ({}, {}),
    "test_input_required_result_capabilities": ({}, {}),
    "test_trigger_tool_change": ({"suffix": NAME}, {}),
    "test_trigger_prompt_change": ({"suffix": NAME}, {}),
    "test_trigger_resource_change": ({"suffix": NAME}, {}),
    "test_trigger_resource_update": ({}, {}),
    "test_reconnection": ({}, {}),
    "json_schema_2020_12_tool": (None, {"inputSchema": DIALECT}),
    "test_header_tool": ({"region": {"type": "string", "x-mcp-header": "Region"}}, {}),
    "test_structured": ({}, {"outputSchema": {
        "type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}}),
    "test_numbers": ({}, {}),
    "test_echo": ({"value": {}}, {}),
    "test_meta": ({}, {}),
    "test_headers": ({}, {}),
    "test_environment": ({}, {}),
    "test_pid": ({}, {}),
    "test_large": ({"bytes": {"type": "integer"}}, {}),
    "test_slow": ({"seconds": {"type": "number"}, "key": NAME}, {}),
    "test_was_cancelled": ({"key": NAME}, {}),
    "test_gate": ({"key": NAME}, {}),
    "test_open": ({"key": NAME}, {}),
    "test_decorated": ({}, {
        "title": "Decorated", "icons": [ICON], "_meta": {"example.com/rank": 9007199254740993},
        "annotations": {"title": "Decorated", "readOnlyHint": True, "destructiveHint": False,
                        "idempotentHint": True, "openWorldHint": False}}),
}

RESOURCES = [
    {"uri": "test://static-text", "name": "static-text", "title": "Static text", "mimeType": "text/plain",
     "description": "A text that never changes", "icons": [ICON],
     "annotations": {"audience": ["user"], "priority": 0.5}, "size": 28, "_meta": {"example.com/kind": "text"}},
    {"uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png", "description": "A picture"},
    {"uri": "test://watched-resource", "name": "watched-resource", "mimeType": "text/plain", "description": "Watched"},
    {"uri": "test://with%20spaces/%C3%A4?q=1#part", "name": "odd-uri", "mimeType": "text/plain", "description": "Odd"},
    {"uri": "ui://fixture/panel", "name": "panel", "mimeType": "text/html", "description": "Not to be renamed"},
]
TEMPLATES = [
    {"uriTemplate": "test://template/{id}/data", "name": "template", "title": "Template", "mimeType": "application/json",
     "description": "Data for an id"},
    {"uriTemplate": "test://search{?q,limit}", "name": "search", "description": "Search"},
]
PROMPTS = [
    {"name": "test_simple_prompt", "title": "Simple", "description": "No arguments", "icons": [ICON]},
    {"name": "test_prompt_with_arguments", "description": "Two arguments", "arguments": [
        {"name": "arg1", "description": "First", "required": True},
        {"name": "arg2", "description": "Second", "required": True}]},
    {"name": "test_prompt_with_embedded_resource", "description": "Holds a resource", "arguments": [
        {"name": "resourceUri", "description": "Which", "required": True}]},
    {"name": "test_prompt_with_image", "description": "Holds a picture"},
    {"name": "test_input_required_result_prompt", "description": "Asks first"},
]


class Catalogue:
    def __init__(self):
        self.more = {"tools": {}, "prompts": {}, "resources": {}}  # What triggers added, by name.
        self.cancelled = set()
        self.gates = {}

    # --- Lists ---------------------------------------------------------------------------------------------------

    def list(self, kind, cursor):
        """One page of `tools`, `prompts`, `resources` or `resourceTemplates`."""
        entries = {"tools": self.tools, "prompts": lambda: PROMPTS, "resources": lambda: RESOURCES,
                   "resourceTemplates": lambda: TEMPLATES}[kind]()
        entries = [*entries, *self.more.get(kind, {}).values()]
        size = PAGE if kind == "tools" else 3
        try:
            start = int(cursor.removeprefix("from ")) if cursor is not None else 0
        except ValueError:
            start = -1
        if not 0 <= start <= len(entries):
            raise Fault(-32602, "no such cursor")
        page = {kind: entries[start:start + size]}
        if start + size < len(entries):
            page["nextCursor"] = f"from {start + size}"
        return page

    def tools(self):
        for name, (properties, more) in TOOLS.items():
            yield {"name": name, "description": f"Fixture {name}",
                   "inputSchema": {"type": "object", "properties": properties}, **more}

    # --- Tools ---------------------------------------------------------------------------------------------------

    async def call(self, peer, name, arguments):
        handler = getattr(self, name if name.startswith("test_") else f"tool_{name}", None)
        if handler is None and name in self.more["tools"]:
            return text(f"dynamic {name}")
        if handler is None or name not in TOOLS:
            raise Fault(-32602, f"Unknown tool: {name}")
        try:
            return await handler(peer, **(arguments or {}))
        except NeedInput as need:
            return need.result

    async def test_simple_text(self, peer):
        return text("This is a simple text response for testing.")

    async def test_image_content(self, peer):
        return {"content": [{"type": "image", "data": IMAGE, "mimeType": "image/png",
                             "annotations": {"audience": ["user"], "priority": 1.0}}]}

    async def test_audio_content(self, peer):
        return {"content": [{"type": "audio", "data": AUDIO, "mimeType": "audio/wav"}]}

    async def test_embedded_resource(self, peer):
        return {"content": [{"type": "resource", "resource": {
            "uri": "test://embedded-resource", "mimeType": "text/plain", "text": "An embedded resource."}}]}

    async def test_resource_link(self, peer):
        return {"content": [{"type": "resource_link", "uri": "test://static-text", "name": "static-text",
                             "title": "Linked", "mimeType": "text/plain", "icons": [ICON]}]}

    async def test_multiple_content_types(self, peer):
        return {"content": [
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": IMAGE, "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "test://mixed-content-resource", "mimeType": "application/json",
                                              "text": "{\"test\":\"data\",\"value\":123}"}}]}

    async def test_error_handling(self, peer):
        return tool_error("This tool intentionally returns an error for testing")

    async def test_protocol_error(self, peer):
        raise Fault(1234, "an error of our own", {"why": ["because", 9007199254740993]})

    async def test_tool_with_progress(self, peer):
        for step in (0, 50, 100):
            await peer.progress(step, 100, f"Completed step {step} of 100")
            await asyncio.sleep(0.02)
        return text("done")

    async def test_tool_with_logging(self, peer):
        for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await peer.log("info", words, "fixture")
            await asyncio.sleep(0.02)
        return text("done")

    async def test_logging_tool(self, peer):
        await peer.log("debug", {"detail": 9007199254740993})
        await peer.log("warning", "a warning")
        return text("logged")

    async def test_sampling(self, peer, prompt="?"):
        answers = await ask(peer, {"sample": ("sampling/createMessage", sampling(prompt))})
        return text(f"LLM response: {spoken(answers['sample'])}")

    async def elicit(self, peer, params, key="input"):
        answer = (await ask(peer, {key: ("elicitation/create", params)}))[key]
        return text(f"action={answer['action']} content={json.dumps(answer.get('content'))}")

    async def test_elicitation(self, peer, message="?"):
        return await self.elicit(peer, form(message, {"username": NAME, "email": NAME}, ["username"]))

    async def test_elicitation_url(self, peer):
        params = {"mode": "url", "message": "Please sign in", "url": "https://example.com/sign-in?for=1"}
        if not peer.modern:
            params["elicitationId"] = "sign-in-1"
        result = await self.elicit(peer, params)
        if not peer.modern:
            await peer.elicitation_complete("sign-in-1")
        return result

    async def test_url_required(self, peer):
        if peer.modern:
            return await self.test_elicitation_url(peer)
        raise Fault(-32042, "URL elicitation required", {"elicitations": [
            {"mode": "url", "message": "Please sign in", "url": "https://example.com/", "elicitationId": "e-1"}]})

    async def test_elicitation_sep1034_defaults(self, peer):
        return await self.elicit(peer, form("Defaults", DEFAULTS))

    async def test_elicitation_sep1330_enums(self, peer):
        return await self.elicit(peer, form("Enums", ENUMS))

    async def test_streaming_elicitation(self, peer):
        """Notifies on its stream; must not ask on it in the modern era."""
        await peer.progress(1, 2)
        return await self.elicit(peer, form("Streaming", {"name": NAME}))

    async def test_roots(self, peer):
        answer = (await ask(peer, {"roots": ("roots/list", {})}))["roots"]
        return text(" ".join(root["uri"] for root in answer["roots"]))

    async def test_missing_capability(self, peer):
        if peer.modern and "sampling" not in peer.capabilities:
            raise Fault(-32021, "sampling is needed", {"requiredCapabilities": {"sampling": {}}})
        return await self.test_sampling(peer, "needed")

    async def test_input_required_result_elicitation(self, peer):
        answers = await ask(peer, {"user_name": ("elicitation/create", form("Your name?", {"name": NAME}, ["name"]))})
        return text(f"Hello, {answers['user_name'].get('content', {}).get('name', 'nobody')}!")

    async def test_input_required_result_sampling(self, peer):
        answers = await ask(peer, {"capital_question": ("sampling/createMessage", sampling("Capital of France?"))})
        return text(f"Answer: {spoken(answers['capital_question'])}")

    async def test_input_required_result_list_roots(self, peer):
        answers = await ask(peer, {"client_roots": ("roots/list", {})})
        return text(f"Roots: {len(answers['client_roots']['roots'])}")

    async def test_input_required_result_request_state(self, peer):
        state = seal({"step": "confirm"})
        await ask(peer, {"confirm": ("elicitation/create", form("Sure?", {"ok": {"type": "boolean"}}))}, state)
        if peer.modern and unseal(peer.state) != {"step": "confirm"}:
            raise Fault(-32602, "another requestState")
        return text("state-ok")

    async def test_input_required_result_tampered_state(self, peer):
        if peer.modern and peer.state is not None:
            unseal(peer.state)
        return await self.test_input_required_result_request_state(peer)

    async def test_input_required_result_multiple_inputs(self, peer):
        answers = await ask(peer, {
            "user_name": ("elicitation/create", form("Your name?", {"name": NAME})),
            "greeting": ("sampling/createMessage", sampling("A greeting")),
            "client_roots": ("roots/list", {})}, seal({"n": 3}))
        return text(f"{answers['user_name']['action']} {spoken(answers['greeting'])} "
                    f"{len(answers['client_roots']['roots'])}")

    async def test_input_required_result_multi_round(self, peer):
        first = {"step1": ("elicitation/create", form("Step 1", {"name": NAME}))}
        second = {"step2": ("elicitation/create", form("Step 2", {"color": NAME}))}
        if not peer.modern:
            answers = {**await ask(peer, first), **await ask(peer, second)}
            return text(f"{answers['step1']['action']} {answers['step2']['action']}")
        if peer.state is None:
            await ask(peer, first, seal({"round": 1}))
            raise Fault(-32602, "answers without state")
        state = unseal(peer.state)
        if state["round"] == 1:
            answers = await ask(peer, first, seal({"round": 1}))
            peer.inputs = None
            await ask(peer, second, seal({"round": 2, "step1": answers["step1"]["action"]}))
        answers = await ask(peer, second, peer.state)
        return text(f"{state['step1']} {answers['step2']['action']}")

    async def test_input_required_result_capabilities(self, peer):
        """Asks only for what the client declared."""
        possible = {"name": ("elicitation/create", form("Name?", {"name": NAME})),
                    "sample": ("sampling/createMessage", sampling("Anything"))}
        possible = {key: value for key, value in possible.items()
                    if not peer.modern or CAPABILITY[value[0]] in peer.capabilities}
        if not possible:
            return text("nothing to ask")
        return text("asked " + " ".join(sorted(await ask(peer, possible))))

    async def trigger(self, peer, kind, entry, key):
        """Adds the entry or takes it away again, and says so."""
        there = self.more[kind]
        there.pop(key) if key in there else there.__setitem__(key, entry)
        await peer.changed(kind)
        return text("there" if key in there else "gone")

    async def test_trigger_tool_change(self, peer, suffix="tool"):
        name = f"test_dynamic_{suffix}"
        return await self.trigger(peer, "tools", {
            "name": name, "description": "Came later", "inputSchema": {"type": "object"}}, name)

    async def test_trigger_prompt_change(self, peer, suffix="prompt"):
        name = f"test_dynamic_{suffix}"
        return await self.trigger(peer, "prompts", {"name": name, "description": "Came later"}, name)

    async def test_trigger_resource_change(self, peer, suffix="resource"):
        name = f"test_dynamic_{suffix}"
        uri = f"test://dynamic/{suffix}"
        return await self.trigger(peer, "resources", {"uri": uri, "name": name}, name)

    async def test_trigger_resource_update(self, peer):
        await peer.updated("test://watched-resource")
        return text("updated")

    async def test_reconnection(self, peer):
        await peer.drop_stream()
        await asyncio.sleep(0.3)
        return text("Reconnection test completed")

    async def tool_json_schema_2020_12_tool(self, peer, **arguments):
        return text(json.dumps(arguments))

    async def test_header_tool(self, peer, region=None):
        return text(f"region={region}")

    async def test_structured(self, peer):
        return {**text('{"sum": 9007199254740993}'), "structuredContent": {"sum": 9007199254740993}}

    async def test_numbers(self, peer):
        return {**text(json.dumps(NUMBERS)), "structuredContent": NUMBERS, "_meta": {"example.com/n": 2**70}}

    async def test_echo(self, peer, **arguments):
        return {**text(json.dumps(arguments, ensure_ascii=False)), "structuredContent": arguments}

    async def test_meta(self, peer):
        own = {key: value for key, value in peer.meta.items()
               if key != "progressToken" and not key.startswith("io.modelcontextprotocol/")}
        return {**text(json.dumps(own, sort_keys=True)), "_meta": {"example.com/echo": own}}

    async def test_headers(self, peer):
        return text(json.dumps(peer.headers))

    async def test_environment(self, peer):
        return text(json.dumps(dict(os.environ)))

    async def test_pid(self, peer):
        return text(str(os.getpid()))

    async def test_large(self, peer, bytes=8 * 1024 * 1024):
        return text("x" * int(bytes))

    async def test_slow(self, peer, seconds=1.0, key=""):
        try:
            end = asyncio.get_running_loop().time() + seconds
            await peer.progress(0, 1, "started")
            while (left := end - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(min(left, 0.2))
        except asyncio.CancelledError:
            self.cancelled.add(key)
            raise
        return text(f"slept {key}")

    async def test_gate(self, peer, key=""):
        """Ends when another call opens the gate."""
        gate = self.gates.setdefault(key, asyncio.Event())
        await peer.progress(0, 1, "waiting")
        await gate.wait()
        return text(f"through {key}")

    async def test_open(self, peer, key=""):
        self.gates.pop(key).set()
        return text("open")

    async def test_was_cancelled(self, peer, key=""):
        return text("yes" if key in self.cancelled else "no")

    async def test_decorated(self, peer):
        return text("plain")

    # --- Resources, prompts, completion --------------------------------------------------------------------------

    def read(self, uri):
        contents = {
            "test://static-text": {"mimeType": "text/plain", "text": "This is a static text, öé \U0001f600."},
            "test://static-binary": {"mimeType": "image/png", "blob": IMAGE},
            "test://watched-resource": {"mimeType": "text/plain", "text": "watched"},
            "test://with%20spaces/%C3%A4?q=1#part": {"mimeType": "text/plain", "text": "odd"},
            "ui://fixture/panel": {"mimeType": "text/html", "text": "<p>panel</p>", "_meta": {"example.com/ui": True}},
        }.get(uri)
        if contents is None and uri.startswith("test://template/") and uri.endswith("/data"):
            number = uri.removeprefix("test://template/").removesuffix("/data")
            contents = {"mimeType": "application/json",
                        "text": json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})}
        if contents is None:
            raise Fault(-32602, "Resource not found", {"uri": uri})
        return {"contents": [{"uri": uri, **contents}]}

    async def prompt(self, peer, name, arguments):
        arguments = arguments or {}

        def user(content):
            return {"role": "user", "content": content}

        match name:
            case "test_simple_prompt":
                messages = [user({"type": "text", "text": "This is a simple prompt for testing."})]
            case "test_prompt_with_arguments":
                words = f"Prompt with arguments: arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'"
                messages = [user({"type": "text", "text": words})]
            case "test_prompt_with_embedded_resource":
                messages = [user({"type": "resource", "resource": {
                    "uri": arguments["resourceUri"], "mimeType": "text/plain", "text": "Embedded."}})]
            case "test_prompt_with_image":
                messages = [user({"type": "image", "data": IMAGE, "mimeType": "image/png"})]
            case "test_input_required_result_prompt":
                try:
                    answers = await ask(peer, {
                        "user_context": ("elicitation/create", form("Context?", {"context": NAME}))})
                except NeedInput as need:
                    return need.result
                messages = [user({"type": "text", "text": f"Context: {answers['user_context']['action']}"})]
            case _:
                raise Fault(-32602, f"Unknown prompt: {name}")
        return {"description": f"Fixture {name}", "messages": messages}

    def complete(self, ref, argument, context):
        known = ["alpha", "beta", "paris", "park"]
        words = [word for word in known if word.startswith(argument["value"])]
        if context:
            words = [*words, *(f"{key}={value}" for key, value in sorted(context.get("arguments", {}).items()))]
        return {"completion": {"values": words, "total": len(words), "hasMore": False}}
