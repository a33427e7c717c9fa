import Base
import Glibc
import Store
import Synchronization

/// How the ledger is written.
package struct LedgerOptions: Sendable, Hashable {
    /// What a commit survives.
    package enum Durability: Sendable, Hashable {
        /// The end of the process, also by SIGKILL. A power failure may take the last rows, never the chain's order.
        case process
        /// Power failure too, for one `fdatasync` a commit.
        case power
    }

    /// `.process` unless said.
    package var durability: Durability
    /// Rows that may wait for the disk; beyond it they are refused.
    package var queueCapacity: Int
    /// The size the database may grow to; nil: as far as the disk reaches.
    package var maximumBytes: Int64?
    /// How long a commit waits for another process that writes.
    package var busyTimeoutMilliseconds: Int32
    /// Callers promise a `commitNow()` soon after each `append`, which writes their rows to a journal; without it they
    /// wait for some milliseconds. For one ledger of a folder at a time. Has no effect with `.power`: a commit that waits
    /// for the disk belongs on the ledger's thread.
    package var callersCommit: Bool

    /// Whether rows go through the journal.
    var isJournaling: Bool { callersCommit && durability == .process }

    package init(
        durability: Durability = .process, queueCapacity: Int = 8_192, maximumBytes: Int64? = nil,
        busyTimeoutMilliseconds: Int32 = 2_000, callersCommit: Bool = false
    ) {
        self.durability = durability
        self.queueCapacity = queueCapacity
        self.maximumBytes = maximumBytes
        self.busyTimeoutMilliseconds = busyTimeoutMilliseconds
        self.callersCommit = callersCommit
    }
}

/// The ledger in SQLite: appending goes through one writer, looking through a connection of its own.
package final class SQLiteLedger: Ledger {
    private let queue: LedgerQueue
    private let writer: LedgerWriter
    private let reader: SQLiteLedgerReader
    private let thread: Mutex<pthread_t?>

    init(
        folder: String, key: SecretKey, generation: GenerationFile, journal: LedgerJournal, options: LedgerOptions,
        keepsRemains: Bool = false
    ) throws(StoreError) {
        queue = LedgerQueue(capacity: options.queueCapacity, callersCommit: options.isJournaling)
        reader = try SQLiteLedgerReader(folder: folder, key: key)
        writer = try LedgerWriter(
            database: folder + "/sluice.db", key: key, queue: queue, generation: generation, journal: journal,
            options: options, keepsRemains: keepsRemains)
        var started = pthread_t()
        let context = Unmanaged.passRetained(writer)
        let code = pthread_create(
            &started, nil,
            { context in
                if let context { Unmanaged<LedgerWriter>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw StoreError(
                .io, "cannot start the ledger's thread: \(errorText(code))", help: "raise the limit of threads")
        }
        thread = Mutex(started)
    }

    deinit {
        close()
    }

    /// What somebody has to know who starts a gateway here: rows that are lost. Nil as a rule.
    package var warning: String? {
        writer.lost.map {
            "rows \($0.lowerBound) to \($0.upperBound) of the ledger are lost, and what a killed gateway's journal had "
                + "behind them: the machine failed, or somebody removed them or put an older sluice.db here"
        }
    }

    package var isHealthy: Bool { queue.isHealthy }

    package func append(_ row: LedgerRow, completion: LedgerCompletion?) {
        if let text = row.reservations, text.utf8.count > RowArena.maximumReservations {
            completion?(
                .failure(
                    StoreError(
                        .invalidValue, "a ledger row has \(text.utf8.count) bytes of reservations",
                        help: "use fewer limits in one policy entry")))
            return
        }
        if row.argumentKeys.count > RowArena.maximumKeys {
            // Here, and not where others wait for the queue.
            var shorter = row
            shorter.argumentKeys = RowArena.first(of: row.argumentKeys)
            if let error = queue.append(shorter, completion) { completion?(.failure(error)) }
        } else if let error = queue.append(row, completion) {
            completion?(.failure(error))
        }
    }

    /// Writes what waits to the journal, on this thread; then the completions run here too. Does nothing when no row is
    /// awaited or another thread is at it.
    package func commitNow() { writer.commitNow() }

    package func close() {
        let running = thread.withLock { thread -> pthread_t? in
            defer { thread = nil }
            return thread
        }
        guard let running else { return }
        queue.close()
        // A completion may hold the last reference; a thread can't wait for itself.
        if pthread_equal(running, pthread_self()) == 0 {
            pthread_join(running, nil)
        } else {
            pthread_detach(running)
        }
    }

    package func forEachRow(_ query: LedgerQuery, _ body: (LedgerRow) -> Bool) throws(StoreError) {
        try reader.forEachRow(query, body)
    }

    package func lastSequence() throws(StoreError) -> Int64 { try reader.lastSequence() }

    package func reservations(since: Instant) throws(StoreError) -> [LedgerReservation] {
        try reader.reservations(since: since)
    }

    package func verify(from: Int64) throws(StoreError) -> LedgerVerdict { try reader.verify(from: from) }
}
