import Base
import Store

extension SQLiteConfigurationStore {
    // MARK: Identities

    package func identities() throws(StoreError) -> [Identity] {
        try read { db throws(StoreError) in try self.selectIdentities(db) }
    }

    package func addIdentity(_ name: String) throws(StoreError) -> Identity {
        try Name.checkLabel(name, of: .identity)
        return try change { db throws(StoreError) in
            guard try self.count(db, "SELECT count(*) FROM identity WHERE name = ?1", name) == 0 else {
                throw StoreError(
                    .alreadyExists, "there is an identity \(Name.quoted(name)) already", help: "choose another name")
            }
            try self.checkRoom(db, .identity, in: "identity", cap: Caps.identities)
            let identity = Identity(name: name, created: wallClock())
            let statement = try db.prepare("INSERT INTO identity (name, created) VALUES (?1, ?2)")
            statement.bind(1, identity.name)
            statement.bind(2, identity.created.microseconds)
            try statement.run()
            return (identity, true)
        }
    }

    package func removeIdentity(_ name: String, force: Bool) throws(StoreError) {
        try change { db throws(StoreError) in
            try self.checkIdentity(db, name)
            let users = try self.selectGrants(db, "revoked IS NULL AND identity = ?1", name).map(\.0.label)
            if !force { try self.refuse(removing: .identity, name, usedBy: .grant, users) }
            let revoke = try db.prepare("UPDATE grants SET revoked = ?2 WHERE revoked IS NULL AND identity = ?1")
            revoke.bind(1, name)
            revoke.bind(2, wallClock().microseconds)
            try revoke.run()
            let statement = try db.prepare("DELETE FROM identity WHERE name = ?1")
            statement.bind(1, name)
            try statement.run()
            return ((), true)
        }
    }

    func selectIdentities(_ db: Connection) throws(StoreError) -> [Identity] {
        let query = try db.prepare("SELECT name, created FROM identity ORDER BY name")
        var found: [Identity] = []
        while try query.step() {
            found.append(Identity(name: query.text(0), created: Instant(microseconds: query.integer(1))))
        }
        return found
    }

    private func checkIdentity(_ db: Connection, _ name: String) throws(StoreError) {
        let names = try selectIdentities(db).map(\.name)
        guard names.contains(name) else { throw Name.notFound(name, of: .identity, among: names) }
    }

    // MARK: Grants

    package func grants() throws(StoreError) -> [Grant] {
        try read { db throws(StoreError) in try self.selectGrants(db, "1").map(\.0) }
    }

    package func grant(_ idOrLabel: String) throws(StoreError) -> Grant {
        try read { db throws(StoreError) in try self.selectGrant(db, idOrLabel) }
    }

    package func createGrant(_ request: GrantRequest) throws(StoreError) -> IssuedGrant {
        try Name.checkLabel(request.label, of: .grant)
        let now = wallClock()
        if let expires = request.expires, expires <= now {
            throw StoreError(
                .invalidValue, "the grant would have expired at \(expires.iso8601)", help: "choose a later time")
        }
        return try change { db throws(StoreError) in
            let parts = [Grant.Part(server: request.server, policy: request.policy)] + request.also
            for part in parts { try self.checkPart(db, part) }
            guard Set(parts.map(\.server)).count == parts.count else {
                throw StoreError(
                    .invalidValue, "a server is named twice", help: "name each server once, with one policy")
            }
            if let identity = request.identity { try self.checkIdentity(db, identity) }
            let same = try self.selectGrants(db, "revoked IS NULL AND label = ?1", request.label)
            guard !same.contains(where: { $0.0.server == request.server }) else {
                throw StoreError(
                    .alreadyExists,
                    "server \(Name.quoted(request.server)) has a grant with label \(Name.quoted(request.label)) already",
                    help: "choose another label, or `sluice grant rotate` for a new token")
            }
            try self.checkRoom(db, .grant, in: "grants", cap: Caps.grants)
            let token = SecretKey.makeToken(prefix: "slg_")
            let grant = Grant(
                id: SecretKey.makeID(prefix: "gr_"), server: request.server, policy: request.policy,
                label: request.label, identity: request.identity, created: now, expires: request.expires,
                also: request.also)
            let statement = try db.prepare(
                """
                INSERT INTO grants (id, server, policy, label, identity, token_hash, created, expires)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """)
            statement.bind(1, grant.id)
            statement.bind(2, grant.server)
            statement.bind(3, grant.policy)
            statement.bind(4, grant.label)
            statement.bind(5, grant.identity)
            statement.bind(6, blob: self.key.tokenHash(token.revealed).bytes)
            statement.bind(7, grant.created.microseconds)
            statement.bind(8, grant.expires?.microseconds)
            try statement.run()
            for (position, part) in grant.also.enumerated() {
                let statement = try db.prepare(
                    "INSERT INTO grant_part (grant_id, position, server, policy) VALUES (?1, ?2, ?3, ?4)")
                statement.bind(1, grant.id)
                statement.bind(2, Int64(position))
                statement.bind(3, part.server)
                statement.bind(4, part.policy)
                try statement.run()
            }
            return (IssuedGrant(grant: grant, token: token), true)
        }
    }

