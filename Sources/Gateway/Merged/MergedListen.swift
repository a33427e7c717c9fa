import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A modern client's `subscriptions/listen` to all servers: one stream, and a share in it for each server. One that can be
/// reached only later gets its share then.
final class MergedListen: Sendable {
    private struct Share {
        let part: ClientSession
        let listen: Listen
    }

    private struct State {
        /// Nil until the client was told.
        var granted: ListenFilter?
        var shares: [Share] = []
        var isClosed = false
    }

    let id: RequestID
    let stream: any EventSink
    private let hearer: Hearer
    private let state = Mutex(State())

    init(_ id: RequestID, _ stream: any EventSink, _ hearer: Hearer) {
        self.id = id
        self.stream = stream
        self.hearer = hearer
    }

    /// What the client was told that it will hear; nil if it was told nothing yet.
    var granted: ListenFilter? {
        get { state.withLock { $0.granted } }
        set { state.withLock { $0.granted = newValue } }
    }

    /// What a server that comes later, or is opened anew, has to bring: nothing that was not granted then.
    func filter(forLate part: ClientSession) -> ListenFilter? {
        guard var filter = granted else { return nil }
        let toolsListChanged = filter.toolsListChanged
        (filter.resourceSubscriptions, filter.taskIDs) = (filter.resources(of: part.caller.server.name), [])
        filter = filter.granted(by: part.link.hello.capabilities ?? JSONDocument.emptyObject.root)
        filter.toolsListChanged = toolsListChanged
        return filter
    }

    /// Gives a server its share; nil if it has one, or there is no room for another.
    func join(_ part: ClientSession, _ filter: ListenFilter) -> Listen? {
        let sink = RenamingSink(stream, part.caller.server.name)
        let listen = Listen(id: id, filter: filter, stream: sink, hearer: hearer, handle: CallHandle())
        let share = Share(part: part, listen: listen)
        dropEnded()
        let isNew = state.withLock { state in
            guard !state.isClosed, !state.shares.contains(where: { $0.part === part }) else { return false }
            state.shares.append(share)
            return true
        }
        guard isNew else { return nil }
        guard part.attach(share.listen) else {
            state.withLock { $0.shares.removeAll { $0.part === part } }
            return nil
        }
        // Its end may have come in between.
        if state.withLock({ $0.isClosed }) { part.detach(share.listen) }
        return listen
    }

    /// Lets go of sessions that were opened anew since.
    private func dropEnded() {
        let over = state.withLock { $0.shares }.filter(\.part.isEnded)
        guard !over.isEmpty else { return }
        state.withLock { $0.shares.removeAll { share in over.contains { $0.part === share.part } } }
        for share in over { share.listen.handle.cancel() }
    }

    /// The client has gone.
    func close() {
        let shares = state.withLock { state in
            state.isClosed = true
            defer { state.shares = [] }
            return state.shares
        }
        for share in shares {
            share.listen.handle.cancel()
            share.part.detach(share.listen)
        }
    }
}

extension ListenFilter {
    /// The resources that are one server's, by its own URIs.
    func resources(of server: String) -> [String] {
        resourceSubscriptions.compactMap { uri in
            ServerURI.resolve(uri).flatMap { $0.server == server ? $0.uri : nil }
        }
    }
}

/// One server's notifications on a stream of its own for the client.
private final class RenamingSink: EventSink {
    private let whole: any EventSink
    private let renaming: Renaming

    init(_ whole: any EventSink, _ server: String) {
        self.whole = whole
        renaming = Renaming(server: server)
    }

    var isClosed: Bool { whole.isClosed }
    func send(_ message: [UInt8]) { whole.send(renaming.toClient(message, answering: "")) }
    /// The stream is the others' too.
    func end() {}
    func end(with last: [UInt8]) {}
}
