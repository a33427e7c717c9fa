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

    /// What stands before the rows of a record.
    private enum Head {
        static let bytes = 48
        /// What the seal vouches for, beside the rows.
        static let sealed = 16
    }

    /// From this size on the other file is used, as soon as the rows in it are in the database.
    private static let turnBytes = 1 << 20
    /// A file never grows beyond this: then rows wait for the database.
    private static let maximumBytes = 64 << 20

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
        guard files.contains(where: { LedgerJournal.size($0.descriptor) > 0 }),
            flock(files[0].descriptor, LOCK_EX | LOCK_NB) == 0
        else { return nil }
    }

    deinit {
        for file in files { close(file.descriptor) }
        hashState.deallocate()
    }

    private static func size(_ descriptor: Int32) -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
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
        let code = withUnsafeTemporaryAllocation(byteCount: Head.bytes, alignment: 8) { head -> Int32 in
            head.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
            head.storeBytes(of: UInt32(truncatingIfNeeded: rows.count).bigEndian, toByteOffset: 4, as: UInt32.self)
            head.storeBytes(of: first.bigEndian, toByteOffset: 8, as: Int64.self)
            guard let base = head.baseAddress else { return EINVAL }
            key.seal(
                record: UnsafeRawBufferPointer(rebasing: head[..<Head.sealed]), rows, into: base + Head.sealed,
                state: hashState)
            return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                parts.initializeElement(at: 0, to: iovec(iov_base: base, iov_len: Head.bytes))
                parts.initializeElement(
                    at: 1, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: rows.baseAddress), iov_len: rows.count)
                )
                let written = pwritev(descriptor, parts.baseAddress, 2, off_t(end))
                return written == Head.bytes + rows.count ? 0 : written < 0 ? errno : ENOSPC
            }
        }
        guard code == 0 else { throw LedgerJournal.error(code, files[active].path) }
        files[active].end = end + Head.bytes + rows.count
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

    /// A record's rows and the first one's number.
    private struct Record {
        let first: Int64
        let count: Int
        let rows: Range<Int>
    }

    /// Calls `body` with the rows that follow on row `tail`, record by record, as far as they are whole and ours.
    /// - Returns: rows that are nowhere, though ours behind them are here; nil as a rule.
    func replay(
        after tail: Int64, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) -> ClosedRange<Int64>? {
        var contents = files.map { LedgerJournal.contents($0.descriptor) }
        func first(_ bytes: [UInt8]) -> Int64 { LedgerJournal.record(in: bytes, at: 0)?.first ?? .max }
        if first(contents[1]) < first(contents[0]) { contents.swapAt(0, 1) }
        var last = tail
        for bytes in contents {
            for record in LedgerJournal.records(in: bytes) where record.first + Int64(record.count) - 1 > last {
                let start = record.rows.lowerBound - Head.bytes
                guard isGenuine(bytes, start, record.rows) else { break }
                guard record.first == last + 1 else {
                    if record.first > last + 1 { return last + 1...record.first - 1 }
                    break
                }
                var failure: StoreError?
                bytes.withUnsafeBytes { all in
                    do throws(StoreError) {
                        try body(UnsafeRawBufferPointer(rebasing: all[record.rows]))
                    } catch {
                        failure = error
                    }
                }
                if let failure { throw failure }
                last += Int64(record.count)
            }
        }
        return nil
    }

    private func isGenuine(_ bytes: [UInt8], _ start: Int, _ rows: Range<Int>) -> Bool {
        var seal = [UInt8](repeating: 0, count: 32)
        return bytes.withUnsafeBytes { all in
            seal.withUnsafeMutableBytes { out in
                guard let target = out.baseAddress else { return false }
                let head = UnsafeRawBufferPointer(rebasing: all[start..<start + Head.sealed])
                key.seal(
                    record: head, UnsafeRawBufferPointer(rebasing: all[rows]), into: target, state: hashState)
                return out.elementsEqual(all[start + Head.sealed..<start + Head.bytes])
            }
        }
    }

    /// The last row that the journal in a folder speaks of, sealed or not; 0 when it is empty. For those who only look.
    static func lastSequence(in folder: String) -> Int64 {
        var last: Int64 = 0
        for path in paths(in: folder) {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            for record in records(in: contents(descriptor)) {
                last = max(last, record.first + Int64(record.count) - 1)
            }
        }
        return last
    }

    /// Records that follow on one another. What was written the last time the file had its turn stays behind them, under
    /// smaller numbers.
    private static func records(in bytes: [UInt8]) -> [Record] {
        var found: [Record] = []
        var place = 0
        while let record = record(in: bytes, at: place) {
            if let before = found.last, record.first != before.first + Int64(before.count) { break }
            found.append(record)
            place = record.rows.upperBound
        }
        return found
    }

    private static func record(in bytes: [UInt8], at place: Int) -> Record? {
        guard place + Head.bytes <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { all in
            let count = UInt32(bigEndian: all.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            let length = UInt32(bigEndian: all.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self))
            let first = Int64(bigEndian: all.loadUnaligned(fromByteOffset: place + 8, as: Int64.self))
            let start = place + Head.bytes
            guard count > 0, first > 0, first < .max - Int64(count), Int(length) <= bytes.count - start else {
                return nil
            }
            return Record(first: first, count: Int(count), rows: start..<start + Int(length))
        }
    }

    private static func contents(_ descriptor: Int32) -> [UInt8] {
        let size = min(size(descriptor), maximumBytes + (1 << 20))
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = pread(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled, off_t(filled))
                guard count > 0 else { break }
                filled += count
            }
        }
    }
}