    private func checkPart(_ db: Connection, _ part: Grant.Part) throws(StoreError) {
        _ = try selectServer(db, part.server)
        let policy = try selectPolicy(db, part.policy)
        guard policy.server == part.server else {
            throw StoreError(
                .invalidValue,
                "policy \(Name.quoted(policy.name)) is about server \(Name.quoted(policy.server)), "
                    + "not \(Name.quoted(part.server))",
                help: "choose a policy of that server, or put one with `sluice policy put`")
        }
    }

    /// The further servers of all grants, by grant.
    private func selectParts(_ db: Connection) throws(StoreError) -> [String: [Grant.Part]] {
        let query = try db.prepare("SELECT grant_id, server, policy FROM grant_part ORDER BY grant_id, position")
        var found: [String: [Grant.Part]] = [:]
        while try query.step() {
            found[query.text(0), default: []].append(Grant.Part(server: query.text(1), policy: query.text(2)))
        }
        return found
    }

    package func rotateGrant(_ idOrLabel: String) throws(StoreError) -> IssuedGrant {
        try change { db throws(StoreError) in
            let grant = try self.selectGrant(db, idOrLabel)
            guard grant.revoked == nil else {
                throw StoreError(
                    .invalidValue, "grant \(Name.quoted(grant.label)) was revoked", help: "create a new one")
            }
            let token = SecretKey.makeToken(prefix: "slg_")
            let statement = try db.prepare("UPDATE grants SET token_hash = ?2, rotated = ?3 WHERE id = ?1")
            statement.bind(1, grant.id)
            statement.bind(2, blob: self.key.tokenHash(token.revealed).bytes)
            statement.bind(3, wallClock().microseconds)
            try statement.run()
            return (IssuedGrant(grant: try self.selectGrant(db, grant.id), token: token), true)
        }
    }

    package func revokeGrant(_ idOrLabel: String) throws(StoreError) -> Grant {
        try change { db throws(StoreError) in
            let grant = try self.selectGrant(db, idOrLabel)
            guard grant.revoked == nil else { return (grant, false) }
            let statement = try db.prepare("UPDATE grants SET revoked = ?2 WHERE id = ?1")
            statement.bind(1, grant.id)
            statement.bind(2, wallClock().microseconds)
            try statement.run()
            return (try self.selectGrant(db, grant.id), true)
        }
    }

    /// Grants that meet `condition`, whose `?1` is `argument`, with their tokens' hashes; oldest first.
    func selectGrants(
        _ db: Connection, _ condition: String, _ argument: String? = nil
    ) throws(StoreError) -> [(Grant, TokenHash)] {
        let query = try db.prepare(
            """
            SELECT id, server, policy, label, identity, created, expires, revoked, rotated, token_hash
            FROM grants WHERE \(condition) ORDER BY created, id
            """)
        if let argument { query.bind(1, argument) }
        let parts = try selectParts(db)
        var found: [(Grant, TokenHash)] = []
        while try query.step() {
            guard let hash = TokenHash(bytes: query.blob(9)) else {
                throw StoreError(
                    .corrupt, "the token hash of grant \(Name.quoted(query.text(0))) is damaged",
                    help: "restore the folder from a backup")
            }
            let grant = Grant(
                id: query.text(0), server: query.text(1), policy: query.text(2), label: query.text(3),
                identity: query.optionalText(4), created: Instant(microseconds: query.integer(5)),
                expires: query.optionalInteger(6).map(Instant.init(microseconds:)),
                revoked: query.optionalInteger(7).map(Instant.init(microseconds:)),
                rotated: query.optionalInteger(8).map(Instant.init(microseconds:)), also: parts[query.text(0)] ?? [])
            found.append((grant, hash))
        }
        return found
    }

