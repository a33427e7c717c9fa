import Base
import CSQLite
import Glibc
import Store

/// Rows one after the other in the one form that hashes are taken of. The texts in it are also what SQLite is given to
/// store, so that a row is copied once on its way from the call to the file. The form is described in docs/ledger.md.
///
/// Each row starts with 33 bytes that the writer knows and the caller doesn't: the previous row's hash and the version
/// of the form; its first column, `seq`, is filled in by the writer too.
// COST: a struct over raw memory that is used again for the next rows; as a class with arrays, Swift's checks of
// exclusive access and its reference counts took a third of the writer's time.
struct RowArena: ~Copyable, @unchecked Sendable {
    // SAFETY: (Sendable) owns its memory alone; it goes from thread to thread as a whole, under the queue's lock.

    /// Columns before `hash`, in the table's order.
    static let columnCount = 27
    /// Marks version 1 of the form.
    static let version: UInt8 = 1
    /// Texts that a client or an upstream can make long are cut here, in bytes.
    static let maximumText = 4_096
    /// Names of arguments beyond this many are left out, and longer ones than `maximumKeyBytes` are cut.
    static let maximumKeys = 256
    static let maximumKeyBytes = 256
    /// A longer text can't be cut without losing quota, so the row is refused. In bytes.
    static let maximumReservations = 65_536

    private enum Tag {
        static let null: UInt8 = 0
        static let integer: UInt8 = 1
        static let text: UInt8 = 2
        static let blob: UInt8 = 3
    }

    private var memory: UnsafeMutableRawPointer
    private var capacity = 4_096
    private var count = 0

    init() {
        memory = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit {
        memory.deallocate()
    }

    /// Where the next row will start.
    var end: Int { count }

    /// Forgets all rows, and gives memory back when a burst made it large.
    mutating func removeAll() {
        count = 0
        guard capacity > 1 << 20 else { return }
        memory.deallocate()
        capacity = 4_096
        memory = .allocate(byteCount: capacity, alignment: 8)
    }

    /// Adds all rows of `other`.
    mutating func append(contentsOf other: borrowing RowArena) { append(rows: other.bytes(0, other.count)) }

    /// Adds rows that a journal has kept, and says where each starts. `newerSchema`, and none is added, when this program
    /// does not know their form: another version of it may have written them.
    mutating func append(journaled rows: UnsafeRawBufferPointer) throws(StoreError) -> [Int] {
        var starts: [Int] = []
        var place = 0
        while place < rows.count {
            guard rows.count - place >= 33, rows[place + 32] == RowArena.version,
                let end = RowArena.end(of: place, in: rows)
            else {
                throw StoreError(
                    .newerSchema, "the ledger's journal holds rows that another version of sluice has written",
                    help:
                        "start that version once on this folder: it puts them into the database; nothing is lost so far"
                )
            }
            starts.append(count + place)
            place = end
        }
        append(rows: rows)
        return starts
    }

    /// Where the row at `start` ends; nil when it is not of this version's form.
    private static func end(of start: Int, in rows: UnsafeRawBufferPointer) -> Int? {
        var place = start + 33
        for _ in 0..<columnCount {
            guard place < rows.count else { return nil }
            switch rows[place] {
            case Tag.null: place += 1
            case Tag.integer: place += 9
            case Tag.text, Tag.blob:
                guard rows.count - place >= 5 else { return nil }
                place += 5 + Int(UInt32(bigEndian: rows.loadUnaligned(fromByteOffset: place + 1, as: UInt32.self)))
            default: return nil
            }
        }
        return place <= rows.count ? place : nil
    }

    private mutating func append(rows: UnsafeRawBufferPointer) {
        guard let source = rows.baseAddress else { return }
        reserve(rows.count)
        (memory + count).copyMemory(from: source, byteCount: rows.count)
        count += rows.count
    }

    private mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        memory = larger
    }

    // MARK: Writing

    private mutating func begin() {
        reserve(33)
        // What the memory held before is nobody's business: rows go to a file as they are.
        (memory + count).initializeMemory(as: UInt8.self, repeating: 0, count: 32)
        memory.storeBytes(of: RowArena.version, toByteOffset: count + 32, as: UInt8.self)
        count += 33
    }

