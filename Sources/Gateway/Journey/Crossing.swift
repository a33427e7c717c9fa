import JSON
import MCP

/// How the messages of one request change between its client and its server, whatever the era of each. Everything else
/// goes on byte by byte.
struct Crossing {
    let message: RPCMessage
    let profile: ClientProfile
    let serverVersion: ProtocolVersion
    let relays: Relays
    /// What the client set for its session.
    let logLevel: LogLevel?
    /// What the server gave as `requestState`, taken out of ours.
    var upstreamState: String?
    /// A legacy client in front of a modern server that has tasks, and may ask for some.
    var offersTasks = false
    /// A modern client's call of a tool that its legacy server runs as a task only.
    var needsTask = false

    /// Whether a legacy client wants its call to become a task of a modern server.
    var asksTask: Bool {
        offersTasks && message.method == "tools/call" && message.params?["task"]?.kind == .object
    }

    private var isLegacy: Bool { profile.era == .legacy && serverVersion.era == .legacy }

    // MARK: To the server

    /// The request with our id, and our progress token (the same number).
    func request(id: Int64) -> [UInt8] {
        // COST: the way of nearly all calls today, with two edits that need no search.
        if isLegacy { return Relay.request(message, upstreamID: id) }
        var splice = JSONSplice(message.document)
        switch (profile.era, serverVersion.era) {
        case (.legacy, .modern): LegacyFront.request(message, from: sender, in: &splice)
        case (.modern, .legacy):
            ModernFront.request(message, in: &splice)
            // Who has not declared tasks never gets here.
            if needsTask { try? TaskShape.require(message, extensions: [ExtensionID.tasks], in: &splice) }
        default: modernRequest(in: &splice)
        }
        number(id, in: &splice)
        return splice.applied()
    }

    /// The request once more, with the client's answers to what a modern server asked.
    func retry(id: Int64, answers: [(key: String, result: [UInt8])], state: String?) -> [UInt8] {
        var splice = JSONSplice(message.document)
        LegacyFront.retry(message, from: sender, answers: answers, requestState: state, in: &splice)
        number(id, in: &splice)
        return splice.applied()
    }

    /// A request of our own about a task.
    func taskRequest(id: Int64, _ method: String, task: String, more: [(key: String, value: [UInt8])] = []) -> [UInt8] {
        guard serverVersion.era == .modern else {
            return RPCWriter.request(id: id, method: method, params: ["taskId": .string(task)])
        }
        let params = [(key: "taskId", value: JSONValue.string(task).bytes)] + more
        return LegacyFront.request(id: id, method: method, params: params, from: sender)
    }

    private var sender: LegacyFront.Sender {
        // A legacy client has tasks for the calls that it wants as tasks, and for what it asks of those: never by a word of
        // its own, since a server would then make a task of a call whose client knows none.
        var relays = relays
        if profile.era == .legacy { relays.tasks = false }
        var capabilities = Capabilities.client(
            profile.capabilities, from: profile.era, to: serverVersion, relays: relays)
        if asksTask || message.method.hasPrefix("tasks/") { capabilities = TaskShape.declared(in: capabilities) }
        return LegacyFront.Sender(
            version: serverVersion, capabilities: capabilities, info: profile.info, logLevel: logLevel)
    }

    private func modernRequest(in splice: inout JSONSplice) {
        // What the client has declared is read in this message: the profile's is that of the one it sent, in which names and
        // URIs may have other lengths.
        let key = MetaKey.clientCapabilities.description
        let own = message.params?["_meta"]?[key] ?? profile.capabilities
        let declared = Capabilities.client(own, from: .modern, to: serverVersion, relays: relays)
        if declared != own.value {
            splice.set(["params", "_meta", key], to: declared.bytes, under: message.document.root)
        }
        guard let params = message.params, let state = params["requestState"] else { return }
        if let upstreamState {
            splice.replace(state, with: upstreamState)
        } else {
            splice.remove("requestState", from: params)
        }
    }

    private func number(_ id: Int64, in splice: inout JSONSplice) {
        let text = Array(String(id).utf8)
        splice.set("id", to: text, in: message.document.root)
        if let token = message.progressToken { splice.replace(token, with: text) }
    }

    // MARK: To the client

    /// The response with the client's id, and our member in the result's `_meta`.
    /// - Parameter introduction: the server's own words about itself.
    func response(
        _ response: RPCMessage, clientID: RequestID, meta: MetaMember? = nil,
        introduction: @autoclosure () -> JSONValue
    ) -> [UInt8] {
        if isLegacy { return Relay.response(response, clientID: clientID, meta: meta) }
        var splice = JSONSplice(response.document)
        if let outcome = response.outcome {
            if case .response(_, isError: true) = response.kind {
                error(outcome, in: &splice)
            } else {
                result(outcome, introduction(), in: &splice)
            }
        }
        guard !splice.isEmpty, let changed = try? RPCMessage(JSONDocument.parse(splice.applied(), limits: .upstream))
        else { return Relay.response(response, clientID: clientID, meta: meta) }
        return Relay.response(changed, clientID: clientID, meta: meta)
    }

    private func error(_ error: JSONView, in splice: inout JSONSplice) {
        switch (profile.era, serverVersion.era) {
        case (.modern, .legacy):
            ErrorTranslation.toModern(error, of: message.method, params: message.params, in: &splice)
        case (.legacy, .modern): ErrorTranslation.toLegacy(error, of: message.method, in: &splice)
        default: break
        }
    }

    private func result(_ result: JSONView, _ introduction: JSONValue, in splice: inout JSONSplice) {
        guard profile.era == .modern else {
            if asksTask, ResultType(result) == .task, let created = TaskShape.createTaskResult(result) {
                return splice.replace(result, with: created)
            }
            return LegacyFront.result(
                result, of: message.method, version: profile.version, offersTasks: offersTasks, in: &splice)
        }
        if needsTask, let task = TaskShape.taskResult(result, serverInfo: introduction) {
            return splice.replace(result, with: task)
        }
        // What a policy lets one caller see it may hide from the next.
        ModernResult.settle(
            result, of: message.method, in: &splice, from: serverVersion.era, serverInfo: introduction.bytes,
            isPerCaller: true)
    }

    /// A notification that came with the request, as its client may see it; nil if it has no business there.
    func notification(_ notification: RPCMessage, token: Int64) -> [UInt8]? {
        guard notification.method == "notifications/progress" else { return notification.document.bytes }
        guard notification.params?["progressToken"]?.int == token, let clientToken = message.progressToken else {
            return nil
        }
        return Relay.progress(notification, clientToken: Array(clientToken.rawBytes))
    }
}
