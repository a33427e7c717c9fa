import Base
import Store

extension SQLiteConfigurationStore {
    package func policies() throws(StoreError) -> [PolicyVersion] {
        try read { db throws(StoreError) in try self.selectPolicies(db) }
    }

    package func policyVersions(_ name: String) throws(StoreError) -> [PolicyVersion] {
        try read { db throws(StoreError) in
            _ = try self.selectPolicy(db, name)
            let query = try db.prepare(
                """
                SELECT name, server, version, bytes, created FROM policy
                WHERE name = ?1 AND removed IS NULL ORDER BY version
                """)
            query.bind(1, name)
            return try self.policies(from: query)
        }
    }

    package func policy(_ name: String, version: Int?) throws(StoreError) -> PolicyVersion {
        try read { db throws(StoreError) in
            let newest = try self.selectPolicy(db, name)
            guard let version, version != newest.version else { return newest }
            let query = try db.prepare(
                """
                SELECT name, server, version, bytes, created FROM policy
                WHERE name = ?1 AND version = ?2 AND removed IS NULL
                """)
            query.bind(1, name)
            query.bind(2, Int64(version))
            guard let found = try self.policies(from: query).first else {
                throw StoreError(
                    .notFound, "policy \(Name.quoted(name)) has no version \(version)",
                    help: "its newest is \(newest.version)")
            }
            return found
        }
    }

    package func putPolicy(_ name: String, server: String, bytes: [UInt8]) throws(StoreError) -> PolicyVersion {
        try Name.check(name, of: .policy)
        guard !bytes.isEmpty, bytes.count <= Caps.policyBytes else {
            throw StoreError(
                .invalidValue, "policy \(Name.quoted(name)) has \(bytes.count) bytes",
                help: "a policy has 1 to \(Caps.policyBytes) bytes")
        }
        return try change { db throws(StoreError) in
            _ = try self.selectServer(db, server)
            let newest = try self.selectPolicies(db, name).first
            if let newest {
                guard newest.server == server else {
                    throw StoreError(
                        .inUse, "policy \(Name.quoted(name)) belongs to server \(Name.quoted(newest.server))",
                        help: "choose another name, or remove that policy first")
                }
                guard newest.bytes != bytes else { return (newest, false) }
            } else {
                try self.checkRoom(db, .policy, in: "policy WHERE removed IS NULL", cap: Caps.policies)
            }
            // Numbers go on after a removal: a version named in the ledger never means two texts.
            let last = try self.count(db, "SELECT coalesce(max(version), 0) FROM policy WHERE name = ?1", name)
            let next = PolicyVersion(
                name: name, server: server, version: last + 1, bytes: bytes, created: wallClock())
            let statement = try db.prepare(
                "INSERT INTO policy (name, version, server, bytes, created) VALUES (?1, ?2, ?3, ?4, ?5)")
            statement.bind(1, next.name)
            statement.bind(2, Int64(next.version))
            statement.bind(3, next.server)
            statement.bind(4, blob: next.bytes)
            statement.bind(5, next.created.microseconds)
            try statement.run()
            return (next, true)
        }
    }

    package func removePolicy(_ name: String, force: Bool) throws(StoreError) {
        try change { db throws(StoreError) in
            _ = try self.selectPolicy(db, name)
            let users = try self.selectGrants(
                db,
                "revoked IS NULL AND (policy = ?1 OR id IN (SELECT grant_id FROM grant_part WHERE policy = ?1))", name
            ).map(\.0.label)
            if !force { try self.refuse(removing: .policy, name, usedBy: .grant, users) }
            for sql in [
                "UPDATE grants SET revoked = ?2 WHERE revoked IS NULL AND policy = ?1",
                "UPDATE policy SET removed = ?2 WHERE removed IS NULL AND name = ?1",
                "DELETE FROM grant_part WHERE policy = ?1",
            ] {
                let statement = try db.prepare(sql)
                statement.bind(1, name)
                statement.bind(2, wallClock().microseconds)
                try statement.run()
            }
            return ((), true)
        }
    }

    /// The newest version of a policy; `notFound` with a suggestion.
    func selectPolicy(_ db: Connection, _ name: String) throws(StoreError) -> PolicyVersion {
        if let found = try selectPolicies(db, name).first { return found }
        throw Name.notFound(name, of: .policy, among: try selectPolicies(db).map(\.name))
    }

    /// The newest version of each policy, or of the one that is named.
    func selectPolicies(_ db: Connection, _ name: String? = nil) throws(StoreError) -> [PolicyVersion] {
        let query = try db.prepare(
            """
            SELECT name, server, version, bytes, created FROM policy AS p
            WHERE removed IS NULL AND (?1 IS NULL OR name = ?1)
                AND version = (SELECT max(version) FROM policy WHERE name = p.name)
            ORDER BY name
            """)
        query.bind(1, name)
        return try policies(from: query)
    }

    private func policies(from query: Statement) throws(StoreError) -> [PolicyVersion] {
        var found: [PolicyVersion] = []
        while try query.step() {
            found.append(
                PolicyVersion(
                    name: query.text(0), server: query.text(1), version: Int(query.integer(2)),
                    bytes: query.blob(3), created: Instant(microseconds: query.integer(4))))
        }
        return found
    }
}
