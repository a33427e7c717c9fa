import Base
import COpenSSL
import CSQLite
import Glibc
import JSON
import Store

/// The one form of a row that hashes are taken of, built in memory that is used again for the next row. The texts in it
/// are also what SQLite is given to store, so nothing is copied twice. The form is described in docs/ledger.md.
final class RowEncoding {
    /// Columns before `hash`, in the table's order.
    static let columnCount = 27
    /// Marks version 1 of the form.
    static let version: UInt8 = 1
    /// Texts that a client or an upstream can make long are cut here, in bytes.
    static let maximumText = 4_096
    /// Names of arguments beyond this many are left out.
    static let maximumKeys = 256
    /// A longer text can't be cut without losing quota, so the row is refused. In bytes.
    static let maximumReservations = 65_536

    private enum Kind: UInt8 {
        case null = 0
        case integer = 1
        case text = 2
        case blob = 3
    }

    private struct Column {
        var kind = Kind.null
        var offset = 0
        var count = 0
        var integer: Int64 = 0
    }

    private var memory: UnsafeMutableRawPointer
    private var capacity = 4_096
    private var count = 0
    private var columns = [Column](repeating: Column(), count: RowEncoding.columnCount)
    private var next = 0
    /// What each parameter was bound to last, so that NULL need not be bound again.
    private var bound = [Kind](repeating: .null, count: RowEncoding.columnCount)

    init() {
        memory = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit {
        memory.deallocate()
    }

    /// The bytes so far; valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    /// Starts a row that follows the one with `previousHash` (32 bytes).
    func begin(after previousHash: UnsafeRawPointer) {
        memory.copyMemory(from: previousHash, byteCount: 32)
        memory.storeBytes(of: RowEncoding.version, toByteOffset: 32, as: UInt8.self)
        count = 33
        next = 0
    }

    private func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        memory = larger
    }

    func integer(_ value: Int64?) {
        guard let value else { return null() }
        reserve(9)
        memory.storeBytes(of: Kind.integer.rawValue, toByteOffset: count, as: UInt8.self)
        memory.storeBytes(of: value.bigEndian, toByteOffset: count + 1, as: Int64.self)
        count += 9
        columns[next].kind = .integer
        columns[next].integer = value
        next += 1
    }

    func null() {
        reserve(1)
        memory.storeBytes(of: Kind.null.rawValue, toByteOffset: count, as: UInt8.self)
        count += 1
        columns[next].kind = .null
        next += 1
    }

    func text(_ text: String?, limit: Int = RowEncoding.maximumText) {
        guard var text else { return null() }
        text.withUTF8 { bytes in
            if bytes.count <= limit {
                put(.text, UnsafeRawBufferPointer(bytes))
            } else {
                // Cut between scalars and leave room for the mark.
                var end = limit - 3
                while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
                var cut = Array(bytes[..<end])
                cut.append(contentsOf: "…".utf8)
                cut.withUnsafeBytes { put(.text, $0) }
            }
        }
    }

    func text(_ bytes: UnsafeRawBufferPointer) { put(.text, bytes) }

    func blob(_ bytes: UnsafeRawBufferPointer) { put(.blob, bytes) }

    private func put(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) {
        reserve(5 + bytes.count)
        memory.storeBytes(of: kind.rawValue, toByteOffset: count, as: UInt8.self)
        memory.storeBytes(
            of: UInt32(truncatingIfNeeded: bytes.count).bigEndian, toByteOffset: count + 1, as: UInt32.self)
        if let source = bytes.baseAddress {
            (memory + count + 5).copyMemory(from: source, byteCount: bytes.count)
        }
        columns[next].kind = kind
        columns[next].offset = count + 5
        columns[next].count = bytes.count
        count += 5 + bytes.count
        next += 1
    }

    /// All columns of a new row.
    func append(_ row: LedgerRow, seq: Int64) {
        integer(seq)
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
        if let digest = row.argumentDigest { digest.value.withBytes { blob($0) } } else { null() }
        text(row.policy)
        integer(row.policyVersion.map(Int64.init))
        text(row.rule)
        text(row.ruleAlias)
        text(row.message)
        text(row.evidence)
        text(row.reservations, limit: RowEncoding.maximumReservations)
        integer(row.upstreamStatus.map(Int64.init))
        integer(row.latencyMicroseconds)
        integer(row.requestBytes)
        integer(row.responseBytes)
    }

    private func keys(_ keys: [String]) {
        guard !keys.isEmpty else { return null() }
        var sorted = keys.count == 1 ? keys : keys.sorted()
        if sorted.count > RowEncoding.maximumKeys {
            sorted.removeSubrange(RowEncoding.maximumKeys...)
            sorted.append("…")
        }
        // Cut inside would be no JSON, so single names are cut instead: 256 of them at 256 bytes fit the limit below.
        for index in sorted.indices where sorted[index].utf8.count > 256 {
            sorted[index] = String(decoding: sorted[index].utf8.prefix(253), as: UTF8.self) + "…"
        }
        text(StoredList.encode(sorted), limit: .max)
    }

    /// All columns of the row that `statement` stands on, as they are stored, whatever their types.
    func append(columnsOf statement: OpaquePointer) {
        for column in 0..<Int32(RowEncoding.columnCount) {
            switch sqlite3_column_type(statement, column) {
            case SQLITE_INTEGER:
                integer(sqlite3_column_int64(statement, column))
            case SQLITE_TEXT:
                let start = sqlite3_column_text(statement, column)
                text(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
            case SQLITE_NULL:
                null()
            default:
                let start = sqlite3_column_blob(statement, column)
                blob(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
            }
        }
    }

    /// Binds the columns to parameters 1 to 27 without copying: the statement must be run before the next `begin`.
    func bind(to statement: OpaquePointer) {
        for index in 0..<RowEncoding.columnCount {
            let parameter = Int32(truncatingIfNeeded: index + 1)
            let column = columns[index]
            switch column.kind {
            case .null:
                if bound[index] != .null { sqlite3_bind_null(statement, parameter) }
            case .integer:
                sqlite3_bind_int64(statement, parameter, column.integer)
            case .text:
                let start = (memory + column.offset).assumingMemoryBound(to: CChar.self)
                sqlite3_bind_text(statement, parameter, start, Int32(truncatingIfNeeded: column.count), nil)
            case .blob:
                sqlite3_bind_blob(
                    statement, parameter, memory + column.offset, Int32(truncatingIfNeeded: column.count), nil)
            }
            bound[index] = column.kind
        }
    }
}

/// SHA-256 with a context that is used again: fetching the algorithm anew costs more than hashing a row.
final class RowDigest {
    private let context: OpaquePointer
    private let algorithm: OpaquePointer

    init() throws(StoreError) {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil), let context = EVP_MD_CTX_new() else {
            throw StoreError(.io, "OpenSSL has no SHA-256", help: "check the OpenSSL configuration")
        }
        self.algorithm = algorithm
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    /// Writes 32 bytes to `out`; false when OpenSSL failed.
    func hash(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<UInt8>) -> Bool {
        EVP_DigestInit_ex2(context, algorithm, nil) == 1
            && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
            && EVP_DigestFinal_ex(context, out, nil) == 1
    }
}
