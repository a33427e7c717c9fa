import MCP
import Runtime
import Store
import Synchronization

/// The servers that run. A server whose definition changes is replaced; the old one ends when its calls are over.
final class UpstreamTable: Sendable {
    private let servers = Mutex<[String: UpstreamServer]>([:])
    private let group: EventLoopGroup
    private let clients: HTTPClients
    private let limits: StdioLimits
    private let log: Log
    private let notified: @Sendable (Server, RPCMessage) -> Void

    init(
        _ group: EventLoopGroup, clients: HTTPClients, limits: StdioLimits, log: Log,
        notified: @escaping @Sendable (Server, RPCMessage) -> Void
    ) {
        self.group = group
        self.clients = clients
        self.limits = limits
        self.log = log
        self.notified = notified
    }

    func server(_ definition: Server) -> UpstreamServer {
        let (server, replaced) = servers.withLock { servers -> (UpstreamServer, UpstreamServer?) in
            let existing = servers[definition.name]
            if let existing, existing.definition == definition { return (existing, nil) }
            let fresh = UpstreamServer(
                definition, limits: limits, clients: clients, on: group.next(), log: log, notified: notified)
            servers[definition.name] = fresh
            return (fresh, existing)
        }
        if let replaced { Task { await replaced.shutDown() } }
        return server
    }

    /// Ends the servers that the configuration no longer has.
    func keep(only definitions: [String: Server]) {
        let gone = servers.withLock { servers in
            let gone = servers.values.filter { definitions[$0.definition.name] != $0.definition }
            for server in gone { servers[server.definition.name] = nil }
            return gone
        }
        for server in gone { Task { await server.shutDown() } }
    }

    func shutDown() async {
        let all = servers.withLock { servers in
            defer { servers.removeAll() }
            return Array(servers.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for server in all { group.addTask { await server.shutDown() } }
        }
        await clients.close()
    }
}
