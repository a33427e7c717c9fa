import Base
import JSON
import Store

/// Brings one server of the catalogue up to date, inside a transaction.
struct CatalogueWriter {
    private let db: Connection
    private let now: Instant
    private let insert: Statement
    private let update: Statement
    private let define: Statement
    private let index: Statement
    private let unindex: Statement

    init(_ db: Connection, _ now: Instant) throws(StoreError) {
        self.db = db
        self.now = now
        insert = try db.prepare(
            """
            INSERT INTO catalogue_tool (server, position, name, twin, words, category, severity, signals, summary, tokens,
            first_seen, last_seen, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?11) RETURNING id
            """)
        update = try db.prepare(
            """
            UPDATE catalogue_tool SET position = ?2, words = ?5, category = ?6, severity = ?7, signals = ?8, summary = ?9,
            tokens = ?10, last_seen = ?11, changed = iif(?12, ?11, changed)
            WHERE server = ?1 AND name = ?3 AND twin = ?4 RETURNING id
            """)
        define = try db.prepare(
            "INSERT OR REPLACE INTO catalogue_definition (tool, assessment, definition) VALUES (?1, ?2, ?3)")
        index = try db.prepare("INSERT INTO catalogue_index (rowid, names, text, facets) VALUES (?1, ?2, ?3, ?4)")
        unindex = try db.prepare("DELETE FROM catalogue_index WHERE rowid = ?1")
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
        var twins: [String: Int] = [:]
        for (position, tool) in server.tools.enumerated() {
            let key = Key(name: tool.name, twin: twins[tool.name, default: 0])
            twins[tool.name] = key.twin + 1
            let before = old.removeValue(forKey: key)
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
            try write(tool, position, key.twin, id, before: before?.definition)
        }
        for (key, tool) in old.sorted(by: { ($0.key.name, $0.key.twin) < ($1.key.name, $1.key.twin) }) {
            changes.append(CatalogueChange(time: now, kind: .removed, tool: key.name, members: []))
            try remove(tool.id)
        }
        try note(changes, of: id)
        return changes
    }

    /// What tells the tools of a server apart: names that come twice are counted.
    private struct Key: Hashable {
        let name: String
        let twin: Int
    }

    private func add(_ server: CatalogueServerEntry) throws(StoreError) -> Int64 {
        let statement = try db.prepare(
            """
            INSERT INTO catalogue_server (name, version, source, about, rules, policy, findings, first_seen, last_seen, changed,
            repository, incomplete) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, ?9, ?10) RETURNING id
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
            last_seen = ?8, repository = ?9, incomplete = ?10 WHERE name = ?1
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
        statement.bind(9, server.repository)
        statement.bind(10, JSONValue.array(server.incomplete.map { .string($0) }).text)
    }

    private func stored(_ server: Int64) throws(StoreError) -> [Key: (id: Int64, definition: [UInt8])] {
        let query = try db.prepare(
            """
            SELECT t.name, t.twin, t.id, d.definition
            FROM catalogue_tool t JOIN catalogue_definition d ON d.tool = t.id WHERE t.server = ?1
            """)
        query.bind(1, server)
        var tools: [Key: (id: Int64, definition: [UInt8])] = [:]
        while try query.step() {
            tools[Key(name: query.text(0), twin: Int(query.integer(1)))] = (query.integer(2), query.blob(3))
        }
        return tools
    }

    /// - Parameter before: the definition so far; nil: the tool is new.
    private func write(
        _ tool: CatalogueToolEntry, _ position: Int, _ twin: Int, _ server: Int64, before: [UInt8]?
    ) throws(StoreError) {
        let statement = before == nil ? insert : update
        statement.bind(1, server)
        statement.bind(2, Int64(position))
        statement.bind(3, tool.name)
        statement.bind(4, Int64(twin))
        statement.bind(5, tool.words)
        statement.bind(6, tool.category)
        statement.bind(7, tool.severity)
        statement.bind(8, tool.signals.joined(separator: " "))
        statement.bind(9, tool.summary)
        statement.bind(10, Int64(tool.contextTokens))
        statement.bind(11, now.microseconds)
        if let before { statement.bind(12, before == tool.definition ? 0 : 1) }
        let id = try identifier(statement)
        define.bind(1, id)
        define.bind(2, blob: tool.assessment)
        define.bind(3, blob: tool.definition)
        try define.run()
        if before != nil {
            unindex.bind(1, id)
            try unindex.run()
        }
        let words = tool.words.split(separator: " ")
        var facets = [CatalogueToken.category(tool.category), CatalogueToken.severity(tool.severity)]
        facets += tool.signals.map(CatalogueToken.signal)
        facets += [CatalogueToken.server(server), CatalogueToken.length(words.count)]
        index.bind(1, id)
        index.bind(2, words.map(CatalogueToken.name).joined(separator: " "))
        index.bind(3, "\(tool.name) \(tool.words) \(tool.text)")
        index.bind(4, facets.joined(separator: " "))
        try index.run()
    }

    private func remove(_ tool: Int64) throws(StoreError) {
        unindex.bind(1, tool)
        try unindex.run()
        for sql in ["DELETE FROM catalogue_definition WHERE tool = ?1", "DELETE FROM catalogue_tool WHERE id = ?1"] {
            let statement = try db.prepare(sql)
            statement.bind(1, tool)
            try statement.run()
        }
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

/// What stands in the index for more than a word of a text. Its first character is one for private use, which is part of a word
/// to SQLite and of none to `NameWords`: nobody asks for such a word by accident. Whoever writes one into a description is
/// found, looked at, and left out again.
enum CatalogueToken {
    /// A word of a tool's name.
    static func name(_ word: some StringProtocol) -> String { "\u{E000}" + word }
    /// A name of so many words.
    static func length(_ count: Int) -> String { "\u{E001}n\(count)" }
    static func category(_ word: String) -> String { "\u{E001}c0" + plain(word) }
    static func severity(_ word: String) -> String { "\u{E001}s0" + plain(word) }
    static func signal(_ code: String) -> String { "\u{E001}g0" + plain(code) }
    static func server(_ id: Int64) -> String { "\u{E001}v0\(id)v" }

    /// One word for the index, whatever it is.
    private static func plain(_ text: String) -> String {
        String(decoding: text.utf8.filter { (0x61...0x7A).contains($0) }, as: UTF8.self)
    }
}
