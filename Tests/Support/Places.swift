import Glibc

/// Where the tests find the package and the data that is shared between projects.
package enum Places {
    /// The folder of `Package.swift`, without a slash at the end.
    package static let packageRoot: String = {
        // The real path, because a checkout may be reached through symbolic links.
        let source = realPath(#filePath) ?? #filePath
        return source.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    }()

    /// The folder of the shared suites and pictures: `SLUICE_SHARED`, else `../shared` beside the package.
    package static let shared: String = {
        if let path = getenv("SLUICE_SHARED") { return String(cString: path) }
        return packageRoot.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/shared"
    }()

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// A file or folder that a test needs and can't have.
package struct FileProblem: Error, CustomStringConvertible {
    package let path: String
    /// The `errno` of the failed call.
    package let code: Int32

    package var description: String { "\(path): \(String(cString: strerror(code)))" }
}

/// The whole content of a file.
/// - Throws: `FileProblem` if it can't be opened or read.
package func readFile(_ path: String) throws(FileProblem) -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw FileProblem(path: path, code: errno) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        bytes.append(contentsOf: chunk[..<count])
        guard count == chunk.count else { break }
    }
    guard ferror(file) == 0 else { throw FileProblem(path: path, code: EIO) }
    return bytes
}

/// Replaces the content of a file, making it if needed.
/// - Throws: `FileProblem` if it can't be written.
package func writeFile(_ path: String, _ bytes: [UInt8]) throws(FileProblem) {
    guard let file = fopen(path, "wb") else { throw FileProblem(path: path, code: errno) }
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else { throw FileProblem(path: path, code: EIO) }
}

/// The names in a folder, sorted, without those that start with a dot.
/// - Throws: `FileProblem` if it can't be read.
package func listFolder(_ path: String) throws(FileProblem) -> [String] {
    guard let folder = opendir(path) else { throw FileProblem(path: path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
}

/// A new folder for one test, removed with everything in it when the last reference goes.
package final class TemporaryFolder: Sendable {
    /// The absolute path, without a slash at the end.
    package let path: String

    /// - Throws: `FileProblem` if no folder can be made under `TMPDIR` (or `/tmp`).
    package init() throws(FileProblem) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/sluice-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileProblem(path: parent, code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path)
    }

    /// Symbolic links are removed, not followed.
    private static func remove(_ path: String) {
        guard unlink(path) != 0, let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove(path + "/" + name) }
        }
        closedir(folder)
        rmdir(path)
    }
}
