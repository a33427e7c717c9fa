import Policy
import Store

/// One immutable state of the configuration. A request takes it once and uses nothing else.
final class GatewaySnapshot: Sendable {
    let generation: UInt64
    let servers: [String: Server]
    private let callers: [TokenHash: Caller]

    /// Compiles every policy. One that has errors is left out, which denies the calls of its grants, and is logged.
    init(_ configuration: Configuration, log: Log) {
        generation = configuration.generation
        servers = configuration.servers
        var policies: [String: CompiledPolicy] = [:]
        for (name, version) in configuration.policies {
            let load = PolicyDocument.load(version.bytes, name: name, version: version.version)
            if let policy = load.policy {
                policies[name] = policy
            } else {
                log(
                    .error, "a stored policy can't be used; every call under it is denied", ("policy", name),
                    ("problem", load.errors.first?.text(file: name) ?? ""))
            }
        }
        callers = configuration.grants.compactMapValues { grant in
            configuration.servers[grant.server].map {
                Caller(grant: grant, server: $0, policy: policies[grant.policy])
            }
        }
    }

    func caller(_ token: TokenHash) -> Caller? { callers[token] }
}
