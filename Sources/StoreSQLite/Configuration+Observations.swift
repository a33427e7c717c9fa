import Base
import Store

extension SQLiteConfigurationStore: ObservationStore {
    /// A definition that is longer is not kept, in bytes; its hash is.
    private static let longestDefinition = 64 << 10
    private static let longestName = 1_024
    /// How old the note may get that a server was seen as it is.
    private static let freshness = TimeSpan.minutes(10)

    package func observe(_ server: String, _ texts: [SeenText], at now: Instant) throws(StoreError) {
        var named: [String: SeenText] = [:]
        for text in texts.prefix(Caps.pins) where (text.tool?.utf8.count ?? 0) <= Self.longestName {
            // The empty text stands for the instructions: no tool has an empty name.
            if text.tool != "" { named[text.tool ?? ""] = text }
        }
        let seen = named
        // Nearly always nothing is new: then nobody is kept from writing.
        let isNews = try read { db throws(StoreError) in
            _ = try self.selectServer(db, server)
            guard let last = try self.lastSeen(db, server), now - last <= Self.freshness else { return true }
            return try !self.news(db, server, seen).isEmpty
        }
        guard isNews else { return }
        try change { db throws(StoreError) in
            _ = try self.selectServer(db, server)
            for piece in try self.news(db, server, seen) { try self.write(piece, server, now, db) }
            let note = try db.prepare("INSERT OR REPLACE INTO observed_server (server, seen) VALUES (?1, ?2)")
            note.bind(1, server)
            note.bind(2, now.microseconds)
            try note.run()
            // Nothing that calls are judged by.
            return ((), false)
        }
    }

    /// How what is seen differs from what is noted.
    private enum News {
        case appeared(SeenText)
        case changed(SeenText)
        case gone(String)
    }

    private func lastSeen(_ db: Connection, _ server: String) throws(StoreError) -> Instant? {
        let query = try db.prepare("SELECT seen FROM observed_server WHERE server = ?1")
        query.bind(1, server)
        guard try query.step() else { return nil }
        defer { query.reset() }
        return Instant(microseconds: query.integer(0))
    }

    private func news(_ db: Connection, _ server: String, _ seen: [String: SeenText]) throws(StoreError) -> [News] {
        let query = try db.prepare("SELECT tool, hash, gone, repeated FROM observed_text WHERE server = ?1")
        query.bind(1, server)
        var news: [News] = []
        var known: Set<String> = []
        while try query.step() {
            let tool = query.text(0)
            known.insert(tool)
            switch (seen[tool], query.optionalInteger(2)) {
            case (let text?, nil):
                if !query.holds(text.hash.bytes, inColumn: 1) || text.isRepeated != (query.integer(3) != 0) {
                    news.append(.changed(text))
                }
            case (let text?, .some): news.append(.appeared(text))
            case (nil, nil): news.append(.gone(tool))
            case (nil, .some): break
            }
        }
        for (tool, text) in seen where !known.contains(tool) { news.append(.appeared(text)) }
        return news
    }

    private func write(_ news: News, _ server: String, _ now: Instant, _ db: Connection) throws(StoreError) {
        let sql: String
        let text: SeenText?
        switch news {
        case .appeared(let seen):
            text = seen
            sql = """
                INSERT OR REPLACE INTO observed_text (server, tool, since, changed, gone, repeated, hash, definition)
                VALUES (?1, ?2, ?3, ?3, NULL, ?4, ?5, ?6)
                """
        case .changed(let seen):
            text = seen
            sql = """
                UPDATE observed_text SET changed = iif(hash = ?5, changed, ?3), repeated = ?4, hash = ?5, definition = ?6
                WHERE server = ?1 AND tool = ?2
                """
        case .gone:
            text = nil
            // What was approved leaves a trace.
            sql = """
                UPDATE observed_text SET gone = ?3 WHERE server = ?1 AND tool = ?2
                """
        }
        let statement = try db.prepare(sql)
        statement.bind(1, server)
        if case .gone(let tool) = news { statement.bind(2, tool) } else { statement.bind(2, text?.tool ?? "") }
        statement.bind(3, now.microseconds)
        if let text {
            statement.bind(4, Int64(text.isRepeated ? 1 : 0))
            statement.bind(5, blob: text.hash.bytes)
            statement.bind(6, blob: text.definition.count <= Self.longestDefinition ? text.definition : [])
        }
        try statement.run()
        guard case .gone = news else { return }
        let rest = try db.prepare(
            """
            DELETE FROM observed_text WHERE server = ?1 AND gone IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM pin WHERE pin.server = observed_text.server AND pin.tool = observed_text.tool)
            """)
        rest.bind(1, server)
        try rest.run()
    }

