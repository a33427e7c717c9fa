import Glibc
import Store

/// The one that writes rows: takes what waits, writes it in one transaction, then tells those who wait. While a transaction
/// is on its way to the disk the next batch gathers, so the busier it is the less a row costs.
///
/// It has a thread, and the database is the thread's alone. Callers may write their rows to the journal themselves
/// (`commitNow`), which saves them two changes of thread and SQLite's work; the thread puts them into the database
/// afterwards. See docs/adr/0007 and 0011.
// SAFETY: `journal`, `nextSeq` and `callersBatch` are touched only by who holds the queue's turn, everything else but
// `queue` only by the thread, or before it has started.
final class LedgerWriter: @unchecked Sendable {
    /// Pages in the write-ahead log from which on they are moved into the file.
    private static let checkpointPages: Int32 = 2_000

    private let db: Connection
    private let key: SecretKey
    private let queue: LedgerQueue
    private let generation: GenerationFile
    private let digest: RowDigest
    private let begin: Statement
    private let commit: Statement
    /// One statement for each set of columns that are NULL. There are few: every decision that lets a call go on has the
    /// same ones, and every outcome.
    // COST: a NULL that stands in the statement need not be bound, and an outcome's row is mostly NULLs.
    private var inserts: [(shape: UInt32, statement: Statement)] = []
    private static let maximumShapes = 12
    private let insertSeal: Statement
    private let moveHead: Statement
    private let dataVersion: Statement
    private let readGeneration: Statement
    /// Length of the write-ahead log, set by SQLite after each commit.
    private let logPages: UnsafeMutablePointer<Int32>
    /// The chain's end: the last committed row's number, and its hash (32 bytes).
    private var lastSeq: Int64 = 0
    private let lastHash: UnsafeMutablePointer<UInt8>
    /// The seal over both (32 bytes).
    private let headSeal: UnsafeMutablePointer<UInt8>
    /// SQLite's count of other connections' commits when the chain's end was read; nil: read it again.
    private var seenVersion: Int64?
    private var lastPoll: Int = 0
    private let journal: LedgerJournal
    /// False: the journal is only held, so that nobody else writes one, and rows go straight into the database.
    private let isJournaling: Bool
    /// Rows that a journal goes on behind, and the database does not have: what came behind them was left out.
    private(set) var lost: ClosedRange<Int64>?
    /// The number of the next row that goes into the journal.
    private var nextSeq: Int64 = 0
    private var callersBatch = LedgerQueue.Batch()
    /// Rows in the journal after some milliseconds that make it a busy time.
    private static let manyRows = 64
    /// Batches that one holder of the turn journals: no caller works for the others for long, and the thread, to which the
    /// database is left, comes to it however busy they are.
    private static let mostRounds = 3
    /// What a transaction takes of a journal that a killed process left, in bytes.
    private static let replayBytes = 1 << 20

