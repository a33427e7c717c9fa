import Base
import JSON
import MCP
import Runtime
import Synchronization

/// What one link hears of a modern server outside of calls: one `subscriptions/listen` for all who listen on the link. It is
/// opened again when the wishes change and, with growing pauses, when it breaks.
final class ListenHub: Sendable {
    private struct Listener {
        var filter: ListenFilter
        let take: @Sendable (RPCMessage) -> Void
        let handle: CallHandle
        /// The listen with all that it wants.
        var number = Int.max
        var left: UnsafeContinuation<Void, Never>?
    }

    private struct State {
        var listeners: [ObjectIdentifier: Listener] = [:]
        /// What the client has subscribed to in the legacy way.
        var subscriptions = ListenFilter()
        /// What is asked of the server now; nil for nothing.
        var wanted: ListenFilter?
        /// Counts the listens; only the newest goes on.
        var number = 0
        /// The newest that the server has acknowledged: what older ones say after that is said twice.
        var acknowledged = 0
        var running: [Int: CallHandle] = [:]
        var isClosed = false
        /// Who waits for the listen of a number.
        var waiting: [(number: Int, handle: CallHandle)] = []
    }

    private static let firstPause = TimeSpan.milliseconds(250)
    private static let longestPause = TimeSpan.seconds(30)

    /// Hears everything, once; the listeners are then only there for their wishes.
    private let all: (@Sendable (RPCMessage) -> Void)?
    /// The capabilities and the name that each listen carries.
    private let capabilities: JSONValue
    private let introduction: JSONValue
    /// What is listened for although nobody asks.
    private let always: ListenFilter
    private let state = Mutex(State())

    init(
        capabilities: JSONValue, introduction: JSONValue, always: ListenFilter = ListenFilter(),
        all: (@Sendable (RPCMessage) -> Void)? = nil
    ) {
        self.capabilities = capabilities
        self.introduction = introduction
        self.always = always
        self.all = all
    }

    /// Whether the server has acknowledged what it was asked last, and its stream is open.
    var isListening: Bool { state.withLock { $0.running[$0.acknowledged] != nil && $0.acknowledged == $0.number } }

    // MARK: Wishes

