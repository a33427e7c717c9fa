/// What the gateway does with a message whose sender and receiver are of different eras.
package enum Disposition: Sendable, Hashable {
    /// It goes on, edited by the functions of `LegacyFront` or `ModernFront`.
    case forward
    /// The gateway answers with an empty result.
    case answerEmpty
    /// The gateway answers from what it knows of the server (`initialize`, `server/discover`).
    case introduce
    /// The gateway remembers the level and answers with an empty result.
    case setLogLevel
    /// The gateway changes what it listens to upstream and answers with an empty result.
    case subscribe, unsubscribe
    /// The gateway keeps the request open and serves it from its own subscriptions.
    case listen
    /// The request with this id is cancelled in the receiver's way.
    case cancel
    /// It becomes a part of an "input required" result.
    case askForInput
    /// Shown to those who listen for it.
    case publish
    /// Carried in another form, by `TaskShape`.
    case task
    /// It has no meaning for the receiver and needs no answer.
    case drop
    /// It is answered with an error.
    case refuse(Untranslatable)
    /// As if the method did not exist: -32601.
    case unknownMethod
}

extension Disposition {
    /// A legacy client's message to a modern server.
    package static func fromLegacyClient(_ message: RPCMessage) -> Disposition {
        if case .response = message.kind { return .askForInput }
        return switch message.method {
        case "initialize": .introduce
        case "ping": .answerEmpty
        case "logging/setLevel": .setLogLevel
        case "resources/subscribe": .subscribe
        case "resources/unsubscribe": .unsubscribe
        case "notifications/cancelled": .cancel
        // A modern server asks for roots anew each time, and reports of a client's progress have nobody to go to.
        case "notifications/initialized", "notifications/roots/list_changed", "notifications/progress",
            "notifications/tasks/status":
            .drop
        case "tasks/get", "tasks/result", "tasks/cancel": .task
        case "tasks/list": .refuse(.taskList)
        case "server/discover", "subscriptions/listen", "tasks/update": .unknownMethod
        default: .forward
        }
    }

    /// A modern server's notification to a legacy client.
    package static func toLegacyClient(_ message: RPCMessage) -> Disposition {
        switch message.method {
        case "notifications/subscriptions/acknowledged": .drop
        case "notifications/tasks": .task
        case "notifications/cancelled": .drop
        default: .forward
        }
    }

    /// A modern client's message to a legacy server.
    package static func fromModernClient(_ message: RPCMessage) -> Disposition {
        switch message.method {
        case "server/discover": .introduce
        case "subscriptions/listen": .listen
        case "notifications/cancelled": .cancel
        case "tasks/get", "tasks/update", "tasks/cancel": .task
        case "initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/result",
            "tasks/list", "notifications/initialized", "notifications/roots/list_changed", "notifications/progress",
            "notifications/tasks/status":
            .unknownMethod
        default: .forward
        }
    }

    /// A legacy server's request or notification to a modern client.
    /// - Parameter open: the method of the client's request that the message came in on; nil outside of any.
    package static func toModernClient(_ message: RPCMessage, during open: String?) -> Disposition {
        switch message.method {
        case "ping": return .answerEmpty
        case "elicitation/create", "sampling/createMessage", "roots/list":
            guard let open else { return .refuse(.inputOutsideCall(message.method)) }
            return MethodTable.mayRequireInput.contains(open) ? .askForInput : .refuse(.inputDuring(open))
        case "tasks/get", "tasks/result", "tasks/list", "tasks/cancel": return .refuse(.clientTasks)
        case "notifications/tools/list_changed", "notifications/prompts/list_changed",
            "notifications/resources/list_changed", "notifications/resources/updated":
            return .publish
        case "notifications/tasks/status": return .task
        // The modern URL elicitation ends with the client's retry.
        case "notifications/elicitation/complete": return .drop
        case "notifications/cancelled": return .cancel
        default:
            if case .request = message.kind { return .unknownMethod }
            return .forward
        }
    }
}
