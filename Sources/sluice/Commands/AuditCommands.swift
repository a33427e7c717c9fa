import Arguments
import Base
import Glibc
import JSON
import Store

/// `sluice audit …`: reading the ledger and checking its chain.
enum AuditCommands {
    static let entries = [tail, query, export, verify]

    private static let tail = Entry(
        command: Command(
            "audit", "tail", summary: "print the latest decisions, one line each",
            details: "A line that begins with ↳ says that a call which was let through ended in an error.",
            options: [
                .value("lines", "N", "how many (default: 20)", short: "n"),
                .flag("follow", "go on printing new ones until Ctrl-C"), DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice audit tail", "the last 20 decisions"),
                Example("sluice audit tail -n 0 --follow", "only what happens from now on"),
            ])
    ) { arguments in
        let lines = try arguments.number("lines", in: 0...100_000, default: 20)
        let folder = try DataFolder.open(arguments)
        let reader = try folder.ledgerReader()
        let asJSON = arguments.has("json")

        var last = try reader.lastSequence()
        // An outcome row follows nearly every decision, so twice as many rows give about as many lines.
        var recent = try reader.rows(LedgerQuery(order: .newestFirst, limit: lines * 2))
            .filter { asJSON || DecisionLine.isShown($0) }
        recent = Array(recent.prefix(lines).reversed())
        for row in recent { show(row, asJSON: asJSON) }
        guard arguments.has("follow") else { return .done }

        while !Output.isBroken {
            Output.flush()
            usleep(200_000)
            try reader.forEachRow(LedgerQuery(after: last, limit: 10_000)) { row in
                last = row.seq
                if asJSON || DecisionLine.isShown(row) { show(row, asJSON: asJSON) }
                return true
            }
        }
        return .done
    }

    private static func show(_ row: LedgerRow, asJSON: Bool) {
        if asJSON {
            Output.write(row.json() + [UInt8(ascii: "\n")])
        } else {
            Output.print(DecisionLine.text(of: row))
        }
    }

    private static let filters: [Option] = [
        .value("since", "TIME", "rows of this time or later: 2026-01-05T10:00:00Z, or a span back such as 15m"),
        .value("until", "TIME", "rows before this time"),
        .value("server", "NAME", "rows about this server"), .value("tool", "NAME", "rows about this tool"),
        .value("grant", "GRANT", "rows of this grant (id or label)"),
        .value("outcome", "WORD", Outcome.allCases.map(\.name).joined(separator: ", ")),
        .value("request-id", "ID", "rows of one request: the X-Request-Id of its answer"),
    ]

    private static let query = Entry(
        command: Command(
            "audit", "query", summary: "find rows of the ledger",
            options: filters + [
                .value("limit", "N", "at most this many, the newest (default: 100)"), DataFolder.option,
                DataFolder.json,
            ],
            examples: [
                Example("sluice audit query --outcome denied --since 1h", "what was refused in the last hour"),
                Example("sluice audit query --grant laptop --json", "one JSON object a line"),
            ])
    ) { arguments in
        var query = try filter(arguments)
        query.order = .newestFirst
        query.limit = try arguments.number("limit", in: 1...1_000_000, default: 100)
        let folder = try DataFolder.open(arguments)
        for row in try folder.ledgerReader().rows(query).reversed() {
            if arguments.has("json") {
                show(row, asJSON: true)
            } else {
                Output.print(DecisionLine.text(of: row))
            }
        }
        return .done
    }

    private static let export = Entry(
        command: Command(
            "audit", "export", summary: "write the ledger to standard output, oldest row first",
            options: [.value("format", "FORMAT", "jsonl or csv (default: jsonl)")] + filters + [DataFolder.option],
            examples: [
                Example("sluice audit export --format csv --since 30d > calls.csv", "a month for a spreadsheet"),
                Example("sluice audit export > ledger.jsonl", "everything"),
            ])
    ) { arguments in
        let format = try arguments.choice("format", among: ["jsonl", "csv"], default: "jsonl")
        var query = try filter(arguments)
        query.limit = Int.max
        let folder = try DataFolder.open(arguments)
        if format == "csv" { Output.write(LedgerCSV.heading) }
        try folder.ledgerReader().forEachRow(query) { row in
            Output.write(format == "csv" ? LedgerCSV.line(row) : row.json() + [UInt8(ascii: "\n")])
            return !Output.isBroken
        }
        return .done
    }

    private static let verify = Entry(
        command: Command(
            "audit", "verify", summary: "recompute the ledger's hash chain",
            details:
                "Exit code 1 if a row was changed, removed or inserted; it names the first such row.\n"
                + "Exit code 3 if rows were recorded that could not be checked, since the database does not take them.",
            options: [DataFolder.option, DataFolder.json],
            examples: [
                Example("sluice audit verify", "prints the last row's hash: keep it elsewhere to notice a rollback")
            ])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let verdict = try folder.ledgerReader().verify()
        if arguments.has("json") {
            Output.json { writer in
                writer.beginObject()
                writer.member("intact", verdict.isIntact)
                writer.member("checked", verdict.checked)
                writer.member("head_seq", verdict.headSequence)
                writer.member("head_hash", Hex.encode(verdict.headHash))
                if let breach = verdict.breach {
                    writer.key("breach")
                    writer.beginObject()
                    writer.member("seq", breach.seq)
                    writer.member("kind", breach.kind.rawValue)
                    writer.member("text", breach.text)
                    writer.endObject()
                }
                if let untaken = verdict.untaken {
                    writer.key("unchecked")
                    writer.beginObject()
                    writer.member("first", untaken.rows.lowerBound)
                    writer.member("last", untaken.rows.upperBound)
                    writer.member("cause", untaken.word)
                    writer.member("text", untaken.text)
                    writer.member("mend", untaken.mend)
                    writer.endObject()
                }
                writer.endObject()
            }
        } else if let breach = verdict.breach {
            Output.print("broken at row \(breach.seq) (\(breach.kind.rawValue)): \(breach.text)")
        } else {
            // What could not be checked was said on standard error.
            Output.print(
                "intact: \(verdict.checked) rows, head \(verdict.headSequence) \(Hex.encode(verdict.headHash))")
        }
        guard verdict.isIntact else { return .failed }
        return verdict.untaken == nil ? .done : .unable
    }

    private static func filter(_ arguments: Arguments) throws(UsageError) -> LedgerQuery {
        var query = LedgerQuery()
        query.since = try moment("since", arguments)
        query.until = try moment("until", arguments)
        query.server = arguments.value("server")
        query.tool = arguments.value("tool")
        query.grant = arguments.value("grant")
        query.requestID = arguments.value("request-id")
        if let word = arguments.value("outcome") {
            guard let outcome = Outcome(name: word) else {
                throw arguments.invalid(
                    "outcome", word, "one of: \(Outcome.allCases.map(\.name).joined(separator: ", "))")
            }
            query.outcome = outcome
        }
        return query
    }

    /// A point in time, or a span counted back from now.
    private static func moment(_ name: String, _ arguments: Arguments) throws(UsageError) -> Instant? {
        guard let text = arguments.value(name) else { return nil }
        if let instant = Instant(iso8601: text) { return instant }
        if let seconds = Arguments.seconds(in: text) { return Clock.now - .seconds(Int64(seconds)) }
        throw arguments.invalid(name, text, "a time such as 2026-01-05T10:00:00Z, or a span back such as 15m or 7d")
    }
}
