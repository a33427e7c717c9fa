import Base

/// A text that must not reach a log: every description of it is `<redacted>`.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text itself. Whoever reads it answers for where it goes.
    package let revealed: String

    package init(_ text: String) {
        revealed = text
    }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}

/// A header or an environment variable: the name may be shown, the value not.
package struct NamedSecret: Sendable, Hashable {
    /// What it is called in the request or the environment.
    package let name: String
    /// What is sent or set.
    package let value: Secret

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }
}

/// The files that a connection to an `https://` server needs beside what the system has; absolute paths of PEM files.
package struct ServerTLS: Sendable, Hashable {
    /// Whom to trust instead of the system's authorities.
    package var authorities: String?
    /// What is shown to a server that asks who we are; only together with `key`.
    package var certificate: String?
    /// The key of `certificate`.
    package var key: String?

    package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }
}

/// An upstream server.
package struct Server: Sendable, Hashable {
    /// How a server is reached, as `server list` shows it.
    package enum Kind: String, Sendable, CaseIterable {
        case url, stdio
    }

    /// What it takes to reach a server.
    package enum Transport: Sendable, Hashable {
        /// Streamable HTTP at `url`; `headers` are sent with every request and stored sealed.
        case http(url: String, headers: [NamedSecret])
        /// A child process. `inherit` names the variables of our environment that it may see; `variables` are set for it
        /// and stored sealed; `directory` is where it starts (ours, when nil).
        case stdio(command: [String], inherit: [String], variables: [NamedSecret], directory: String?)
    }

    /// Unique; part of the URL `/mcp/{server}`.
    package var name: String
    /// How it is reached.
    package var transport: Transport
    /// Whether loopback, private and link-local addresses are allowed.
    package var allowPrivate: Bool
    /// Files for `https://`.
    package var tls: ServerTLS
    /// How it is run and called.
    package var settings: ServerSettings
    /// When it was first stored.
    package var created: Instant

    package init(
        name: String, transport: Transport, allowPrivate: Bool = false, tls: ServerTLS = ServerTLS(),
        settings: ServerSettings = ServerSettings(), created: Instant
    ) {
        self.name = name
        self.transport = transport
        self.allowPrivate = allowPrivate
        self.tls = tls
        self.settings = settings
        self.created = created
    }

    /// Which of the two kinds of transport.
    package var kind: Kind {
        switch transport {
        case .http: .url
        case .stdio: .stdio
        }
    }
}

/// One version of a policy: the bytes exactly as they were put.
package struct PolicyVersion: Sendable, Hashable {
    /// Unique among policies.
    package let name: String
    /// The server whose tools the policy is about.
    package let server: String
    /// 1 for the first; each change makes the next.
    package let version: Int
    /// At most 1 MiB; judged by the policy engine, not here.
    package let bytes: [UInt8]
    /// When this version was put.
    package let created: Instant

    package init(name: String, server: String, version: Int, bytes: [UInt8], created: Instant) {
        self.name = name
        self.server = server
        self.version = version
        self.bytes = bytes
        self.created = created
    }
}

/// A person or a program that grants can be made out to.
package struct Identity: Sendable, Hashable {
    /// Unique, 1 to 63 bytes of printable text.
    package let name: String
    /// When it was stored.
    package let created: Instant

    package init(name: String, created: Instant) {
        self.name = name
        self.created = created
    }
}

