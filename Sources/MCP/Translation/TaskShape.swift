import JSON

/// Tasks of 2025-11-25's core and of the extension in 2026-07-28: the same states, other members.
///
/// The core's client asks for a task with `params.task`; with the extension the server decides, for clients that declare it.
package enum TaskShape {
    /// The states after which nothing happens any more.
    package static func isTerminal(_ status: String) -> Bool { ["completed", "failed", "cancelled"].contains(status) }

    // MARK: To legacy

    /// What the client can do, with the extension: for a request of a legacy client that asks for a task, or asks after one.
    package static func declared(in capabilities: JSONValue) -> JSONValue {
        guard case .object(var members) = capabilities else { return capabilities }
        let own = JSONMember(ExtensionID.tasks, [:])
        if let index = members.firstIndex(where: { $0.key == "extensions" }) {
            guard case .object(let others) = members[index].value else { return capabilities }
            members[index].value = .object(others.filter { $0.key != ExtensionID.tasks } + [own])
        } else {
            members.append(JSONMember("extensions", .object([own])))
        }
        return .object(members)
    }

    /// A result with `resultType: "task"` as the legacy result of a call: `{"task": {…}}`. Nil if it is no task.
    package static func createTaskResult(_ result: JSONView) -> [UInt8]? {
        guard let task = legacyTask(result) else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("task")
        writer.raw(task)
        if let meta = result["_meta"] {
            writer.key("_meta")
            writer.view(meta)
        }
        writer.endObject()
        return writer.bytes
    }

    /// A task of the extension in the core's words: for `tasks/get`, `tasks/cancel` and `notifications/tasks/status`, flat.
    /// Nil if it has no id and state.
    /// - Parameter keepsMeta: `_meta` stays where it is; else it goes.
    package static func legacyTask(_ task: JSONView, keepsMeta: Bool = false) -> [UInt8]? {
        guard task["taskId"]?.kind == .string, task["status"]?.kind == .string else { return nil }
        // In the core a tool that ran and failed is a failed task.
        let hasFailed = task["status"]?.equals("completed") == true && task["result"]?["isError"]?.bool == true
        var writer = JSONWriter()
        writer.beginObject()
        // The core's `ttl` is required: null means for ever.
        if task["ttlMs"] == nil, task["ttl"] == nil {
            writer.key("ttl")
            writer.null()
        }
        for (key, value) in task.members {
            switch key.string ?? "" {
            case "ttlMs": writer.key("ttl")
            case "pollIntervalMs": writer.key("pollInterval")
            // What is written in the other era's words as well is not said twice.
            case "ttl" where task["ttlMs"] != nil, "pollInterval" where task["pollIntervalMs"] != nil: continue
            case "status" where hasFailed:
                writer.member("status", "failed")
                continue
            case "_meta" where keepsMeta: writer.key("_meta")
            case "resultType", "result", "error", "inputRequests", "requestState", "_meta": continue
            case let key: writer.key(key)
            }
            writer.view(value)
        }
        writer.endObject()
        return writer.bytes
    }

    /// What answers `tasks/result`, from the server's answer to `tasks/get`.
    package enum Payload: Sendable {
        /// The task works on: ask again.
        case pending
        /// It wants input; answers go to the server with `tasks/update`.
        case input(JSONView)
        /// The result of the call.
        case result(JSONView)
        case error(JSONView)
        /// It was cancelled, or says that it has ended and brings nothing.
        case nothing
    }

    /// The result of a finished task, under the name of its task, as `tasks/result` answers it.
    /// - Parameter version: the client's.
    package static func legacyResult(_ result: JSONView, of task: String, version: ProtocolVersion) -> [UInt8] {
        var splice = JSONSplice(result.document)
        LegacyFront.result(result, of: "tools/call", version: version, in: &splice)
        relate(result, to: task, in: &splice)
        return splice.applied(to: result)
    }

    /// Says in `_meta` which task a legacy message belongs to.
    package static func relate(_ object: JSONView, to task: String, in splice: inout JSONSplice) {
        let name: JSONValue = ["taskId": .string(task)]
        splice.set(["_meta", MetaKey.relatedTask.description], to: name.bytes, under: object)
    }

    /// - Parameter task: the result of `tasks/get` of the extension.
    package static func payload(of task: JSONView) -> Payload {
        switch task["status"]?.string {
        case "completed": task["result"].map { .result($0) } ?? .nothing
        case "failed": task["error"].map { .error($0) } ?? .nothing
        case "cancelled": .nothing
        case "input_required": task["inputRequests"].map { .input($0) } ?? .pending
        default: .pending
        }
    }

    // MARK: To modern

    /// A legacy server's `{"task": {…}}` as a result of type "task". Nil if it is none.
    /// - Parameter serverInfo: for `_meta`; the server's own members there stay.
    package static func taskResult(_ created: JSONView, serverInfo: JSONValue? = nil) -> [UInt8]? {
        created["task"].flatMap { task in
            modernTask(task, resultType: "task", meta: meta(created["_meta"], serverInfo))
        }
    }

    private static func meta(_ own: JSONView?, _ serverInfo: JSONValue?) -> JSONValue? {
        var members: [JSONMember] = []
        if case .object(let present)? = own?.value { members = present }
        members.removeAll { $0.key == MetaKey.relatedTask.description }
        let key = MetaKey.serverInfo.description
        if let serverInfo, !members.contains(where: { $0.key == key }) { members.append(JSONMember(key, serverInfo)) }
        return members.isEmpty ? nil : .object(members)
    }

    /// A task of the core in the extension's words, flat.
    /// - Parameters:
    ///   - resultType: "task" for the answer to a call, "complete" for `tasks/get`; nil in a notification.
    ///   - status: in place of the task's own.
    ///   - result: the answer to `tasks/result`, for a task that has ended well.
    ///   - error: the same for one that has not.
    ///   - inputRequests: what its server asks for at the moment, an object.
    ///   - meta: in place of the task's own `_meta`; nil to leave it.
    package static func modernTask(
        _ task: JSONView, resultType: String?, status: String? = nil, result: [UInt8]? = nil, error: [UInt8]? = nil,
        inputRequests: [UInt8]? = nil, meta: JSONValue? = nil
    ) -> [UInt8]? {
        guard task["taskId"]?.kind == .string, task["status"]?.kind == .string else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        if let resultType { writer.member("resultType", resultType) }
        if task["ttl"] == nil {
            writer.key("ttlMs")
            writer.null()
        }
        for (key, value) in task.members {
            switch key.string ?? "" {
            case "ttl": writer.key("ttlMs")
            case "pollInterval": writer.key("pollIntervalMs")
            case "ttlMs", "pollIntervalMs": continue
            case "resultType", "result", "error", "inputRequests": continue
            case "_meta" where meta != nil: continue
            case "status" where status != nil:
                writer.memberIfPresent("status", status)
                continue
            case let key: writer.key(key)
            }
            writer.view(value)
        }
        if let meta {
            writer.key("_meta")
            writer.value(meta)
        }
        for (key, value) in [("result", result), ("error", error), ("inputRequests", inputRequests)] {
            guard let value else { continue }
            writer.key(key)
            writer.raw(value)
        }
        writer.endObject()
        return writer.bytes
    }

    // MARK: How tools run

    /// Whether a legacy tool can, must or can't run as a task (`execution.taskSupport`).
    package enum Support: String, Sendable { case forbidden, optional, required }

    /// A tool without the member can't.
    package static func support(_ tool: JSONView) -> Support {
        tool["execution"]?["taskSupport"]?.string.flatMap(Support.init) ?? .forbidden
    }

    /// Whether a legacy server runs calls as tasks at all: without that, what its tools say of tasks counts for nothing.
    package static func isOffered(by capabilities: JSONView?) -> Bool {
        capabilities?["tasks"]?["requests"]?["tools"]?["call"]?.kind == .object
    }

    /// Whether the extension is in a side's capabilities.
    package static func isDeclared(in capabilities: JSONView?) -> Bool {
        capabilities?["extensions"]?[ExtensionID.tasks]?.kind == .object
    }

    /// Has a modern client's call run as a task of a legacy server, for a tool that can't run otherwise.
    /// - Throws: `taskRequired` unless the client has declared the extension.
    package static func require(
        _ call: RPCMessage, extensions: Set<String>, in splice: inout JSONSplice
    ) throws(Untranslatable) {
        guard extensions.contains(ExtensionID.tasks) else { throw .taskRequired }
        splice.set(["params", "task"], to: JSONValue.object([]).bytes, under: call.document.root)
    }
}
