import Glibc

/// How much a folder holds, in a file beside what it counts: all processes that share the folder agree on it. Read and
/// written under the folder's lock.
struct FolderUsage {
    /// Of a folder.
    struct Sum: Equatable {
        var bytes = 0
        /// Files.
        var count = 0
    }

    let path: String

    /// Nil: nobody has counted yet, or what is there makes no sense.
    func read() -> Sum? {
        guard let bytes = try? Files.read(path, limit: 64) else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: " ")).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        guard parts.count == 2, parts[0] >= 0, parts[1] >= 0 else { return nil }
        return Sum(bytes: parts[0], count: parts[1])
    }

    /// Replaces it. A count that can't be written is made anew next time.
    func write(_ sum: Sum) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return Files.remove(path) }
        defer { close(descriptor) }
        do throws(Files.Failure) { try Files.append(Array("\(sum.bytes) \(sum.count)".utf8), to: descriptor) } catch {
            Files.remove(path)
        }
    }
}
