import CSQLite
import Glibc
import Store

/// One SQLite connection. Not `Sendable`: it belongs to one thread, or sits inside a `Mutex`.
///
/// Opened without SQLite's own mutexes, since that ownership makes them needless work.
final class Connection {
    private let handle: OpaquePointer
    /// The file, for messages.
    let path: String

    /// How a database file is opened.
    enum Access {
        /// Read and write; made when it isn't there.
        case create
        /// Read and write; must be there.
        case write
        /// Read only; must be there.
        case read
    }

    init(path: String, access: Access, busyTimeoutMilliseconds: Int32) throws(StoreError) {
        let flags: Int32
        switch access {
        case .create: flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        case .write: flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        case .read: flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
        }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let error = Connection.error(code, opened, path: path, doing: "open")
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        self.path = path
        sqlite3_extended_result_codes(opened, 1)
        sqlite3_busy_timeout(opened, busyTimeoutMilliseconds)
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// Runs statements that give no rows, or whose rows don't matter.
    func execute(_ sql: String) throws(StoreError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, doing: "change") }
    }

    /// A statement to be used often.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code, doing: "read") }
        return Statement(statement, of: self)
    }

    /// Runs `body` inside a transaction; rolls back when it throws.
    func transaction<R>(
        _ begin: StaticString = "BEGIN IMMEDIATE", _ body: () throws(StoreError) -> R
    ) throws(StoreError) -> R {
        try execute("\(begin)")
        do throws(StoreError) {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            rollback()
            throw error
        }
    }

    /// Ends a transaction that failed. SQLite may have ended it already, so the answer doesn't matter.
    func rollback() {
        if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    /// Rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// Moves pages from the write-ahead log into the file as far as nobody reads them. Failing is harmless: the log grows.
    func checkpoint(truncate: Bool = false) {
        sqlite3_wal_checkpoint_v2(
            handle, nil, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    /// Has `pages` receive the length of the write-ahead log after each commit, in place of automatic checkpoints.
    func watchLog(_ pages: UnsafeMutablePointer<Int32>) {
        sqlite3_wal_hook(
            handle,
            { context, _, _, count in
                context?.assumingMemoryBound(to: Int32.self).pointee = count
                return SQLITE_OK
            }, pages)
    }

    func error(_ code: Int32, doing what: String) -> StoreError {
        Connection.error(code, handle, path: path, doing: what)
    }

    /// SQLite's messages name tables and columns, never values, so they may be passed on.
    private static func error(
        _ code: Int32, _ handle: OpaquePointer?, path: String, doing what: String
    ) -> StoreError {
        let reason = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "out of memory"
        let message = "cannot \(what) the database `\(path)`: \(reason)"
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED:
            return StoreError(.locked, message, help: "another process holds it; end that process or try again")
        case SQLITE_FULL:
            return StoreError(.full, message, help: "free some disk space; nothing was lost")
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
            return StoreError(.readOnly, message, help: "make the folder and its files writable for this user")
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT:
            return StoreError(.corrupt, message, help: "restore the folder from a backup, or move it aside")
        case SQLITE_CANTOPEN:
            return StoreError(.directory, message, help: "check that the folder exists and is writable for this user")
        default:
            return StoreError(.io, message, help: "check the disk and the file's permissions")
        }
    }
}

/// A prepared statement; resets itself when asked for the next use.
final class Statement {
    let handle: OpaquePointer
    private let connection: Connection

    fileprivate init(_ handle: OpaquePointer, of connection: Connection) {
        self.handle = handle
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// True while there is a row; after the last one the statement is ready for its next use.
    func step() throws(StoreError) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        let failure = code == SQLITE_DONE ? nil : connection.error(code, doing: "use")
        sqlite3_reset(handle)
        if let failure { throw failure }
        return false
    }

    /// Runs to the end.
    func run() throws(StoreError) {
        while try step() {}
    }

    /// Makes it ready for its next use before its last row was read.
    func reset() { sqlite3_reset(handle) }

    // Parameters are numbered from 1. Texts and blobs are copied by SQLite; the ledger's writer has its own way.

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { sqlite3_bind_int64(handle, index, value) } else { sqlite3_bind_null(handle, index) }
    }

    func bind(_ index: Int32, _ value: String?) {
        guard var value else {
            sqlite3_bind_null(handle, index)
            return
        }
        value.withUTF8 { bytes in
            // An empty buffer may have no address, which SQLite would take for NULL.
            let address = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            if let address {
                sqlite3_bind_text(handle, index, address, Int32(bytes.count), Statement.copied)
            } else {
                sqlite3_bind_text(handle, index, "", 0, Statement.copied)
            }
        }
    }

    func bind(_ index: Int32, blob: [UInt8]?) {
        guard let blob else {
            sqlite3_bind_null(handle, index)
            return
        }
        if blob.isEmpty {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            blob.withUnsafeBytes {
                _ = sqlite3_bind_blob(handle, index, $0.baseAddress, Int32($0.count), Statement.copied)
            }
        }
    }

    /// Binds bytes that stay where they are until the statement has run.
    func bindInPlace(_ index: Int32, _ bytes: UnsafePointer<UInt8>, count: Int32) {
        sqlite3_bind_blob(handle, index, bytes, count, nil)
    }

    // Columns are numbered from 0.

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// A text's bytes where they lie, for as long as `body` runs.
    func withBytes<R>(_ column: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        let bytes = sqlite3_column_text(handle, column)
        return body(
            UnsafeBufferPointer(start: bytes, count: bytes == nil ? 0 : Int(sqlite3_column_bytes(handle, column))))
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// Whether the column is a blob of just these bytes.
    func holds(_ bytes: [UInt8], inColumn column: Int32) -> Bool {
        guard sqlite3_column_type(handle, column) == SQLITE_BLOB,
            Int(sqlite3_column_bytes(handle, column)) == bytes.count,
            let stored = sqlite3_column_blob(handle, column)
        else { return false }
        return memcmp(stored, bytes, bytes.count) == 0
    }

    /// SQLITE_TRANSIENT, a macro that Swift can't import.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}
