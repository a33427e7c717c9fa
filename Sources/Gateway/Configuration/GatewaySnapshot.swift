import Base
import Policy
import Store

/// One immutable state of the configuration. A request takes it once and uses nothing else.
final class GatewaySnapshot: Sendable {
    let generation: UInt64
    let servers: [String: Server]
    private let holders: [TokenHash: Holder]
    private let holdersByGrant: [String: Holder]

    /// Compiles every policy. One that has errors is left out, which denies the calls of its grants, and is logged.
    init(_ configuration: Configuration, log: Log) {
        generation = configuration.generation
        servers = configuration.servers
        for name in servers.keys.sorted() where SSEFront.Place(rawValue: name) != nil {
            log(
                .error,
                "no server can be called so any more: its path is that of HTTP+SSE now. Its clients reach it at /mcp only, "
                    + "until it is added again under another name", ("server", name), ("path", "/mcp/\(name)"))
        }
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
        holders = configuration.grants.mapValues { grant in
            Holder(
                grant: grant,
                callers: grant.parts.compactMap { part in
                    configuration.servers[part.server].map {
                        Caller(
                            grant: grant, server: $0, policy: policies[part.policy], pins: configuration.pins[$0.name])
                    }
                })
        }
        holdersByGrant = Dictionary(holders.values.map { ($0.grant.id, $0) }) { first, _ in first }
    }

    /// The caller of a grant at a server, if it may still speak.
    func caller(grant id: String, server: String, at now: Instant) -> Caller? {
        holder(grant: id, at: now)?.caller(of: server)
    }

    /// A grant and its servers, if it may still speak.
    func holder(grant id: String, at now: Instant) -> Holder? {
        guard let holder = holdersByGrant[id], holder.standing(at: now) == .active else { return nil }
        return holder
    }

    /// Whether clients of a grant may see something else of a server, or of all servers together, than before.
    func differs(from old: GatewaySnapshot, grant id: String, server: String) -> Bool {
        guard let now = holdersByGrant[id], let before = old.holdersByGrant[id], now.grant == before.grant,
            now.callers.map(\.server) == before.callers.map(\.server),
            let mine = now.caller(of: server), let former = before.caller(of: server)
        else { return true }
        return mine.policy?.name != former.policy?.name || mine.policy?.version != former.policy?.version
            || mine.pins != former.pins
    }

    /// Whether somebody may speak no more.
    func isOver(_ speaker: Speaker, at now: Instant) -> Bool {
        guard let holder = holdersByGrant[speaker.grant] else { return true }
        return holder.standing(at: now) != .active || !speaker.is(holder.grant)
    }

    /// When the next of the grants ends by itself that have not yet.
    func nextExpiry(after now: Instant) -> Instant? {
        holdersByGrant.values.lazy.filter { $0.grant.revoked == nil }.compactMap(\.grant.expires).filter { $0 > now }
            .min()
    }

    func holder(_ token: TokenHash) -> Holder? { holders[token] }
}
