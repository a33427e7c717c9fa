"""The server scenarios of the official conformance suite, rewritten: each a function over a URL, for one era.

`run(url, token, era)` → scenario → None (passed), a string (failed, why) or NotApplicable. Every message is checked
against the schema of its version; a breach fails the scenario that saw it. As a program:

    conformance.py URL [legacy|modern]      token in SLUICE_TOKEN; prints the table, exit code 1 if any failed
"""

import base64
import json
import os
import re
import sys
import threading
import time

from wire import META, MODERN, Legacy, Modern, NotApplicable

SCENARIOS = {"legacy": {}, "modern": {}, "legacy tasks": {}, "modern tasks": {}}
TASKS = "io.modelcontextprotocol/tasks"


def scenario(name, *eras):
    def mark(function):
        for era in eras or ("legacy", "modern"):
            SCENARIOS[era][name] = function
        return function
    return mark


def need(condition, words):
    if not condition:
        raise AssertionError(words)


def equal(got, wanted, words=""):
    need(got == wanted, f"{words}: {got!r}, not {wanted!r}")


def claims(wire, *path):
    value = wire.claims
    for key in path:
        if not isinstance(value, dict) or not value.get(key) and value.get(key) != {}:
            raise NotApplicable(f"{'.'.join(path)} is not claimed")
        value = value[key]


def only_text(result):
    return next(block["text"] for block in result["content"] if block["type"] == "text")


def answers(wire):
    """A client that answers whatever it is asked; what it was asked."""
    asked = []

    def sample(params):
        asked.append(("sampling/createMessage", params))
        return {"role": "assistant", "model": "test", "content": {"type": "text", "text": "a model's words"}}

    def elicit(params):
        asked.append(("elicitation/create", params))
        return {"action": "accept", "content": {"username": "u", "email": "e@example.com", "name": "n"}}

    def roots(params):
        asked.append(("roots/list", params))
        return {"roots": [{"uri": "file:///r"}]}
    wire.handlers = {"sampling/createMessage": sample, "elicitation/create": elicit, "roots/list": roots}
    return asked


# --- Both eras -------------------------------------------------------------------------------------------------------


@scenario("tools-list")
def tools_list(wire):
    claims(wire, "tools")
    tools = wire.all("tools/list", "tools")
    need(tools, "no tools")
    for tool in tools:
        need(re.fullmatch(r"[A-Za-z0-9_./-]{1,64}", tool["name"]), f"name {tool['name']!r}")
        need(isinstance(tool.get("description"), str), f"{tool['name']} has no description")
        equal(tool["inputSchema"].get("type"), "object", tool["name"])
    equal(len({tool["name"] for tool in tools}), len(tools), "names that repeat")

    def settled(tools):  # Other clients of the fixture add these, and take them away, at any time.
        return [tool["name"] for tool in tools if not tool["name"].startswith("test_dynamic_")]
    equal(settled(wire.all("tools/list", "tools")), settled(tools), "order")


@scenario("tools-call-simple-text")
def simple_text(wire):
    equal(wire.call("test_simple_text").result["content"],
          [{"type": "text", "text": "This is a simple text response for testing."}])


@scenario("tools-call-image")
def image(wire):
    block = wire.call("test_image_content", {}).result["content"][0]
    equal((block["type"], block["mimeType"]), ("image", "image/png"))
    need(base64.b64decode(block["data"]).startswith(b"\x89PNG"), "no PNG")


@scenario("tools-call-audio")
def audio(wire):
    block = wire.call("test_audio_content", {}).result["content"][0]
    equal((block["type"], block["mimeType"]), ("audio", "audio/wav"))
    need(base64.b64decode(block["data"]).startswith(b"RIFF"), "no WAV")


@scenario("tools-call-embedded-resource")
def embedded(wire):
    block = wire.call("test_embedded_resource", {}).result["content"][0]
    equal((block["type"], block["resource"]["uri"]), ("resource", "test://embedded-resource"))


@scenario("tools-call-mixed-content")
def mixed(wire):
    blocks = wire.call("test_multiple_content_types", {}).result["content"]
    equal([block["type"] for block in blocks], ["text", "image", "resource"])


@scenario("tools-call-error")
def tool_error(wire):
    result = wire.call("test_error_handling", {}).result
    need(result.get("isError") is True and only_text(result), "not an error result with a text")


@scenario("tools-call-with-progress")
def progress(wire):
    reply = wire.call("test_tool_with_progress", {}, meta={"progressToken": "progress-test-1"})
    steps = [message["params"] for message in reply.notifications if message["method"] == "notifications/progress"]
    need(len(steps) >= 3, f"{len(steps)} progress notifications")
    equal({step["progressToken"] for step in steps}, {"progress-test-1"})
    values = [step["progress"] for step in steps]
    equal(values, sorted(values), "progress")
    need("method" not in reply.messages[-1], "something came after the response")


