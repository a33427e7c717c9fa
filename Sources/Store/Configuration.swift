import Base

/// Everything the gateway decides by, as it stood at one generation. Immutable: a call takes one and keeps it to its end.
package struct Configuration: Sendable {
    /// Grows with every change that was committed.
    package let generation: UInt64
    /// By name.
    package let servers: [String: Server]
    /// The newest version of each, by name.
    package let policies: [String: PolicyVersion]
    /// By name.
    package let identities: [String: Identity]
    /// By the keyed hash of the token; revoked and expired ones too, so that a refusal can be told apart in the ledger.
    package let grants: [TokenHash: Grant]
    /// By the keyed hash of the token.
    package let adminTokens: [TokenHash: AdminToken]
    /// What a person has approved of servers, by server; nothing for those that are not pinned.
    package let pins: [String: ServerPins]

    package init(
        generation: UInt64, servers: [String: Server], policies: [String: PolicyVersion],
        identities: [String: Identity], grants: [TokenHash: Grant], adminTokens: [TokenHash: AdminToken],
        pins: [String: ServerPins] = [:]
    ) {
        self.generation = generation
        self.servers = servers
        self.policies = policies
        self.identities = identities
        self.grants = grants
        self.adminTokens = adminTokens
        self.pins = pins
    }

    /// Nothing at all: with it every call is refused.
    package static let empty = Configuration(
        generation: 0, servers: [:], policies: [:], identities: [:], grants: [:], adminTokens: [:])

    /// The grant of a token, whatever its standing. Ask `standing(at:)` before use.
    package func grant(_ hash: TokenHash) -> Grant? { grants[hash] }
}

/// What a gateway reads of the configuration. Calls block, on a file; none may be made on an event loop except
/// `currentGeneration` and, when that differs from the snapshot's, `loadConfiguration`.
package protocol ConfigurationSource: Sendable {
    /// The generation of the newest committed change, also of other processes. One atomic load.
    func currentGeneration() -> UInt64
    /// A consistent snapshot.
    func loadConfiguration() throws(StoreError) -> Configuration
    /// The newest version of each policy, by name.
    func policies() throws(StoreError) -> [PolicyVersion]
    /// Every version of one policy, oldest first.
    func policyVersions(_ name: String) throws(StoreError) -> [PolicyVersion]
}

/// What is stored about servers, policies, identities, grants and admin tokens. All calls block.
package protocol ConfigurationStore: ConfigurationSource {
    /// All servers, by name.
    func servers() throws(StoreError) -> [Server]
    func server(_ name: String) throws(StoreError) -> Server
    /// `alreadyExists` when the name is taken.
    func addServer(_ server: Server) throws(StoreError)
    /// Adds, or replaces what has the name; grants and policies of it stay, and so does the time of creation.
    func replaceServer(_ server: Server) throws(StoreError)
    /// `inUse` while policies or grants refer to it, unless `force`: then those grants are revoked and policies removed.
    func removeServer(_ name: String, force: Bool) throws(StoreError)

    /// One version; the newest when `version` is nil.
    func policy(_ name: String, version: Int?) throws(StoreError) -> PolicyVersion
    /// Stores the next version and returns it; when the newest has the same bytes, returns that one and changes nothing.
    /// The bytes aren't judged here.
    func putPolicy(_ name: String, server: String, bytes: [UInt8]) throws(StoreError) -> PolicyVersion
    /// `inUse` while active grants refer to it, unless `force`: then those are revoked.
    func removePolicy(_ name: String, force: Bool) throws(StoreError)

    /// All identities, by name.
    func identities() throws(StoreError) -> [Identity]
    func addIdentity(_ name: String) throws(StoreError) -> Identity
    /// `inUse` while active grants refer to it, unless `force`: then those are revoked.
    func removeIdentity(_ name: String, force: Bool) throws(StoreError)

    /// All grants, oldest first.
    func grants() throws(StoreError) -> [Grant]
    /// By id, or by label when exactly one unrevoked grant has it.
    func grant(_ idOrLabel: String) throws(StoreError) -> Grant
    /// Labels of unrevoked grants are unique within a server.
    func createGrant(_ request: GrantRequest) throws(StoreError) -> IssuedGrant
    /// Replaces the token; the old one is dead at once. Refused for a revoked grant.
    func rotateGrant(_ idOrLabel: String) throws(StoreError) -> IssuedGrant
    /// Ends the grant for good. Revoking twice changes nothing.
    func revokeGrant(_ idOrLabel: String) throws(StoreError) -> Grant

    /// All admin tokens, oldest first.
    func adminTokens() throws(StoreError) -> [AdminToken]
    func createAdminToken(label: String, role: Role, expires: Instant?) throws(StoreError) -> IssuedAdminToken
    /// Ends an admin token for good, by id.
    func revokeAdminToken(_ id: String) throws(StoreError) -> AdminToken
}

extension ConfigurationStore {
    /// `removeServer` that refuses while something refers to it.
    package func removeServer(_ name: String) throws(StoreError) { try removeServer(name, force: false) }
    /// `removePolicy` that refuses while something refers to it.
    package func removePolicy(_ name: String) throws(StoreError) { try removePolicy(name, force: false) }
    /// `removeIdentity` that refuses while something refers to it.
    package func removeIdentity(_ name: String) throws(StoreError) { try removeIdentity(name, force: false) }
    /// The newest version of a policy.
    package func policy(_ name: String) throws(StoreError) -> PolicyVersion { try policy(name, version: nil) }
}