    package func observations() throws(StoreError) -> [ObservedServer] {
        try read { db throws(StoreError) in
            var texts = try self.selectTexts(db)
            let query = try db.prepare(
                """
                SELECT s.name, o.seen, p.on_change, p.stamp FROM server s LEFT JOIN observed_server o ON o.server = s.name
                LEFT JOIN pinned_server p ON p.server = s.name ORDER BY s.name
                """)
            var servers: [(name: String, seen: Instant?, onChange: OnChange?, stamp: Instant)] = []
            while try query.step() {
                servers.append(
                    (
                        query.text(0), query.optionalInteger(1).map(Instant.init(microseconds:)),
                        query.optionalText(2).flatMap(OnChange.init(rawValue:)),
                        Instant(microseconds: query.integer(3))
                    ))
            }
            let unseen = try db.prepare(
                """
                SELECT p.server, p.tool FROM pin p WHERE NOT EXISTS
                (SELECT 1 FROM observed_text o WHERE o.server = p.server AND o.tool = p.tool)
                """)
            var approved: [String: [String?]] = [:]
            while try unseen.step() {
                let tool = unseen.text(1)
                approved[unseen.text(0), default: []].append(tool.isEmpty ? nil : tool)
            }
            return servers.map { server in
                var own = texts.removeValue(forKey: server.name) ?? []
                for tool in approved[server.name] ?? [] {
                    own.append(
                        ObservedText(
                            tool: tool, since: server.stamp, changed: server.stamp,
                            gone: server.seen.map { max($0, server.stamp) },
                            isRepeated: false, approval: .same))
                }
                own.sort { ($0.tool ?? "") < ($1.tool ?? "") }
                return ObservedServer(name: server.name, seen: server.seen, onChange: server.onChange, texts: own)
            }
        }
    }

    private func selectTexts(_ db: Connection) throws(StoreError) -> [String: [ObservedText]] {
        let query = try db.prepare(
            """
            SELECT o.server, o.tool, o.since, o.changed, o.gone, o.repeated, p.hash IS NOT NULL, p.hash IS o.hash,
            iif(p.hash IS o.hash, NULL, p.definition), iif(p.hash IS o.hash OR p.hash IS NULL, NULL, o.definition)
            FROM observed_text o LEFT JOIN pin p ON p.server = o.server AND p.tool = o.tool
            """)
        var texts: [String: [ObservedText]] = [:]
        while try query.step() {
            let tool = query.text(1)
            let approval: ObservedText.Approval =
                query.integer(6) == 0
                ? .none
                : query.integer(7) != 0 ? .same : .other(approved: query.blob(8), now: query.blob(9))
            let gone = query.optionalInteger(4).map(Instant.init(microseconds:))
            // A trace of what is not approved any more.
            if gone != nil, approval == .none { continue }
            texts[query.text(0), default: []].append(
                ObservedText(
                    tool: tool.isEmpty ? nil : tool, since: Instant(microseconds: query.integer(2)),
                    changed: Instant(microseconds: query.integer(3)), gone: gone, isRepeated: query.integer(5) != 0,
                    approval: approval))
        }
        return texts
    }

    func deleteObservations(_ db: Connection, _ server: String) throws(StoreError) {
        for sql in ["DELETE FROM observed_text WHERE server = ?1", "DELETE FROM observed_server WHERE server = ?1"] {
            let statement = try db.prepare(sql)
            statement.bind(1, server)
            try statement.run()
        }
    }
}
