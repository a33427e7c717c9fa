import Store

/// The definition of the ledger's tables, with whatever hangs on them. The chain guards what the rows hold; which column is
/// called what, and which rows an index finds, only the definition says: with columns renamed, rows could be hidden from every
/// search without a byte of them changed.
enum LedgerShape {
    /// What is wrong with the tables; nil when they are as the migrations make them.
    static func fault(_ db: Connection) throws(StoreError) -> String? {
        let fresh = try Connection(path: ":memory:", access: .create, busyTimeoutMilliseconds: 0)
        for step in Schema.migrations { try fresh.execute(step.sql) }
        let (expected, found) = (try shape(fresh), try shape(db))
        guard let odd = found.first(where: { !expected.contains($0) }) ?? expected.first(where: { !found.contains($0) })
        else { return nil }
        return "the ledger's tables are not defined as this program defines them: see `\(odd.name)`"
    }

    private struct Part: Equatable {
        let name: String
        /// With single spaces: how it was indented is no matter.
        let definition: String
    }

    /// Tables, indexes and triggers; indexes that SQLite makes by itself have no text.
    private static func shape(_ db: Connection) throws(StoreError) -> [Part] {
        let query = try db.prepare(
            """
            SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema
            WHERE lower(tbl_name) IN ('ledger', 'ledger_seal') OR lower(name) IN ('ledger', 'ledger_seal')
            """)
        defer { query.reset() }
        var parts: [Part] = []
        while try query.step() {
            let words = query.text(1).split(whereSeparator: \.isWhitespace)
            parts.append(Part(name: query.text(0), definition: words.joined(separator: " ")))
        }
        return parts
    }
}
