import Base
import Glibc

/// A client's configuration file: read whole, replaced whole.
struct ClientFile {
    /// More than any client's settings.
    private static let maxBytes = 16 << 20

    /// Where it really is: links are followed, so that they stay links.
    let path: String
    /// Nil when there is none yet.
    let bytes: [UInt8]?
    private let mode: mode_t

    init(_ named: String) throws(Failure) {
        let path = Self.real(named)
        self.path = path
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else {
                throw Failure(.unable, "can't look at \(path): \(String(cString: strerror(errno)))")
            }
            bytes = nil
            mode = 0o600
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(.usage, "\(path) is no regular file") }
        bytes = try Files.read(path, limit: Self.maxBytes)
        mode = status.st_mode & 0o7777
    }

    /// Puts `new` in its place: at every moment there is either the old file or the new one.
    /// - Returns: where the old one was kept; nil when there was none.
    func replace(with new: [UInt8]) throws(Failure) -> String? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        try Self.makeFolder(folder.isEmpty ? "/" : folder)
        let backup = try keepOld()
        let temporary = "\(path).sluice-\(getpid())"
        try Self.write(new, to: temporary, mode: mode)
        // Clients write their files, too: what was read must still be there.
        guard (try? ClientFile(path))?.bytes == bytes else {
            unlink(temporary)
            if let backup { unlink(backup) }
            throw Failure(.unable, "\(path) was changed by another program at this moment", mend: "try again")
        }
        guard rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw Failure(.unable, "can't replace \(path): \(reason)")
        }
        let handle = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if handle >= 0 {
            fsync(handle)
            close(handle)
        }
        return backup
    }

    private func keepOld() throws(Failure) -> String? {
        guard let bytes else { return nil }
        let stamp = Clock.now.iso8601.prefix(19).filter { $0 != "-" && $0 != ":" }
        for number in 1...100 {
            let backup = "\(path).backup-\(stamp)\(number == 1 ? "" : "-\(number)")"
            if access(backup, F_OK) == 0 { continue }
            try Self.write(bytes, to: backup, mode: mode)
            return backup
        }
        throw Failure(.unable, "there are too many backups of \(path)", mend: "remove some of \(path).backup-*")
    }

    private static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(Failure) {
        func failed(_ reason: Int32) -> Failure {
            unlink(path)
            return Failure(.unable, "can't write \(path): \(String(cString: strerror(reason)))")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(.unable, "can't write \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failed(errno) }
            sent += count
        }
        guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else { throw failed(errno) }
    }

    private static func makeFolder(_ path: String) throws(Failure) {
        if access(path, F_OK) == 0 || path.isEmpty { return }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeFolder(String(path[..<slash])) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw Failure(.unable, "can't make the folder \(path): \(String(cString: strerror(errno)))")
        }
    }

    private static func real(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return Files.absolute(path) }
        defer { free(real) }
        return String(cString: real)
    }
}
