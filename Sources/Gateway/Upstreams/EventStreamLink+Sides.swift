import Base
import JSON
import MCP
import Runtime
import Synchronization

/// More sessions with the server beside the first, for calls that run while an earlier one waits for its client.
///
/// What the server asks comes on one stream and names no call. While a call waits for a person, perhaps for an hour, a
/// question of any other could be a second one of that call; in a session of its own it can't. Only for modern clients: they
/// share this link, and have no session of their own that a server could know them by.
extension EventStreamLink {
    /// The sessions beside the first; more calls than these are not told apart.
    private static let maxSides = 4

    /// The session in which a request goes out, if it is not this one.
    func side(for outgoing: Outgoing) async throws(UpstreamError) -> EventStreamLink? {
        guard number == 0, client.era == .modern, outgoing.mayAsk, !outgoing.isOfTask, waits else { return nil }
        let side = sides.withLock { sides -> EventStreamLink? in
            if let free = sides.first(where: { !$0.mayBeAsking }) { return free }
            guard sides.count < Self.maxSides else { return sides.first { !$0.waits } }
            let fresh = EventStreamLink(
                route, client: client, relays: relays, on: loop, number: sides.count + 1)
            fresh.overhear { [weak self] in self?.heard(beside: $0) }
            sides.append(fresh)
            return fresh
        }
        guard let side else { return nil }
        if isClosed { side.close(on: loop) }
        try await side.prepare()
        return side
    }

    /// The session that a message is for, and the message as that one's server knows it.
    func addressed(_ message: [UInt8]) -> (link: EventStreamLink, message: [UInt8]) {
        guard let parsed = try? RPCMessage(JSONDocument.parse(message, limits: .upstream)),
            case .response(let id?, _) = parsed.kind
        else { return (self, message) }
        guard let (place, own) = SideID.own(id) else {
            answered(id)
            return (self, message)
        }
        let side = sides.withLock { sides in place <= sides.count ? sides[place - 1] : nil }
        // A server may use such an id itself.
        guard let link = place == number ? self : side else {
            answered(id)
            return (self, message)
        }
        link.answered(id)
        return (link, Relay.renumbered(parsed, own))
    }

    /// A message of this session's server, with an id that no other session's server has given.
    func marked(_ message: RPCMessage) -> RPCMessage {
        guard number > 0 else { return message }
        switch message.kind {
        case .request(let id):
            guard let marked = SideID.marked(id, number) else { return message }
            return (try? RPCMessage(JSONDocument.parse(Relay.renumbered(message, marked), limits: .upstream)))
                ?? message
        case .notification where message.method == "notifications/cancelled":
            guard let view = message.params?["requestId"], let id = RequestID(view),
                let marked = SideID.marked(id, number)
            else { return message }
            var splice = JSONSplice(message.document)
            splice.replace(view, with: marked.raw)
            return (try? RPCMessage(JSONDocument.parse(splice.applied(), limits: .upstream))) ?? message
        default: return message
        }
    }
}

/// The ids of questions from a session beside the first: which one it was, and the server's own id.
private enum SideID {
    private static let mark = "sluice-side-"

    static func marked(_ id: RequestID, _ number: Int) -> RequestID? {
        RequestID(JSONValue.string("\(mark)\(number):\(String(decoding: id.raw, as: UTF8.self))"))
    }

    static func own(_ id: RequestID) -> (number: Int, id: RequestID)? {
        guard id.raw.starts(with: Array("\"\(mark)".utf8)), let text = RequestID.value(of: id.raw)?.string else {
            return nil
        }
        let rest = text.dropFirst(mark.count)
        guard let colon = rest.firstIndex(of: ":"), let number = Int(rest[..<colon]), number > 0,
            let own = RequestID.value(of: Array(rest[rest.index(after: colon)...].utf8)).flatMap({ RequestID($0) })
        else { return nil }
        return (number, own)
    }
}

extension RequestID {
    /// A JSON value by itself.
    fileprivate static func value(of text: [UInt8]) -> JSONView? { try? JSONDocument.parse(text).root }

    fileprivate init?(_ value: JSONValue) {
        guard let view = Self.value(of: value.bytes) else { return nil }
        self.init(view)
    }
}
