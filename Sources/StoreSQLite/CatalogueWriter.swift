import Base
import JSON
import Store

/// Brings one server of the catalogue up to date, inside a transaction.
struct CatalogueWriter {
    private let db: Connection
    private let now: Instant
    private let insert: Statement
    private let update: Statement
    private let index: Statement
    private let unindex: Statement

    init(_ db: Connection, _ now: Instant) throws(StoreError) {
        self.db = db
        self.now = now
        insert = try db.prepare(
            """
            INSERT INTO catalogue_tool (server, position, name, words, category, severity, signals, summary, tokens,
            first_seen, last_seen, changed, assessment, definition)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?10, ?11, ?12) RETURNING id
            """)
        update = try db.prepare(
            """
            UPDATE catalogue_tool SET position = ?2, words = ?4, category = ?5, severity = ?6, signals = ?7, summary = ?8,
            tokens = ?9, last_seen = ?10, changed = iif(definition = ?12, changed, ?10), assessment = ?11, definition = ?12
            WHERE server = ?1 AND name = ?3 RETURNING id
            """)
        index = try db.prepare(
            "INSERT INTO catalogue_text (rowid, name, words, text, facets) VALUES (?1, ?2, ?3, ?4, ?5)")
        unindex = try db.prepare("DELETE FROM catalogue_text WHERE rowid = ?1")
    }

    /// Returns what differs from before; nothing for a new server.
    func record(_ server: CatalogueServerEntry) throws(StoreError) -> [CatalogueChange] {
        let known = try SQLiteConfigurationStore.serverID(db, server.name)
        var changes: [CatalogueChange] = []
        let id: Int64
        if let known {
            id = known
            changes += try refresh(server, id)
        } else {
            id = try add(server)
        }
        var old = try stored(id)
        for (position, tool) in server.tools.enumerated() {
            let before = old.removeValue(forKey: tool.name)
            if known != nil, before == nil {
                changes.append(CatalogueChange(time: now, kind: .added, tool: tool.name, members: []))
            }
            if let before, before.definition != tool.definition {
                let members = Self.members(before.definition, tool.definition)
                // The same in another order or spelling is no change.
                if !members.isEmpty {
                    changes.append(CatalogueChange(time: now, kind: .changed, tool: tool.name, members: members))
                }
            }
            try write(tool, position, id, isKnown: before != nil)
        }
        for (name, tool) in old.sorted(by: { $0.key < $1.key }) {
            changes.append(CatalogueChange(time: now, kind: .removed, tool: name, members: []))
            try remove(tool.id)
        }
        try note(changes, of: id)
        return changes
    }

    private func add(_ server: CatalogueServerEntry) throws(StoreError) -> Int64 {
        let statement = try db.prepare(
            """
            INSERT INTO catalogue_server (name, version, source, about, rules, policy, findings, first_seen, last_seen, changed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8) RETURNING id
            """)
        bind(server, to: statement)
        return try identifier(statement)
    }

    private func refresh(_ server: CatalogueServerEntry, _ id: Int64) throws(StoreError) -> [CatalogueChange] {
        let query = try db.prepare("SELECT version, about FROM catalogue_server WHERE id = ?1")
        query.bind(1, id)
        guard try query.step() else { return [] }
        let (version, about) = (query.text(0), query.text(1))
        query.reset()
        var changes: [CatalogueChange] = []
        if version != server.version, !version.isEmpty {
            changes.append(CatalogueChange(time: now, kind: .version, tool: "", members: [version, server.version]))
        }
        if about != server.about {
            changes.append(CatalogueChange(time: now, kind: .instructions, tool: "", members: []))
        }
        let statement = try db.prepare(
            """
            UPDATE catalogue_server SET version = ?2, source = ?3, about = ?4, rules = ?5, policy = ?6, findings = ?7,
            last_seen = ?8 WHERE name = ?1
            """)
        bind(server, to: statement)
        try statement.run()
        return changes
    }

    private func bind(_ server: CatalogueServerEntry, to statement: Statement) {
        statement.bind(1, server.name)
        statement.bind(2, server.version)
        statement.bind(3, server.source)
        statement.bind(4, server.about)
        statement.bind(5, server.rules)
        statement.bind(6, blob: server.policy)
        statement.bind(7, blob: server.findings)
        statement.bind(8, now.microseconds)
    }