@scenario("completion-complete")
def completion(wire):
    claims(wire, "completions")
    result = wire.send("completion/complete", {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"}, "argument": {"name": "arg1", "value": "par"}}).result
    equal(result["completion"]["values"], ["paris", "park"])


@scenario("server-sse-multiple-streams")
def streams(wire):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(wire.send("tools/list", {}))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    equal([reply.status for reply in replies], [200] * 3)
    for reply in replies:
        need(reply.result["tools"], "no tools")


@scenario("resources-list")
def resources_list(wire):
    claims(wire, "resources")
    uris = [entry["uri"] for entry in wire.all("resources/list", "resources")]
    need("test://static-text" in uris and "test://static-binary" in uris, uris)


@scenario("resources-read-text")
def read_text(wire):
    contents = wire.send("resources/read", {"uri": "test://static-text"}).result["contents"]
    equal((contents[0]["uri"], contents[0]["mimeType"]), ("test://static-text", "text/plain"))
    need(contents[0]["text"], "empty")


@scenario("resources-read-binary")
def read_binary(wire):
    contents = wire.send("resources/read", {"uri": "test://static-binary"}).result["contents"]
    need(base64.b64decode(contents[0]["blob"]).startswith(b"\x89PNG"), "no PNG")


@scenario("resources-templates-read")
def templates(wire):
    entries = wire.all("resources/templates/list", "resourceTemplates")
    need("test://template/{id}/data" in [entry["uriTemplate"] for entry in entries], entries)
    contents = wire.send("resources/read", {"uri": "test://template/123/data"}).result["contents"]
    equal((contents[0]["uri"], json.loads(contents[0]["text"])["id"]), ("test://template/123/data", "123"))


@scenario("sep-2164-resource-not-found")
def not_found(wire):
    reply = wire.send("resources/read", {"uri": "test://no-such-resource"})
    need(reply.error["code"] in (-32602, -32002), reply.error)
    equal(reply.error.get("data", {}).get("uri"), "test://no-such-resource", "data.uri")


@scenario("prompts-list")
def prompts_list(wire):
    claims(wire, "prompts")
    for prompt in wire.all("prompts/list", "prompts"):
        need(prompt["name"] and prompt.get("description"), prompt)


@scenario("prompts-get-simple")
def prompt_simple(wire):
    need(wire.send("prompts/get", {"name": "test_simple_prompt"}).result["messages"], "no messages")


@scenario("prompts-get-with-args")
def prompt_arguments(wire):
    result = wire.send("prompts/get", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "one!", "arg2": "two?"}}).result
    words = result["messages"][0]["content"]["text"]
    need("one!" in words and "two?" in words, words)


@scenario("prompts-get-embedded-resource")
def prompt_embedded(wire):
    result = wire.send("prompts/get", {"name": "test_prompt_with_embedded_resource",
                                       "arguments": {"resourceUri": "test://example-resource"}}).result
    equal(result["messages"][0]["content"]["resource"]["uri"], "test://example-resource")


@scenario("prompts-get-with-image")
def prompt_image(wire):
    equal(wire.send("prompts/get", {"name": "test_prompt_with_image"}).result["messages"][0]["content"]["type"], "image")


@scenario("dns-rebinding-protection")
def rebinding(wire):
    message = wire.message("tools/list", {})
    bad = wire.post(message, fields={"Host": "evil.example.com", "Origin": "http://evil.example.com"})
    need(400 <= bad.status < 500, f"a foreign Host and Origin: {bad.status}")
    own = f"{wire.address[0]}:{wire.address[1]}"
    good = wire.post(wire.message("tools/list", {}), fields={"Host": own, "Origin": f"http://{own}"})
    need(200 <= good.status < 300, f"our own: {good.status}")


@scenario("json-schema-2020-12")
def dialect(wire):
    tool = next(tool for tool in wire.all("tools/list", "tools") if tool["name"] == "json_schema_2020_12_tool")
    schema = tool["inputSchema"]
    equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
    equal(schema["$defs"]["address"]["$anchor"], "addressDef")
    equal(schema["additionalProperties"], False)
    for keyword in ("allOf", "if", "then", "else"):
        need(keyword in schema, f"{keyword} is gone")
    need("anyOf" in schema["allOf"][0], "anyOf is gone")


@scenario("pagination")
def pagination(wire):
    first = wire.send("tools/list", {}).result
    if "nextCursor" in first:
        second = wire.send("tools/list", {"cursor": first["nextCursor"]}).result
        need(not {t["name"] for t in first["tools"]} & {t["name"] for t in second["tools"]}, "pages overlap")
    wrong = wire.send("tools/list", {"cursor": "no such cursor"})
    equal(wrong.error["code"], -32602, "a wrong cursor")


@scenario("ids-echoed-with-their-type")
def ids(wire):
    for number in (1, 0, "1", "a-b", 2**53 - 1):
        reply = wire.call("test_simple_text", number=number)
        need(reply.response["id"] == number and type(reply.response["id"]) is type(number), reply.response)


@scenario("parse-error")
def parse_error(wire):
    fields = wire.fields_for(wire.message("tools/list", {}))
    reply = wire.post(None, body=b"{not json", fields=fields, own_head=True)
    equal(reply.status, 400)
    equal(reply.error["code"], -32700)


@scenario("batch-refused")
def batch(wire):
    messages = [wire.message("tools/list", {}), wire.message("tools/list", {})]
    reply = wire.post(messages, fields=wire.fields_for(messages[0]))
    need(400 <= reply.status < 500, reply.status)


@scenario("unknown-tool")
def unknown_tool(wire):
    reply = wire.call("no_such_tool", {})
    response = reply.response
    need("error" in response and response["error"]["code"] == -32602 or response.get("result", {}).get("isError"), response)


# --- Legacy ----------------------------------------------------------------------------------------------------------


@scenario("server-initialize", "legacy")
def initialize(wire):
    equal(wire.opening.status, 200)
    equal(wire.initialized["protocolVersion"], "2025-11-25")
    need(wire.initialized["serverInfo"]["name"] and "version" in wire.initialized["serverInfo"], wire.initialized)
    if wire.session is not None:
        need(re.fullmatch(r"[\x21-\x7e]+", wire.session), f"session id {wire.session!r}")
    for version in ("2025-06-18", "2025-03-26"):
        equal(wire.another(version=version).initialized["protocolVersion"], version)
    need(wire.another(version="1999-01-01").initialized["protocolVersion"].startswith("202"), "version")


