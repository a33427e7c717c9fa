import Glibc

/// Reading the files that commands are given.
enum Files {
    /// The bytes of a file, or of standard input for `-`. Refuses more than `limit` bytes before keeping them.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }

        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else {
                throw Failure(.usage, "\(path) is larger than \(limit >> 10) KiB, the most that is read here")
            }
        }
    }

    /// A path that means the same from every folder. Lexical: nothing is looked up.
    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        let trimmed = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return "\(String(cString: here))/\(trimmed)"
    }

    /// Whether `path` names a file that this user may run.
    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    private static func unreadable(_ path: String, _ code: Int32) -> Failure {
        path.isEmpty
            ? Failure(.usage, "a file's name is empty")
            : Failure(.usage, "can't read \(path): \(String(cString: strerror(code)))")
    }
}
