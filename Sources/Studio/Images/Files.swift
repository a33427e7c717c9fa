import Glibc

/// The few system calls on files that the stores need, with errors as texts. They block: worker threads only.
enum Files {
    /// What went wrong, in the system's words.
    struct Failure: Error, Equatable {
        let number: Int32
        let text: String

        init(_ number: Int32 = errno) {
            self.number = number
            text = String(cString: strerror(number))
        }
    }

    /// Makes the folder and those above it, readable by the owner only.
    static func makeFolder(_ path: String) throws(Failure) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else {
            throw Failure()
        }
        try makeFolder(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Failure() }
    }

    /// Reads a whole open file; stops with EFBIG above `limit` bytes.
    static func read(_ descriptor: Int32, size: Int, limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        // One byte more than promised, so that the usual file ends with one call and a growing one is noticed.
        var chunk = min(max(size, 0), limit) + 1
        while true {
            var count = 0
            let part = [UInt8](unsafeUninitializedCapacity: chunk) { buffer, filled in
                repeat { count = Glibc.read(descriptor, buffer.baseAddress, chunk) } while count < 0 && errno == EINTR
                filled = max(0, count)
            }
            if count < 0 { throw Failure() }
            if count == 0 { return bytes }
            if bytes.isEmpty { bytes = part } else { bytes += part }
            if bytes.count > limit { throw Failure(EFBIG) }
            chunk = 64 << 10
        }
    }

    /// Reads a file of our own folders.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Failure() }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw Failure() }
        return try read(descriptor, size: Int(information.st_size), limit: limit)
    }

    /// Writes a file so that others see all of it or nothing: to a name of its own, then renamed.
    /// - Parameters:
    ///   - durable: whether it must survive a power cut once this returns; costs an `fsync`.
    ///   - replacing: whether a file of this name may go; if not, it is EEXIST.
    static func write(
        _ bytes: [UInt8], to path: String, durable: Bool, replacing: Bool = true
    ) throws(Failure) {
        let temporary = "\(path).\(UUIDText.random().text).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure() }
        var failure: Failure?
        do throws(Failure) { try append(bytes, to: descriptor) } catch { failure = error }
        if failure == nil, durable, fsync(descriptor) != 0 { failure = Failure() }
        if close(descriptor) != 0, failure == nil { failure = Failure() }
        if failure == nil { failure = publish(temporary, as: path, replacing: replacing) }
        // The name itself has to survive as well.
        if failure == nil, durable, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
            let folder = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if folder >= 0 {
                if fsync(folder) != 0 { failure = Failure() }
                close(folder)
            }
        }
        if let failure {
            unlink(temporary)
            throw failure
        }
    }

    /// Writes all of it where the descriptor stands.
    static func append(_ bytes: [UInt8], to descriptor: Int32) throws(Failure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure()
            }
            written += count
        }
    }

    /// Gives a file its name. A link, unlike a renaming, never takes another's; file systems without links do without that.
    private static func publish(_ temporary: String, as path: String, replacing: Bool) -> Failure? {
        if !replacing {
            if link(temporary, path) == 0 {
                unlink(temporary)
                return nil
            }
            let failure = Failure()
            if ![EPERM, EOPNOTSUPP, ENOSYS].contains(failure.number) { return failure }
        }
        return rename(temporary, path) == 0 ? nil : Failure()
    }

    /// Size in bytes and time of the last change (seconds since 1970) of a regular file; nil for anything else.
    static func information(_ path: String) -> (bytes: Int, changed: Int)? {
        var information = stat()
        guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { return nil }
        return (Int(information.st_size), Int(information.st_mtim.tv_sec))
    }

    /// Sets the time of the last change to now, or leaves it if that was within the last minute; the stores use it as the
    /// time of last use, and count in hours and days.
    static func touch(_ path: String) {
        // COST: a change of the time is written to the disk's journal.
        if let (_, changed) = information(path), (0..<60).contains(now - changed) { return }
        utimensat(AT_FDCWD, path, nil, AT_SYMLINK_NOFOLLOW)
    }

    /// Names in a folder, sorted, without those that begin with a dot; empty if it can't be read.
    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.utf8.first != UInt8(ascii: ".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The regular files in a folder and at most `depth` levels of folders below it; links are not followed.
    static func tree(_ folder: String, depth: Int) -> [String] {
        var files: [String] = []
        for name in names(in: folder) {
            let path = "\(folder)/\(name)"
            var information = stat()
            guard lstat(path, &information) == 0 else { continue }
            if information.st_mode & S_IFMT == S_IFREG { files.append(path) }
            if information.st_mode & S_IFMT == S_IFDIR, depth > 0 { files += tree(path, depth: depth - 1) }
        }
        return files
    }

    /// Removes a file, if it is there.
    static func remove(_ path: String) { unlink(path) }

    /// Whether anything has this name.
    static func exists(_ path: String) -> Bool {
        var information = stat()
        return lstat(path, &information) == 0
    }

    /// The last part of a path.
    static func name(of path: String) -> String {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
    }

    /// The canonical form of an existing path, every symbolic link resolved; nil if it does not exist, can't be reached
    /// or is no UTF-8.
    static func canonical(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(validatingCString: resolved)
    }

    /// Seconds since 1970.
    static var now: Int { time(nil) }
}
