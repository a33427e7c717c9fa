import Policy
import Store

/// A grant with everything a call by it needs, prepared once per configuration.
final class Caller: Sendable {
    let grant: Grant
    let server: Server
    /// Nil when the grant's policy is missing or can't be loaded: every call is then denied.
    let policy: CompiledPolicy?
    let facts: GrantFacts

    init(grant: Grant, server: Server, policy: CompiledPolicy?) {
        self.grant = grant
        self.server = server
        self.policy = policy
        facts = GrantFacts(id: grant.id, label: grant.label, identity: grant.identity)
    }
}
