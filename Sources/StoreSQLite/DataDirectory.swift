import Base
import Glibc
import Store
import Synchronization

/// A folder with everything that survives: `sluice.db`, `secret.key`, `generation`, `serve.lock`, the ledger's journal.
package final class DataDirectory: Sendable {
    /// As it was given.
    package let path: String
    /// What is stored, and the way to change it.
    package let configuration: SQLiteConfigurationStore
    /// Hashes with the folder's key.
    package let hasher: SecretKey
    private let generation: GenerationFile

    private init(
        path: String, configuration: SQLiteConfigurationStore, hasher: SecretKey, generation: GenerationFile
    ) {
        self.path = path
        self.configuration = configuration
        self.hasher = hasher
        self.generation = generation
    }

    /// Opens the folder; with `create`, makes what is missing: the folder (mode 0700), the key (0600), the database.
    package static func open(_ path: String, create: Bool = true) throws(StoreError) -> DataDirectory {
        try prepare(path, create: create)
        let database = path + "/sluice.db"
        // A key made anew for an old database could open nothing in it, so a lost key is said, not replaced.
        let isNew = access(database, F_OK) != 0
        guard create || !isNew else {
            throw StoreError(
                .directory, "there is no `sluice.db` in `\(path)`",
                help: "start `sluice serve` once, or name the right folder with --data-dir")
        }
        let key = try SecretKey.load(path + "/secret.key", create: create && isNew)
        if isNew {
            // SQLite gives its other files the mode of this one. That the folder is closed to others may not be so.
            let descriptor = Glibc.open(database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if descriptor >= 0 { close(descriptor) }
        }
        let connection = try Connection(
            path: database, access: create ? .create : .write, busyTimeoutMilliseconds: 5_000)
        try writeAhead(connection)
        try Schema.migrate(connection, now: wallClock().microseconds)
        try check(key, in: connection, path: path)
        let generation = try GenerationFile(path: path + "/generation")
        let configuration = try SQLiteConfigurationStore(connection, key: key, generation: generation)
        return DataDirectory(path: path, configuration: configuration, hasher: key, generation: generation)
    }

    /// Takes the folder's one place for a gateway, until the lock is released or the process ends.
    package func lockForServing() throws(StoreError) -> ServeLock {
        try ServeLock(path: path + "/serve.lock", folder: path)
    }

    /// Starts the ledger's writer. `corrupt` when the ledger's end is not as it was sealed.
    package func openLedger(_ options: LedgerOptions = LedgerOptions()) throws(StoreError) -> SQLiteLedger {
        let journal = try LedgerJournal(folder: path, key: hasher, options: options)
        return try SQLiteLedger(folder: path, key: hasher, generation: generation, journal: journal, options: options)
    }

    /// The ledger for looking only, after the rows of a killed gateway's journal were put into it.
    package func ledgerReader() throws(StoreError) -> SQLiteLedgerReader {
        if let journal = LedgerJournal(leftIn: path, key: hasher) {
            // A ledger that takes no rows can still be looked at: that is how one learns why.
            try? SQLiteLedger(
                folder: path, key: hasher, generation: generation, journal: journal, options: LedgerOptions(),
                keepsRemains: true
            ).close()
        }
        return try SQLiteLedgerReader(folder: path, key: hasher)
    }

    private static func prepare(_ path: String, create: Bool) throws(StoreError) {
        let help = "name another folder with --data-dir, or make it writable for this user"
        var status = stat()
        if stat(path, &status) != 0 {
            let reason = errno
            guard reason == ENOENT, create else {
                throw StoreError(
                    .directory, "cannot use the data folder `\(path)`: \(errorText(reason))",
                    help: reason == ENOENT ? "start `sluice serve` once, or name the right one with --data-dir" : help)
            }
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                let reason = errno
                throw StoreError(
                    .directory, "cannot make the data folder `\(path)`: \(errorText(reason))",
                    help: reason == ENOENT ? "make the folder above it first" : help)
            }
            guard stat(path, &status) == 0 else {
                throw StoreError(
                    .directory, "cannot use the data folder `\(path)`: \(errorText(errno))", help: help)
            }
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(
                .directory, "the data folder `\(path)` is not a folder", help: "name a folder with --data-dir")
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw StoreError(
                .directory, "the data folder `\(path)` is not writable: \(errorText(errno))", help: help)
        }
    }

    /// SQLite may answer "locked" at once, without its usual wait, while another process switches the same new file.
    private static func writeAhead(_ connection: Connection) throws(StoreError) {
        var attempt = 0
        while true {
            do throws(StoreError) {
                // FULL: changes are rare, and a revocation must outlive a power failure.
                try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
                return
            } catch {
                attempt += 1
                guard error.code == .locked, attempt < 100 else { throw error }
                usleep(10_000)
            }
        }
    }

    /// Refuses a key that is not the one the database was made with.
    private static func check(_ key: SecretKey, in db: Connection, path: String) throws(StoreError) {
        let stored = try db.transaction { () throws(StoreError) -> [UInt8] in
            let query = try db.prepare("SELECT value FROM setting WHERE name = 'key_fingerprint'")
            if try query.step() {
                defer { query.reset() }
                return query.blob(0)
            }
            let note = try db.prepare("INSERT INTO setting VALUES ('key_fingerprint', ?1)")
            note.bind(1, blob: key.fingerprint)
            try note.run()
            try LedgerSeals.start(db, key)
            return key.fingerprint
        }
        guard stored == key.fingerprint else {
            throw StoreError(
                .secretKey, "`\(path)/secret.key` is not the key that `\(path)/sluice.db` was made with",
                help: "restore both from the same backup")
        }
    }
}

/// The right to serve from a data folder: one process at a time has it.
package final class ServeLock: Sendable {
    private let descriptor: Mutex<Int32>

    fileprivate init(path: String, folder: String) throws(StoreError) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            throw StoreError(
                .directory, "cannot use `\(path)`: \(errorText(errno))", help: "make it writable for this user")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            var text = [UInt8](repeating: 0, count: 20)
            let count = max(0, read(opened, &text, text.count))
            close(opened)
            guard reason == EWOULDBLOCK else {
                throw StoreError(.io, "cannot lock `\(path)`: \(errorText(reason))", help: "use a local disk")
            }
            let holder = String(decoding: text[..<count].prefix { (48...57).contains($0) }, as: UTF8.self)
            throw StoreError(
                .alreadyServing,
                "another gateway serves from `\(folder)`\(holder.isEmpty ? "" : " (process \(holder))")",
                help: "end it, or name another folder with --data-dir")
        }
        let line = Array("\(getpid())\n".utf8)
        _ = ftruncate(opened, 0)
        _ = write(opened, line, line.count)
        descriptor = Mutex(opened)
    }

    deinit {
        release()
    }

    /// Gives the place up. Doing it twice changes nothing.
    package func release() {
        descriptor.withLock { held in
            if held >= 0 { close(held) }
            held = -1
        }
    }
}

/// The time of day.
func wallClock() -> Instant {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Instant(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000)
}
