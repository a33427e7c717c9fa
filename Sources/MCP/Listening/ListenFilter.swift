import JSON

/// Which notifications a client wants: `params.notifications` of `subscriptions/listen`, and the subset that is granted.
package struct ListenFilter: Sendable, Hashable {
    package var toolsListChanged = false
    package var promptsListChanged = false
    package var resourcesListChanged = false
    /// URIs, in the client's order, without repetition.
    package var resourceSubscriptions: [String] = []
    /// Of the tasks extension.
    package var taskIDs: [String] = []

    /// The most URIs, and the most task ids, of one subscription.
    package static let maximumEntries = 1_000
    /// The longest URI or task id, in bytes.
    package static let maximumLength = 4_096

    package init() {}

    /// - Throws: `badParams` (-32602) when it is malformed or too large. Unknown members are ignored.
    package init(_ params: JSONView?) throws(ProtocolFault) {
        guard let filter = params?["notifications"], filter.kind == .object else {
            throw ProtocolFault(.badParams, "params.notifications must be an object: the filter")
        }
        func flag(_ key: StaticString) throws(ProtocolFault) -> Bool {
            guard let value = filter[key] else { return false }
            guard let flag = value.bool else {
                throw ProtocolFault(.badParams, "params.notifications.\(key) must be true or false")
            }
            return flag
        }
        func texts(_ key: StaticString) throws(ProtocolFault) -> [String] {
            guard let value = filter[key] else { return [] }
            let texts = value.elements.compactMap { $0.range.count <= Self.maximumLength + 2 ? $0.string : nil }
            guard value.kind == .array, value.count <= Self.maximumEntries, texts.count == value.count else {
                throw ProtocolFault(
                    .badParams,
                    "params.notifications.\(key) must be an array of at most \(Self.maximumEntries) "
                        + "strings of at most \(Self.maximumLength) bytes")
            }
            var seen: Set<String> = []
            return texts.filter { seen.insert($0).inserted }
        }
        toolsListChanged = try flag("toolsListChanged")
        promptsListChanged = try flag("promptsListChanged")
        resourcesListChanged = try flag("resourcesListChanged")
        resourceSubscriptions = try texts("resourceSubscriptions")
        taskIDs = try texts("taskIds")
    }

    package var isEmpty: Bool { self == ListenFilter() }

    /// The bytes of its URIs and task ids.
    package var size: Int { (resourceSubscriptions + taskIDs).reduce(0) { $0 + $1.utf8.count } }
    /// The largest that one can have.
    package static let maximumSize = 2 * maximumEntries * maximumLength

    /// The part that a server with these capabilities can serve.
    package func granted(by capabilities: JSONView, hasTasks: Bool = false) -> ListenFilter {
        func has(_ feature: StaticString, _ member: StaticString) -> Bool {
            capabilities[feature]?[member]?.bool == true
        }
        var granted = self
        granted.toolsListChanged = toolsListChanged && has("tools", "listChanged")
        granted.promptsListChanged = promptsListChanged && has("prompts", "listChanged")
        granted.resourcesListChanged = resourcesListChanged && has("resources", "listChanged")
        if !has("resources", "subscribe") { granted.resourceSubscriptions = [] }
        if !hasTasks { granted.taskIDs = [] }
        return granted
    }

    /// Both together: what one has to listen to upstream for the sake of several clients.
    package func joined(with other: ListenFilter) -> ListenFilter {
        var both = self
        both.toolsListChanged = toolsListChanged || other.toolsListChanged
        both.promptsListChanged = promptsListChanged || other.promptsListChanged
        both.resourcesListChanged = resourcesListChanged || other.resourcesListChanged
        let (uris, ids) = (Set(resourceSubscriptions), Set(taskIDs))
        both.resourceSubscriptions += other.resourceSubscriptions.filter { !uris.contains($0) }
        both.taskIDs += other.taskIDs.filter { !ids.contains($0) }
        return both
    }

    /// Whether a notification may go to whoever has this filter. Progress and log messages never do.
    package func passes(_ notification: RPCMessage) -> Bool {
        switch notification.method {
        case "notifications/tools/list_changed": toolsListChanged
        case "notifications/prompts/list_changed": promptsListChanged
        case "notifications/resources/list_changed": resourcesListChanged
        case "notifications/resources/updated": notification.params?["uri"]?.string.map(covers) ?? false
        case "notifications/tasks": notification.params?["taskId"]?.string.map(taskIDs.contains) ?? false
        default: false
        }
    }

    /// A server may name a part of what was subscribed to.
    private func covers(_ uri: String) -> Bool {
        resourceSubscriptions.contains { wanted in
            guard uri.utf8.starts(with: wanted.utf8) else { return false }
            let rest = uri.utf8.dropFirst(wanted.utf8.count)
            return rest.isEmpty || wanted.utf8.last == UInt8(ascii: "/")
                || [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains(rest.first)
        }
    }

    /// The filter as it goes over the wire; what is off is left out.
    package var value: JSONValue {
        var members: [JSONMember] = []
        if toolsListChanged { members.append(JSONMember("toolsListChanged", true)) }
        if promptsListChanged { members.append(JSONMember("promptsListChanged", true)) }
        if resourcesListChanged { members.append(JSONMember("resourcesListChanged", true)) }
        if !resourceSubscriptions.isEmpty {
            members.append(JSONMember("resourceSubscriptions", .array(resourceSubscriptions.map { .string($0) })))
        }
        if !taskIDs.isEmpty { members.append(JSONMember("taskIds", .array(taskIDs.map { .string($0) }))) }
        return .object(members)
    }
}

// MARK: Legacy subscriptions

extension ListenFilter {
    /// `resources/subscribe` of a legacy client. False when there is no room.
    package mutating func subscribe(to uri: String) -> Bool {
        guard uri.utf8.count <= Self.maximumLength else { return false }
        if resourceSubscriptions.contains(uri) { return true }
        guard resourceSubscriptions.count < Self.maximumEntries else { return false }
        resourceSubscriptions.append(uri)
        return true
    }

    /// `resources/unsubscribe`. It is no fault to end what never was.
    package mutating func unsubscribe(from uri: String) { resourceSubscriptions.removeAll { $0 == uri } }
}
