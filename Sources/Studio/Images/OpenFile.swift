import Glibc

/// A file of our own folders that is read in parts. Its calls block: worker threads only.
final class OpenFile: Sendable {
    private let descriptor: Int32
    /// Bytes, when it was opened.
    let size: Int

    /// - Throws: `fileNotFound` when it is not there, or is no regular file.
    init(_ path: String) throws(StudioError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw StudioError(.fileNotFound, Files.Failure().text) }
        var information = stat()
        guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw StudioError(.fileNotFound, "it is no regular file")
        }
        size = Int(information.st_size)
    }

    deinit { close(descriptor) }

    /// The bytes of a part; fewer when the file ends there by now.
    func read(_ range: Range<Int>) throws(StudioError) -> [UInt8] {
        var failure: Files.Failure?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            filled = 0
            while filled < range.count, let base = buffer.baseAddress {
                let count = pread(descriptor, base + filled, range.count - filled, range.lowerBound + filled)
                if count < 0 {
                    if errno == EINTR { continue }
                    failure = Files.Failure()
                }
                if count <= 0 { return }
                filled += count
            }
        }
        if let failure { throw StudioError(storage: failure) }
        return bytes
    }
}
