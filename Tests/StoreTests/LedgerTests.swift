import Base
import Glibc
import JSON
import Store
import StoreSQLite
import Support
import Testing

struct LedgerTests {
    @Test func rowsComeBackAsTheyWereAppended() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        let sent = decision(1)
        #expect(try await ledger.append(sent) == 1)
        let outcome = LedgerRow.outcome(
            of: 1, time: sent.time + .milliseconds(3), requestID: "req_1", outcome: .error, isReleased: true,
            message: "upstream unreachable", upstreamStatus: 502, latencyMicroseconds: 3_000, responseBytes: 0)
        #expect(try await ledger.append(outcome) == 2)
        #expect(try await ledger.append(LedgerRow(time: sent.time, requestID: "", outcome: .denied)) == 3)

        let rows = try ledger.rows(LedgerQuery())
        #expect(rows.map(\.seq) == [1, 2, 3])
        var expected = sent
        expected.seq = 1
        expected.argumentKeys = ["inputImage", "model"]
        expected.hash = rows[0].hash
        expected.previousHash = [UInt8](repeating: 0, count: 32)
        #expect(rows[0] == expected)
        #expect(rows[1].decision == 1)
        #expect(rows[1].isReleased)
        #expect(rows[1].upstreamStatus == 502)
        #expect(rows[1].previousHash == rows[0].hash)
        #expect(rows[2].previousHash == rows[1].hash)
        #expect(rows[2].tool == nil)
        #expect(try ledger.lastSequence() == 3)
    }

    @Test func aRowAsJSONHasTheContractsNames() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        _ = try await ledger.append(decision(1))
        let row = try #require(try ledger.rows(LedgerQuery()).first)
        let document = try JSONDocument.parse(row.json())
        let names = document.root.members.compactMap(\.key.string)
        #expect(
            names == [
                "seq", "time", "decision_seq", "request_id", "server", "grant_id", "grant_label", "identity",
                "session_id", "method", "tool", "argument_keys", "argument_digest", "policy", "policy_version",
                "outcome", "shadow", "rule", "rule_alias", "message", "evidence", "reservations", "released",
                "upstream_status", "latency_us", "request_bytes", "response_bytes", "hash", "previous_hash",
            ])
        #expect(document.root["outcome"]?.string == "allowed")
        #expect(document.root["time"]?.string == "2026-01-05T10:00:00.001000Z")
        #expect(document.root["argument_keys"]?.rawBytes == Array(#"["inputImage","model"]"#.utf8)[...])
        #expect(document.root["hash"]?.string == Hex.encode(row.hash))
        #expect(document.root["previous_hash"]?.string == String(repeating: "0", count: 64))
        #expect(!row.json().contains(UInt8(ascii: "\n")))
        #expect(Outcome.allCases.allSatisfy { Outcome(name: $0.name) == $0 })
    }

    @Test func manyThreadsGetDistinctNumbersWithoutGaps() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        let numbers = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var mine: [Int64] = []
                    for number in 0..<100 {
                        mine.append(try await ledger.append(decision(worker * 1_000 + number)))
                        ledger.append(
                            .outcome(
                                of: mine[mine.count - 1], time: Instant(microseconds: 0), requestID: "r",
                                outcome: .allowed), completion: nil)
                    }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(numbers).count == 800)
        // Closing writes what waits.
        ledger.close()
        #expect(try ledger.lastSequence() == 1_600)
        #expect(try ledger.verify() == verdictOf(1_600, ledger))
    }

    private func verdictOf(_ count: Int64, _ ledger: SQLiteLedger) throws -> LedgerVerdict {
        var query = LedgerQuery(limit: 1)
        query.order = .newestFirst
        let last = try #require(try ledger.rows(query).first)
        return LedgerVerdict(checked: count, headSequence: count, headHash: last.hash, breach: nil)
    }

    @Test func theChainGoesOnAfterAReopen() async throws {
        let fixture = try Fixture()
        for round in 0..<3 {
            let ledger = try fixture.data.openLedger()
            _ = try await append((0..<5).map { decision(round * 5 + $0) }, to: ledger)
            ledger.close()
        }
        #expect(try fixture.data.ledgerReader().verify().checked == 15)
        #expect(try fixture.data.ledgerReader().verify().isIntact)
    }

    @Test func aKilledProcessLosesNoDecisionAndGivesNoQuotaBack() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let ledger = try DataDirectory.open(path, create: false).openLedger()
            for number in 1...20 { _ = try await ledger.append(decision(number)) }
            kill(getpid(), SIGKILL)
        }
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        #expect(try ledger.reservations(since: decision(0).time).map(\.seq) == Array(1...20))
        #expect(try await ledger.append(decision(21)) == 21)
        #expect(try ledger.verify().isIntact)
    }

    @Test func twoWritersShareOneChain() async throws {
        let fixture = try Fixture()
        let first = try fixture.data.openLedger()
        let second = try fixture.openAgain().openLedger()
        defer {
            first.close()
            second.close()
        }
        for number in 0..<20 {
            #expect(try await (number.isMultiple(of: 2) ? first : second).append(decision(number)) == Int64(number + 1))
        }
        #expect(try first.verify().isIntact)
    }

    @Test func appendingAfterCloseFailsAtOnce() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        ledger.close()
        ledger.close()
        let error = await #expect(throws: StoreError.self) { try await ledger.append(decision(1)) }
        #expect(error?.code == .closed)
    }

    @Test func longTextsAreCutAndLongReservationsRefused() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        var row = decision(1)
        row.message = String(repeating: "ä", count: 5_000)
        row.argumentKeys = (0..<300).map { "key\"\($0)" } + [String(repeating: "ü", count: 400)]
        _ = try await ledger.append(row)
        let stored = try #require(try ledger.rows(LedgerQuery()).first)
        #expect(stored.message?.utf8.count ?? 0 <= 4_096)
        #expect(stored.message?.hasSuffix("ä…") == true)
        #expect(stored.argumentKeys.count == 257)
        #expect(stored.argumentKeys.allSatisfy { $0.utf8.count <= 256 })
        #expect(try ledger.verify().isIntact)
        row.reservations = String(repeating: "r", count: 65_537)
        let refused = row
        let error = await #expect(throws: StoreError.self) { try await ledger.append(refused) }
        #expect(error?.code == .invalidValue)
        #expect(ledger.isHealthy)
    }

    // MARK: Reading

    @Test func queriesFilter() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        for number in 1...10 {
            var row = decision(number, tool: number.isMultiple(of: 2) ? "even" : "odd")
            row.outcome = number == 7 ? .denied : .allowed
            row.grantLabel = number > 8 ? "late" : "demo"
            let seq = try await ledger.append(row)
            _ = try await ledger.append(
                .outcome(of: seq, time: row.time, requestID: row.requestID, outcome: .allowed))
        }
        func numbers(_ change: (inout LedgerQuery) -> Void) throws -> [Int64] {
            var query = LedgerQuery()
            change(&query)
            return try ledger.rows(query).map(\.seq)
        }
        #expect(try numbers { _ in }.count == 20)
        #expect(try numbers { $0.after = 17 } == [18, 19, 20])
        #expect(try numbers { $0.before = 3 } == [1, 2])
        #expect(try numbers { $0.limit = 2 } == [1, 2])
        #expect(try numbers { ($0.limit, $0.order) = (2, .newestFirst) } == [20, 19])
        #expect(try numbers { $0.limit = 0 }.isEmpty)
        #expect(try numbers { $0.outcome = .denied } == [13])
        #expect(try numbers { $0.requestID = "req_2" } == [3, 4])
        #expect(try numbers { $0.grant = "late" } == [17, 18, 19, 20])
        #expect(try numbers { $0.grant = "gr_abcdefghijkmnpqr" }.count == 20)
        #expect(try numbers { ($0.tool, $0.limit) = ("odd", 3) } == [1, 2, 5])
        #expect(try numbers { $0.server = "none" }.isEmpty)
        #expect(try numbers { $0.since = decision(10).time } == [19, 20])
        #expect(try numbers { $0.until = decision(2).time } == [1, 2])
        #expect(try numbers { $0.tool = "'; DROP TABLE ledger; --" }.isEmpty)
        var seen = 0
        try ledger.forEachRow(LedgerQuery(limit: .max)) { _ in
            seen += 1
            return seen < 5
        }
        #expect(seen == 5)
    }

    @Test func readersSeeWholeBatchesWhileTheWriterWrites() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<300 { _ = try await ledger.append(decision(number)) }
            }
            for _ in 0..<3 {
                group.addTask {
                    let reader = try fixture.data.ledgerReader()
                    var last: Int64 = 0
                    while last < 300, !Task.isCancelled {
                        let verdict = try reader.verify()
                        #expect(verdict.isIntact)
                        #expect(verdict.headSequence >= last)
                        last = verdict.headSequence
                        // There may be fewer threads than readers: let the one that appends have its turn.
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func reservationsAreThoseThatStillCount() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        func row(_ number: Int, _ change: (inout LedgerRow) -> Void) -> LedgerRow {
            var row = decision(number)
            row.reservations = "r\(number)"
            change(&row)
            return row
        }
        _ = try await append(
            [
                row(1) { _ in },
                row(2) { _ in },
                row(3) { $0.outcome = .denied },
                row(4) { ($0.outcome, $0.isShadow) = (.shadowDenied, true) },
                row(5) { $0.reservations = nil },
                row(6) { _ in },
                row(7) { $0.outcome = .approved },
                .outcome(of: 6, time: decision(8).time, requestID: "6", outcome: .error, isReleased: true),
                .outcome(of: 7, time: decision(9).time, requestID: "7", outcome: .allowed),
            ], to: ledger)
        #expect(try ledger.reservations(since: decision(0).time).map(\.reservations) == ["r1", "r2", "r4", "r7"])
        let some = try ledger.reservations(since: decision(2).time)
        #expect(some.map(\.seq) == [2, 4, 7])
        #expect(some.first?.grantID == "gr_abcdefghijkmnpqr")
        #expect(some.first?.time == decision(2).time)
        #expect(try ledger.reservations(since: decision(100).time).isEmpty)
    }
}
