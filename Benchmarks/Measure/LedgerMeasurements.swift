import Base
import Glibc
import Store
import StoreSQLite
import Synchronization

/// How many rows one burst writes.
private let rows = 40_000

private final class Completions: Sendable {
    let done = Atomic<Int>(0)
    let failed = Atomic<Int>(0)
}

@MainActor func measureLedger() {
    var template = Array("/tmp/sluice-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return fail("no temporary folder") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        _ =
            ["", "-wal", "-shm"].map { unlink(path + "/sluice.db" + $0) } + [unlink(path + "/secret.key"), rmdir(path)]
    }
    do throws(StoreError) {
        let folder = try DataDirectory.open(path)
        let ledger = try folder.openLedger()
        let completions = Completions()
        let digest = folder.hasher.argumentDigest(toolCall)
        let start = cpuNanoseconds()
        for i in 0..<rows {
            // A bounded number in flight, as the gateway has; waiting for the writer is not our work.
            while i - completions.done.load(ordering: .acquiring) > 256 { usleep(50) }
            ledger.append(decisionRow(i, digest)) { result in
                if case .failure = result { completions.failed.add(1, ordering: .relaxed) }
                completions.done.add(1, ordering: .releasing)
            }
        }
        while completions.done.load(ordering: .acquiring) < rows { usleep(50) }
        report("ledger_row_cpu_us", (cpuNanoseconds() - start) / Double(rows) / 1_000)
        if completions.failed.load(ordering: .relaxed) > 0 { fail("the ledger refused rows") }
        ledger.close()

        let reader = try folder.ledgerReader()
        let began = cpuNanoseconds()
        let verdict = try reader.verify()
        let seconds = (cpuNanoseconds() - began) / 1e9
        if !verdict.isIntact { fail("the ledger that was just written is broken") }
        report("ledger_verify_per_s", Double(verdict.checked) / seconds)
    } catch {
        fail("\(error)")
    }
}

private func decisionRow(_ i: Int, _ digest: ArgumentDigest) -> LedgerRow {
    var row = LedgerRow(
        time: Instant(microseconds: 1_767_607_200_000_000 + Int64(i)), requestID: "request-\(i)", outcome: .allowed)
    row.server = "bench"
    row.grantID = "gr_0123456789abcdef"
    row.grantLabel = "bench"
    row.sessionID = "session-1"
    row.method = "tools/call"
    row.tool = "add"
    row.argumentKeys = ["a", "b", "exact", "note"]
    row.argumentDigest = digest
    row.policy = "bench"
    row.policyVersion = 1
    row.requestBytes = Int64(toolCall.count)
    return row
}
