import JSON

/// A legacy client in front of a modern server: how requests and results change on their way.
///
/// Ids, progress tokens and names of several servers are edited elsewhere, in the same splice.
package enum LegacyFront {
    // MARK: Introduction

    /// The result of `initialize`, made of what the server said in `server/discover`.
    /// - Parameter version: what was negotiated with the client.
    package static func initializeResult(
        _ discovered: JSONView, version: ProtocolVersion, relays: Relays
    ) -> JSONValue {
        let capabilities = discovered["capabilities"].map {
            Capabilities.server($0, from: .newest, to: version, relays: relays)
        }
        let info = discovered["_meta"]?[MetaKey.serverInfo]
        var members = [
            JSONMember("protocolVersion", .string(version.rawValue)),
            JSONMember("capabilities", capabilities ?? [:]),
            JSONMember(
                "serverInfo",
                // It need not name itself; legacy clients must be given something.
                info?.kind == .object ? info?.value ?? [:] : ["name": "unknown", "version": "0"]),
        ]
        if let instructions = discovered["instructions"], instructions.kind == .string {
            members.append(JSONMember("instructions", instructions.value))
        }
        return .object(members)
    }

    // MARK: Requests

    /// What a request upstream says of its sender.
    package struct Sender: Sendable {
        package let version: ProtocolVersion
        /// What `Capabilities.client` made of what the client declared in `initialize`.
        package let capabilities: JSONValue
        /// The client's own words, an object; nil if it sent none.
        package let info: JSONValue?
        /// What the client set with `logging/setLevel`, if it did.
        package let logLevel: LogLevel?

        package init(
            version: ProtocolVersion = .newest, capabilities: JSONValue, info: JSONValue?, logLevel: LogLevel?
        ) {
            self.version = version
            self.capabilities = capabilities
            self.info = info
            self.logLevel = logLevel
        }

        var meta: [(key: String, value: [UInt8])] {
            var meta = [
                (MetaKey.protocolVersion.description, JSONValue.string(version.rawValue).bytes),
                (MetaKey.clientCapabilities.description, capabilities.bytes),
            ]
            if let info { meta.append((MetaKey.clientInfo.description, info.bytes)) }
            if let logLevel { meta.append((MetaKey.logLevel.description, JSONValue.string(logLevel.rawValue).bytes)) }
            return meta
        }
    }

    /// Gives a client's request the envelope that a modern server wants. What the client wrote in those places goes: a legacy
    /// client has no business there.
    package static func request(_ message: RPCMessage, from sender: Sender, in splice: inout JSONSplice) {
        let root = message.document.root
        // SPEC: a stray `task` is ignored by modern servers; whether a task may be made stands in the capabilities.
        splice.remove(["params", "task"], under: root)
        if let meta = message.params?["_meta"], meta.kind != .object {
            return splice.set(["params", "_meta"], to: object(sender.meta), under: root)
        }
        for (key, value) in sender.meta { splice.set(["params", "_meta", key], to: value, under: root) }
        for key in MetaKey.envelope where !sender.meta.contains(where: { $0.key == key.description }) {
            splice.remove(["params", "_meta", key.description], under: root)
        }
    }

    /// A request of our own in the client's name.
    /// - Parameter params: without `_meta`.
    package static func request(
        id: Int64, method: String, params: [(key: String, value: [UInt8])], from sender: Sender
    ) -> [UInt8] {
        let meta = (key: "_meta", value: object(sender.meta))
        return RPCWriter.request(id: id, method: method, paramsBytes: object(params + [meta]))
    }

    /// Sends a request again with the client's answers: the same parameters, and a new id from elsewhere.
    package static func retry(
        _ message: RPCMessage, from sender: Sender, answers: [(key: String, result: [UInt8])], requestState: String?,
        in splice: inout JSONSplice
    ) {
        request(message, from: sender, in: &splice)
        let root = message.document.root
        if answers.isEmpty {
            splice.remove(["params", "inputResponses"], under: root)
        } else {
            splice.set(["params", "inputResponses"], to: object(answers.map { ($0.key, $0.result) }), under: root)
        }
        // SPEC: the state goes back unchanged, and is absent if the server gave none.
        if let requestState {
            splice.set(["params", "requestState"], to: JSONValue.string(requestState).bytes, under: root)
        } else {
            splice.remove(["params", "requestState"], under: root)
        }
    }

    private static func object(_ members: [(key: String, value: [UInt8])]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in members {
            writer.key(key)
            writer.raw(value)
        }
        writer.endObject()
        return writer.bytes
    }

    // MARK: Input required

    /// A request to the client, in place of an entry of `inputRequests`; its id comes from elsewhere.
    package struct ServerRequest: Sendable, Hashable {
        /// The server's key, under which the answer goes back.
        package let key: String
        package let method: String
        /// An object, if there is one.
        package let params: [UInt8]?
        package let kind: InputKind
    }

    /// - Parameters:
    ///   - capabilities: what the client declared in `initialize`.
    ///   - elicitationID: makes an id for URL elicitations, which legacy clients need and modern servers don't send.
    ///   - task: the task in whose course the server asks, if it is one.
    /// - Throws: `inputUnknown` or `inputUndeclared` when the client can't be asked.
    package static func serverRequests(
        _ input: InputRequired, version: ProtocolVersion, capabilities: JSONView, task: String? = nil,
        elicitationID: (String) -> String
    ) throws(Untranslatable) -> [ServerRequest] {
        var requests: [ServerRequest] = []
        for request in input.requests {
            guard version >= request.kind.since else { throw .inputUnknown(request.kind, version) }
            guard request.kind.isDeclared(in: capabilities) else { throw .inputUndeclared(request.kind) }
            var params = request.params.map { Array($0.rawBytes) }
            if let view = request.params {
                var splice = JSONSplice(view.document)
                if request.kind == .url {
                    splice.set("elicitationId", to: .string(elicitationID(request.key)), in: view)
                } else if request.kind == .form, version < InputKind.url.since {
                    // Before there were modes.
                    splice.remove("mode", from: view)
                }
                if let task { TaskShape.relate(view, to: task, in: &splice) }
                if !splice.isEmpty { params = splice.applied(to: view) }
            } else if let task {
                let name: JSONValue = ["taskId": .string(task)]
                let meta = JSONValue.object([JSONMember(MetaKey.relatedTask.description, name)])
                params = JSONValue.object([JSONMember("_meta", meta)]).bytes
            }
            requests.append(
                ServerRequest(key: request.key, method: request.method, params: params, kind: request.kind))
        }
        return requests
    }

    /// What goes under a key of `inputResponses` for the client's answer to such a request. An elicitation that fails is one
    /// that was cancelled; sampling and roots have no such word.
    /// - Throws: `inputError`.
    package static func inputResponse(_ answer: RPCMessage, for kind: InputKind) throws(Untranslatable) -> [UInt8] {
        if case .response(_, isError: false) = answer.kind, let result = answer.outcome, result.kind == .object {
            return Array(result.rawBytes)
        }
        guard kind == .form || kind == .url else { throw .inputError(kind) }
        return Array(#"{"action":"cancel"}"#.utf8)
    }

    // MARK: Results

    /// Takes out of a complete result what a legacy client of this version could stumble over. Other members of the modern
    /// era (`ttlMs`, `_meta` …) are left: clients ignore what they don't know.
    /// - Parameter offersTasks: whether the client may have this server's tools run as tasks.
    package static func result(
        _ result: JSONView, of method: String, version: ProtocolVersion, offersTasks: Bool = false,
        in splice: inout JSONSplice
    ) {
        splice.remove("resultType", from: result)
        switch method {
        case "tools/list":
            for tool in result["tools"]?.elements.map({ $0 }) ?? [] {
                LegacyFront.tool(tool, offersTasks: offersTasks, in: &splice)
            }
        case "tools/call": structuredContent(of: result, in: &splice)
        default: break
        }
        OldContent.replace(inResultOf: method, result, version: version, in: &splice)
    }

    /// An output schema that is not about an object describes what legacy clients can't get. And legacy clients ask for tasks
    /// only where a tool says that it can run as one, which modern tools don't say: each of them may.
    package static func tool(_ tool: JSONView, offersTasks: Bool = false, in splice: inout JSONSplice) {
        if offersTasks, tool["execution"]?["taskSupport"] == nil {
            let optional = JSONValue.string(TaskShape.Support.optional.rawValue)
            splice.set(["execution", "taskSupport"], to: optional.bytes, under: tool)
        }
        guard let schema = tool["outputSchema"], schema["type"]?.equals("object") != true else { return }
        splice.remove("outputSchema", from: tool)
    }

    /// Legacy `structuredContent` is an object. Another value is left out; it is kept as text if there is no content.
    private static func structuredContent(of result: JSONView, in splice: inout JSONSplice) {
        guard let structured = result["structuredContent"], structured.kind != .object else { return }
        splice.remove("structuredContent", from: result)
        guard result["content"]?.count ?? 0 == 0 else { return }
        let text = String(decoding: structured.rawBytes, as: UTF8.self)
        splice.set("content", to: [["type": "text", "text": .string(text)]], in: result)
    }
}