@scenario("server-session-lifecycle", "legacy")
def lifecycle(wire):
    need(wire.accepted.status == 202 and wire.accepted.body == b"", f"initialized: {wire.accepted.status}")
    if wire.session is None:
        raise NotApplicable("no session id")
    fresh = wire.another()
    need(fresh.delete() in (200, 202, 204, 405, 404), "DELETE")
    equal(fresh.send("tools/list").status, 404, "an ended session")
    fresh.session = "no-such-session"
    equal(fresh.send("tools/list").status, 404, "an unknown session")
    fresh.session = None
    equal(fresh.send("tools/list").status, 400, "no session")


@scenario("ping", "legacy")
def ping(wire):
    equal(wire.send("ping").result, {})


@scenario("logging-set-level", "legacy")
def set_level(wire):
    claims(wire, "logging")
    equal(wire.send("logging/setLevel", {"level": "info"}).result, {})


@scenario("tools-call-with-logging", "legacy")
def logging(wire):
    claims(wire, "logging")
    wire.send("logging/setLevel", {"level": "debug"})
    reply = wire.call("test_tool_with_logging", {})
    logs = [message for message in reply.notifications if message["method"] == "notifications/message"]
    need(len(logs) >= 3, f"{len(logs)} log notifications")


@scenario("tools-call-sampling", "legacy")
def sampling(wire):
    asked = answers(wire)
    need("a model's words" in only_text(wire.call("test_sampling", {"prompt": "a prompt"}).result), "no answer")
    equal(asked[0][1]["messages"][0]["content"]["text"], "a prompt")


@scenario("tools-call-elicitation", "legacy")
def elicitation(wire):
    asked = answers(wire)
    result = wire.call("test_elicitation", {"message": "who?"}).result
    need("action=accept" in only_text(result), only_text(result))
    equal(asked[0][1]["message"], "who?")


@scenario("tools-call-roots", "legacy")
def roots(wire):
    answers(wire)
    equal(only_text(wire.call("test_roots", {}).result), "file:///r")


@scenario("elicitation-declined", "legacy")
def declined(wire):
    wire.handlers["elicitation/create"] = lambda params: {"action": "decline"}
    need("action=decline" in only_text(wire.call("test_elicitation", {"message": "?"}).result), "not declined")


@scenario("no-request-without-capability", "legacy")
def undeclared(wire):
    """A client that declared nothing is asked nothing."""
    poor = wire.another(capabilities={})
    reply = poor.call("test_elicitation", {"message": "?"})
    equal(reply.requests, [], "requests")
    need("error" in reply.response or reply.result.get("isError"), reply.response)


@scenario("elicitation-sep1034-defaults", "legacy")
def defaults(wire):
    asked = answers(wire)
    wire.call("test_elicitation_sep1034_defaults", {})
    properties = asked[0][1]["requestedSchema"]["properties"]
    equal({name: schema.get("default") for name, schema in properties.items()},
          {"name": "John Doe", "age": 30, "score": 95.5, "status": "active", "verified": True})


@scenario("elicitation-sep1330-enums", "legacy")
def enums(wire):
    asked = answers(wire)
    wire.call("test_elicitation_sep1330_enums", {})
    properties = asked[0][1]["requestedSchema"]["properties"]
    need(properties["untitledSingle"]["enum"] and properties["titledSingle"]["oneOf"][0]["const"], "single")
    need(properties["legacyEnum"]["enumNames"], "legacy")
    need(properties["untitledMulti"]["items"]["enum"] and properties["titledMulti"]["items"]["anyOf"], "multi")


@scenario("elicitation-url", "legacy")
def url(wire):
    asked = answers(wire)
    wire.handlers["elicitation/create"] = lambda params: (asked.append(params), {"action": "accept"})[1]
    stream = wire.get()  # Servers over pipes can't say which call a notice belongs to.
    reply = wire.call("test_elicitation_url", {})
    equal(asked[0]["mode"], "url")
    need(asked[0]["elicitationId"] and asked[0]["url"], asked[0])
    if not any(m["method"] == "notifications/elicitation/complete" for m in reply.notifications):
        stream.wait_method("notifications/elicitation/complete", 5)


@scenario("elicitation-url-required", "legacy")
def url_required(wire):
    error = wire.call("test_url_required", {}).error
    equal((error["code"], error["data"]["elicitations"][0]["mode"]), (-32042, "url"))


@scenario("server-sse-polling", "legacy")
def polling(wire):
    """Only with event ids: the stream is dropped in mid-call, the rest comes on a GET."""
    message = wire.message("tools/call", {"name": "test_reconnection", "arguments": {}})
    stream = wire.stream(message)
    stream.ended.wait(10)
    if not stream.ids:
        raise NotApplicable("no event ids")
    if any("result" in got for got in stream.messages):
        return
    again = wire.get(Last_Event_ID=stream.ids[-1])
    again.wait(lambda got: got.get("id") == message["id"] and "result" in got, "the result after resuming")
    again.close()


@scenario("resources-subscribe", "legacy")
def subscribe(wire):
    claims(wire, "resources", "subscribe")
    equal(wire.send("resources/subscribe", {"uri": "test://watched-resource"}).result, {})
    stream = wire.get()
    equal(stream.status, 200, "GET")
    wire.call("test_trigger_resource_update", {})
    equal(stream.wait_method("notifications/resources/updated")["params"]["uri"], "test://watched-resource")
    stream.close()


