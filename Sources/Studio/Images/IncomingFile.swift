import Glibc

/// A file that comes in parts. Others see all of it under its name, or nothing. Its calls block: worker threads only.
// SAFETY: one call uses it, one part after the other.
final class IncomingFile: @unchecked Sendable {
    /// Where it will be.
    let path: String
    /// Bytes so far.
    private(set) var count = 0
    private let temporary: String
    private var descriptor: Int32
    private var isFinished = false

    /// Begins a file beside its place.
    init(path: String) throws(StudioError) {
        self.path = path
        temporary = "\(path).\(UUIDText.random().text).part"
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if descriptor < 0 { throw StudioError(storage: Files.Failure()) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isFinished { unlink(temporary) }
    }

    /// Forgets what came so far.
    func restart() throws(StudioError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw StudioError(storage: Files.Failure())
        }
        count = 0
    }

    /// Adds a part at the end.
    func append(_ bytes: [UInt8]) throws(StudioError) {
        do throws(Files.Failure) { try Files.append(bytes, to: descriptor) } catch { throw StudioError(storage: error) }
        count += bytes.count
    }

    /// Gives the file its name.
    func finish() throws(StudioError) {
        let isClosed = close(descriptor) == 0
        descriptor = -1
        guard isClosed, rename(temporary, path) == 0 else { throw StudioError(storage: Files.Failure()) }
        isFinished = true
    }
}
