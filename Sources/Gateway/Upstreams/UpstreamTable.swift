import MCP
import Runtime
import Store
import Synchronization

/// The servers that run. A server whose definition changes is replaced; the old one ends when its calls are over.
final class UpstreamTable: Sendable {
    private struct State {
        var servers: [String: UpstreamServer] = [:]
        /// The newest configuration that was seen here; nil before the first change.
        var newest: [String: Server]?
        /// Which that is.
        var generation: UInt64 = 0
    }

    private let state = Mutex(State())
    private let group: EventLoopGroup
    private let clients: HTTPClients
    private let limits: StdioLimits
    private let log: Log
    private let observer: Observer?
    private let notified: @Sendable (Server, RPCMessage) -> Void
    private let logged: @Sendable (RPCMessage, String?) -> Void
    private let wanted: @Sendable (Server) -> Set<String>

    init(
        _ group: EventLoopGroup, clients: HTTPClients, limits: StdioLimits, log: Log, observer: Observer? = nil,
        notified: @escaping @Sendable (Server, RPCMessage) -> Void,
        logged: @escaping @Sendable (RPCMessage, String?) -> Void = { _, _ in },
        wanted: @escaping @Sendable (Server) -> Set<String> = { _ in [] }
    ) {
        self.group = group
        self.clients = clients
        self.limits = limits
        self.log = log
        self.observer = observer
        self.notified = notified
        self.logged = logged
        self.wanted = wanted
    }

    /// - Throws: `unreachable` for a definition that is out of date: its caller had read the configuration just before it
    ///   changed, and must not bring the old server back.
    func server(_ definition: Server) throws(UpstreamError) -> UpstreamServer {
        let found = state.withLock { state -> (server: UpstreamServer, replaced: UpstreamServer?)? in
            if let newest = state.newest, newest[definition.name] != definition { return nil }
            let existing = state.servers[definition.name]
            if let existing, existing.definition == definition { return (existing, nil) }
            let fresh = UpstreamServer(
                definition, limits: limits, clients: clients, on: group.next(), log: log, observer: observer,
                notified: notified, logged: logged, wanted: wanted)
            state.servers[definition.name] = fresh
            return (fresh, existing)
        }
        guard let found else {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "the server's definition has just changed")
        }
        if let replaced = found.replaced { Task { await replaced.shutDown() } }
        return found.server
    }

    /// How a server fares; one that nobody has called yet was not started.
    func health(of definition: Server) -> UpstreamHealth {
        let server = state.withLock { $0.servers[definition.name] }
        guard let server, server.definition == definition else { return UpstreamHealth() }
        return server.health
    }

    /// Ends the servers that the configuration no longer has. False if a newer one was seen before: whoever reads
    /// configurations at the same time may tell of them in any order.
    @discardableResult
    func keep(only definitions: [String: Server], generation: UInt64) -> Bool {
        let gone = state.withLock { state -> [UpstreamServer]? in
            guard state.generation <= generation else { return nil }
            (state.newest, state.generation) = (definitions, generation)
            let gone = state.servers.values.filter { definitions[$0.definition.name] != $0.definition }
            for server in gone { state.servers[server.definition.name] = nil }
            return gone
        }
        guard let gone else { return false }
        for server in gone { Task { await server.shutDown() } }
        return true
    }

    func shutDown() async {
        let all = state.withLock { state in
            defer { state.servers.removeAll() }
            return Array(state.servers.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for server in all { group.addTask { await server.shutDown() } }
        }
        await clients.close()
    }
}