@scenario("resources-unsubscribe", "legacy")
def unsubscribe(wire):
    claims(wire, "resources", "subscribe")
    wire.send("resources/subscribe", {"uri": "test://watched-resource"})
    equal(wire.send("resources/unsubscribe", {"uri": "test://watched-resource"}).result, {})


@scenario("list-changed", "legacy")
def list_changed(wire):
    stream = wire.get()
    equal((stream.status, stream.kind), (200, "text/event-stream"), "GET")
    for kind, many in (("tool", "tools"), ("prompt", "prompts"), ("resource", "resources")):
        claims(wire, many, "listChanged")
        for _ in range(2):
            wire.call(f"test_trigger_{kind}_change", {"suffix": "conformance"})
            stream.wait_method(f"notifications/{many}/list_changed")
            stream.messages.clear()
    stream.close()


@scenario("unknown-method", "legacy")
def unknown_method(wire):
    reply = wire.send("no/such/method", {})
    equal(reply.status, 200)
    need(reply.error["code"] in (-32601, -32602), reply.error)


@scenario("bad-version-header", "legacy")
def bad_version(wire):
    reply = wire.send("tools/list", {}, fields={"MCP-Protocol-Version": "nonsense"})
    equal(reply.status, 400)


@scenario("accept-header", "legacy")
def accept(wire):
    equal(wire.send("tools/list", {}, fields={"Accept": "text/html"}).status, 406)
    equal(wire.send("tools/list", {}, fields={"Content-Type": "text/plain"}).status // 100, 4)
    equal(wire.send("tools/list", {}, fields={"Accept": "*/*"}).status, 200)


@scenario("cancelled-call-has-no-response", "legacy")
def cancelled(wire):
    message = wire.message("tools/call", {"name": "test_slow", "arguments": {"seconds": 20, "key": "conformance"},
                                          "_meta": {"progressToken": "c"}})
    stream = wire.stream(message)
    stream.wait_method("notifications/progress")
    equal(wire.notify("notifications/cancelled", {"requestId": message["id"]}).status, 202)
    for _ in range(100):
        if only_text(wire.call("test_was_cancelled", {"key": "conformance"}).result) == "yes":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the server never saw the cancellation")
    if wire.over == "http":
        stream.ended.wait(3)
    need(not any("result" in got for got in stream.messages), "a result after the cancellation")
    stream.close()


@scenario("disconnect-is-no-cancellation", "legacy")
def disconnect_legacy(wire):
    message = wire.message("tools/call", {"name": "test_slow", "arguments": {"seconds": 0.8, "key": "gone"},
                                          "_meta": {"progressToken": "d"}})
    stream = wire.stream(message)
    stream.wait_method("notifications/progress")
    stream.close()
    time.sleep(1.0)
    equal(only_text(wire.call("test_was_cancelled", {"key": "gone"}).result), "no", "cancelled by a disconnect")


# --- Modern ----------------------------------------------------------------------------------------------------------


def modern_raw(wire, method, params, headers=None, **more):
    """A message with exactly these params."""
    message = {"jsonrpc": "2.0", "id": wire.next_id(), "method": method}
    if params is not None:
        message["params"] = params
    fields = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **(headers or {})}
    return wire.post(message, fields=fields, own_head=True, **more)


def meta(**more):
    return {META + "protocolVersion": MODERN, META + "clientCapabilities": {},
            **{META + name: value for name, value in more.items()}}


@scenario("server-stateless: meta", "modern")
def stateless_meta(wire):
    # On a pipe there is no header: a request without a version is of the other era, and comes before `initialize`.
    nothing = -32602 if wire.over == "http" else -32600
    for key, code in (("protocolVersion", nothing), ("clientCapabilities", -32602)):
        wrong = meta()
        del wrong[META + key]
        reply = modern_raw(wire, "tools/list", {"_meta": wrong})
        equal((reply.status, reply.error["code"]), (400, code), f"without {key}")
    for params in (None, {}, {"_meta": {}}, {"_meta": 1}):
        reply = modern_raw(wire, "tools/list", params)
        equal((reply.status, reply.error["code"]), (400, nothing), f"params {params!r}")
    equal(modern_raw(wire, "tools/list", {"_meta": meta()}).status, 200, "without clientInfo")


@scenario("server-stateless: discover", "modern")
def discover(wire):
    reply = wire.send("server/discover")
    equal(reply.status, 200)
    result = reply.result
    need(MODERN in result["supportedVersions"], result["supportedVersions"])
    need(isinstance(result["capabilities"], dict), result)
    need(META + "serverInfo" in result.get("_meta", {}), "no serverInfo in _meta")
    for capability, method in (("tools", "tools/list"), ("prompts", "prompts/list"), ("resources", "resources/list")):
        there = wire.send(method, {}).status == 200
        equal(there, capability in result["capabilities"], f"capability {capability} and {method}")


@scenario("server-stateless: versions", "modern")
def versions(wire):
    wrong = {**meta(), META + "protocolVersion": "2099-01-01"}
    reply = modern_raw(wire, "tools/list", {"_meta": wrong}, {"MCP-Protocol-Version": "2099-01-01"})
    equal((reply.status, reply.error["code"]), (400, -32022))
    equal(reply.error["data"]["requested"], "2099-01-01")
    need(set(reply.error["data"]["supported"]) >= {MODERN}, reply.error["data"])
    if wire.over != "http":
        return
    reply = modern_raw(wire, "tools/list", {"_meta": meta()}, {"MCP-Protocol-Version": "2025-11-25"})
    equal((reply.status, reply.error["code"]), (400, -32020), "header and body disagree")
    equal(reply.response["id"], wire.number, "the error's id")


