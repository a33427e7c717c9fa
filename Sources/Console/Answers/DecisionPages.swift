import Base
import HTTP
import JSON
import Store

/// Pages of the ledger. Everything here blocks.
struct DecisionPages: Sendable {
    let reader: any LedgerReader

    /// The query of the ledger that a request's query asks for.
    static func query(_ asked: QueryReader) -> LedgerQuery {
        var query = LedgerQuery(order: asked.text("order") == "oldest" ? .oldestFirst : .newestFirst)
        query.after = asked.sequence("after")
        query.before = asked.sequence("before")
        query.since = asked.time("since")
        query.until = asked.time("until")
        query.server = asked.text("server")
        query.tool = asked.text("tool")
        query.grant = asked.text("grant")
        query.outcome = asked.text("outcome").flatMap { Outcome(name: $0) }
        query.limit = asked.count("limit") ?? 100
        return query
    }

    /// One page, and the address of the next one when there is more.
    func page(_ query: LedgerQuery) throws(StoreError) -> [UInt8] {
        // One row more than asked for tells whether there is another page.
        var wider = query
        wider.limit = query.limit + 1
        let rows = try reader.rows(wider)
        let page = rows.prefix(query.limit)
        return jsonBytes { writer in
            writer.beginObject()
            writer.key("decisions")
            writer.beginArray()
            for row in page { writer.raw(row.json()) }
            writer.endArray()
            writer.member(
                "next", orNull: rows.count > page.count ? page.last.map { Self.address(after: $0.seq, query) } : nil)
            writer.endObject()
        }
    }

    /// One row and what names it.
    func row(_ seq: Int64) throws(StoreError) -> [UInt8]? {
        guard let row = try reader.rows(LedgerQuery(after: seq - 1, limit: 1)).first, row.seq == seq else { return nil }
        // An outcome row bears the name of its request and comes later; a batch has several under one name.
        var query = LedgerQuery(after: seq, limit: 1_000)
        query.requestID = row.requestID
        let outcomes = try reader.rows(query).filter { $0.decision == seq }
        return jsonBytes { writer in
            writer.beginObject()
            writer.key("row")
            writer.raw(row.json())
            writer.key("outcomes")
            writer.beginArray()
            for outcome in outcomes { writer.raw(outcome.json()) }
            writer.endArray()
            writer.endObject()
        }
    }

    /// The same question, beyond row `seq`.
    static func address(after seq: Int64, _ query: LedgerQuery) -> String {
        var parts: [String] = []
        func put(_ name: String, _ value: String?) {
            if let value { parts.append("\(name)=\(percentEncoded(value))") }
        }
        let isForward = query.order == .oldestFirst
        put("after", isForward ? String(seq) : query.after.map { String($0) })
        put("before", isForward ? query.before.map { String($0) } : String(seq))
        put("since", query.since?.iso8601)
        put("until", query.until?.iso8601)
        put("server", query.server)
        put("tool", query.tool)
        put("grant", query.grant)
        put("outcome", query.outcome?.name)
        put("order", isForward ? "oldest" : nil)
        put("limit", String(query.limit))
        return "/api/v1/decisions?\(parts.joined(separator: "&"))"
    }

    /// SPEC: RFC 3986 §2.3: only unreserved characters stay.
    private static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + Hex.encode([byte]).uppercased()
            }
        }
        return encoded
    }
}
