import Base
import JSON
import Store

extension SQLiteConfigurationStore: CatalogueStore {
    /// More than any server has, and few enough for one transaction.
    private static let mostTools = 10_000
    private static let mostServers = 100_000
    private static let mostChanges = 1_000
    private static let longestName = 1_024

    package func recordInCatalogue(
        _ server: CatalogueServerEntry, at now: Instant
    ) throws(StoreError) -> [CatalogueChange] {
        try Self.check(server)
        return try change { db throws(StoreError) in
            try Self.checkRoom(db, for: server.name)
            let writer = try CatalogueWriter(db, now)
            return (try writer.record(server), false)
        }
    }

    private static func check(_ server: CatalogueServerEntry) throws(StoreError) {
        let names = [server.name] + server.tools.map(\.name)
        guard names.allSatisfy({ !$0.isEmpty && $0.utf8.count <= longestName }) else {
            throw StoreError(
                .invalidValue,
                "a name in the list of \(server.name.prefix(80)) is empty or longer than \(longestName) bytes",
                help: "leave that tool out of a copy of the list")
        }
        guard server.tools.count <= mostTools else {
            throw StoreError(
                .invalidValue,
                "the server has \(server.tools.count) tools; the catalogue keeps up to \(mostTools) of one",
                help: "split the list")
        }
    }

    private static func checkRoom(_ db: Connection, for server: String) throws(StoreError) {
        if try serverID(db, server) != nil { return }
        let count = try db.prepare("SELECT count(*) FROM catalogue_server")
        guard try count.step(), count.integer(0) < mostServers else {
            throw StoreError(
                .invalidValue, "the catalogue has \(mostServers) servers, as many as it keeps",
                help: "'sluice catalogue remove' makes room, or use another --data-dir")
        }
    }

    package func removeFromCatalogue(_ server: String) throws(StoreError) {
        try change { db throws(StoreError) in
            guard let id = try Self.serverID(db, server) else {
                throw StoreError(
                    .notFound, "the catalogue has no such server", help: "'sluice catalogue list' shows those it has")
            }
            for sql in [
                "DELETE FROM catalogue_index WHERE rowid IN (SELECT id FROM catalogue_tool WHERE server = ?1)",
                "DELETE FROM catalogue_definition WHERE tool IN (SELECT id FROM catalogue_tool WHERE server = ?1)",
                "DELETE FROM catalogue_tool WHERE server = ?1", "DELETE FROM catalogue_change WHERE server = ?1",
                "DELETE FROM catalogue_server WHERE id = ?1",
            ] {
                let statement = try db.prepare(sql)
                statement.bind(1, id)
                try statement.run()
            }
            return ((), false)
        }
    }

    package func cataloguedServers() throws(StoreError) -> [CataloguedServer] {
        try read { db throws(StoreError) in try Self.selectServers(db, "1 = 1 ORDER BY name", nil) }
    }

    package func cataloguedServer(_ name: String) throws(StoreError) -> CataloguedServer? {
        try read { db throws(StoreError) in try Self.selectServers(db, "name = ?1", name).first }
    }

    package func cataloguedTools(_ server: String) throws(StoreError) -> [CataloguedTool] {
        try read { db throws(StoreError) in try Self.selectTools(db, server, nil) }
    }

    package func cataloguedTools(_ server: String, named name: String) throws(StoreError) -> [CataloguedTool] {
        try read { db throws(StoreError) in try Self.selectTools(db, server, name) }
    }

    package func catalogueChanges(_ server: String) throws(StoreError) -> [CatalogueChange] {
        try read { db throws(StoreError) in
            let query = try db.prepare(
                """
                SELECT c.time, c.kind, c.tool, c.members FROM catalogue_change c JOIN catalogue_server s ON s.id = c.server
                WHERE s.name = ?1 ORDER BY c.id DESC LIMIT \(Self.mostChanges)
                """)
            query.bind(1, server)
            var changes: [CatalogueChange] = []
            while try query.step() {
                guard let kind = CatalogueChange.Kind(rawValue: query.text(1)) else { continue }
                changes.append(
                    CatalogueChange(
                        time: Instant(microseconds: query.integer(0)), kind: kind, tool: query.text(2),
                        members: Self.texts(query.text(3))))
            }
            return changes
        }
    }

