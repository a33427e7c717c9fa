import Base
import JSON
import Store

extension SQLiteConfigurationStore {
    package func servers() throws(StoreError) -> [Server] {
        try read { db throws(StoreError) in try self.selectServers(db) }
    }

    package func server(_ name: String) throws(StoreError) -> Server {
        try read { db throws(StoreError) in try self.selectServer(db, name) }
    }

    package func addServer(_ server: Server) throws(StoreError) {
        try put(server, replace: false)
    }

    package func replaceServer(_ server: Server) throws(StoreError) {
        try put(server, replace: true)
    }

    package func removeServer(_ name: String, force: Bool) throws(StoreError) {
        try change { db throws(StoreError) in
            _ = try self.selectServer(db, name)
            let users = try self.selectGrants(
                db,
                "revoked IS NULL AND (server = ?1 OR id IN (SELECT grant_id FROM grant_part WHERE server = ?1))", name
            ).map(\.0.label)
            let policies = try self.selectPolicies(db).filter { $0.server == name }.map(\.name)
            if !force {
                try self.refuse(removing: .server, name, usedBy: .grant, users)
                try self.refuse(removing: .server, name, usedBy: .policy, policies)
            }
            let now = wallClock().microseconds
            for sql in [
                "UPDATE grants SET revoked = ?2 WHERE revoked IS NULL AND server = ?1",
                "UPDATE policy SET removed = ?2 WHERE removed IS NULL AND server = ?1",
                "DELETE FROM grant_part WHERE server = ?1",
            ] {
                let statement = try db.prepare(sql)
                statement.bind(1, name)
                statement.bind(2, now)
                try statement.run()
            }
            try self.deletePins(db, name)
            try self.deleteObservations(db, name)
            let statement = try db.prepare("DELETE FROM server WHERE name = ?1")
            statement.bind(1, name)
            try statement.run()
            return ((), true)
        }
    }

    /// `inUse`, with the first few that use it, when there are any.
    func refuse(
        removing kind: NameKind, _ name: String, usedBy user: NameKind, _ users: [String]
    ) throws(StoreError) {
        guard !users.isEmpty else { return }
        let shown = users.sorted().prefix(5).map(Name.quoted).joined(separator: ", ")
        let plural = users.count == 1 ? user.rawValue : user == .policy ? "policies" : "\(user.rawValue)s"
        throw StoreError(
            .inUse,
            "\(kind.rawValue) \(Name.quoted(name)) is used by \(users.count) \(plural): "
                + "\(shown)\(users.count > 5 ? " and others" : "")",
            help: "\(user == .grant ? "revoke" : "remove") \(users.count == 1 ? "it" : "them") first, or use --force")
    }

    private func put(_ server: Server, replace: Bool) throws(StoreError) {
        try ServerRules.check(server)
        try change { db throws(StoreError) in
            let exists = try self.count(db, "SELECT count(*) FROM server WHERE name = ?1", server.name) > 0
            guard !exists || replace else {
                throw StoreError(
                    .alreadyExists, "there is a server \(Name.quoted(server.name)) already",
                    help: "choose another name, or remove that one first")
            }
            if !exists { try self.checkRoom(db, .server, in: "server", cap: Caps.servers) }
            let statement = try db.prepare(
                """
                INSERT INTO server (name, kind, url, command, inherit, directory, sealed, allow_private, created,
                    tls, settings)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                ON CONFLICT (name) DO UPDATE SET kind = ?2, url = ?3, command = ?4, inherit = ?5, directory = ?6,
                    sealed = ?7, allow_private = ?8, tls = ?10, settings = ?11
                """)
            statement.bind(1, server.name)
            statement.bind(2, server.kind.rawValue)
            let secrets: [NamedSecret]
            switch server.transport {
            case .http(let url, let headers):
                statement.bind(3, url)
                secrets = headers
            case .stdio(let command, let inherit, let variables, let directory):
                statement.bind(4, StoredList.encode(command))
                statement.bind(5, StoredList.encode(inherit))
                statement.bind(6, directory)
                secrets = variables
            }
            let plain = StoredList.encode(secrets.flatMap { [$0.name, $0.value.revealed] })
            statement.bind(7, blob: self.key.seal(Array(plain.utf8), place: "server/\(server.name)"))
            statement.bind(8, server.allowPrivate ? 1 : 0)
            statement.bind(9, server.created.microseconds)
            let tls = server.tls
            statement.bind(
                10, StoredList.encode([tls.authorities ?? "", tls.certificate ?? "", tls.key ?? ""]))
            statement.bind(11, StoredSettings.encode(server.settings))
            try statement.run()
            return ((), true)
        }
    }

    func selectServer(_ db: Connection, _ name: String) throws(StoreError) -> Server {
        let all = try selectServers(db)
        guard let server = all.first(where: { $0.name == name }) else {
            throw Name.notFound(name, of: .server, among: all.map(\.name))
        }
        return server
    }

    func selectServers(_ db: Connection) throws(StoreError) -> [Server] {
        let query = try db.prepare(
            """
            SELECT name, kind, url, command, inherit, directory, sealed, allow_private, created, tls,
                settings
            FROM server ORDER BY name
            """)
        var servers: [Server] = []
        while try query.step() {
            let name = query.text(0)
            func damaged(_ what: String) -> StoreError {
                StoreError(
                    .corrupt, "the stored \(what) of server \(Name.quoted(name)) cannot be read",
                    help: "remove the server and add it again")
            }
            guard let plain = key.open(query.blob(6), place: "server/\(name)"),
                let pairs = StoredList.decode(plain), pairs.count.isMultiple(of: 2)
            else { throw damaged("credentials") }
            let secrets = stride(from: 0, to: pairs.count, by: 2).map {
                NamedSecret(name: pairs[$0], value: Secret(pairs[$0 + 1]))
            }
            let transport: Server.Transport
            switch Server.Kind(rawValue: query.text(1)) {
            case .url:
                transport = .http(url: query.text(2), headers: secrets)
            case .stdio:
                guard let command = StoredList.decode(Array(query.text(3).utf8)),
                    let inherit = StoredList.decode(Array(query.text(4).utf8))
                else { throw damaged("command") }
                transport = .stdio(
                    command: command, inherit: inherit, variables: secrets, directory: query.optionalText(5))
            case nil:
                throw damaged("kind")
            }
            var tls = ServerTLS()
            if let stored = query.optionalText(9) {
                guard let files = StoredList.decode(Array(stored.utf8)), files.count == 3 else {
                    throw damaged("files")
                }
                let paths = files.map { $0.isEmpty ? nil : $0 }
                tls = ServerTLS(authorities: paths[0], certificate: paths[1], key: paths[2])
            }
            guard let settings = StoredSettings.decode(query.optionalText(10)) else { throw damaged("settings") }
            servers.append(
                Server(
                    name: name, transport: transport, allowPrivate: query.integer(7) != 0, tls: tls,
                    settings: settings,
                    created: Instant(microseconds: query.integer(8))))
        }
        return servers
    }
}

/// Lists of texts inside one column: a JSON array.
enum StoredList {
    static func encode(_ texts: [String]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Nil when it is no array of texts.
    static func decode(_ bytes: [UInt8]) -> [String]? {
        guard let document = try? JSONDocument.parse(bytes), document.root.kind == .array else { return nil }
        var texts: [String] = []
        for element in document.root.elements {
            guard let text = element.string else { return nil }
            texts.append(text)
        }
        return texts
    }
}