@scenario("server-stateless: capabilities", "modern")
def missing_capability(wire):
    poor = wire.another(capabilities={})
    reply = poor.call("test_missing_capability", {})
    equal((reply.status, reply.error["code"]), (400, -32021))
    need("sampling" in reply.error["data"]["requiredCapabilities"], reply.error)


@scenario("server-stateless: removed methods", "modern")
def removed(wire):
    for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such"):
        reply = wire.send(method, {"uri": "test://watched-resource", "level": "info"})
        equal((reply.status, reply.error["code"]), (404, -32601), method)


@scenario("server-stateless: streams", "modern")
def modern_streams(wire):
    answers(wire)
    reply = wire.call("test_streaming_elicitation", {}, meta={"progressToken": "s"})
    equal(reply.requests, [], "requests on the stream")
    equal(reply.result["resultType"], "input_required")
    reply = wire.call("test_logging_tool", {})
    equal([m for m in reply.notifications if m["method"] == "notifications/message"], [], "logs without a level")
    reply = wire.call("test_logging_tool", {}, meta={META + "logLevel": "warning"})
    logs = [m["params"]["level"] for m in reply.notifications if m["method"] == "notifications/message"]
    equal(logs, ["warning"], "logs at level warning")
    if wire.over != "http":
        return
    need("mcp-session-id" not in reply.fields, "a session header")
    ignored = wire.send("tools/list", {}, fields={"Mcp-Session-Id": "x", "Last-Event-ID": "7"})
    equal(ignored.status, 200, "Mcp-Session-Id and Last-Event-ID are ignored")


@scenario("server-stateless: GET and DELETE", "modern")
def get_delete(wire):
    for method in ("GET", "DELETE"):
        connection, response = wire.open(method, fields={
            "MCP-Protocol-Version": MODERN, "Accept": "text/event-stream", "Content-Type": None})
        with connection:
            equal(response.status, 405, method)


@scenario("server-stateless: listen", "modern")
def listen(wire):
    claims(wire, "tools", "listChanged")
    stream = wire.listen(toolsListChanged=True)
    other = wire.listen(promptsListChanged=True, resourceSubscriptions=["test://watched-resource"])
    for one in (stream, other):
        equal((one.status, one.kind), (200, "text/event-stream"), "listen")
        first = one.wait(lambda message: True, "the acknowledgement")
        equal(first["method"], "notifications/subscriptions/acknowledged", "the first message")
    equal(stream.messages[0]["params"]["notifications"], {"toolsListChanged": True}, "granted")
    wire.call("test_trigger_tool_change", {"suffix": "listen"})
    stream.wait_method("notifications/tools/list_changed")
    wire.call("test_trigger_prompt_change", {"suffix": "listen"})
    other.wait_method("notifications/prompts/list_changed")
    wire.call("test_trigger_resource_update", {})
    equal(other.wait_method("notifications/resources/updated")["params"]["uri"], "test://watched-resource")
    wire.call("test_trigger_tool_change", {"suffix": "listen"})
    wire.call("test_trigger_prompt_change", {"suffix": "listen"})
    for one, wanted in ((stream, "tools/list_changed"), (other, "prompts/list_changed resources/updated")):
        for message in one.messages:
            number = message["params"]["_meta"][META + "subscriptionId"]
            need(number == one.number and type(number) is type(one.number), f"subscription id {number!r}")
            name = message["method"].removeprefix("notifications/")
            need(name == "subscriptions/acknowledged" or name in wanted, f"{name} was not asked for")
        one.close()


@scenario("caching", "modern")
def caching(wire):
    for method, params in (("server/discover", {}), ("tools/list", {}), ("prompts/list", {}), ("resources/list", {}),
                           ("resources/templates/list", {}), ("resources/read", {"uri": "test://static-text"})):
        result = wire.send(method, params).result
        need(type(result.get("ttlMs")) is int and result["ttlMs"] >= 0, f"{method} ttlMs {result.get('ttlMs')!r}")
        need(result.get("cacheScope") in ("public", "private"), f"{method} cacheScope {result.get('cacheScope')!r}")
        equal(result.get("resultType"), "complete", method)


def needs_input(reply, *keys):
    result = reply.result
    equal(result.get("resultType"), "input_required")
    equal(sorted(result.get("inputRequests", {})), sorted(keys), "inputRequests")
    for request in result["inputRequests"].values():
        need(set(request) <= {"method", "params"}, f"an input request with {set(request)}")
    return result


def retry(wire, tool, result, responses, **more):
    extra = {"inputResponses": responses, **more}
    if "requestState" in result and "requestState" not in more:
        extra["requestState"] = result["requestState"]
    return wire.call(tool, {}, extra=extra)


ACCEPT = {"action": "accept", "content": {"name": "Alice", "ok": True, "color": "blue"}}
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}
ROOTS = {"roots": [{"uri": "file:///a"}, {"uri": "file:///b"}]}


@scenario("input-required-result-basic-elicitation", "modern")
def basic_elicitation(wire):
    tool = "test_input_required_result_elicitation"
    result = needs_input(wire.call(tool, {}), "user_name")
    equal(result["inputRequests"]["user_name"]["method"], "elicitation/create")
    equal(only_text(retry(wire, tool, result, {"user_name": ACCEPT}).result), "Hello, Alice!")


