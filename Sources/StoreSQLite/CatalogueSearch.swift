import Store

/// One search of the catalogue: asks the index from the strictest reading of the words to the widest, as far as it has to, and
/// orders what it gets.
// COST: an index without places, with the words of names and the filters as words of their own, and tools without their
// definitions: a search over 50,000 tools took a fifth of the time. bm25 would have to count every tool that has a word, 10,000
// and more for `get`.
struct CatalogueSearch {
    /// How many tools of one reading are compared.
    private static let candidates = 200
    private static let mostWords = 16
    /// Names longer than what is asked for by so many words are looked for by their length.
    private static let longerNames = 2

    private let db: Connection
    private let query: CatalogueQuery
    private let words: [String]
    /// The same in UTF-8.
    private let bytes: [[UInt8]]
    /// Expressions that each tool has to fulfil.
    private let filters: [String]
    private let limit: Int
    private let ask: Statement
    private var found: [Found] = []
    private var known: Set<Int64> = []

    /// A tool that fulfils one of the readings.
    private struct Found {
        let id: Int64
        /// Twice what it is worth.
        let score: Int
        /// The first bytes of its name's words: of two that are worth the same the one that is before the other in the
        /// alphabet comes first.
        // COST: numbers, because comparing texts took longer than asking for them.
        let initial: UInt64
    }

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
        bytes = words.map { Array($0.utf8) }
        if words.isEmpty, !query.words.isEmpty || filters.isEmpty { return nil }
    }

    mutating func hits() throws(StoreError) -> [CatalogueHit] {
        if words.isEmpty { try gather([]) } else { try gatherByWords() }
        found.sort { a, b in
            if a.score != b.score { return a.score > b.score }
            return (a.initial, a.id) < (b.initial, b.id)
        }
        let tool = try db.prepare("\(Self.columns) WHERE t.id = ?1")
        var hits: [CatalogueHit] = []
        for candidate in found where hits.count < limit {
            tool.bind(1, candidate.id)
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
        if found.count < limit { try gather(texts) }
        if found.isEmpty { try gatherByBeginnings(texts) }
        guard found.isEmpty, words.count > 1 else { return }
        // All but one, then any.
        if words.count > 2 {
            for index in texts.indices { try gather(texts.enumerated().filter { $0.offset != index }.map(\.element)) }
        }
        if found.count < limit { try gather([Self.any(words.map(CatalogueToken.name))]) }
        if found.count < limit { try gather([Self.any(words)]) }
    }

    /// Words that no tool has are taken for the beginnings of words.
    // COST: SQLite gathers all that begins with a word before the first row, so known words are asked for as they are.
    private mutating func gatherByBeginnings(_ texts: [String]) throws(StoreError) {
        var open: [String] = []
        for (word, text) in zip(words, texts) {
            let isFound = try Self.isThere(ask, text)
            let isKnown = isFound || word.utf8.count < 3
            open.append(isKnown ? text : text + "*")
        }
        if open != texts { try gather(open) }
    }

    /// Takes in what fulfils all these expressions and the filters; returns how many there are, at most `candidates`.
    @discardableResult
    private mutating func gather(_ expressions: [String]) throws(StoreError) -> Int {
        let expression = (expressions + filters).joined(separator: " AND ")
        ask.bind(1, expression)
        ask.bind(2, Int64(max(limit, Self.candidates)))
        var count = 0
        while try ask.step() {
            count += 1
            let id = ask.integer(0)
            guard known.insert(id).inserted else { continue }
            found.append(
                ask.withBytes(1) { name in
                    Found(id: id, score: score(name), initial: Self.initial(of: name))
                })
        }
        return count
    }

    private static func isThere(_ ask: Statement, _ expression: String) throws(StoreError) -> Bool {
        ask.bind(1, expression)
        ask.bind(2, 1)
        let isThere = try ask.step()
        ask.reset()
        return isThere
    }

    private static func initial(of name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var initial: UInt64 = 0
        for index in 0..<8 { initial = initial << 8 | (index < name.count ? UInt64(name[index]) : 0) }
        return initial
    }

    /// How well a tool that was found fits: its own name before its words, and those before its texts; short names first.
    private func score(_ name: UnsafeBufferPointer<UInt8>) -> Int {
        var (score, count, isAsAsked, start) = (bytes.count * 2, 0, true, 0)
        var worth = [Int](repeating: 0, count: bytes.count)
        while start < name.count {
            let end = name[start...].firstIndex(of: UInt8(ascii: " ")) ?? name.count
            let own = name[start..<end]
            for (index, word) in bytes.enumerated() where worth[index] < 18 {
                if own.elementsEqual(word) {
                    worth[index] = 18
                } else if own.starts(with: word) || (own.count > 2 && word.starts(with: own)) {
                    worth[index] = 8
                }
            }
            isAsAsked = isAsAsked && count < bytes.count && own.elementsEqual(bytes[count])
            count += 1
            start = end + 1
        }
        score += worth.reduce(0, +) - count
        return isAsAsked && count == bytes.count ? score + 40 : score
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
            _ = try isThere(ask, quoted(word))
            return true
        } catch {
            guard error.code == .io else { throw error }
            return false
        }
    }
}
