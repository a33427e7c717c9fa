import MCP
import Synchronization

/// A server's request that was sent to the client and not answered yet.
struct ServerAsk: Sendable {
    let link: any UpstreamLink
    /// The id that the server gave it.
    let upstreamID: RequestID
    /// Told how it ended: the answer, or nil if there will be none.
    let ended: @Sendable (RPCMessage?) -> Void
}

/// What servers have asked one client: under ids of ours, because servers count each for itself.
final class AskBook: Sendable {
    private struct State {
        var asks: [Int64: ServerAsk] = [:]
        var last: Int64 = 0
    }

    /// What may wait for the client at once.
    private static let capacity = 64

    private let state = Mutex(State())

    /// An id under which the client can answer; nil when too many wait already.
    func add(_ ask: ServerAsk) -> Int64? {
        state.withLock { state in
            guard state.asks.count < Self.capacity else { return nil }
            state.last += 1
            state.asks[state.last] = ask
            return state.last
        }
    }

    /// Takes the request out that an answer belongs to. Unknown ids have none: the client answered twice, or too late.
    func take(_ id: Int64) -> ServerAsk? { state.withLock { $0.asks.removeValue(forKey: id) } }

    /// The id under which the client knows a server's request.
    func id(of upstreamID: RequestID, on link: any UpstreamLink) -> Int64? {
        state.withLock { state in
            state.asks.first { $0.value.upstreamID == upstreamID && $0.value.link === link }?.key
        }
    }

    /// Forgets what a server asked that nobody will answer any more.
    func drop(of link: any UpstreamLink) {
        let dropped = state.withLock { state in
            let gone = state.asks.filter { $0.value.link === link }
            for id in gone.keys { state.asks[id] = nil }
            return gone.values
        }
        for ask in dropped { ask.ended(nil) }
    }
}
