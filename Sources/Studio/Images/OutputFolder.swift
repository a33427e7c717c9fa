import Glibc
import Imaging
import Synchronization

/// The pictures that tools made, as files with readable names for people: `<data>/outputs/mask-<uuid>.png`.
///
/// The folder has a size limit; the oldest files make room. All calls block; use them on a worker thread.
package final class OutputFolder: Sendable {
    private let folder: String
    private let totalLimit: Int
    private let totalBytes = Mutex<Int?>(nil)

    /// Touches nothing on disk yet.
    package init(folder: String, totalBytes: Int) {
        self.folder = folder
        totalLimit = totalBytes
    }

    /// Writes `<kind>-<uuid>.<extension>` and returns its absolute path.
    package func write(_ bytes: [UInt8], kind: String, id: UUIDText, format: ImageFormat) throws(StudioError) -> String
    {
        let path = "\(folder)/\(kind)-\(id.text).\(format.fileExtension)"
        do throws(Files.Failure) {
            try Files.makeFolder(folder)
            try Files.write(bytes, to: path, durable: false)
        } catch {
            throw ObjectStore.failure(error, folder)
        }
        totalBytes.withLock { total in
            let sum = (total ?? currentBytes(except: path)) + bytes.count
            total = sum > totalLimit ? makeRoom(keeping: path) : sum
        }
        return path
    }

    private func currentBytes(except path: String) -> Int {
        Files.names(in: folder).reduce(0) { sum, name in
            let file = "\(folder)/\(name)"
            return file == path ? sum : sum + (Files.information(file)?.bytes ?? 0)
        }
    }

    /// Removes the oldest files down to nine tenths of the limit; returns what is left.
    private func makeRoom(keeping newest: String) -> Int {
        var files: [(path: String, bytes: Int, changed: Int)] = []
        for name in Files.names(in: folder) {
            let path = "\(folder)/\(name)"
            if let (bytes, changed) = Files.information(path) { files.append((path, bytes, changed)) }
        }
        files.sort { ($0.changed, $0.path) < ($1.changed, $1.path) }
        var total = files.reduce(0) { $0 + $1.bytes }
        for file in files where total > totalLimit / 10 * 9 && file.path != newest {
            unlink(file.path)
            total -= file.bytes
        }
        return total
    }
}
