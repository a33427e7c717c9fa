import Base
import Store
import Testing

@testable import StoreSQLite

/// Each set of columns that are NULL has a statement of its own, and only some are kept.
struct RowShapesTests {
    @Test func rowsOfMoreShapesThanStatementsAreKeptComeBackAsTheyWere() throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(callersCommit: true))
        // Five columns there or not: 32 shapes, in an order in which a shape comes again while others lie between.
        for round in 0..<2 {
            for number in 0..<32 { ledger.append(row(round, number), completion: { _ in }) }
            ledger.commitNow()
        }
        var last = LedgerRow(time: Instant(microseconds: 1), requestID: "last", outcome: .allowed)
        last.decision = 1
        ledger.append(last, completion: { _ in })
        // Writes what waits, whoever has it.
        ledger.close()
        var expected = (0..<2).flatMap { round in (0..<32).map { row(round, $0) } }
        expected.append(last)
        let stored = try ledger.rows(LedgerQuery()).map { stored in
            var row = stored
            (row.seq, row.hash, row.previousHash) = (0, [], [])
            row.argumentKeys.sort()
            return row
        }
        #expect(stored == expected)
        #expect(try ledger.verify().isIntact)
    }

    @Test func ofManyNamesTheFirstAreKept() throws {
        let sorted = (10_000..<12_000).map { "name \($0)" }
        let most = RowArena.maximumKeys + 1
        for names in [
            sorted, sorted.reversed(), sorted.shuffled(), Array(sorted.prefix(most)), Array(sorted.prefix(3)),
        ] {
            #expect(RowArena.first(of: names) == Array(names.sorted().prefix(most)))
        }
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        var many = row(0, 0)
        many.argumentKeys = sorted.reversed()
        ledger.append(many, completion: nil)
        ledger.close()
        let stored = try #require(try ledger.rows(LedgerQuery()).first).argumentKeys
        #expect(stored == Array(sorted.prefix(RowArena.maximumKeys)) + ["…"])
    }

    private func row(_ round: Int, _ number: Int) -> LedgerRow {
        var row = LedgerRow(
            time: Instant(microseconds: Int64(number)), requestID: "req_\(round)_\(number)", outcome: .allowed)
        if number & 1 != 0 { row.identity = "someone" }
        if number & 2 != 0 { row.tool = "a tool with a name that is longer than a word" }
        if number & 4 != 0 { row.argumentKeys = ["a", "b"] }
        if number & 8 != 0 { row.policyVersion = number }
        if number & 16 != 0 { row.upstreamStatus = 200 + number }
        return row
    }
}