    private mutating func null() {
        reserve(1)
        memory.storeBytes(of: Tag.null, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    private mutating func integer(_ value: Int64) {
        reserve(9)
        memory.storeBytes(of: Tag.integer, toByteOffset: count, as: UInt8.self)
        memory.storeBytes(of: value.bigEndian, toByteOffset: count + 1, as: Int64.self)
        count += 9
    }

    private mutating func integer(_ value: Int64?) {
        if let value { integer(value) } else { null() }
    }

    private mutating func put(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        reserve(5 + bytes.count)
        memory.storeBytes(of: tag, toByteOffset: count, as: UInt8.self)
        memory.storeBytes(
            of: UInt32(truncatingIfNeeded: bytes.count).bigEndian, toByteOffset: count + 1, as: UInt32.self)
        if let source = bytes.baseAddress {
            (memory + count + 5).copyMemory(from: source, byteCount: bytes.count)
        }
        count += 5 + bytes.count
    }

    private mutating func text(_ text: String?, limit: Int = RowArena.maximumText) {
        guard let text else { return null() }
        // COST: `withUTF8` wants a copy of the text that it could change; texts from outside Swift are the exception.
        if text.utf8.withContiguousStorageIfAvailable({ put($0, limit) }) != nil { return }
        var copy = text
        copy.withUTF8 { put($0, limit) }
    }

    private mutating func put(_ text: UnsafeBufferPointer<UInt8>, _ limit: Int) {
        if text.count <= limit {
            put(Tag.text, UnsafeRawBufferPointer(text))
        } else {
            RowArena.cut(text, to: limit).withUnsafeBytes { put(Tag.text, $0) }
        }
    }

    /// The start of a text, cut between scalars, with a mark.
    private static func cut(_ bytes: UnsafeBufferPointer<UInt8>, to limit: Int) -> [UInt8] {
        var end = limit - 3
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return bytes[..<end] + Array("…".utf8)
    }

    /// The first of many names in their order, one more than a row keeps, so that it can say that there are others.
    // COST: a client may send as many names as its message has room for, and to sort them all takes tenths of a second.
    static func first(of keys: [String]) -> [String] {
        var first: [String] = []
        for key in keys where first.count <= maximumKeys || key < first[maximumKeys] {
            var (low, high) = (0, first.count)
            while low < high {
                let middle = (low + high) / 2
                if first[middle] < key { low = middle + 1 } else { high = middle }
            }
            if first.count > maximumKeys { first.removeLast() }
            first.insert(key, at: low)
        }
        return first
    }

    /// A JSON array of the sorted names.
    private mutating func keys(_ keys: [String]) {
        guard !keys.isEmpty else { return null() }
        // COST: of a few names, each finds its place sooner than `sorted()` has made its copies.
        var sorted = keys
        if keys.count > 16 {
            sorted.sort()
        } else {
            for index in sorted.indices.dropFirst() {
                var place = index
                while place > 0, sorted[place] < sorted[place - 1] {
                    sorted.swapAt(place, place - 1)
                    place -= 1
                }
            }
        }
        if sorted.count > RowArena.maximumKeys {
            sorted.removeSubrange(RowArena.maximumKeys...)
            sorted.append("…")
        }
        for index in sorted.indices where sorted[index].utf8.count > RowArena.maximumKeyBytes {
            var name = sorted[index]
            let cut = name.withUTF8 { RowArena.cut($0, to: RowArena.maximumKeyBytes) }
            sorted[index] = String(decoding: cut, as: UTF8.self)
        }
        // COST: a JSON writer of its own allocates; plain names, which nearly all are, need no escapes.
        let start = count
        reserve(6)
        memory.storeBytes(of: Tag.text, toByteOffset: count, as: UInt8.self)
        count += 5
        var separator = UInt8(ascii: "[")
        for index in sorted.indices {
            let isPlain = sorted[index].withUTF8 { name in
                reserve(name.count + 4)
                memory.storeBytes(of: separator, toByteOffset: count, as: UInt8.self)
                memory.storeBytes(of: UInt8(ascii: "\""), toByteOffset: count + 1, as: UInt8.self)
                count += 2
                for byte in name {
                    guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return false }
                    memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
                    count += 1
                }
                memory.storeBytes(of: UInt8(ascii: "\""), toByteOffset: count, as: UInt8.self)
                count += 1
                return true
            }
            guard isPlain else {
                count = start
                return text(StoredList.encode(sorted), limit: .max)
            }
            separator = UInt8(ascii: ",")
        }
        memory.storeBytes(of: UInt8(ascii: "]"), toByteOffset: count, as: UInt8.self)
        count += 1
        let length = UInt32(truncatingIfNeeded: count - start - 5)
        memory.storeBytes(of: length.bigEndian, toByteOffset: start + 1, as: UInt32.self)
    }

    /// Adds a new row, whose number and predecessor are not known yet.
    mutating func append(_ row: borrowing LedgerRow) {
        begin()
        integer(0)
        integer(row.time.microseconds)
        integer(row.decision)
        integer(Int64(row.outcome.rawValue))
        integer(row.isShadow ? 1 : 0)
        integer(row.isReleased ? 1 : 0)
        text(row.requestID)
        text(row.server)
        text(row.grantID)
        text(row.grantLabel)
        text(row.identity)
        text(row.sessionID)
        text(row.method)
        text(row.tool)
        keys(row.argumentKeys)
        if let digest = row.argumentDigest { digest.value.withBytes { put(Tag.blob, $0) } } else { null() }
        text(row.policy)
        integer(row.policyVersion.map(Int64.init))
        text(row.rule)
        text(row.ruleAlias)
        text(row.message)
        text(row.evidence)
        text(row.reservations, limit: RowArena.maximumReservations)
        integer(row.upstreamStatus.map(Int64.init))
        integer(row.latencyMicroseconds)
        integer(row.requestBytes)
        integer(row.responseBytes)
    }

    /// Adds the row that `statement` stands on, as it is stored, whatever the types of its columns.
    mutating func append(columnsOf statement: OpaquePointer) {
        begin()
        for column in 0..<Int32(RowArena.columnCount) {
            switch sqlite3_column_type(statement, column) {
            case SQLITE_INTEGER:
                integer(sqlite3_column_int64(statement, column))
            case SQLITE_TEXT:
                let start = sqlite3_column_text(statement, column)
                put(
                    Tag.text,
                    UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
            case SQLITE_NULL:
                null()
            default:
                let start = sqlite3_column_blob(statement, column)
                put(
                    Tag.blob,
                    UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
            }
        }
    }

    // MARK: Use

    /// Says which row comes before the one at `start`: its hash is at `previousHash` (32 bytes).
    func follow(_ start: Int, _ previousHash: UnsafeRawPointer) {
        (memory + start).copyMemory(from: previousHash, byteCount: 32)
    }

    /// Gives the row at `start` its number.
    func number(_ start: Int, _ seq: Int64) {
        memory.storeBytes(of: seq.bigEndian, toByteOffset: start + 34, as: Int64.self)
    }

    /// The number of the row at `start`.
    func number(of start: Int) -> Int64 {
        Int64(bigEndian: (memory + start + 34).loadUnaligned(as: Int64.self))
    }

    /// What the hash of the row from `start` to `end` is taken of.
    func bytes(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory + start, count: end - start)
    }

    /// Which columns of the row at `start` are NULL: bit 0 for the first.
    func shape(_ start: Int) -> UInt32 {
        var place = memory + start + 33
        var nulls: UInt32 = 0
        for index in 0..<UInt32(RowArena.columnCount) {
            switch place.load(as: UInt8.self) {
            case Tag.null:
                nulls |= 1 << index
                place += 1
            case Tag.integer:
                place += 9
            default:
                place += 5 + Int(UInt32(bigEndian: (place + 1).loadUnaligned(as: UInt32.self)))
            }
        }
        return nulls
    }

    /// Binds the columns of the row at `start` that aren't NULL to parameters of their numbers, 1 to 27, without copying:
    /// the statement must have run before the arena changes.
    func bind(_ start: Int, to statement: OpaquePointer) {
        var place = memory + start + 33
        for index in 0..<RowArena.columnCount {
            let parameter = Int32(truncatingIfNeeded: index + 1)
            switch place.load(as: UInt8.self) {
            case Tag.null:
                place += 1
            case Tag.integer:
                sqlite3_bind_int64(
                    statement, parameter, Int64(bigEndian: (place + 1).loadUnaligned(as: Int64.self)))
                place += 9
            case let tag:
                let length = Int32(
                    truncatingIfNeeded: UInt32(bigEndian: (place + 1).loadUnaligned(as: UInt32.self)))
                if tag == Tag.text {
                    let text = (place + 5).assumingMemoryBound(to: CChar.self)
                    sqlite3_bind_text(statement, parameter, text, length, nil)
                } else {
                    sqlite3_bind_blob(statement, parameter, place + 5, length, nil)
                }
                place += 5 + Int(length)
            }
        }
    }
}
