import JSON
import MCP

/// One client's conversation with the studio, without I/O: messages go in, what to do comes out.
///
/// INVARIANT: a request in `running` gets exactly one response, or none if it was cancelled.
package struct SessionMachine: Sendable {
    /// What a message asks for.
    package enum Action: Sendable {
        /// Send this response.
        case reply([UInt8])
        /// Send this response; the message was none that could be read (over HTTP: status 400).
        case reject([UInt8])
        /// Carry out the call, then ask ``finish(_:)`` whether the answer may be sent.
        case call(PendingCall)
        /// Stop the call; nothing is sent for it.
        case cancel(RequestID)
        /// What the messages of a batch ask for, in their order; the answers go back together.
        case batch([Action])
        case nothing
    }

    /// What takes a while.
    package enum Work: Sendable {
        /// Arguments are not checked yet.
        case tool(any Tool, JSONView?)
        /// `resources/read`.
        case resource(ResourceURI)
    }

    /// A call that was accepted.
    package struct PendingCall: Sendable {
        /// The request to answer.
        package let id: RequestID
        /// What was asked for.
        package let work: Work
        /// Whether the caller gave a progress token.
        package let wantsProgress: Bool
        /// What the result may contain.
        package let dialect: Dialect
    }

    /// Caps of one conversation.
    package struct Limits: Sendable, Equatable {
        /// Size and depth of one message; pasted pictures are long.
        package var message = JSONLimits(maxBytes: 32 << 20)
        /// Calls at once.
        package var running = 64
        /// Messages in one batch.
        package var batch = 64
        /// Results of this session that `resources/list` tells of; the oldest go first.
        package var resources = 100

        /// 32 MiB a message, 64 calls at once.
        package init() {}
    }

    /// What was agreed in `initialize`; nil before it.
    package private(set) var version: ProtocolVersion?
    private var running: [RequestID: Running] = [:]
    /// What the calls of this session made, the newest last.
    private var made: [ResourceLink] = []
    private let tools: ToolRegistry
    private let limits: Limits

    private struct Running {
        let progressToken: JSONValue?
        var lastProgress = -1
    }

    /// A session before its `initialize`.
    package init(tools: ToolRegistry, limits: Limits = Limits()) {
        self.tools = tools
        self.limits = limits
    }

    /// Calls in flight.
    package var runningCount: Int { running.count }

    // MARK: In

    /// Takes one message as it came.
    package mutating func receive(_ bytes: [UInt8]) -> Action {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes, limits: limits.message)
        } catch {
            return .reject(
                RPCWriter.error(
                    id: nil, code: .parseError, message: "not valid JSON: \(error.message) at byte \(error.offset)"))
        }
        // SPEC: MCP 2025-03-26, base protocol, "Batches"; later versions have none.
        if document.root.kind == .array, let version, version.allowsBatches { return batch(document.root) }
        return single(document)
    }

    private mutating func batch(_ messages: JSONView) -> Action {
        guard (1...limits.batch).contains(messages.count) else {
            return .reject(
                RPCWriter.error(
                    id: nil, code: .invalidRequest, message: "a batch has one to \(limits.batch) messages"))
        }
        var actions: [Action] = []
        for message in messages.elements {
            // Valid already; parsed once more because a message owns its document.
            guard let document = try? JSONDocument.parse(Array(message.rawBytes), limits: limits.message) else {
                continue
            }
            actions.append(single(document))
        }
        return .batch(actions)
    }

    private mutating func single(_ document: JSONDocument) -> Action {
        let message: RPCMessage
        do throws(RPCFault) {
            message = try RPCMessage(document)
        } catch {
            let id = document.root["id"].flatMap { RequestID($0) }
            return .reject(RPCWriter.error(id: id, code: .invalidRequest, message: error.message))
        }
        switch message.kind {
        case .request(let id): return request(id, message)
        case .notification: return notification(message)
        // We ask clients nothing, so no answer can be meant for us.
        case .response: return .nothing
        }
    }

    private mutating func request(_ id: RequestID, _ message: RPCMessage) -> Action {
        guard running[id] == nil else {
            return error(id, .invalidRequest, "the id is in use by a request that is still running")
        }
        switch message.method {
        case "ping": return .reply(RPCWriter.result(id: id, [:]))
        case "initialize": return initialize(id, message)
        // Probed by clients of later revisions, which then fall back to `initialize`.
        case "server/discover": return methodNotFound(id, message.method)
        default: break
        }
        guard let version else { return error(id, .invalidRequest, "send `initialize` first") }
        switch message.method {
        case "tools/list", "resources/list", "resources/templates/list": return list(id, message, Dialect(version))
        case "tools/call": return call(id, message, Dialect(version))
        case "resources/read": return read(id, message, Dialect(version))
        default: return methodNotFound(id, message.method)
        }
    }

    private mutating func initialize(_ id: RequestID, _ message: RPCMessage) -> Action {
        guard version == nil else { return error(id, .invalidRequest, "this session is initialized already") }
        guard let asked = Handshake.requestedVersion(message) else {
            return error(id, .invalidParams, "`initialize` needs params.protocolVersion, a string such as `2025-11-25`")
        }
        let version = ProtocolVersion.answer(toInitializeFor: asked)
        self.version = version
        return .reply(RPCWriter.result(id: id, Greeting.result(version)))
    }

    private func list(_ id: RequestID, _ message: RPCMessage, _ dialect: Dialect) -> Action {
        if let cursor = message.params?["cursor"], cursor.kind != .null {
            return error(id, .invalidParams, "unknown cursor; this server's list has one page")
        }
        let result: JSONValue =
            switch message.method {
            case "resources/list": ["resources": .array(made.reversed().map(\.json))]
            case "resources/templates/list": ResourceURI.templates
            default: tools.list(dialect)
            }
        return .reply(RPCWriter.result(id: id, result))
    }

    private mutating func read(_ id: RequestID, _ message: RPCMessage, _ dialect: Dialect) -> Action {
        guard let text = message.params?["uri"]?.string else {
            return error(id, .invalidParams, "resources/read needs params.uri, a string")
        }
        guard let uri = ResourceURI(text) else {
            return .reply(Self.noResource(id, "there is no \(quoted(text, limit: 200))", text))
        }
        guard running.count < limits.running else {
            return error(id, .overloaded, "\(running.count) calls of this session are running; wait for one to end")
        }
        return begin(id, .resource(uri), message, dialect)
    }

    /// SPEC: MCP 2025-11-25, resources, "Error Handling": -32002 for what is not there.
    static func noResource(_ id: RequestID, _ text: String, _ uri: String) -> [UInt8] {
        RPCWriter.error(id: id, number: -32_002, message: text, data: ["uri": .string(uri)])
    }

    private mutating func begin(_ id: RequestID, _ work: Work, _ message: RPCMessage, _ dialect: Dialect) -> Action {
        let token = message.progressToken?.value
        running[id] = Running(progressToken: token)
        return .call(PendingCall(id: id, work: work, wantsProgress: token != nil, dialect: dialect))
    }

    private mutating func call(_ id: RequestID, _ message: RPCMessage, _ dialect: Dialect) -> Action {
        let call: ToolCall
        do throws(ToolCallFault) {
            call = try ToolCall(message)
        } catch {
            return self.error(id, .invalidParams, error.rawValue)
        }
        guard let tool = tools[call.name] else {
            let hint = tools.suggestion(for: call.name).map { "; did you mean `\($0)`?" } ?? ""
            return error(id, .invalidParams, "unknown tool \(quoted(call.name))\(hint)")
        }
        guard running.count < limits.running else {
            return .reply(
                RPCWriter.result(
                    id: id,
                    Envelope.failure(
                        StudioError(.busy, "\(running.count) calls of this session are running; wait for one to end"),
                        dialect)))
        }
        return begin(id, .tool(tool, call.arguments), message, dialect)
    }

    private mutating func notification(_ message: RPCMessage) -> Action {
        // `notifications/initialized` changes nothing for us; unknown notifications are ignored as JSON-RPC wants it.
        guard message.method == "notifications/cancelled", let view = message.params?["requestId"],
            let id = RequestID(view), running.removeValue(forKey: id) != nil
        else { return .nothing }
        return .cancel(id)
    }

    // MARK: Out

    /// Ends a call. False: it was cancelled, so no response may be sent.
    package mutating func finish(_ id: RequestID) -> Bool {
        running.removeValue(forKey: id) != nil
    }

    /// Remembers what a call made, for `resources/list`.
    package mutating func remember(_ links: [ResourceLink]) {
        made.removeAll { old in links.contains { $0.uri == old.uri } }
        made += links
        if made.count > limits.resources { made.removeFirst(made.count - limits.resources) }
    }

    /// The progress notification for a report, or nil: the call is over, wants no progress, or the value did not grow.
    package mutating func progress(_ id: RequestID, _ report: ProgressReport) -> [UInt8]? {
        guard let call = running[id], let token = call.progressToken, report.progress > call.lastProgress else {
            return nil
        }
        running[id]?.lastProgress = report.progress
        var params: [(String, JSONValue)] = [("progressToken", token), ("progress", .int(report.progress))]
        if let total = report.total { params.append(("total", .int(total))) }
        params.append(("message", .string(report.message)))
        return RPCWriter.notification(method: "notifications/progress", params: .members(params))
    }

    private func error(_ id: RequestID, _ code: RPCErrorCode, _ message: String) -> Action {
        .reply(RPCWriter.error(id: id, code: code, message: message))
    }

    private func methodNotFound(_ id: RequestID, _ method: String) -> Action {
        error(id, .methodNotFound, "unknown method \(quoted(method))")
    }
}

