import Glibc
import Store

/// What a journal's two files hold at a moment, read whole: for whoever puts it into the database, and for those who only
/// look. The form of a record is described in docs/ledger.md.
struct JournalRecords {
    /// What stands before the rows of a record.
    static let headBytes = 48
    /// What of it the seal vouches for, beside the rows.
    static let sealedBytes = 16

    /// A record's rows and the first one's number.
    private struct Record {
        let first: Int64
        let count: Int
        let rows: Range<Int>

        var last: Int64 { first + Int64(count) - 1 }
    }

    /// The files, the older one first.
    private var files: [(bytes: [UInt8], records: [Record])]

    init(_ descriptors: [Int32]) {
        files = descriptors.map { descriptor in
            let bytes = JournalRecords.contents(descriptor)
            return (bytes, JournalRecords.records(in: bytes))
        }
        files.sort { $0.records.first?.first ?? .max < $1.records.first?.first ?? .max }
    }

    /// For those who only look; files that can't be read count as empty.
    init(in folder: String) {
        let descriptors = LedgerJournal.paths(in: folder).map { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) }
        self.init(descriptors.filter { $0 >= 0 })
        for descriptor in descriptors where descriptor >= 0 { close(descriptor) }
    }

    /// The last row that the journal speaks of, sealed or not; 0 when it is empty.
    var last: Int64 { files.compactMap { $0.records.last?.last }.max() ?? 0 }

    /// Calls `body` with the rows that follow on row `tail`, record by record, as far as they are whole and ours.
    /// - Returns: rows that are nowhere, though ours behind them are here; nil as a rule.
    func follow(
        _ tail: Int64, _ key: SecretKey, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) -> ClosedRange<Int64>? {
        var last = tail
        for (bytes, records) in files {
            for record in records where record.last > last {
                guard JournalRecords.isGenuine(record, in: bytes, key) else { break }
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
                last = record.last
            }
        }
        return nil
    }

    /// Why rows behind row `tail` are in the journal only; nil when there are none.
    func untaken(after tail: Int64, _ key: SecretKey) -> UntakenRows? {
        guard last > tail else { return nil }
        do throws(StoreError) {
            var rows = RowArena()
            let gap = try follow(tail, key) { record throws(StoreError) in
                rows.removeAll()
                _ = try rows.append(journaled: record)
            }
            return UntakenRows(tail + 1...last, gap.map { .gap($0) } ?? .refused)
        } catch {
            return UntakenRows(tail + 1...last, .otherForm)
        }
    }

    private static func isGenuine(_ record: Record, in bytes: [UInt8], _ key: SecretKey) -> Bool {
        let start = record.rows.lowerBound - headBytes
        return bytes.withUnsafeBytes { all in
            let head = UnsafeRawBufferPointer(rebasing: all[start..<start + sealedBytes])
            let seal = key.seal(record: head, UnsafeRawBufferPointer(rebasing: all[record.rows]))
            return seal.elementsEqual(all[start + sealedBytes..<start + headBytes])
        }
    }

    /// Records that follow on one another. What was written the last time the file had its turn stays behind them, under
    /// smaller numbers.
    private static func records(in bytes: [UInt8]) -> [Record] {
        var found: [Record] = []
        var place = 0
        while let record = record(in: bytes, at: place) {
            if let before = found.last, record.first != before.last + 1 { break }
            found.append(record)
            place = record.rows.upperBound
        }
        return found
    }

    private static func record(in bytes: [UInt8], at place: Int) -> Record? {
        guard place + headBytes <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { all in
            let count = UInt32(bigEndian: all.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            let length = UInt32(bigEndian: all.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self))
            let first = Int64(bigEndian: all.loadUnaligned(fromByteOffset: place + 8, as: Int64.self))
            let start = place + headBytes
            guard count > 0, first > 0, first < .max - Int64(count), Int(length) <= bytes.count - start else {
                return nil
            }
            return Record(first: first, count: Int(count), rows: start..<start + Int(length))
        }
    }

    private static func contents(_ descriptor: Int32) -> [UInt8] {
        let size = min(size(descriptor), LedgerJournal.maximumBytes + (1 << 20))
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = pread(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled, off_t(filled))
                guard count > 0 else { break }
                filled += count
            }
        }
    }

    /// Bytes of a file; 0 when that can't be told.
    static func size(_ descriptor: Int32) -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }
}