    private func stored(_ server: Int64) throws(StoreError) -> [String: (id: Int64, definition: [UInt8])] {
        let query = try db.prepare("SELECT name, id, definition FROM catalogue_tool WHERE server = ?1")
        query.bind(1, server)
        var tools: [String: (id: Int64, definition: [UInt8])] = [:]
        while try query.step() { tools[query.text(0)] = (query.integer(1), query.blob(2)) }
        return tools
    }

    private func write(
        _ tool: CatalogueToolEntry, _ position: Int, _ server: Int64, isKnown: Bool
    ) throws(StoreError) {
        let statement = isKnown ? update : insert
        statement.bind(1, server)
        statement.bind(2, Int64(position))
        statement.bind(3, tool.name)
        statement.bind(4, tool.words)
        statement.bind(5, tool.category)
        statement.bind(6, tool.severity)
        statement.bind(7, tool.signals.joined(separator: " "))
        statement.bind(8, tool.summary)
        statement.bind(9, Int64(tool.contextTokens))
        statement.bind(10, now.microseconds)
        statement.bind(11, blob: tool.assessment)
        statement.bind(12, blob: tool.definition)
        let id = try identifier(statement)
        if isKnown {
            unindex.bind(1, id)
            try unindex.run()
        }
        index.bind(1, id)
        index.bind(2, tool.name)
        index.bind(3, tool.words)
        index.bind(4, tool.text)
        var facets = [CatalogueFacet.category(tool.category), CatalogueFacet.severity(tool.severity)]
        facets += tool.signals.map(CatalogueFacet.signal)
        facets.append(CatalogueFacet.server(server))
        index.bind(5, facets.joined(separator: " "))
        try index.run()
    }

    private func remove(_ tool: Int64) throws(StoreError) {
        unindex.bind(1, tool)
        try unindex.run()
        let statement = try db.prepare("DELETE FROM catalogue_tool WHERE id = ?1")
        statement.bind(1, tool)
        try statement.run()
    }

    private func note(_ changes: [CatalogueChange], of server: Int64) throws(StoreError) {
        guard !changes.isEmpty else { return }
        let statement = try db.prepare(
            "INSERT INTO catalogue_change (server, time, kind, tool, members) VALUES (?1, ?2, ?3, ?4, ?5)")
        for change in changes {
            statement.bind(1, server)
            statement.bind(2, now.microseconds)
            statement.bind(3, change.kind.rawValue)
            statement.bind(4, change.tool)
            statement.bind(5, JSONValue.array(change.members.map { .string($0) }).text)
            try statement.run()
        }
        let stamp = try db.prepare("UPDATE catalogue_server SET changed = ?2 WHERE id = ?1")
        stamp.bind(1, server)
        stamp.bind(2, now.microseconds)
        try stamp.run()
        try SQLiteConfigurationStore.trimChanges(db, server)
    }

    private func identifier(_ statement: Statement) throws(StoreError) -> Int64 {
        guard try statement.step() else { return 0 }
        let id = statement.integer(0)
        while try statement.step() {}
        return id
    }

    private static func members(_ old: [UInt8], _ new: [UInt8]) -> [String] {
        guard let before = try? JSONDocument.parse(old), let after = try? JSONDocument.parse(new) else { return ["/"] }
        return CatalogueDrift.members(from: before.root, to: after.root)
    }
}

/// Words that stand for what tools are filtered by, in the index: no text has them, for their digit.
enum CatalogueFacet {
    static func category(_ word: String) -> String { "c0" + plain(word) }
    static func severity(_ word: String) -> String { "s0" + plain(word) }
    static func signal(_ code: String) -> String { "g0" + plain(code) }
    static func server(_ id: Int64) -> String { "v0\(id)v" }

    /// One word for the index, whatever it is.
    private static func plain(_ text: String) -> String {
        String(decoding: text.utf8.filter { (0x61...0x7A).contains($0) }, as: UTF8.self)
    }
}
