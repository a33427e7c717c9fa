import JSON

/// The four lists that a server offers.
package enum ListKind: String, Sendable, CaseIterable {
    case tools, prompts, resources, resourceTemplates

    /// The request that lists them.
    package var method: String {
        switch self {
        case .tools: "tools/list"
        case .prompts: "prompts/list"
        case .resources: "resources/list"
        case .resourceTemplates: "resources/templates/list"
        }
    }

    /// The list that a request asks for.
    package init?(method: String) {
        guard let kind = Self.allCases.first(where: { $0.method == method }) else { return nil }
        self = kind
    }

    /// The member of an entry by which it is called for.
    package var key: StaticString {
        switch self {
        case .tools, .prompts: "name"
        case .resources: "uri"
        case .resourceTemplates: "uriTemplate"
        }
    }

    /// The notification that says that the list has changed.
    package var changeNotification: String {
        switch self {
        case .tools: "notifications/tools/list_changed"
        case .prompts: "notifications/prompts/list_changed"
        case .resources, .resourceTemplates: "notifications/resources/list_changed"
        }
    }
}

/// One page of a list, as the server sent it.
package struct ListPage: Sendable {
    /// An entry and what it is called for by.
    package struct Entry: Sendable {
        /// The name, URI or URI template.
        package let id: String
        package let view: JSONView
    }

    package let message: RPCMessage
    package let kind: ListKind
    /// The entries in the server's order, without those that have no string to call them by.
    package let entries: [Entry]
    /// Entries without one: nobody could judge or call them, so they are not shown.
    package let malformedCount: Int
    private let array: JSONView

    /// Nil unless the message is a result with the list's array.
    package init?(_ message: RPCMessage, _ kind: ListKind) {
        guard case .response(_, isError: false) = message.kind, let result = message.outcome,
            let array = result[kind.rawValue], array.kind == .array
        else { return nil }
        self.message = message
        self.kind = kind
        self.array = array
        entries = array.elements.compactMap { entry in
            entry[kind.key]?.string.map { Entry(id: $0, view: entry) }
        }
        malformedCount = array.count - entries.count
    }

    /// Where the next page starts; nil on the last. An empty string is a cursor like any other.
    package var nextCursor: String? { message.outcome?["nextCursor"]?.string }

    /// The result object.
    package var result: JSONView { message.outcome ?? message.document.root }

    /// Takes entries out of the page: those for which `isKept` is false, and malformed ones. Other bytes stay.
    package func filter(in splice: inout JSONSplice, _ isKept: (Entry) -> Bool) {
        var kept: Set<Int> = []
        for entry in entries where isKept(entry) { kept.insert(entry.view.range.lowerBound) }
        guard kept.count < array.count else { return }
        splice.filter(array) { kept.contains($0.range.lowerBound) }
    }
}

/// A list of our own, put together from entries of several servers.
package struct MergedList: Sendable {
    package let kind: ListKind
    private var entries: [[UInt8]] = []
    /// What may be said of all entries together.
    package private(set) var hints: CacheHints?

    package init(_ kind: ListKind) {
        self.kind = kind
    }

    package var count: Int { entries.count }
    /// Of all entries together.
    package private(set) var bytes = 0

    /// - Parameter entry: an entry's bytes, renamed already.
    package mutating func append(_ entry: [UInt8]) {
        entries.append(entry)
        bytes += entry.count
    }

    /// Takes into account what a server said of its page.
    package mutating func join(_ page: CacheHints) { hints = hints?.joined(with: page) ?? page }

    /// The answer.
    /// - Parameter modern: for modern clients, the member values of `_meta`'s `serverInfo`; nil for legacy ones, which get no
    ///   `resultType` and no cache fields.
    package func answer(to id: RequestID, nextCursor: String?, modern serverInfo: JSONValue?) -> [UInt8] {
        var writer = JSONWriter(capacity: entries.reduce(256) { $0 + $1.count + 1 })
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        writer.key("id")
        writer.raw(id.raw)
        writer.key("result")
        writer.beginObject()
        if serverInfo != nil { writer.member("resultType", "complete") }
        writer.key(kind.rawValue)
        writer.beginArray()
        for entry in entries { writer.raw(entry) }
        writer.endArray()
        if let nextCursor { writer.member("nextCursor", nextCursor) }
        if let serverInfo {
            // Which servers and entries a caller sees depends on the caller.
            writer.member("ttlMs", hints?.ttlMs ?? 0)
            writer.member("cacheScope", CacheHints.Scope.private.rawValue)
            writer.key("_meta")
            writer.value(.object([JSONMember(MetaKey.serverInfo.description, serverInfo)]))
        }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }
}