@scenario("input-required-result-basic-sampling", "modern")
def basic_sampling(wire):
    tool = "test_input_required_result_sampling"
    result = needs_input(wire.call(tool, {}), "capital_question")
    equal(only_text(retry(wire, tool, result, {"capital_question": SAID}).result), "Answer: Paris")


@scenario("input-required-result-basic-list-roots", "modern")
def basic_roots(wire):
    tool = "test_input_required_result_list_roots"
    result = needs_input(wire.call(tool, {}), "client_roots")
    equal(only_text(retry(wire, tool, result, {"client_roots": ROOTS}).result), "Roots: 2")


@scenario("input-required-result-request-state", "modern")
def request_state(wire):
    tool = "test_input_required_result_request_state"
    result = needs_input(wire.call(tool, {}), "confirm")
    need(isinstance(result.get("requestState"), str), "no requestState")
    equal(only_text(retry(wire, tool, result, {"confirm": ACCEPT}).result), "state-ok")


@scenario("input-required-result-multiple-input-requests", "modern")
def multiple(wire):
    tool = "test_input_required_result_multiple_inputs"
    result = needs_input(wire.call(tool, {}), "user_name", "greeting", "client_roots")
    responses = {"user_name": ACCEPT, "greeting": SAID, "client_roots": ROOTS}
    equal(only_text(retry(wire, tool, result, responses).result), "accept Paris 2")


@scenario("input-required-result-multi-round", "modern")
def multi_round(wire):
    tool = "test_input_required_result_multi_round"
    first = needs_input(wire.call(tool, {}), "step1")
    second = needs_input(retry(wire, tool, first, {"step1": ACCEPT}), "step2")
    need(second["requestState"] != first["requestState"], "the state did not change")
    equal(only_text(retry(wire, tool, second, {"step2": ACCEPT}).result), "accept accept")


@scenario("input-required-result-missing-input-response", "modern")
def missing_response(wire):
    tool = "test_input_required_result_elicitation"
    result = wire.call(tool, {}).result
    needs_input(retry(wire, tool, result, {"wrong_key": ACCEPT}), "user_name")


@scenario("input-required-result-non-tool-request", "modern")
def non_tool(wire):
    first = needs_input(wire.send("prompts/get", {"name": "test_input_required_result_prompt"}), "user_context")
    again = {"name": "test_input_required_result_prompt", "inputResponses": {"user_context": ACCEPT}}
    if "requestState" in first:
        again["requestState"] = first["requestState"]
    need(wire.send("prompts/get", again).result["messages"], "no messages")


@scenario("input-required-result-unsupported-methods", "modern")
def unsupported(wire):
    for method in ("tools/list", "prompts/list", "resources/list", "server/discover"):
        equal(wire.send(method, {}).result["resultType"], "complete", method)


@scenario("input-required-result-tampered-state", "modern")
def tampered(wire):
    tool = "test_input_required_result_tampered_state"
    result = needs_input(wire.call(tool, {}), "confirm")
    state = result["requestState"]
    for wrong in (state[:-1] + ("0" if state[-1] != "0" else "1"), "x" + state, "", "AAAA"):
        reply = retry(wire, tool, result, {"confirm": ACCEPT}, requestState=wrong)
        response = reply.response
        need("error" in response or response["result"].get("isError"), f"taken with an altered state: {response}")


@scenario("input-required-result-capability-check", "modern")
def capability_check(wire):
    tool = "test_input_required_result_capabilities"
    for declared, keys in (({"elicitation": {"form": {}}}, ["name"]), ({"sampling": {}}, ["sample"])):
        needs_input(wire.another(capabilities=declared).call(tool, {}), *keys)
    result = wire.another(capabilities={}).call(tool, {}).result
    equal((result["resultType"], only_text(result)), ("complete", "nothing to ask"))


@scenario("input-required-result-ignore-extra-params", "modern")
def extra_params(wire):
    tool = "test_input_required_result_elicitation"
    result = wire.call(tool, {}).result
    reply = retry(wire, tool, result, {"user_name": ACCEPT, "never_asked": SAID})
    equal(only_text(reply.result), "Hello, Alice!")


@scenario("input-required-result-validate-input", "modern")
def validate_input(wire):
    tool = "test_input_required_result_elicitation"
    result = wire.call(tool, {}).result
    response = retry(wire, tool, result, {"user_name": {"garbage": 1}}).response
    need("error" in response or response["result"].get("resultType") == "input_required", response)


@scenario("http-header-validation", "modern")
def header_validation(wire):
    def call(**fields):
        return modern_raw(wire, "tools/call", {"name": "test_simple_text", "arguments": {}, "_meta": meta()},
                          {name.replace("_", "-"): value for name, value in fields.items()})
    equal(call(Mcp_Name="test_simple_text").status, 200)
    for fields in ({"Mcp_Name": "another"}, {"Mcp_Name": "TEST_SIMPLE_TEXT"}, {"Mcp_Name": None},
                   {"Mcp_Name": "test_simple_text", "Mcp_Method": "tools/list"},
                   {"Mcp_Name": "test_simple_text", "Mcp_Method": None},
                   {"Mcp_Name": "test_simple_text", "Mcp_Method": "TOOLS/CALL"}):
        reply = call(**fields)
        equal((reply.status, reply.error["code"]), (400, -32020), str(fields))
    padded = call(Mcp_Name="  test_simple_text \t")
    equal(padded.status, 200, "white space around a value")
    encoded = base64.b64encode(b"test_simple_text").decode()
    equal(call(Mcp_Name=f"=?base64?{encoded}?=").status, 200, "Base64")
    message = {"jsonrpc": "2.0", "id": 77, "method": "tools/list", "params": {"_meta": meta()}}
    for names in (("mcp-protocol-version", "mcp-method"), ("MCP-PROTOCOL-VERSION", "MCP-METHOD")):
        reply = wire.post(message, fields=dict(zip(names, (MODERN, "tools/list"))), own_head=True)
        equal(reply.status, 200, f"field names {names}")


