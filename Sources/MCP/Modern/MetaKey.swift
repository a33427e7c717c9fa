/// Reserved keys of `_meta` that we read or write.
package enum MetaKey {
    package static let protocolVersion: StaticString = "io.modelcontextprotocol/protocolVersion"
    package static let clientCapabilities: StaticString = "io.modelcontextprotocol/clientCapabilities"
    package static let clientInfo: StaticString = "io.modelcontextprotocol/clientInfo"
    package static let logLevel: StaticString = "io.modelcontextprotocol/logLevel"
    package static let serverInfo: StaticString = "io.modelcontextprotocol/serverInfo"
    package static let subscriptionID: StaticString = "io.modelcontextprotocol/subscriptionId"
    package static let relatedTask: StaticString = "io.modelcontextprotocol/related-task"

    /// What a modern request says of its sender, and a legacy one does not.
    package static let envelope: [StaticString] = [protocolVersion, clientCapabilities, clientInfo, logLevel]

    /// Whether only the protocol may define the key: its prefix has `modelcontextprotocol` or `mcp` as second label.
    package static func isReserved(_ key: String) -> Bool {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            return ["progressToken", "traceparent", "tracestate", "baggage"].contains(key)
        }
        let labels = key[..<slash].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count > 1 && ["modelcontextprotocol", "mcp"].contains(labels[1].lowercased())
    }
}

/// The severities of log messages, least severe first (RFC 5424).
package enum LogLevel: String, Sendable, CaseIterable, Comparable {
    case debug, info, notice, warning, error, critical, alert, emergency

    /// Compares by severity.
    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