extension Dialect {
    /// What a protocol version lets a result contain.
    package init(_ version: ProtocolVersion) {
        self.init(hasStructuredResults: version >= .june2025)
    }
}

/// What the studio says of itself in `initialize`.
package enum Greeting {
    /// As clients show and log it.
    package static let name = "sluice-studio"
    /// Of this program.
    package static let version = "0.1.0"

    private static let instructions = """
        Image tools: some run on this machine, some at a service that the operator has set up; `engine`, `model` and \
        `cost` (US dollars) in each result say which. Give a picture as a local path inside a readable folder, an https \
        URL, or upload it once with imageUpload and use its UUID. In `result.data` each thing made has its UUID (a handle \
        that every tool takes), by outputType a URL (which expires), data URI or base64, and its Path on the server's \
        machine; resource links can be read from anywhere. `warning` says what to know about a result; `partial` that a \
        part of the call failed: furtherErrors.
        Failures have isError true, `message`, and `error`: `code`; `parameter`, the argument at fault, or null; `message`; \
        `retryable`, whether the same call may succeed later; and if a service was asked `engine`, `serviceCode` (its own \
        words), `retryAfter` (seconds), and `taskUUID` or `serviceTaskID`: give it again to go on with the same task \
        without paying twice. Codes: \(StudioError.Code.allCases.map(\.rawValue).joined(separator: ", ")).
        """

    static func result(_ version: ProtocolVersion) -> JSONValue {
        var info: [(String, JSONValue)] = [("name", .string(name))]
        if version >= .june2025 { info.append(("title", "Sluice Studio")) }
        info.append(("version", .string(Self.version)))
        return [
            "protocolVersion": .string(version.rawValue),
            "capabilities": ["tools": [:], "resources": [:]],
            "serverInfo": .members(info),
            "instructions": .string(instructions),
        ]
    }
}
