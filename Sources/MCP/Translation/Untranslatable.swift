import JSON

/// What one era can say and the other can't. docs/protocol.md lists every case with the error that it leads to.
package enum Untranslatable: Error, Sendable, Hashable {
    /// The server wants something that the client's version has no word for.
    case inputUnknown(InputKind, ProtocolVersion)
    /// The server wants something that the client has not declared.
    case inputUndeclared(InputKind)
    /// A legacy server asks the client something although no call of the client is open.
    case inputOutsideCall(String)
    /// A legacy server asks the client something during a request that may not be answered with "input required".
    case inputDuring(String)
    /// A legacy client asks for its tasks; the extension has no list.
    case taskList
    /// The tool runs as a task only, and the client has not declared tasks (modern) or not asked for one (legacy).
    case taskRequired
    /// A server that runs tasks but can't cancel them.
    case taskCancel
    /// The task was cancelled: there is nothing to bring.
    case taskCancelled
    /// A server asks the client about tasks of the client's.
    case clientTasks
    /// The client answered a request of the server's with an error that an input response can't carry.
    case inputError(InputKind)
    /// A filter with nothing in it that this server can serve.
    case nothingToListenTo

    /// One sentence for the side that asked.
    package var text: String {
        switch self {
        case .inputUnknown(let kind, let version):
            "the server asks for \(kind.text), which protocol version \(version.rawValue) does not have"
        case .inputUndeclared(let kind): "the server asks for \(kind.text), which the client has not declared"
        case .inputOutsideCall(let method):
            "\(method) came outside a call, and a client of 2026-07-28 can't be asked then"
        case .inputDuring(let method):
            "the server asks for input during \(method), which 2026-07-28 does not allow there"
        case .taskList: "the server speaks 2026-07-28, where tasks can't be listed; ask for each by its id"
        case .taskRequired:
            "the tool runs as a task only: declare \(ExtensionID.tasks) (2026-07-28), or send `task` with the call (2025-11-25)"
        case .taskCancel: "this server can't cancel tasks; leave the task to itself"
        case .taskCancelled: "the task was cancelled, so it has no result"
        case .clientTasks: "tasks of clients do not exist in 2026-07-28"
        case .inputError(let kind): "the client answered with an error when the server asked for \(kind.text)"
        case .nothingToListenTo: "the server sends none of the notifications asked for"
        }
    }

    /// A bounded word for metrics and the ledger.
    package var reason: String {
        switch self {
        case .inputUnknown: "input_unknown"
        case .inputUndeclared: "input_undeclared"
        case .inputOutsideCall: "input_outside_call"
        case .inputDuring: "input_not_allowed_here"
        case .taskList: "task_list"
        case .taskRequired: "task_required"
        case .taskCancel: "task_cancel"
        case .taskCancelled: "task_cancelled"
        case .clientTasks: "client_tasks"
        case .inputError: "input_error"
        case .nothingToListenTo: "nothing_to_listen_to"
        }
    }

    /// What a modern client has to declare for it to work, if that would help.
    package var requiredCapabilities: JSONValue? {
        switch self {
        case .inputUndeclared(let kind): kind.capability
        case .taskRequired: ["extensions": .object([JSONMember(ExtensionID.tasks, [:])])]
        default: nil
        }
    }

    /// The JSON-RPC error code: that of a missing capability where the receiver is modern and could declare it; for a method
    /// that is not there, the usual one; else our own.
    package func code(for receiver: Era) -> Int {
        switch self {
        case .inputUndeclared where receiver == .modern, .taskRequired where receiver == .modern: -32_021
        case .taskCancelled: RPCErrorCode.invalidParams.rawValue
        case .taskRequired, .taskCancel, .taskList, .clientTasks, .inputOutsideCall, .nothingToListenTo:
            RPCErrorCode.methodNotFound.rawValue
        default: RPCErrorCode.untranslatable.rawValue
        }
    }

    /// The error for the side that asked.
    package func answer(to id: RequestID, receiver: Era) -> [UInt8] {
        var data = [JSONMember("reason", .string(reason))]
        if let requiredCapabilities { data.append(JSONMember("requiredCapabilities", requiredCapabilities)) }
        return RPCWriter.error(id: id, number: code(for: receiver), message: text, data: .object(data))
    }
}