    init(
        database: String, key: SecretKey, queue: LedgerQueue, generation: GenerationFile, journal: LedgerJournal,
        options: LedgerOptions, keepsRemains: Bool
    ) throws(StoreError) {
        let db = try Connection(
            path: database, access: .write, busyTimeoutMilliseconds: options.busyTimeoutMilliseconds)
        try db.execute("PRAGMA synchronous = \(options.durability == .power ? "FULL" : "NORMAL")")
        if let bytes = options.maximumBytes {
            let size = try db.prepare("PRAGMA page_size")
            _ = try size.step()
            let pages = max(1, bytes / max(512, size.integer(0)))
            size.reset()
            try db.execute("PRAGMA max_page_count = \(pages)")
        }
        begin = try db.prepare("BEGIN IMMEDIATE")
        commit = try db.prepare("COMMIT")
        insertSeal = try db.prepare("INSERT INTO ledger_seal (slot, seq, hash, mac) VALUES (?1, ?1, ?2, ?3)")
        moveHead = try db.prepare("UPDATE ledger_seal SET seq = ?1, hash = ?2, mac = ?3 WHERE slot = 0")
        dataVersion = try db.prepare("PRAGMA data_version")
        readGeneration = try db.prepare("SELECT value FROM setting WHERE name = 'generation'")
        digest = try RowDigest()
        self.journal = journal
        isJournaling = options.isJournaling
        self.db = db
        self.key = key
        self.queue = queue
        self.generation = generation
        lastHash = .allocate(capacity: 32)
        lastHash.initialize(repeating: 0, count: 32)
        headSeal = .allocate(capacity: 32)
        headSeal.initialize(repeating: 0, count: 32)
        logPages = .allocate(capacity: 1)
        logPages.initialize(to: 0)
        db.watchLog(logPages)
        // Fails now rather than at the first call.
        if let fault = try LedgerShape.fault(db) {
            throw StoreError(.corrupt, fault, help: "run `sluice audit verify`, and restore `\(database)` from a copy")
        }
        try db.transaction("BEGIN") { () throws(StoreError) in try readTail() }
        seenVersion = nil
        lost = try replay()
        if lost == nil || !keepsRemains { journal.clear() }
        if !isJournaling { try journal.share() }
        nextSeq = lastSeq + 1
    }

    deinit {
        lastHash.deallocate()
        headSeal.deallocate()
        logPages.deallocate()
    }

    /// Puts what is left in the journal into the database. Its files stay as they are until all is there, and rows that the
    /// database has already are passed over: whoever is killed amid this leaves it to the next one.
    /// - Returns: rows that the journal goes on behind, though they are nowhere.
    private func replay() throws(StoreError) -> ClosedRange<Int64>? {
        var batch = LedgerQueue.Batch()
        let gap = try journal.replay(after: lastSeq) { record throws(StoreError) in
            try batch.append(journaled: record)
            guard batch.rows.end >= LedgerWriter.replayBytes else { return }
            _ = try commitRows(batch, LedgerQueue.Batch())
            batch.removeAll()
        }
        if !batch.isEmpty { _ = try commitRows(batch, LedgerQueue.Batch()) }
        return gap
    }

    /// The thread's whole life.
    func run() {
        var batch = LedgerQueue.Batch()
        var journaled = LedgerQueue.Batch()
        var pace = Pace()
        while true {
            let isEnding = queue.isClosed
            queue.seizeForThread()
            let isDirect = !isJournaling || queue.needsThread
            if isDirect { queue.take(into: &batch) } else { journalWaiting(&batch) }
            queue.takeJournaled(into: &journaled)
            // Rows that the database did not take a moment ago are tried again once a second.
            let isIdle = batch.isEmpty && (journaled.isEmpty || !queue.isHealthy)
            // COST: while many rows come they wait longer in the journal: the more there are, the fewer pages a row costs.
            let pause = journaled.starts.count >= LedgerWriter.manyRows ? 40_000_000 : 10_000_000
            if !batch.isEmpty { pace.note(awaited: batch.awaited) }
            if !batch.isEmpty || !journaled.isEmpty {
                write(&journaled, &batch)
            } else if !queue.isHealthy {
                probe()
            }
            // After those who wait were told, so that only the next batch can notice.
            if logPages.pointee >= LedgerWriter.checkpointPages {
                db.checkpoint()
                logPages.pointee = 0
            }
            pollGeneration()
            if isDirect { _ = queue.giveBack(mayGoOn: false) }
            if isEnding, queue.isEmpty { break }
            if isIdle { queue.sleep() }
            // Rows that nobody waits for, the outcomes, ride along with the next decision, or go after a few milliseconds.
            if queue.doze(nanoseconds: pause), pace.target > 1 {
                queue.gather(pace.target, nanoseconds: 300_000)
            }
        }
        db.checkpoint(truncate: true)
        if isJournaling, journaled.isEmpty { journal.clear() }
    }

