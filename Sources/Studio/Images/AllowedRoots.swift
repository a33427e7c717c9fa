import Glibc

/// The folders from which files may be read on an agent's word. Without any, no file may.
///
/// The path is judged in its canonical form, before anything is opened. Opening then walks down from the root one name
/// at a time and follows no link, so that a path that changes in between can't lead out.
package struct AllowedRoots: Sendable, Equatable {
    /// Canonical, absolute.
    package let folders: [String]
    /// Our own results: readable by absolute path, so that an agent can hand back what it was given. Not told of in messages.
    private let outputs: String?

    /// No folder: every path is refused.
    package static let none = AllowedRoots()

    private init() {
        folders = []
        outputs = nil
    }

    /// - Throws: `fileNotFound` for a folder that does not exist or is none.
    package init(_ folders: [String], outputs: String? = nil) throws(StudioError) {
        self.outputs = outputs.flatMap { Files.canonical($0) }
        var canonical: [String] = []
        for folder in folders {
            guard let path = Files.canonical(folder), Self.isFolder(path) else {
                throw StudioError(.fileNotFound, "the allowed folder \(quoted(folder)) does not exist or is no folder")
            }
            if !canonical.contains(path) { canonical.append(path) }
        }
        self.folders = canonical
    }

    private static func isFolder(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    /// A path that was found inside an allowed folder.
    package struct Found: Sendable, Equatable {
        /// The allowed folder, canonical.
        package let root: String
        /// Canonical, absolute.
        package let path: String
    }

    /// Finds the canonical path; opens nothing.
    ///
    /// A relative path is looked up in each allowed folder in turn. What lies outside is refused alike whether it
    /// exists or not, so that the answer tells nothing about other folders.
    package func find(_ given: String) throws(StudioError) -> Found {
        var path = given
        if let rest = Self.fileURLPath(given) {
            guard let decoded = rest else {
                throw StudioError(
                    .invalidParameter, "\(quoted(given)) is no `file:///absolute/path` URL of this machine")
            }
            path = decoded
        }
        guard !path.utf8.contains(0) else {
            throw StudioError(.invalidParameter, "the path contains a NUL character")
        }
        guard !path.isEmpty, path.utf8.count < Int(PATH_MAX) else {
            throw StudioError(.invalidParameter, "the path is empty or longer than \(PATH_MAX - 1) bytes")
        }
        guard !folders.isEmpty || outputs != nil else {
            throw StudioError(
                .pathNotAllowed,
                "this server reads no local files; send the picture as a data URI, or start the server with --allow-root FOLDER"
            )
        }
        let candidates = path.utf8.first == UInt8(ascii: "/") ? [path] : folders.map { "\($0)/\(path)" }
        var isMissingInside = false
        for candidate in candidates {
            if let canonical = Files.canonical(candidate) {
                if let root = root(of: canonical) { return Found(root: root, path: canonical) }
            } else if let above = Self.deepestExisting(candidate), root(of: above) != nil {
                isMissingInside = true
            }
        }
        if isMissingInside { throw StudioError(.fileNotFound, "there is no file \(quoted(given))") }
        throw StudioError(
            .pathNotAllowed,
            "\(quoted(given)) lies outside the folders this server may read (\(listed)); copy the file there, or start the server with --allow-root FOLDER"
        )
    }

    /// Reads a regular file inside the allowed folders.
    package func read(_ given: String, maxBytes: Int) throws(StudioError) -> [UInt8] {
        let found = try find(given)
        let descriptor = try open(found, given: given)
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            throw notRegular(given)
        }
        // Files of /proc and /sys say they are regular and empty; a picture is never empty.
        guard information.st_size > 0 else { throw StudioError(.invalidImage, "\(quoted(given)) is empty") }
        guard information.st_size <= maxBytes else { throw tooLarge(given, Int(information.st_size), maxBytes) }
        do throws(Files.Failure) {
            return try Files.read(descriptor, size: Int(information.st_size), limit: maxBytes)
        } catch {
            if error.number == EFBIG { throw tooLarge(given, maxBytes + 1, maxBytes) }
            throw StudioError(.fileNotReadable, "\(quoted(given)) can't be read: \(error.text)")
        }
    }

    private var listed: String {
        if folders.isEmpty { return "none is allowed" }
        return folders.prefix(4).joined(separator: ", ") + (folders.count > 4 ? ", …" : "")
    }

    /// The allowed folder that holds a canonical path. Compared byte by byte: `String` would compare by Unicode
    /// equivalence, and the kernel does not.
    private func root(of canonical: String) -> String? {
        let path = Array(canonical.utf8)
        for forbidden in ["/proc", "/sys", "/dev"] where Self.contains(Array(forbidden.utf8), path) { return nil }
        return (folders + (outputs.map { [$0] } ?? [])).first { Self.contains(Array($0.utf8), path) }
    }

    private static func contains(_ folder: [UInt8], _ path: [UInt8]) -> Bool {
        if folder == [UInt8(ascii: "/")] { return true }
        guard path.starts(with: folder) else { return false }
        return path.count == folder.count || path[folder.count] == UInt8(ascii: "/")
    }

    /// The canonical form of the nearest folder above `path` that exists.
    private static func deepestExisting(_ path: String) -> String? {
        var bytes = Array(path.utf8)
        while let slash = bytes.lastIndex(of: UInt8(ascii: "/")) {
            bytes.removeSubrange(slash...)
            if let canonical = Files.canonical(bytes.isEmpty ? "/" : String(decoding: bytes, as: UTF8.self)) {
                return canonical
            }
        }
        return nil
    }

    /// Nil: no `file:` URL. `.some(nil)`: one that names another machine or is malformed.
    private static func fileURLPath(_ given: String) -> String?? {
        let bytes = Array(given.utf8)
        let scheme = Array("file://".utf8)
        guard bytes.count >= scheme.count, zip(bytes, scheme).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else { return nil }
        var rest = bytes[scheme.count...]
        let host = Array("localhost".utf8)
        if rest.starts(with: host) { rest = rest.dropFirst(host.count) }
        guard rest.first == UInt8(ascii: "/") else { return .some(nil) }
        var path: [UInt8] = []
        var i = rest.startIndex
        while i < rest.endIndex {
            if rest[i] == UInt8(ascii: "%") {
                guard i + 2 < rest.endIndex, let high = hexDigit(rest[i + 1]), let low = hexDigit(rest[i + 2]) else {
                    return .some(nil)
                }
                path.append(high << 4 | low)
                i += 3
            } else {
                path.append(rest[i])
                i += 1
            }
        }
        return .some(String(validating: path, as: UTF8.self))
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    // MARK: Opening

    /// `O_PATH`: for walking, needs no right to list the folder. The header hides it from Swift; the value is the same on
    /// all Linux systems that Swift runs on.
    private static let pathOnly: Int32 = 0o10_000_000

    /// Walks from the root down to the file, following no link at any step.
    private func open(_ found: Found, given: String) throws(StudioError) -> Int32 {
        let rootBytes = found.root == "/" ? 0 : found.root.utf8.count
        let below = found.path.utf8.dropFirst(rootBytes).split(separator: UInt8(ascii: "/"))
        guard let last = below.last else { throw notRegular(given) }
        var folder = Glibc.open(found.root, Self.pathOnly | O_DIRECTORY | O_CLOEXEC)
        for name in below.dropLast() where folder >= 0 {
            let next = openat(
                folder, String(decoding: name, as: UTF8.self), Self.pathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            close(folder)
            folder = next
        }
        guard folder >= 0 else { throw unreadable(given, errno) }
        defer { close(folder) }
        let name = String(decoding: last, as: UTF8.self)
        // Looked at first, because opening a device or a pipe can have effects of its own.
        var information = stat()
        guard fstatat(folder, name, &information, AT_SYMLINK_NOFOLLOW) == 0 else { throw unreadable(given, errno) }
        guard information.st_mode & S_IFMT == S_IFREG else { throw notRegular(given) }
        let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(given, errno) }
        return descriptor
    }

    private func notRegular(_ given: String) -> StudioError {
        StudioError(.fileNotReadable, "\(quoted(given)) is no regular file")
    }

    private func unreadable(_ given: String, _ number: Int32) -> StudioError {
        if number == ENOENT { return StudioError(.fileNotFound, "there is no file \(quoted(given))") }
        if number == ELOOP || number == ENOTDIR {
            return StudioError(.pathNotAllowed, "\(quoted(given)) changed while it was being opened")
        }
        return StudioError(.fileNotReadable, "\(quoted(given)) can't be opened: \(String(cString: strerror(number)))")
    }

    private func tooLarge(_ given: String, _ bytes: Int, _ limit: Int) -> StudioError {
        StudioError(.imageTooLarge, "\(quoted(given)) has \(bytes) bytes; at most \(limit) are accepted")
    }
}