    package func tidyCatalogue() throws(StoreError) {
        try change { db throws(StoreError) in
            try db.execute("INSERT INTO catalogue_index (catalogue_index) VALUES ('optimize')")
            return ((), false)
        }
    }

    static func serverID(_ db: Connection, _ name: String) throws(StoreError) -> Int64? {
        let query = try db.prepare("SELECT id FROM catalogue_server WHERE name = ?1")
        query.bind(1, name)
        guard try query.step() else { return nil }
        defer { query.reset() }
        return query.integer(0)
    }

    /// An array of texts, as it is stored.
    private static func texts(_ json: String) -> [String] {
        (try? JSONDocument.parse(Array(json.utf8)).root.elements.compactMap(\.string)) ?? []
    }

    private static func selectServers(
        _ db: Connection, _ condition: String, _ argument: String?
    ) throws(StoreError) -> [CataloguedServer] {
        let query = try db.prepare(
            """
            SELECT id, name, version, source, about, rules, policy, findings, first_seen, last_seen, changed,
            (SELECT count(*) FROM catalogue_tool t WHERE t.server = catalogue_server.id), repository, incomplete
            FROM catalogue_server WHERE \(condition)
            """)
        if let argument { query.bind(1, argument) }
        var servers: [CataloguedServer] = []
        while try query.step() {
            servers.append(
                CataloguedServer(
                    id: query.integer(0), name: query.text(1), version: query.text(2), source: query.text(3),
                    repository: query.text(12), about: query.text(4), rules: query.text(5), policy: query.blob(6),
                    findings: query.blob(7),
                    incomplete: Self.texts(query.text(13)), firstSeen: Instant(microseconds: query.integer(8)),
                    lastSeen: Instant(microseconds: query.integer(9)),
                    changed: Instant(microseconds: query.integer(10)), tools: Int(query.integer(11))))
        }
        return servers
    }

    private static func selectTools(
        _ db: Connection, _ server: String, _ name: String?
    ) throws(StoreError) -> [CataloguedTool] {
        let query = try db.prepare(
            """
            SELECT t.id, s.name, t.name, t.words, t.category, t.severity, t.signals, t.summary,
            t.tokens, t.first_seen, t.last_seen, t.changed, d.assessment, d.definition
            FROM catalogue_server s JOIN catalogue_tool t ON t.server = s.id JOIN catalogue_definition d ON d.tool = t.id
            WHERE s.name = ?1 \(name == nil ? "" : "AND t.name = ?2") ORDER BY t.position
            """)
        query.bind(1, server)
        if let name { query.bind(2, name) }
        var tools: [CataloguedTool] = []
        while try query.step() {
            tools.append(
                CataloguedTool(
                    hit: hit(query), contextTokens: Int(query.integer(8)),
                    firstSeen: Instant(microseconds: query.integer(9)),
                    lastSeen: Instant(microseconds: query.integer(10)),
                    changed: Instant(microseconds: query.integer(11)), definition: query.blob(13),
                    assessment: query.blob(12)))
        }
        return tools
    }

    /// Of a query whose first columns are id, server, name, words, category, severity, signals, summary.
    static func hit(_ query: Statement) -> CatalogueHit {
        CatalogueHit(
            id: query.integer(0), server: query.text(1), name: query.text(2), words: query.text(3),
            category: query.text(4), severity: query.text(5),
            signals: query.text(6).split(separator: " ").map(String.init), summary: query.text(7))
    }

    /// Keeps what a server's history may grow to.
    static func trimChanges(_ db: Connection, _ server: Int64) throws(StoreError) {
        let trim = try db.prepare(
            """
            DELETE FROM catalogue_change WHERE server = ?1 AND id <= (SELECT id FROM catalogue_change WHERE server = ?1
            ORDER BY id DESC LIMIT 1 OFFSET \(mostChanges))
            """)
        trim.bind(1, server)
        try trim.run()
    }
}