@scenario("http-custom-header-server-validation", "modern")
def custom_header(wire):
    def call(region, *values):
        fields = {"Mcp-Name": "test_header_tool"}
        fields.update({"Mcp-Param-Region": value for value in values})
        return modern_raw(wire, "tools/call", {
            "name": "test_header_tool", "arguments": {} if region is None else {"region": region}, "_meta": meta()}, fields)
    tool = next((t for t in wire.all("tools/list", "tools") if t["name"] == "test_header_tool"), None)
    if tool is None or "x-mcp-header" not in tool["inputSchema"]["properties"]["region"]:
        raise NotApplicable("no tool with x-mcp-header")
    equal(call("eu", "eu").status, 200)
    equal(call(None).status, 200, "neither")
    encoded = "=?base64?" + base64.b64encode("Zürich".encode()).decode() + "?="
    reply = call("Zürich", encoded)
    equal((reply.status, only_text(reply.result)), (200, "region=Zürich"), "Base64")
    for region, values in (("eu", ["us"]), ("eu", []), ("eu", ["=?base64?!!!?="])):
        reply = call(region, *values)
        equal((reply.status, reply.error["code"]), (400, -32020), f"{region} {values}")


@scenario("disconnect-is-cancellation", "modern")
def disconnect_modern(wire):
    message = wire.message("tools/call", {"name": "test_slow", "arguments": {"seconds": 20, "key": "modern-gone"},
                                          "_meta": {"progressToken": "d"}})
    stream = wire.stream(message)
    stream.wait_method("notifications/progress")
    stream.close()
    for _ in range(100):
        if only_text(wire.call("test_was_cancelled", {"key": "modern-gone"}).result) == "yes":
            return
        time.sleep(0.05)
    raise AssertionError("the work went on")


@scenario("cancelled-call-has-no-response: pipe", "modern")
def cancelled_modern(wire):
    if wire.over == "http":
        raise NotApplicable("over HTTP the end of the stream cancels")
    message = wire.message("tools/call", {"name": "test_slow", "arguments": {"seconds": 20, "key": "modern-pipe"},
                                          "_meta": {"progressToken": "c"}})
    stream = wire.stream(message)
    stream.wait_method("notifications/progress")
    wire.notify("notifications/cancelled", {"requestId": message["id"], "_meta": meta()})
    for _ in range(100):
        if only_text(wire.call("test_was_cancelled", {"key": "modern-pipe"}).result) == "yes":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the server never saw the cancellation")
    need(not any("method" not in got for got in stream.messages), "an answer to a cancelled request")
    stream.close()


