import Store

extension SQLiteConfigurationStore {
    /// COST: bm25 has to count every tool that has a word, 10,000 and more for `get`; looking at the first few hundred that
    /// have all words, those with the words in their names before the others, takes a thousandth of a second at most.
    private static let candidates = 300
    private static let mostWords = 16

    package func searchCatalogue(_ query: CatalogueQuery) throws(StoreError) -> [CatalogueHit] {
        let words = Array(query.words.filter(Self.isPlain).prefix(Self.mostWords))
        return try read { db throws(StoreError) in
            var facets: [String] = []
            func add(_ words: [String]) {
                if !words.isEmpty { facets.append("(" + words.map { "\"\($0)\"" }.joined(separator: " OR ") + ")") }
            }
            add(query.categories.map(CatalogueFacet.category))
            add(query.severities.map(CatalogueFacet.severity))
            for signal in query.signals { add([CatalogueFacet.signal(signal)]) }
            if let server = query.server {
                guard let id = try Self.serverID(db, server) else { return [] }
                add([CatalogueFacet.server(id)])
            }
            let filter = facets.isEmpty ? nil : "facets : (" + facets.joined(separator: " AND ") + ")"
            let limit = max(1, min(query.limit, 1_000))
            guard !words.isEmpty else {
                guard let filter else { return [] }
                return try Self.matches(db, filter, max(limit, Self.candidates)).prefix(limit).map { $0 }
            }
            var found: [Int64: CatalogueHit] = [:]
            // COST: SQLite gathers all that begins with a word before the first row; only what no tool has as a whole is asked
            // for by its beginning.
            var isOpen: [Bool] = []
            for word in words {
                let isKnown = try !Self.matches(db, "{name words text} : \"\(word)\"", 1).isEmpty
                isOpen.append(word.utf8.count > 2 && !isKnown)
            }
            for (isEnough, expression) in Self.expressions(words, isOpen) {
                // Widened only while there is nothing.
                if isEnough, !found.isEmpty { break }
                let whole = filter.map { "(\(expression)) AND \($0)" } ?? expression
                for hit in try Self.matches(db, whole, max(limit, Self.candidates)) { found[hit.id] = hit }
            }
            let scored = found.values.map { (score: Self.score($0, words), hit: $0) }
            return scored.sorted { a, b in
                a.score != b.score ? a.score > b.score : (a.hit.name, a.hit.server) < (b.hit.name, b.hit.server)
            }.prefix(limit).map(\.hit)
        }
    }

    /// What to ask for, the strictest first; `isEnough`: not asked when something was found.
    private static func expressions(
        _ words: [String], _ isOpen: [Bool]
    ) -> [(isEnough: Bool, expression: String)] {
        let exact = words.map { "\"\($0)\"" }
        let open = zip(exact, isOpen).map { $1 ? $0 + "*" : $0 }
        let anywhere = "{name words text}"
        func all(_ words: [String]) -> String { "(" + words.joined(separator: " AND ") + ")" }
        return [
            (false, "{name words} : " + all(exact)),
            (false, "\(anywhere) : " + all(exact)),
            (true, "\(anywhere) : " + all(open)),
            (true, "\(anywhere) : (" + exact.joined(separator: " OR ") + ")"),
        ]
    }

    private static func matches(
        _ db: Connection, _ expression: String, _ limit: Int
    ) throws(StoreError) -> [CatalogueHit] {
        let query = try db.prepare(
            """
            SELECT t.id, s.name, t.name, t.words, t.category, t.severity, t.signals, t.summary
            FROM (SELECT rowid AS id FROM catalogue_text WHERE catalogue_text MATCH ?1 LIMIT ?2) f
            JOIN catalogue_tool t ON t.id = f.id JOIN catalogue_server s ON s.id = t.server
            """)
        query.bind(1, expression)
        query.bind(2, Int64(limit))
        var hits: [CatalogueHit] = []
        while try query.step() { hits.append(hit(query)) }
        return hits
    }

    /// How well a tool that was found fits: its own name before its words, and those before its texts; short names first.
    static func score(_ hit: CatalogueHit, _ words: [String]) -> Double {
        let own = hit.words.split(separator: " ")
        var score = 0.0
        for word in words {
            if own.contains(where: { $0 == word }) {
                score += 10
            } else if own.contains(where: { $0.hasPrefix(word) || (word.hasPrefix($0) && $0.utf8.count > 2) }) {
                score += 5
            } else {
                score += 1
            }
        }
        if own.elementsEqual(words, by: { $0 == $1 }) { score += 20 }
        return score - Double(own.count) * 0.5
    }

    /// Such a word can stand in the expression, between quotes, without meaning anything there.
    private static func isPlain(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.count <= 64 && !word.unicodeScalars.contains { $0 == "\"" || $0.value < 0x20 }
    }

    package func catalogueOverview() throws(StoreError) -> [CatalogueHit] {
        try read { db throws(StoreError) in
            let query = try db.prepare(
                """
                SELECT t.id, s.name, t.name, t.words, t.category, t.severity, t.signals, t.summary
                FROM catalogue_tool t JOIN catalogue_server s ON s.id = t.server ORDER BY s.name, t.position
                """)
            var hits: [CatalogueHit] = []
            while try query.step() { hits.append(Self.hit(query)) }
            return hits
        }
    }
}
