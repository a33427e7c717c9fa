import Glibc
import Store

/// The one that writes rows: takes what waits, writes it in one transaction, then tells those who wait. Lives on its own
/// thread. While a transaction is on its way to the disk the next batch gathers, so the busier it is the less a row costs.
final class LedgerWriter {
    /// More rows than this in one transaction would only make the first of them wait.
    private static let maximumBatch = 1_024
    /// Pages in the write-ahead log from which on they are moved into the file.
    private static let checkpointPages: Int32 = 1_000

    private let db: Connection
    private let key: SecretKey
    private let queue: LedgerQueue
    private let generation: GenerationFile
    private let encoding = RowEncoding()
    private let digest: RowDigest
    private let begin: Statement
    private let commit: Statement
    private let insert: Statement
    private let insertSeal: Statement
    private let moveHead: Statement
    private let dataVersion: Statement
    private let readGeneration: Statement
    /// Length of the write-ahead log, set by SQLite after each commit.
    private let logPages: UnsafeMutablePointer<Int32>
    /// The chain's end: the last committed row's number, and its hash (32 bytes).
    private var lastSeq: Int64 = 0
    private let lastHash: UnsafeMutablePointer<UInt8>
    /// SQLite's count of other connections' commits when the chain's end was read; nil: read it again.
    private var seenVersion: Int64?
    private var lastPoll: Int = 0

    init(
        database: String, key: SecretKey, queue: LedgerQueue, generation: GenerationFile, options: LedgerOptions
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
        let marks = (1...RowEncoding.columnCount + 1).map { "?\($0)" }.joined(separator: ",")
        begin = try db.prepare("BEGIN IMMEDIATE")
        commit = try db.prepare("COMMIT")
        insert = try db.prepare("INSERT INTO ledger VALUES (\(marks))")
        insertSeal = try db.prepare("INSERT INTO ledger_seal (slot, seq, hash, mac) VALUES (?1, ?1, ?2, ?3)")
        moveHead = try db.prepare("UPDATE ledger_seal SET seq = ?1, hash = ?2, mac = ?3 WHERE slot = 0")
        dataVersion = try db.prepare("PRAGMA data_version")
        readGeneration = try db.prepare("SELECT value FROM setting WHERE name = 'generation'")
        digest = try RowDigest()
        self.db = db
        self.key = key
        self.queue = queue
        self.generation = generation
        lastHash = .allocate(capacity: 32)
        lastHash.initialize(repeating: 0, count: 32)
        logPages = .allocate(capacity: 1)
        logPages.initialize(to: 0)
        db.watchLog(logPages)
        // Fails now rather than at the first call.
        try db.transaction("BEGIN") { () throws(StoreError) in try readTail() }
        seenVersion = nil
    }

    deinit {
        lastHash.deallocate()
        logPages.deallocate()
    }

    /// The thread's whole life.
    func run() {
        var batch: [LedgerQueue.Entry] = []
        while queue.take(into: &batch) {
            if batch.isEmpty {
                queue.sleep()
                if !queue.isHealthy { probe() }
            } else {
                var start = 0
                while start < batch.count {
                    let end = min(start + LedgerWriter.maximumBatch, batch.count)
                    write(batch[start..<end])
                    start = end
                }
                batch.removeAll(keepingCapacity: batch.capacity <= 4 * LedgerWriter.maximumBatch)
            }
            // After those who wait were told, so that only the next batch can notice.
            if logPages.pointee >= LedgerWriter.checkpointPages {
                db.checkpoint()
                logPages.pointee = 0
            }
            pollGeneration()
        }
        db.checkpoint(truncate: true)
    }

    /// Commits the rows and tells their senders, or tells them all why not.
    private func write(_ batch: ArraySlice<LedgerQueue.Entry>) {
        let first: Int64
        do throws(StoreError) {
            first = try commitRows(batch)
        } catch {
            queue.isHealthy = false
            for entry in batch { entry.completion?(.failure(error)) }
            return
        }
        if !queue.isHealthy { queue.isHealthy = true }
        var seq = first
        for entry in batch {
            entry.completion?(.success(seq))
            seq += 1
        }
    }

    /// The number of the first of the rows, once all are committed.
    private func commitRows(_ batch: ArraySlice<LedgerQueue.Entry>) throws(StoreError) -> Int64 {
        do throws(StoreError) {
            try begin.run()
            try readTailIfOthersWrote()
            let first = lastSeq + 1
            for entry in batch { try insertRow(entry.row) }
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

    private func insertRow(_ row: LedgerRow) throws(StoreError) {
        let seq = lastSeq + 1
        encoding.begin(after: lastHash)
        encoding.append(row, seq: seq)
        guard digest.hash(encoding.bytes, into: lastHash) else {
            throw StoreError(.io, "SHA-256 failed", help: "check the OpenSSL configuration")
        }
        encoding.bind(to: insert.handle)
        insert.bindInPlace(Int32(RowEncoding.columnCount + 1), lastHash, count: 32)
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

    private func writeHead() throws(StoreError) {
        let hash = currentHash
        moveHead.bind(1, lastSeq)
        moveHead.bind(2, blob: hash)
        moveHead.bind(3, blob: LedgerSeals.mac(key, slot: LedgerSeals.head, seq: lastSeq, hash: hash))
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

    /// Writes the seal at the end once more, to learn whether the disk takes writes again.
    private func probe() {
        do throws(StoreError) {
            try begin.run()
            try readTail()
            try writeHead()
            try commit.run()
            seenVersion = nil
            queue.isHealthy = true
        } catch {
            seenVersion = nil
            db.rollback()
        }
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