/// The right to call one server under one policy. The token is not in it, and nowhere else either.
package struct Grant: Sendable, Hashable {
    /// Whether a grant may be used.
    package enum Standing: String, Sendable, CaseIterable {
        case active, expired, revoked
    }

    /// `gr_` and 16 characters; stays the same when the token is replaced.
    package let id: String
    /// A further server that may be called, and the policy that decides there.
    package struct Part: Sendable, Hashable {
        package let server: String
        package let policy: String

        package init(server: String, policy: String) {
            self.server = server
            self.policy = policy
        }
    }

    /// The server that may be called.
    package let server: String
    /// The policy that decides; always in its newest version.
    package let policy: String
    /// Further servers; none of them twice.
    package let also: [Part]
    /// What people call it; unique among a server's unrevoked grants.
    package let label: String
    /// Whom it is made out to.
    package let identity: String?
    /// When it was made.
    package let created: Instant
    /// The first moment at which it no longer holds; nil: never.
    package let expires: Instant?
    /// When it was ended for good.
    package let revoked: Instant?
    /// When its token was last replaced.
    package let rotated: Instant?

    package init(
        id: String, server: String, policy: String, label: String, identity: String?, created: Instant,
        expires: Instant?, revoked: Instant? = nil, rotated: Instant? = nil, also: [Part] = []
    ) {
        self.id = id
        self.server = server
        self.policy = policy
        self.label = label
        self.identity = identity
        self.created = created
        self.expires = expires
        self.revoked = revoked
        self.rotated = rotated
        self.also = also
    }

    /// All servers with their policies, the first one first.
    package var parts: [Part] { [Part(server: server, policy: policy)] + also }

    /// Whether it may be used at `now`. Revoked wins over expired.
    package func standing(at now: Instant) -> Standing {
        Grant.standing(revoked: revoked, expires: expires, at: now)
    }

    /// The same of a grant that is not copied for it.
    package static func standing(revoked: Instant?, expires: Instant?, at now: Instant) -> Standing {
        if revoked != nil { return .revoked }
        if let expires, expires <= now { return .expired }
        return .active
    }
}

/// What it takes to make a grant.
package struct GrantRequest: Sendable, Hashable {
    /// The server to be called; must be stored.
    package var server: String
    /// A policy of that server; must be stored.
    package var policy: String
    /// Further servers that may be called, each with a policy of its own.
    package var also: [Grant.Part]
    /// 1 to 63 bytes of printable text.
    package var label: String
    /// A stored identity.
    package var identity: String?
    /// The first moment at which it no longer holds; must lie ahead.
    package var expires: Instant?

    package init(
        server: String, policy: String, label: String, identity: String? = nil, expires: Instant? = nil,
        also: [Grant.Part] = []
    ) {
        self.server = server
        self.policy = policy
        self.also = also
        self.label = label
        self.identity = identity
        self.expires = expires
    }
}

/// A grant and its token, once: afterwards only the token's keyed hash exists.
package struct IssuedGrant: Sendable, Hashable {
    /// What was stored.
    package let grant: Grant
    /// `slg_` and 43 base64url characters.
    package let token: Secret

    package init(grant: Grant, token: Secret) {
        self.grant = grant
        self.token = token
    }
}

/// What the holder of an admin token may do; each role includes the ones below it.
package enum Role: Int, Sendable, CaseIterable, Comparable {
    case viewer = 1
    case policyManager = 2
    case admin = 3

    package static func < (a: Role, b: Role) -> Bool { a.rawValue < b.rawValue }

    /// The contract's word: `viewer`, `policy_manager`, `admin`.
    package var name: String {
        switch self {
        case .viewer: "viewer"
        case .policyManager: "policy_manager"
        case .admin: "admin"
        }
    }

    package init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }
}

/// A key to the admin plane, without the token.
package struct AdminToken: Sendable, Hashable {
    /// `at_` and 16 characters.
    package let id: String
    /// What people call it.
    package let label: String
    /// What its holder may do.
    package let role: Role
    /// When it was made.
    package let created: Instant
    /// The first moment at which it no longer holds; nil: never.
    package let expires: Instant?
    /// When it was ended for good.
    package let revoked: Instant?

    package init(id: String, label: String, role: Role, created: Instant, expires: Instant?, revoked: Instant?) {
        self.id = id
        self.label = label
        self.role = role
        self.created = created
        self.expires = expires
        self.revoked = revoked
    }

    /// Whether the token opens anything at `now`.
    package func isActive(at now: Instant) -> Bool {
        revoked == nil && (expires.map { now < $0 } ?? true)
    }
}

/// An admin token's record and the token, once.
package struct IssuedAdminToken: Sendable, Hashable {
    /// What was stored.
    package let adminToken: AdminToken
    /// `sla_` and 43 base64url characters.
    package let token: Secret

    package init(adminToken: AdminToken, token: Secret) {
        self.adminToken = adminToken
        self.token = token
    }
}
