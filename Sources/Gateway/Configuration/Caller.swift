import Base
import MCP
import Policy
import Store

/// A grant with everything a call by it needs, prepared once per configuration.
final class Caller: Sendable {
    let grant: Grant
    let server: Server
    /// Nil when the grant's policy is missing or can't be loaded: every call is then denied.
    let policy: CompiledPolicy?
    let facts: GrantFacts
    /// What the policy lets servers ask of this grant's clients. What it does not list, a server is not told of.
    let relays: Relays
    /// What a person has approved of the server; nil when it is not pinned.
    let pins: ServerPins?

    init(grant: Grant, server: Server, policy: CompiledPolicy?, pins: ServerPins? = nil) {
        self.pins = pins
        self.grant = grant
        self.server = server
        self.policy = policy
        let facts = GrantFacts(id: grant.id, label: grant.label, identity: grant.identity)
        func mayAsk(_ what: String) -> Bool {
            policy?.lists(
                CallFacts(
                    subject: .client, tool: Subject.client.selectorName(of: what), arguments: nil, server: server.name,
                    grant: facts, now: Instant(microseconds: 0))) ?? false
        }
        relays = Relays(
            elicitation: mayAsk("elicitation"), sampling: mayAsk("sampling"), roots: mayAsk("roots"), tasks: true)
        self.facts = facts
    }
}

/// Who has opened something that outlives its request: a grant with the token that it had then. A new token means that the
/// old one may be in the wrong hands, so what was opened with it ends.
struct Speaker: Sendable, Hashable {
    let grant: String
    let rotated: Instant?

    init(_ grant: Grant) { (self.grant, rotated) = (grant.id, grant.rotated) }

    // COST: by two of its fields, since the compiler copies the grant, all its texts retained, to ask it.
    func `is`(_ grant: Grant) -> Bool { self.grant == grant.id && rotated == grant.rotated }
}

/// A grant and all that it may call.
final class Holder: Sendable {
    let grant: Grant
    /// One for each of its servers that exists, in the grant's order.
    let callers: [Caller]

    init(grant: Grant, callers: [Caller]) {
        self.grant = grant
        self.callers = callers
    }

    // COST: by two of its fields, since the compiler copies the grant, all its texts retained, to ask it.
    func standing(at now: Instant) -> Grant.Standing {
        Grant.standing(revoked: grant.revoked, expires: grant.expires, at: now)
    }

    func caller(of server: String) -> Caller? { callers.first { $0.server.name == server } }
}
