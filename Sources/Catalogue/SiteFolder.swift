internal import Glibc

/// The folder that a site is written to. Only files of its own are ever replaced or removed.
struct SiteFolder {
    private static let marker = ".sluice-catalogue"
    private static let parts = ["server", "attack", "family", "search", "assets"]

    let path: String

    /// Makes the folder, or takes one that an earlier export has made; what that one wrote is removed.
    /// - Throws: `unwritable` for a folder with other people's files.
    init(_ path: String) throws(CatalogueError) {
        self.path = path
        if mkdir(path, 0o755) != 0 {
            guard errno == EEXIST else { throw SiteFolder.problem(path, errno) }
            let names = try SiteFolder.names(in: path)
            guard names.isEmpty || names.contains(Self.marker) else {
                throw CatalogueError(
                    .unwritable, "the folder \(path) has other files in it",
                    mend: "name a new or an empty folder, or one that an earlier export has made")
            }
        }
        try write(
            Self.marker, Array("Made by sluice catalogue export; the next export replaces the pages here.\n".utf8))
        for part in Self.parts {
            try SiteFolder.remove("\(path)/\(part)")
            try folder(part)
        }
    }

    func folder(_ name: String) throws(CatalogueError) {
        guard mkdir("\(path)/\(name)", 0o755) == 0 || errno == EEXIST else {
            throw SiteFolder.problem("\(path)/\(name)", errno)
        }
    }

    func write(_ name: String, _ bytes: [UInt8], append: Bool = false) throws(CatalogueError) {
        let file = "\(path)/\(name)"
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (append ? O_APPEND : O_TRUNC)
        let descriptor = open(file, flags, 0o644)
        guard descriptor >= 0 else { throw SiteFolder.problem(file, errno) }
        defer { close(descriptor) }
        let reason = bytes.withUnsafeBytes { buffer -> Int32 in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return errno }
                sent += count
            }
            return 0
        }
        guard reason == 0 else { throw SiteFolder.problem(file, reason) }
    }

    private static func names(in folder: String) throws(CatalogueError) -> [String] {
        guard let stream = opendir(folder) else { throw problem(folder, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a folder of ours with what is in it; links are removed, not followed.
    private static func remove(_ path: String, depth: Int = 0) throws(CatalogueError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR, depth < 4 {
            for name in try names(in: path) { try remove("\(path)/\(name)", depth: depth + 1) }
            guard rmdir(path) == 0 else { throw problem(path, errno) }
        } else {
            guard unlink(path) == 0 else { throw problem(path, errno) }
        }
    }

    private static func problem(_ path: String, _ code: Int32) -> CatalogueError {
        CatalogueError(
            .unwritable, "can't write \(path): \(String(cString: strerror(code)))",
            mend: "name a folder that this user may write, on a disk with room")
    }
}
