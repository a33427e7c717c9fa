import Base
import MCP
import Runtime
import Store

/// One server of the configuration as the gateway runs it: its tools, and the ways to it.
final class UpstreamServer: Sendable {
    private enum Way: Sendable {
        case http(url: String, headers: [NamedSecret], trust: TLSTrust)
        case stdio(StdioUpstream)
    }

    let definition: Server
    let catalogue = ToolCatalogue()
    private let way: Way
    private let clients: HTTPClients

    /// - Parameter notified: takes notifications of a shared child, on its loop.
    init(
        _ definition: Server, limits: StdioLimits, clients: HTTPClients, on loop: EventLoop, log: Log,
        notified: @escaping @Sendable (Server, RPCMessage) -> Void
    ) {
        self.definition = definition
        self.clients = clients
        let catalogue = catalogue
        switch definition.transport {
        case .http(let url, let headers):
            let tls = definition.tls
            way = .http(
                url: url, headers: headers,
                trust: .files(authorities: tls.authorities, certificate: tls.certificate, key: tls.key))
        case .stdio(let command, let inherit, let variables, let directory):
            var options = ProcessOptions(command.first ?? "", Array(command.dropFirst()))
            options.inheritEnvironment.formUnion(inherit)
            for variable in variables { options.environment[variable.name] = variable.value.revealed }
            options.directory = directory
            way = .stdio(
                StdioUpstream(name: definition.name, options: options, limits: limits, on: loop, log: log) { message in
                    if message.method == Endpoint.toolsChanged { catalogue.invalidate() }
                    notified(definition, message)
                })
        }
    }

    /// A way for one client session.
    /// - Parameter relays: what the policy lets the server ask of the client.
    func link(for client: ClientProfile, relays: Relays, on loop: EventLoop) async throws(UpstreamError)
        -> any UpstreamLink
    {
        switch way {
        case .stdio(let upstream):
            _ = try await upstream.ready()
            return upstream
        case .http(let url, let headers, let trust):
            return try await HTTPLink.open(
                url, headers: headers, allowPrivate: definition.allowPrivate, trust: trust, client: client,
                relays: relays, clients: clients, on: loop)
        }
    }

    func shutDown() async {
        if case .stdio(let upstream) = way { await upstream.shutDown() }
    }
}