    /// Writes what waits to the journal, on the calling thread, unless somebody is at it already.
    func commitNow() {
        guard queue.seize() else { return }
        journalWaiting(&callersBatch)
    }

    /// Writes what waits to the journal and tells those who wait. Needs the turn, and gives it back.
    private func journalWaiting(_ batch: inout LedgerQueue.Batch) {
        var rounds = LedgerWriter.mostRounds
        repeat {
            rounds -= 1
            queue.take(into: &batch)
            guard !batch.isEmpty else { continue }
            do throws(StoreError) {
                let first = nextSeq
                for (index, start) in batch.starts.enumerated() { batch.rows.number(start, first + Int64(index)) }
                let rows = batch.rows.bytes(0, batch.rows.end)
                try journal.append(rows, first: first, count: batch.starts.count)
                nextSeq += Int64(batch.starts.count)
                queue.keep(batch)
                tell(batch, first)
                batch.removeAll()
            } catch {
                // The thread tries the database in its place, and says it if that takes nothing either.
                queue.leaveToThread(&batch)
                rounds = 0
            }
        } while !queue.giveBack(mayGoOn: rounds > 0)
    }

    /// How many callers to gather before a commit. A commit costs about as much as ten rows, so when many callers wait
    /// at the same time it pays to let them come together; a lone caller never waits for company.
    private struct Pace {
        private(set) var target = 1
        private var batches = 0

        /// Learns from the number of callers that waited for a batch.
        mutating func note(awaited: Int) {
            batches &+= 1
            if awaited >= target {
                target = min(awaited, 32)
                // Now and then asks for more than came of itself, or the first low number would stay for good.
                if awaited > 1, batches.isMultiple(of: 16) { target = min(awaited * 2, 32) }
            } else {
                target = max(1, target - max(1, (target - awaited) / 2))
            }
        }
    }

    /// Commits the rows, those of the journal first, and tells their senders, or tells them all why not. Rows in the
    /// journal stay there until the database takes them.
    /// - Parameter batch: not empty only for who holds the turn.
    private func write(_ journaled: inout LedgerQueue.Batch, _ batch: inout LedgerQueue.Batch) {
        do throws(StoreError) {
            let first = try commitRows(journaled, batch)
            if !batch.isEmpty {
                nextSeq = lastSeq + 1
                // These passed it by. What came behind the gap in a file would not be found again.
                if isJournaling { journal.clear() }
            }
            journal.settle(upTo: lastSeq)
            journaled.removeAll()
            queue.wroteOnThread(isWell: true)
            tell(batch, first)
        } catch {
            queue.wroteOnThread(isWell: false)
            for completion in batch.completions { completion?(.failure(error)) }
        }
        batch.removeAll()
    }

    private func tell(_ batch: borrowing LedgerQueue.Batch, _ first: Int64) {
        for index in batch.completions.indices {
            batch.completions[index]?(.success(first + Int64(index)))
        }
    }

    /// The number of the first row of `batch`, once all are committed.
    private func commitRows(
        _ journaled: borrowing LedgerQueue.Batch, _ batch: borrowing LedgerQueue.Batch
    ) throws(StoreError) -> Int64 {
        do throws(StoreError) {
            try begin.run()
            try readTailIfOthersWrote()
            if let start = journaled.starts.first, journaled.rows.number(of: start) != lastSeq + 1 {
                throw StoreError(
                    .corrupt, "somebody else wrote rows to the ledger in `\(db.path)`",
                    help: "run `sluice audit verify`")
            }
            try insertRows(journaled)
            let first = lastSeq + 1
            try insertRows(batch)
            try writeHead()
            try commit.run()
            return first
        } catch {
            // The end is read again from the file: a failed commit may have been one after all.
            seenVersion = nil
            db.rollback()
            throw error
        }
    }

