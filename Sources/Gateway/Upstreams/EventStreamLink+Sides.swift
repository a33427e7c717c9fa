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

    /// After one could not be opened, no other is for as long as this.
    private static let pause = TimeSpan.minutes(1)

    /// The session in which a request goes out, if it is not this one. Whoever gets it says when it is `used`.
    func side(for outgoing: Outgoing, on callerLoop: EventLoop) async -> EventStreamLink? {
        guard number == 0, client.era == .modern, outgoing.mayAsk, !outgoing.isOfTask, waits else { return nil }
        let now = callerLoop.now
        let side = sides.withLock { sides -> EventStreamLink? in
            if let free = sides.links.first(where: { !$0.mayBeAsking && ($0.isUp || now >= sides.pausedUntil) }) {
                return free
            }
            guard now >= sides.pausedUntil else { return nil }
            guard sides.links.count < Self.maxSides else { return sides.links.first { !$0.waits } }
            let number = sides.links.count + 1
            let fresh = EventStreamLink(
                route, client: client, relays: relays, on: loop, number: number, restAfter: restAfter)
            fresh.overhear { [weak self] in self?.hear($0, in: number) }
            sides.links.append(fresh)
            return fresh
        }
        guard let side else { return nil }
        if isClosed { side.close(on: loop) }
        side.use()
        let level = told.withLock { $0.level }
        let isNews = side.told.withLock { told in
            defer { told.level = level }
            return told.level != level
        }
        if isNews, side.isUp { await side.tell(on: callerLoop) { side.told.withLock { $0 } } }
        do throws(UpstreamError) { try await side.prepare() } catch {
            // Some servers have room for one session only. Then the call goes where it would go if nothing waited.
            sides.withLock { $0.pausedUntil = TimeSpan(microseconds: now.microseconds + Self.pause.microseconds) }
            side.used()
            return nil
        }
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
        let side = sides.withLock { sides in place <= sides.links.count ? sides.links[place - 1] : nil }
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

/// The sessions beside the first, and what all of them have heard.
struct Sides: Sendable {
    /// In the order of their numbers, which begin with 1.
    var links: [EventStreamLink] = []
    /// By the loops' clock.
    var pausedUntil = TimeSpan.zero
    private var echoes = Echoes()

    mutating func isEcho(_ message: RPCMessage, in number: Int, _ now: TimeSpan) -> Bool {
        !links.isEmpty && echoes.isEcho(message, in: number, of: links.count { $0.isUp } + 1, now)
    }
}

/// Which notices came before in another session: some servers tell all sessions of a change, others only the one whose call
/// has made it.
///
/// Nothing in a notice says which it is. So the same words in another session count as an echo for a moment; if there was none
/// though there could have been, the server tells one session only, and from then on nothing of that kind is an echo. Short,
/// because a notice that comes twice costs a list, and one that is swallowed is lost.
struct Echoes: Sendable {
    private struct Notice {
        let method: String
        let first: TimeSpan
        /// How many sessions there were.
        let sessions: Int
        /// How often each has heard it.
        var counts: [Int: Int] = [:]
        var passed = 0
    }

    /// An echo does not come later.
    static let span = TimeSpan.milliseconds(500)
    private static let methods: Set<String> = [
        ListKind.tools.changeNotification, ListKind.prompts.changeNotification, ListKind.resources.changeNotification,
        "notifications/resources/updated",
    ]
    /// Of notices, and of the bytes of one; what is beyond is passed on as often as it comes.
    private static let capacity = 256
    private static let maxWords = 4096

    private var notices: [[UInt8]: Notice] = [:]
    /// Of the methods, those that the server tells one session of only.
    private var toldToOne: Set<String> = []

    /// - Parameters:
    ///   - number: of the session.
    ///   - sessions: how many there are.
    mutating func isEcho(_ message: RPCMessage, in number: Int, of sessions: Int, _ now: TimeSpan) -> Bool {
        let (method, words) = (message.method, message.document.bytes)
        guard Self.methods.contains(method), words.count <= Self.maxWords else { return false }
        learn(now)
        guard !toldToOne.contains(method), notices[words] != nil || notices.count < Self.capacity else { return false }
        var notice = notices[words] ?? Notice(method: method, first: now, sessions: sessions)
        let count = (notice.counts[number] ?? 0) + 1
        notice.counts[number] = count
        let isEcho = count <= notice.passed
        if !isEcho { notice.passed = count }
        notices[words] = notice
        return isEcho
    }

    /// Of notices whose time is over.
    private mutating func learn(_ now: TimeSpan) {
        for (words, notice) in notices where now.microseconds - notice.first.microseconds > Self.span.microseconds {
            if notice.sessions > 1, notice.counts.count == 1 { toldToOne.insert(notice.method) }
            notices[words] = nil
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