@scenario("notification-accepted", "modern")
def notification(wire):
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "_meta": meta()}}
    reply = wire.post(message, fields={"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}, own_head=True)
    equal((reply.status, reply.body), (202, b""))


@scenario("posted-response-refused", "modern")
def posted_response(wire):
    reply = wire.post({"jsonrpc": "2.0", "id": 1, "result": {}}, fields={"MCP-Protocol-Version": MODERN}, own_head=True)
    need(400 <= reply.status < 500, reply.status)


# --- Tasks: in the core of 2025-11-25, an extension of 2026-07-28 ----------------------------------------------------


def started(wire, name, **more):
    """A call that becomes a task; the task."""
    if isinstance(wire, Legacy):
        return wire.call(name, {}, extra={"task": {"ttl": 60000}}, **more).result["task"]
    result = wire.call(name, {}, **more).result
    equal(result.get("resultType"), "task", name)
    return result


def polled(wire, task, *wanted):
    for _ in range(50):
        state = wire.send("tasks/get", {"taskId": task["taskId"]}).result
        equal(state["taskId"], task["taskId"], "taskId")
        if state["status"] in wanted:
            return state
        time.sleep(0.02)
    raise AssertionError(f"never {wanted}: {state}")


@scenario("tasks-advertised", "legacy tasks", "modern tasks")
def tasks_advertised(wire):
    if isinstance(wire, Legacy):
        need("tools" in wire.claims["tasks"]["requests"], wire.claims)
    else:
        need(TASKS in wire.claims.get("extensions", {}), wire.claims)


@scenario("tasks-gated", "legacy tasks", "modern tasks")
def tasks_gated(wire):
    """Who does not ask for a task gets none."""
    if isinstance(wire, Legacy):
        result = wire.call("greet", {}).result
    else:
        result = wire.another(capabilities={}).call("greet", {}).result
    equal(only_text(result), "greet at once")


@scenario("tasks-created-and-polled", "legacy tasks", "modern tasks")
def tasks_polled(wire):
    task = started(wire, "slow_compute")
    suffix = "" if isinstance(wire, Legacy) else "Ms"
    need(task["status"] == "working" and "createdAt" in task and "lastUpdatedAt" in task, task)
    equal((task["ttl" + suffix], task["pollInterval" + suffix]), (60000, 10), "names on the wire")
    need("requestState" not in task, "requestState on a task")
    state = polled(wire, task, "completed")
    result = wire.send("tasks/result", {"taskId": task["taskId"]}).result if isinstance(wire, Legacy) else state["result"]
    equal(only_text(result), "slow_compute done null")


@scenario("tasks-failed-job", "legacy tasks", "modern tasks")
def tasks_failed(wire):
    task = started(wire, "failing_job")
    state = polled(wire, task, "completed", "failed")
    result = wire.send("tasks/result", {"taskId": task["taskId"]}).result if isinstance(wire, Legacy) else state["result"]
    need(result.get("isError") is True, result)


@scenario("tasks-cancel", "legacy tasks", "modern tasks")
def tasks_cancel(wire):
    task = started(wire, "slow_compute")
    need(wire.send("tasks/cancel", {"taskId": task["taskId"]}).status == 200, "cancel")
    polled(wire, task, "cancelled")


@scenario("tasks-unknown", "legacy tasks", "modern tasks")
def tasks_unknown(wire):
    need("error" in wire.send("tasks/get", {"taskId": "task-of-somebody-else"}).response, "an unknown task")


@scenario("tasks-list", "legacy tasks")
def tasks_list(wire):
    task = started(wire, "slow_compute")
    need(task["taskId"] in [entry["taskId"] for entry in wire.send("tasks/list").result["tasks"]], "not listed")


@scenario("tasks-required", "legacy tasks", "modern tasks")
def tasks_required(wire):
    if isinstance(wire, Legacy):
        need("error" in wire.call("only_as_task", {}).response, "called without")
    else:
        reply = wire.another(capabilities={}).call("only_as_task", {})
        equal((reply.status, reply.error["code"]), (400, -32021))
    started(wire, "only_as_task")


@scenario("tasks-input", "modern tasks")
def tasks_input(wire):
    task = started(wire, "confirm_delete")
    state = polled(wire, task, "input_required")
    equal(state["inputRequests"]["sure"]["method"], "elicitation/create")
    reply = wire.send("tasks/update", {"taskId": task["taskId"], "inputResponses": {"sure": {"action": "accept"}}})
    equal(reply.status, 200, "update")
    equal(only_text(polled(wire, task, "completed")["result"]), 'confirm_delete done {"sure":{"action":"accept"}}')


@scenario("tasks-removed-methods", "modern tasks")
def tasks_removed(wire):
    for method in ("tasks/list", "tasks/result"):
        reply = wire.send(method, {"taskId": "x"})
        equal((reply.status, reply.error["code"]), (404, -32601), method)


@scenario("tasks-headers", "modern tasks")
def tasks_headers(wire):
    task = started(wire, "slow_compute")
    reply = wire.send("tasks/get", {"taskId": task["taskId"]}, fields={"Mcp-Name": "another"})
    equal((reply.status, reply.error["code"]), (400, -32020))


@scenario("tasks-stray-parameter", "modern tasks")
def tasks_stray(wire):
    """The legacy `task` parameter means nothing here."""
    poor = wire.another(capabilities={})
    equal(only_text(poor.call("greet", {}, extra={"task": {"ttl": 1}}).result), "greet at once")


# --- Running ---------------------------------------------------------------------------------------------------------

STREAMABLE_ONLY = {
    "server-session-lifecycle", "bad-version-header", "accept-header", "server-sse-polling",
    "disconnect-is-no-cancellation", "disconnect-is-cancellation", "server-stateless: GET and DELETE",
    "http-header-validation", "http-custom-header-server-validation", "posted-response-refused", "tasks-headers",
}
# Over what a scenario says nothing.
BESIDE_THE_POINT = {
    "http": set(), "sse": STREAMABLE_ONLY, "pipe": STREAMABLE_ONLY | {"dns-rebinding-protection"}}


def client_of(url, token, era, kinds):
    legacy, modern = kinds
    if era.startswith("legacy"):
        return legacy(url, token)
    if era == "modern tasks":
        return modern(url, token, capabilities={"elicitation": {}, "extensions": {TASKS: {}}})
    return modern(url, token)


def run(url, token, era, kinds=(Legacy, Modern)):
    """Scenario → None, a string, or NotApplicable. `kinds`: the classes of clients for the two eras."""
    outcomes = {}
    for name, check in SCENARIOS[era].items():
        wire = None
        try:
            if name in BESIDE_THE_POINT[kinds[0].over]:
                raise NotApplicable("it is about HTTP")
            wire = client_of(url, token, era, kinds)
            check(wire)
            outcome = "; ".join(wire.violations)[:600] or None
        except NotApplicable as reason:
            outcome = reason
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"[:600]
        finally:
            if wire is not None:
                wire.close()
            if isinstance(wire, Legacy) and wire.session:
                try:
                    wire.delete()
                except OSError:
                    pass  # The outcome says it already.
        outcomes[name] = outcome
    return outcomes


def main():
    failed = 0
    for era in sys.argv[2:] or ["legacy", "modern"]:
        outcomes = run(sys.argv[1], os.environ.get("SLUICE_TOKEN"), era)
        for name, outcome in outcomes.items():
            if isinstance(outcome, NotApplicable):
                print(f"n/a    {era} {name}: {outcome}")
            elif outcome is not None:
                failed += 1
                print(f"FAILED {era} {name}: {outcome}")
        away = sum(isinstance(outcome, NotApplicable) for outcome in outcomes.values())
        good = sum(outcome is None for outcome in outcomes.values())
        print(f"{era}: {good} passed, {len(outcomes) - good - away} failed, {away} not applicable")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