    private func insertRows(_ batch: borrowing LedgerQueue.Batch) throws(StoreError) {
        for index in batch.starts.indices {
            let end = index + 1 < batch.starts.count ? batch.starts[index + 1] : batch.rows.end
            try insertRow(batch.rows, batch.starts[index], end)
        }
    }

    private func insertRow(_ rows: borrowing RowArena, _ start: Int, _ end: Int) throws(StoreError) {
        let seq = lastSeq + 1
        rows.follow(start, lastHash)
        rows.number(start, seq)
        guard digest.hash(rows.bytes(start, end), into: lastHash) else {
            throw StoreError(.io, "SHA-256 failed", help: "check the OpenSSL configuration")
        }
        let insert = try insert(forShape: rows.shape(start))
        rows.bind(start, to: insert.handle)
        insert.bindInPlace(Int32(RowArena.columnCount + 1), lastHash, count: 32)
        try insert.run()
        lastSeq = seq
        if seq % LedgerSeals.spacing == 0 {
            let hash = currentHash
            insertSeal.bind(1, seq)
            insertSeal.bind(2, blob: hash)
            insertSeal.bind(3, blob: LedgerSeals.mac(key, slot: seq, seq: seq, hash: hash))
            try insertSeal.run()
        }
    }

    private func insert(forShape shape: UInt32) throws(StoreError) -> Statement {
        for known in inserts where known.shape == shape { return known.statement }
        let values = (0..<RowArena.columnCount).map { shape >> $0 & 1 == 1 ? "NULL" : "?\($0 + 1)" }
        let made = try db.prepare(
            "INSERT INTO ledger VALUES (\(values.joined(separator: ",")),?\(RowArena.columnCount + 1))")
        // The shapes that come often are there first; a rare one takes the last place.
        if inserts.count == LedgerWriter.maximumShapes { inserts.removeLast() }
        inserts.append((shape, made))
        return made
    }

    private func writeHead() throws(StoreError) {
        moveHead.bind(1, lastSeq)
        moveHead.bindInPlace(2, lastHash, count: 32)
        key.seal(kind: 0, seq: lastSeq, hash: lastHash, into: headSeal)
        moveHead.bindInPlace(3, headSeal, count: 32)
        try moveHead.run()
    }

    private var currentHash: [UInt8] { Array(UnsafeBufferPointer(start: lastHash, count: 32)) }

    /// Another process may have appended too, or tampered: the end is believed only while nobody else wrote.
    private func readTailIfOthersWrote() throws(StoreError) {
        _ = try dataVersion.step()
        let version = dataVersion.integer(0)
        dataVersion.reset()
        guard version != seenVersion else { return }
        try readTail()
        seenVersion = version
    }

    private func readTail() throws(StoreError) {
        let tail = try LedgerSeals.tail(db, key)
        lastSeq = tail.seq
        lastHash.update(from: tail.hash, count: 32)
    }

    /// Writes something of some size, and takes it away again, to learn whether the disk takes writes again. The seal at
    /// the end alone would prove nothing: it has its place even where there is none for another row.
    private func probe() {
        do throws(StoreError) {
            try db.transaction { () throws(StoreError) in
                try readTail()
                try db.execute("INSERT OR REPLACE INTO setting VALUES ('probe', zeroblob(65536))")
            }
            try db.execute("DELETE FROM setting WHERE name = 'probe'")
            queue.wroteOnThread(isWell: true)
        } catch {
            db.rollback()
        }
        seenVersion = nil
    }

    /// Once a second: a change whose author died between its commit and the word about it is found here.
    private func pollGeneration() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        guard now.tv_sec != lastPoll else { return }
        lastPoll = now.tv_sec
        do throws(StoreError) {
            guard try readGeneration.step() else { return }
            let stored = UInt64(clamping: readGeneration.integer(0))
            readGeneration.reset()
            if stored > generation.value { generation.raise(to: stored) }
        } catch {
            readGeneration.reset()
        }
    }
}
