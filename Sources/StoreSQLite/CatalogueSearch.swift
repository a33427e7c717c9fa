import Store

/// One search of the catalogue: asks the index from the strictest reading of the words to the widest, as far as it has to, and
/// orders what it gets.
// COST: an index without places, with the words of names and the filters as words of their own, and tools without their
// definitions: a search over 50,000 tools took a fifth of the time. bm25 would have to count every tool that has a word, 10,000
// and more for `get`.
struct CatalogueSearch {
    /// How many tools of one reading are compared.
    private static let candidates = 300
    private static let mostWords = 16
    /// Names longer than what is asked for by so many words are looked for by their length.
    private static let longerNames = 2

    private let db: Connection
    private let query: CatalogueQuery
    private let words: [String]
    /// Expressions that each tool has to fulfil.
    private let filters: [String]
    private let limit: Int
    private let ask: Statement
    private var scores: [Int64: (score: Double, words: String)] = [:]

    /// Nil when nothing can be found.
    init?(_ db: Connection, _ query: CatalogueQuery) throws(StoreError) {
        self.db = db
        self.query = query
        limit = max(1, min(query.limit, 1_000))
        var filters: [String] = []
        if !query.categories.isEmpty { filters.append(Self.any(query.categories.map(CatalogueToken.category))) }
        if !query.severities.isEmpty { filters.append(Self.any(query.severities.map(CatalogueToken.severity))) }
        filters += query.signals.map { Self.quoted(CatalogueToken.signal($0)) }
        if let server = query.server {
            guard let id = try SQLiteConfigurationStore.serverID(db, server) else { return nil }
            filters.append(Self.quoted(CatalogueToken.server(id)))
        }
        self.filters = filters
        ask = try db.prepare(
            """
            SELECT t.id, t.words
            FROM (SELECT rowid AS id FROM catalogue_index WHERE catalogue_index MATCH ?1 LIMIT ?2) f
            CROSS JOIN catalogue_tool t ON t.id = f.id
            """)
        var words: [String] = []
        for word in query.words.prefix(Self.mostWords) where !words.contains(word) {
            if try Self.isWord(word, ask) { words.append(word) }
        }
        self.words = words
        if words.isEmpty, !query.words.isEmpty || filters.isEmpty { return nil }
    }

    mutating func hits() throws(StoreError) -> [CatalogueHit] {
        if words.isEmpty { try gather([]) } else { try gatherByWords() }
        let best = scores.sorted { a, b in
            a.value.score != b.value.score
                ? a.value.score > b.value.score : (a.value.words, a.key) < (b.value.words, b.key)
        }
        let tool = try db.prepare("\(Self.columns) WHERE t.id = ?1")
        var hits: [CatalogueHit] = []
        for (id, _) in best where hits.count < limit {
            tool.bind(1, id)
            guard try tool.step() else { continue }
            let hit = SQLiteConfigurationStore.hit(tool)
            tool.reset()
            if isWanted(hit) { hits.append(hit) }
        }
        return hits
    }

    /// What `SQLiteConfigurationStore.hit` reads.
    static let columns = """
        SELECT t.id, s.name, t.name, t.words, t.category, t.severity, t.signals, t.summary
        FROM catalogue_tool t JOIN catalogue_server s ON s.id = t.server
        """

    private mutating func gatherByWords() throws(StoreError) {
        let names = words.map { Self.quoted(CatalogueToken.name($0)) }
        let texts = words.map(Self.quoted)
        if try gather(names) >= Self.candidates {
            // There are more than were compared: the shortest names, wherever they stand.
            for count in words.count...words.count + Self.longerNames {
                if try gather(names + [Self.quoted(CatalogueToken.length(count))]) >= limit { return }
            }
        }
        if scores.count < limit { try gather(texts) }
        if scores.isEmpty { try gatherByBeginnings(texts) }
        guard scores.isEmpty, words.count > 1 else { return }
        // All but one, then any.
        if words.count > 2 {
            for index in texts.indices { try gather(texts.enumerated().filter { $0.offset != index }.map(\.element)) }
        }
        if scores.count < limit { try gather([Self.any(words.map(CatalogueToken.name))]) }
        if scores.count < limit { try gather([Self.any(words)]) }
    }

    /// Words that no tool has are taken for the beginnings of words.
    // COST: SQLite gathers all that begins with a word before the first row, so known words are asked for as they are.
    private mutating func gatherByBeginnings(_ texts: [String]) throws(StoreError) {
        var open: [String] = []
        for (word, text) in zip(words, texts) {
            let isFound = try !Self.rows(ask, text, 1).isEmpty
            let isKnown = isFound || word.utf8.count < 3
            open.append(isKnown ? text : text + "*")
        }
        if open != texts { try gather(open) }
    }

    /// Takes in what fulfils all these expressions and the filters; returns how many there are, at most `candidates`.
    @discardableResult
    private mutating func gather(_ expressions: [String]) throws(StoreError) -> Int {
        let expression = (expressions + filters).joined(separator: " AND ")
        let rows = try Self.rows(ask, expression, max(limit, Self.candidates))
        for (id, words) in rows where scores[id] == nil { scores[id] = (score(words), words) }
        return rows.count
    }

    private static func rows(
        _ ask: Statement, _ expression: String, _ limit: Int
    ) throws(StoreError) -> [(id: Int64, words: String)] {
        ask.bind(1, expression)
        ask.bind(2, Int64(limit))
        var rows: [(Int64, String)] = []
        while try ask.step() { rows.append((ask.integer(0), ask.text(1))) }
        return rows
    }

    /// How well a tool that was found fits: its own name before its words, and those before its texts; short names first.
    private func score(_ name: String) -> Double {
        let own = name.split(separator: " ")
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

    /// Whether the filters let it through: a description can have the index's own words in it.
    private func isWanted(_ hit: CatalogueHit) -> Bool {
        (query.categories.isEmpty || query.categories.contains(hit.category))
            && (query.severities.isEmpty || query.severities.contains(hit.severity))
            && query.signals.allSatisfy(hit.signals.contains) && (query.server ?? hit.server) == hit.server
    }

    private static func quoted(_ word: String) -> String { "\"\(word)\"" }

    private static func any(_ words: [String]) -> String {
        "(" + words.map(quoted).joined(separator: " OR ") + ")"
    }

    /// Whether it can stand in an expression, between quotes, and is one word to the index.
    private static func isWord(_ word: String, _ ask: Statement) throws(StoreError) -> Bool {
        guard !word.isEmpty, word.utf8.count <= 64 else { return false }
        if word.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }) { return true }
        guard word.unicodeScalars.allSatisfy({ $0.properties.isAlphabetic || $0.properties.numericType != nil }) else {
            return false
        }
        // Which letters SQLite knows depends on its age; what it cuts in two it can't look for in this index.
        do throws(StoreError) {
            _ = try rows(ask, quoted(word), 1)
            return true
        } catch {
            guard error.code == .io else { throw error }
            return false
        }
    }
}
