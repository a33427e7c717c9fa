import JSON
import MCP
import Synchronization

/// What was found out of a server: kept for as long as it fits, so that only the first session has to ask.
final class EraMemory: Sendable {
    enum Verdict: Sendable, Hashable {
        case modern(ProtocolVersion)
        case legacy
        /// HTTP with an event stream and a second address (2024-11-05).
        case eventStream
    }

    private let held = Mutex<Verdict?>(nil)

    var verdict: Verdict? { held.withLock { $0 } }
    func keep(_ verdict: Verdict) { held.withLock { $0 = verdict } }
    /// It no longer fits.
    func forget() { held.withLock { $0 = nil } }
}

/// Our own first request to a server that may be modern.
enum Discovery {
    static func request(id: Int64, version: ProtocolVersion, client: JSONValue) -> [UInt8] {
        RPCWriter.request(
            id: id, method: "server/discover",
            params: [
                "_meta": .object([
                    JSONMember(MetaKey.protocolVersion.description, .string(version.rawValue)),
                    JSONMember(MetaKey.clientInfo.description, client),
                    JSONMember(MetaKey.clientCapabilities.description, [:]),
                ])
            ])
    }
}
