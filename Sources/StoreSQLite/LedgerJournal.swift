import Glibc
import Store
import Synchronization

/// Where rows are on disk before they are in the database: two files beside it, written in turns. A record costs one
/// `pwritev`, and the callers of its rows go on; the ledger's thread puts the rows into the database some milliseconds
/// later. What a killed process leaves here is put there by whoever opens the ledger next. See docs/adr/0011.
///
/// The form of a record is described in docs/ledger.md.
// SAFETY: `files`, `active` and what is at `hashState` are touched by who holds the queue's turn; `settled` is atomic.
final class LedgerJournal: @unchecked Sendable {
    private struct File {
        let path: String
        let descriptor: Int32
        /// Where the next record goes.
        var end = 0
        /// The last row in it.
        var last: Int64 = 0
    }

    /// From this size on the other file is used, as soon as the rows in it are in the database.
    private static let turnBytes = 1 << 20
    /// A file never grows beyond this: then rows wait for the database.
    static let maximumBytes = 64 << 20

    private let key: SecretKey
    /// Milliseconds to wait for other processes.
    private var patience: Int32 = 2_000
    // COST: made once; libsodium's state is larger than what Swift would put on the stack.
    private let hashState = UnsafeMutableRawPointer.allocate(byteCount: SecretKey.hashState, alignment: 64)
    private var files: [File] = []
    private var active = 0
    /// Rows up to this one are in the database.
    private let settled = Atomic<Int64>(0)

    static func paths(in folder: String) -> [String] { (0..<2).map { "\(folder)/ledger-\($0).journal" } }

    /// Opens the files, makes them where they aren't there, and waits for their lock, as long as for a busy database.
    /// - Parameter options: who doesn't journal shares the lock with others who don't.
    init(folder: String, key: SecretKey, options: LedgerOptions) throws(StoreError) {
        self.key = key
        for path in LedgerJournal.paths(in: folder) {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw LedgerJournal.error(errno, path) }
            files.append(File(path: path, descriptor: descriptor))
        }
        patience = options.busyTimeoutMilliseconds
        // Whoever shares it has put into the database what was left in it.
        try lock(options.isJournaling ? [LOCK_EX] : [LOCK_EX, LOCK_SH])
    }

    /// Takes the first of `kinds` that can be had, and waits for it as long as `patience` lasts.
    private func lock(_ kinds: [Int32]) throws(StoreError) {
        var left = patience
        while !kinds.contains(where: { flock(files[0].descriptor, $0 | LOCK_NB) == 0 }) {
            left -= 5
            guard errno == EWOULDBLOCK, left > 0 else {
                throw StoreError(
                    .locked, "another process writes the ledger whose journal is `\(files[0].path)`",
                    help: "end it, or try again")
            }
            usleep(5_000)
        }
    }

    /// The journal that a killed process left; nil when there is none, or somebody is at it.
    init?(leftIn folder: String, key: SecretKey) {
        self.key = key
        for path in LedgerJournal.paths(in: folder) {
            let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { return nil }
            files.append(File(path: path, descriptor: descriptor))
        }
        guard files.contains(where: { JournalRecords.size($0.descriptor) > 0 }),
            flock(files[0].descriptor, LOCK_EX | LOCK_NB) == 0
        else { return nil }
    }

    deinit {
        for file in files { close(file.descriptor) }
        hashState.deallocate()
    }

    // MARK: Writing

    /// Writes `count` numbered rows, of which `first` is the first one's number. Needs the turn.
    func append(_ rows: UnsafeRawBufferPointer, first: Int64, count: Int) throws(StoreError) {
        if files[active].end >= LedgerJournal.turnBytes, files[1 - active].last <= settled.load(ordering: .acquiring) {
            active = 1 - active
            // Who looks at the ledger reads the whole file.
            if files[active].end > 2 * LedgerJournal.turnBytes { _ = ftruncate(files[active].descriptor, 0) }
            files[active].end = 0
        }
        let (descriptor, end) = (files[active].descriptor, files[active].end)
        guard end + rows.count <= LedgerJournal.maximumBytes else {
            throw StoreError(
                .queueFull, "the ledger's journal is full: the database takes rows too slowly", help: "try again")
        }
        let code = withUnsafeTemporaryAllocation(byteCount: JournalRecords.headBytes, alignment: 8) { head -> Int32 in
            head.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
            head.storeBytes(of: UInt32(truncatingIfNeeded: rows.count).bigEndian, toByteOffset: 4, as: UInt32.self)
            head.storeBytes(of: first.bigEndian, toByteOffset: 8, as: Int64.self)
            guard let base = head.baseAddress else { return EINVAL }
            key.seal(
                record: UnsafeRawBufferPointer(rebasing: head[..<JournalRecords.sealedBytes]), rows,
                into: base + JournalRecords.sealedBytes,
                state: hashState)
            return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                parts.initializeElement(at: 0, to: iovec(iov_base: base, iov_len: JournalRecords.headBytes))
                parts.initializeElement(
                    at: 1, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: rows.baseAddress), iov_len: rows.count)
                )
                let written = pwritev(descriptor, parts.baseAddress, 2, off_t(end))
                return written == JournalRecords.headBytes + rows.count ? 0 : written < 0 ? errno : ENOSPC
            }
        }
        guard code == 0 else { throw LedgerJournal.error(code, files[active].path) }
        files[active].end = end + JournalRecords.headBytes + rows.count
        files[active].last = first + Int64(count) - 1
    }

    /// Rows up to this one are in the database. The ledger's thread says it.
    func settle(upTo seq: Int64) { settled.store(seq, ordering: .releasing) }

    /// Takes everything out; all rows must be in the database. Needs the turn.
    func clear() {
        for index in files.indices {
            // Records that stay are older than the database's end, and nobody reads them again.
            _ = ftruncate(files[index].descriptor, 0)
            files[index].end = 0
            files[index].last = 0
        }
    }

    /// From now on others may write the ledger too, all of them without a journal. Another process may be quicker: the
    /// lock is given up for a moment.
    func share() throws(StoreError) { try lock([LOCK_SH]) }

    private static func error(_ code: Int32, _ path: String) -> StoreError {
        let message = "cannot write the ledger's journal `\(path)`: \(errorText(code))"
        switch code {
        case ENOSPC, EDQUOT, EFBIG:
            return StoreError(.full, message, help: "free some disk space; nothing was lost")
        case EACCES, EPERM, EROFS:
            return StoreError(.readOnly, message, help: "make the folder and its files writable for this user")
        default:
            return StoreError(.io, message, help: "check the disk and the file's permissions")
        }
    }

    // MARK: Reading

    /// Calls `body` with the rows that follow on row `tail`, record by record, as far as they are whole and ours.
    /// - Returns: rows that are nowhere, though ours behind them are here; nil as a rule.
    func replay(
        after tail: Int64, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) -> ClosedRange<Int64>? {
        try JournalRecords(files.map(\.descriptor)).follow(tail, key, body)
    }
}