    private func selectGrant(_ db: Connection, _ idOrLabel: String) throws(StoreError) -> Grant {
        if let found = try selectGrants(db, "id = ?1", idOrLabel).first { return found.0 }
        let labelled = try selectGrants(db, "revoked IS NULL AND label = ?1", idOrLabel).map(\.0)
        if labelled.count == 1, let found = labelled.first { return found }
        guard labelled.isEmpty else {
            throw StoreError(
                .invalidValue, "\(labelled.count) grants have the label \(Name.quoted(idOrLabel))",
                help: "name one by its id: " + labelled.prefix(5).map { "`\($0.id)`" }.joined(separator: ", "))
        }
        let all = try selectGrants(db, "1").map(\.0)
        throw Name.notFound(idOrLabel, of: .grant, among: all.filter { $0.revoked == nil }.map(\.label))
    }

    // MARK: Admin tokens

    package func adminTokens() throws(StoreError) -> [AdminToken] {
        try read { db throws(StoreError) in try self.selectAdminTokens(db, "1").map(\.0) }
    }

    package func createAdminToken(
        label: String, role: Role, expires: Instant?
    ) throws(StoreError) -> IssuedAdminToken {
        try Name.checkLabel(label, of: .adminToken)
        return try change { db throws(StoreError) in
            try self.checkRoom(db, .adminToken, in: "admin_token", cap: Caps.adminTokens)
            let token = SecretKey.makeToken(prefix: "sla_")
            let record = AdminToken(
                id: SecretKey.makeID(prefix: "at_"), label: label, role: role, created: wallClock(), expires: expires,
                revoked: nil)
            let statement = try db.prepare(
                """
                INSERT INTO admin_token (id, label, role, token_hash, created, expires)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                """)
            statement.bind(1, record.id)
            statement.bind(2, record.label)
            statement.bind(3, Int64(record.role.rawValue))
            statement.bind(4, blob: self.key.tokenHash(token.revealed).bytes)
            statement.bind(5, record.created.microseconds)
            statement.bind(6, record.expires?.microseconds)
            try statement.run()
            return (IssuedAdminToken(adminToken: record, token: token), true)
        }
    }

    package func revokeAdminToken(_ id: String) throws(StoreError) -> AdminToken {
        try change { db throws(StoreError) in
            let statement = try db.prepare("UPDATE admin_token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL")
            statement.bind(1, id)
            statement.bind(2, wallClock().microseconds)
            try statement.run()
            let didChange = db.changes > 0
            guard let record = try self.selectAdminTokens(db, "id = ?1", id).first?.0 else {
                throw Name.notFound(id, of: .adminToken, among: try self.selectAdminTokens(db, "1").map(\.0.id))
            }
            return (record, didChange)
        }
    }

    /// Admin tokens that meet `condition`, whose `?1` is `argument`, with their hashes; oldest first.
    func selectAdminTokens(
        _ db: Connection, _ condition: String, _ argument: String? = nil
    ) throws(StoreError) -> [(AdminToken, TokenHash)] {
        let query = try db.prepare(
            """
            SELECT id, label, role, created, expires, revoked, token_hash
            FROM admin_token WHERE \(condition) ORDER BY created, id
            """)
        if let argument { query.bind(1, argument) }
        var found: [(AdminToken, TokenHash)] = []
        while try query.step() {
            guard let hash = TokenHash(bytes: query.blob(6)), let role = Role(rawValue: Int(query.integer(2))) else {
                throw StoreError(
                    .corrupt, "the admin token \(Name.quoted(query.text(0))) is damaged",
                    help: "restore the folder from a backup")
            }
            let record = AdminToken(
                id: query.text(0), label: query.text(1), role: role,
                created: Instant(microseconds: query.integer(3)),
                expires: query.optionalInteger(4).map(Instant.init(microseconds:)),
                revoked: query.optionalInteger(5).map(Instant.init(microseconds:)))
            found.append((record, hash))
        }
        return found
    }
}
