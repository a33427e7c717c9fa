import MCP
import Synchronization

/// A server's request that was sent to the client and not answered yet.
struct ServerAsk: Sendable {
    let link: any UpstreamLink
    /// The id that the server gave it.
    let upstreamID: RequestID
    /// The server's life in which it asked; nil if the answer is good for any.
    let life: Int?
    /// Told how it ended: the answer, or nil if there will be none.
    let ended: @Sendable (RPCMessage?) -> Void

    /// The server that began anew may give its next question the same id.
    var isStale: Bool { life.map { $0 != link.life } ?? false }
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
        dropStale()
        return state.withLock { state in
            guard state.asks.count < Self.capacity else { return nil }
            state.last += 1
            state.asks[state.last] = ask
            return state.last
        }
    }

    /// Takes the request out that an answer belongs to. Unknown ids have none: the client answered twice, or too late.
    func take(_ id: Int64) -> ServerAsk? {
        dropStale()
        return state.withLock { $0.asks.removeValue(forKey: id) }
    }

    /// The id under which the client knows a server's request.
    func id(of upstreamID: RequestID, on link: any UpstreamLink) -> Int64? {
        state.withLock { state in
            state.asks.first { $0.value.upstreamID == upstreamID && $0.value.link === link && !$0.value.isStale }?.key
        }
    }

    /// What the client has still to answer, the oldest first.
    var waiting: [Int64] { state.withLock { $0.asks.filter { !$0.value.isStale }.keys.sorted() } }

    /// Forgets what a server asked that nobody will answer any more.
    func drop(of link: any UpstreamLink) { drop { $0.link === link } }

    private func dropStale() { drop { $0.isStale } }

    private func drop(where isGone: (ServerAsk) -> Bool) {
        let dropped = state.withLock { state in
            let gone = state.asks.filter { isGone($0.value) }
            for id in gone.keys { state.asks[id] = nil }
            return gone.values
        }
        for ask in dropped { ask.ended(nil) }
    }
}
