import Base
import JSON
import MCP
import Support
import Testing

/// Messages made of the protocol's own words in wrong places: whatever comes, nothing traps, and what is written is strict
/// JSON (no member twice) and still one message.
@Suite struct StormTests {
    /// Members that belong together, so that they meet.
    private static let themes = [
        [
            "task", "taskId", "status", "ttl", "ttlMs", "pollInterval", "pollIntervalMs", "resultType", "result",
            "error", "_meta",
        ],
        [
            "resultType", "inputRequests", "requestState", "method", "params", "mode", "elicitationId", "_meta",
            "progressToken",
        ],
        ["inputResponses", "requestState", "task", "name", "arguments", "_meta", "progressToken"],
        ["content", "type", "resource", "uri", "structuredContent", "messages", "contents", "resultType", "_meta"],
        [
            "tools", "prompts", "name", "outputSchema", "inputSchema", "_meta", "ui", "resourceUri", "nextCursor",
            "cacheScope", "ttlMs",
        ],
        [
            "resources", "resourceTemplates", "uri", "uriTemplate", "ref", "type", "name", "nextCursor", "cacheScope",
            "ttlMs",
        ],
        ["type", "properties", "x-mcp-header", "items", "oneOf", "$defs", "not"],
        [
            "notifications", "resourceSubscriptions", "taskIds", "toolsListChanged", "_meta",
            "io.modelcontextprotocol/subscriptionId",
        ],
        [
            "capabilities", "extensions", "elicitation", "form", "url", "sampling", "tools", "roots", "listChanged",
            "tasks",
            "io.modelcontextprotocol/tasks", "requests", "call",
        ],
        [
            "supportedVersions", "protocolVersion", "serverInfo", "capabilities", "instructions", "_meta",
            "io.modelcontextprotocol/serverInfo",
        ],
        ["code", "data", "uri", "elicitations", "elicitationId", "mode", "message"],
        [
            "_meta", "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities",
            "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/logLevel",
            "io.modelcontextprotocol/subscriptionId",
            "progressToken",
        ],
    ]
    private static let words = [
        "", "complete", "input_required", "task", "private", "public", "tools/call", "elicitation/create", "roots/list",
        "sampling/createMessage", "resource_link", "resource", "audio", "object", "integer", "string", "url", "form",
        "2026-07-28",
        "2025-11-25", "completed", "failed", "working", "ref/resource", "ref/prompt", "ui://x", "file:///{a}", "é",
        "debug",
    ]

    private func value(_ random: inout SeededGenerator, _ theme: [String], depth: Int) -> JSONValue {
        switch random.below(depth > 0 ? 12 : 5) {
        case 0: return random.pick([.null, true, false, 0, -1])
        case 1:
            return random.pick([5, -32_002, -32_042, -32_602, -32_020, .number(JSONNumber("1e400") ?? JSONNumber(0))])
        case 2, 3, 4: return .string(random.pick(Self.words))
        case 5, 6: return .array((0..<random.below(4)).map { _ in value(&random, theme, depth: depth - 1) })
        default: return object(&random, theme, depth: depth)
        }
    }

    private func object(_ random: inout SeededGenerator, _ theme: [String], depth: Int) -> JSONValue {
        let inner = random.oneIn(4) ? random.pick(Self.themes) : theme
        let keys = theme.shuffled(using: &random).prefix(random.below(theme.count + 1))
        return .object(keys.map { JSONMember($0, value(&random, inner, depth: depth - 1)) })
    }

    private func object(_ random: inout SeededGenerator) -> String {
        let theme = random.pick(Self.themes)
        return object(&random, theme, depth: 3).text
    }