    /// Listens until the handle is cancelled or the link is closed.
    func join(
        _ filter: ListenFilter, _ handle: CallHandle, of link: any UpstreamLink, on loop: EventLoop,
        _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        let key = ObjectIdentifier(handle)
        let isOpen = state.withLock { state in
            guard !state.isClosed else { return false }
            state.listeners[key] = Listener(filter: filter, take: take, handle: handle)
            return true
        }
        guard isOpen else { return handle.begin() }
        update(of: link, on: loop)
        let isHeard = state.withLock { state in
            state.listeners[key]?.number = state.number
            return state.wanted == nil || state.acknowledged >= state.number
        }
        if isHeard { handle.begin() }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                state.listeners[key]?.left = continuation
                return state.listeners[key] == nil
            }
            if isOver { return continuation.resume() }
            handle.onCancel { [self] in
                state.withLock { $0.listeners.removeValue(forKey: key)?.left }?.resume()
                update(of: link, on: loop)
            }
        }
    }

    func subscribe(_ subscriptions: ListenFilter, of link: any UpstreamLink, on loop: EventLoop) {
        state.withLock { $0.subscriptions = subscriptions }
        update(of: link, on: loop)
    }

    /// Waits until the server has acknowledged what is asked of it now, or could not be asked.
    func settled() async {
        let handle = CallHandle()
        let isHeard = state.withLock { state in
            guard state.wanted != nil, state.acknowledged < state.number, !state.isClosed else { return true }
            state.waiting.append((state.number, handle))
            return false
        }
        if !isHeard { await handle.begun() }
    }

    func close() {
        // In one step: who comes after it finds the hub closed, who came before is let go.
        let (leavers, waiting, running) = state.withLock { state in
            state.isClosed = true
            state.number += 1
            defer {
                state.listeners.removeAll()
                state.waiting.removeAll()
                state.running.removeAll()
            }
            let waiting = state.waiting.map(\.handle) + state.listeners.values.map(\.handle)
            return (state.listeners.values.compactMap(\.left), waiting, Array(state.running.values))
        }
        for handle in waiting { handle.begin() }
        for handle in running { handle.cancel() }
        for left in leavers { left.resume() }
    }

    /// Looks whether the server has to be asked for something else.
    func update(of link: any UpstreamLink, on loop: EventLoop) {
        let hello = link.hello
        guard hello.version.era == .modern else { return }
        let (next, over) = state.withLock { state -> ((Int, ListenFilter)?, (number: Int, running: [CallHandle])?) in
            guard !state.isClosed else { return (nil, nil) }
            var wishes = always.joined(with: state.subscriptions)
            for listener in state.listeners.values { wishes = wishes.joined(with: listener.filter) }
            wishes.resourceSubscriptions.sort()
            wishes.taskIDs.sort()
            let wanted = wishes.granted(
                by: hello.capabilities ?? JSONDocument.emptyObject.root,
                hasTasks: hello.capabilities?["extensions"]?["io.modelcontextprotocol/tasks"] != nil)
            guard wanted != state.wanted ?? ListenFilter() else { return (nil, nil) }
            state.number += 1
            guard !wanted.isEmpty else {
                state.wanted = nil
                defer { state.running.removeAll() }
                return (nil, (state.number, Array(state.running.values)))
            }
            state.wanted = wanted
            return ((state.number, wanted), nil)
        }
        if let over {
            for handle in over.running { handle.cancel() }
            // Whoever waits for an older listen waits in vain: nothing is asked for any more.
            begin(over.number)
        }
        guard let (number, filter) = next else { return }
        Task(executorPreference: loop) { await self.run(number, filter, link, loop) }
    }

    // MARK: The listen

    private func run(_ number: Int, _ filter: ListenFilter, _ link: any UpstreamLink, _ loop: EventLoop) async {
        var pause = Self.firstPause
        while true {
            let handle = CallHandle()
            let isNewest = state.withLock { state in
                guard state.number == number, !state.isClosed else { return false }
                state.running[number] = handle
                return true
            }
            guard isNewest else { return }
            let end = await once(number, filter, link, loop, handle)
            // Nobody waits for a server that can't be reached.
            begin(number)
            let goesOn = state.withLock { state in
                guard state.number == number, !state.isClosed else { return false }
                state.running[number] = nil
                if end == .refused { state.wanted = nil }
                return end != .refused
            }
            guard goesOn else { return }
            if end == .ended { pause = Self.firstPause }
            guard (try? await loop.sleep(pause)) != nil else { return }
            pause = min(Self.longestPause, TimeSpan(microseconds: 2 * pause.microseconds))
        }
    }

    private enum End { case ended, failed, refused }

    private func once(
        _ number: Int, _ filter: ListenFilter, _ link: any UpstreamLink, _ loop: EventLoop, _ handle: CallHandle
    ) async -> End {
        var end = End.failed
        do throws(UpstreamError) {
            try await link.prepare()
            let id = link.mintID()
            let message = RPCWriter.request(
                id: id, method: "subscriptions/listen",
                params: [
                    "notifications": filter.value,
                    "_meta": .object([
                        JSONMember(MetaKey.protocolVersion.description, .string(link.hello.version.rawValue)),
                        JSONMember(MetaKey.clientInfo.description, introduction),
                        JSONMember(
                            MetaKey.clientCapabilities.description,
                            filter.taskIDs.isEmpty ? capabilities : TaskShape.declared(in: capabilities)),
                    ]),
                ])
            let outgoing = Outgoing(message: message, id: id, method: "subscriptions/listen")
            switch try await link.send(outgoing, on: loop, handle: handle) {
            case .response(let response, _):
                // What it can't do now it can't do later.
                if case .response(_, isError: true) = response.kind { return .refused }
                return .failed
            case .stream(let stream):
                while true {
                    let next = try await stream.next()
                    switch next.kind {
                    case .response: return end
                    case .request: break
                    case .notification where next.method == "notifications/subscriptions/acknowledged":
                        end = .ended
                        acknowledge(number)
                    case .notification: deliver(next, number)
                    }
                }
            }
        } catch {
            return end
        }
    }

    private func acknowledge(_ number: Int) {
        let older = state.withLock { state in
            state.acknowledged = max(state.acknowledged, number)
            let older = state.running.filter { $0.key < number }
            for key in older.keys { state.running[key] = nil }
            return Array(older.values)
        }
        for handle in older { handle.cancel() }
        begin(number)
    }

    /// Tells those whose wishes are part of this listen that it has begun, or has failed to.
    private func begin(_ number: Int) {
        let begun = state.withLock { state in
            let waiting = state.waiting.filter { $0.number <= number }.map(\.handle)
            state.waiting.removeAll { $0.number <= number }
            return waiting + state.listeners.values.filter { $0.number <= number }.map(\.handle)
        }
        for handle in begun { handle.begin() }
    }

    private func deliver(_ notification: RPCMessage, _ number: Int) {
        let take = state.withLock { state -> (@Sendable (RPCMessage) -> Void)? in
            guard number >= state.acknowledged else { return nil }
            // All listeners of a link bring it to the same session, which knows who wants it.
            return all ?? state.listeners.values.first?.take
        }
        take?(notification)
    }
}