    private func checked(_ bytes: [UInt8]?, _ place: String) {
        guard let bytes else { return }
        #expect(throws: Never.self, "\(place): \(String(decoding: bytes, as: UTF8.self))") {
            try JSONDocument.parse(bytes)
        }
    }

    private func edited(_ message: RPCMessage, _ place: String, _ edit: (inout JSONSplice) -> Void) {
        var splice = JSONSplice(message.document)
        edit(&splice)
        let bytes = splice.applied()
        checked(bytes, place)
        if let document = try? JSONDocument.parse(bytes) {
            #expect(throws: Never.self, "\(place)") { try RPCMessage(document) }
        }
    }

    private let methods =
        ListKind.allCases.map(\.method) + [
            "tools/call", "prompts/get", "resources/read", "completion/complete", "subscriptions/listen", "tasks/get",
            "tasks/result",
            "sampling/createMessage", "elicitation/create", "roots/list", "notifications/resources/updated",
            "notifications/tasks",
        ]

    @Test(arguments: 0..<4) func requests(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let method = random.pick(methods)
            let request = try message(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(object(&random))}"#)
            let capabilities = try view(object(&random))
            let version = random.pick(ProtocolVersion.allCases)
            let sender = LegacyFront.Sender(
                capabilities: Capabilities.client(capabilities, from: .legacy, to: version, relays: .all),
                info: random.oneIn(2) ? nil : ["name": "c"], logLevel: random.oneIn(2) ? nil : .info)
            edited(request, "legacy request") { LegacyFront.request(request, from: sender, in: &$0) }
            edited(request, "retry") {
                LegacyFront.retry(
                    request, from: sender, answers: [(key: "k", result: [0x7B, 0x7D])], requestState: "s", in: &$0)
            }
            edited(request, "modern request") { ModernFront.request(request, in: &$0) }
            edited(request, "names") { splice in
                for place in NamedPlaces.uris(inRequest: method, request.params) { splice.replace(place, with: "new") }
                if let name = NamedPlaces.name(inRequest: method, request.params) { splice.replace(name, with: "new") }
            }
            edited(request, "task") { try? TaskShape.require(request, extensions: [ExtensionID.tasks], in: &$0) }
            checked(RequestState.digestInput(request.params), "digest")
            checked((try? ModernFront.inputRequest(request, capabilities: capabilities))?.params, "input request")
            _ = try? ModernRequest.check(request, headers: RoutingHeaders())
            _ = try? InputResponses(request.params)
            if let filter = try? ListenFilter(request.params) {
                checked(filter.granted(by: capabilities).value.bytes, "filter")
            }
            _ = RoutingHeaders.outgoing(
                method: method, params: request.params, parameters: (try? HeaderParameter.all(in: capabilities)) ?? [])
            for kind in InputKind.allCases { _ = kind.isDeclared(in: capabilities) }
            checked(Capabilities.server(capabilities, from: version, to: .july2026, relays: .all).bytes, "capabilities")
            checked(
                Capabilities.server(capabilities, from: version, to: .november2025, relays: .all).bytes, "capabilities")
            checked(Capabilities.union([capabilities.value, sender.capabilities]).bytes, "union")
        }
    }

    @Test(arguments: 0..<4) func results(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let method = random.pick(methods)
            let answer = try message(#"{"jsonrpc":"2.0","id":1,"result":\#(object(&random))}"#)
            let result = try #require(answer.outcome)
            let version = random.pick(ProtocolVersion.legacy)
            edited(answer, "settle") {
                ModernResult.settle(
                    result, of: method, in: &$0, serverInfo: [0x7B, 0x7D], isPerCaller: random.oneIn(2))
            }
            edited(answer, "legacy result") { LegacyFront.result(result, of: method, version: version, in: &$0) }
            edited(answer, "both") {
                ModernResult.settle(result, of: method, in: &$0, serverInfo: [0x7B, 0x7D], isPerCaller: true)
                for place in NamedPlaces.uris(inResultOf: method, result) { $0.replace(place, with: "new") }
                if let page = ListKind(method: method).flatMap({ ListPage(answer, $0) }) {
                    page.filter(in: &$0) { $0.id != "" }
                }
            }
            for bytes in [
                TaskShape.legacyTask(result), TaskShape.createTaskResult(result), TaskShape.taskResult(result),
                TaskShape.modernTask(
                    result, resultType: "task", result: [0x7B, 0x7D], error: nil, inputRequests: [0x7B, 0x7D]),
                LegacyFront.initializeResult(result, version: version, relays: .all).bytes,
                ModernFront.discoverResult(result, serverVersion: version, relays: .all).bytes,
                Definition.pinInput(.tools, result),
            ] { checked(bytes, "shape") }
            _ = TaskShape.payload(of: result)
            #expect(Definition.changedMembers(result, result).isEmpty)
            if let input = try? InputRequired(result) {
                let requests = try? LegacyFront.serverRequests(input, version: version, capabilities: result) { $0 }
                for request in requests ?? [] { checked(request.params, "server request") }
            }
            _ = UpstreamProbe.afterDiscover(status: nil, answer: answer)
            _ = UpstreamProbe.afterInitialize(status: 200, answer: answer)
        }
    }

    @Test(arguments: 0..<3) func errorsAndNotifications(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        guard case .request(let id) = try message(#"{"jsonrpc":"2.0","id":"a","method":"x"}"#).kind else {
            throw Failure("id")
        }
        for _ in 0..<60 {
            let method = random.pick(methods)
            let answer = try message(#"{"jsonrpc":"2.0","id":1,"error":\#(object(&random))}"#)
            let error = try #require(answer.outcome)
            edited(answer, "to legacy") { ErrorTranslation.toLegacy(error, of: method, in: &$0) }
            edited(answer, "to modern") { ErrorTranslation.toModern(error, of: method, params: error, in: &$0) }
            for request in (try? ModernFront.inputRequests(ofError: error, capabilities: error)) ?? [] {
                checked(request.params, "url elicitation")
            }
            let notification = try message(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(object(&random))}"#)
            edited(notification, "stamp") { Subscription.stamp(notification, id, in: &$0) }
            edited(notification, "unstamp") { Subscription.unstamp(notification, in: &$0) }
            edited(notification, "uris") { splice in
                for place in NamedPlaces.uris(inNotification: method, notification.params) {
                    splice.replace(place, with: "new")
                }
            }
            _ = Subscription.id(of: notification)
        }
    }

    /// What comes out of a broken seal can't be read either.
    @Test(arguments: 0..<4) func sealedBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        struct Open: StateSealer {
            func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] { plain }
            func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? { sealed }
        }
        for _ in 0..<500 {
            var bytes = random.bytes(random.below(60))
            if !bytes.isEmpty, !random.oneIn(4) { bytes[0] = 1 }
            for i in bytes.indices.dropFirst() where random.oneIn(2) { bytes[i] = 0 }
            let text = Base64.encodeURL(bytes)
            _ = try? RequestState(text, openedBy: Open())
            _ = try? MergedCursor(text, .tools, grant: "g", openedBy: Open())
        }
    }
}
