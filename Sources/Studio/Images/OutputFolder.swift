import Glibc
import Imaging
import Synchronization

/// The pictures that tools made, as files with readable names for people: `<data>/outputs/mask-<uuid>.png`.
///
/// The folder has a size limit for all processes that write to it together; the longest unused files make room, and all go
/// 30 days after their last use (that of files which callers named: since they were made). All calls block; use them on a
/// worker thread.
package final class OutputFolder: Sendable {
    private let folder: String
    private let totalLimit: Int
    private let lock: StoreLock
    private let usage: FolderUsage
    /// Files of this process since it last counted. People remove files too, so it is counted again now and then.
    private let sinceCount = Mutex(OutputFolder.recountAfter)

    private static let recountAfter = 64
    /// Seconds.
    private static let lifetime = 30 * 86_400

    /// Touches nothing on disk yet.
    package init(folder: String, totalBytes: Int) {
        self.folder = folder
        totalLimit = totalBytes
        // Hidden: neither listed nor counted, and no name that a caller can give.
        lock = StoreLock(path: "\(folder)/.lock")
        usage = FolderUsage(path: "\(folder)/.usage")
    }

    /// Writes `<kind>-<uuid>.<extension>`, unless it is there, and returns its absolute path.
    /// - Parameter id: of the content, as the store gave it.
    package func write(_ bytes: [UInt8], kind: String, id: UUIDText, format: ImageFormat) throws(StudioError) -> String
    {
        let path = "\(folder)/\(kind)-\(id.text).\(format.fileExtension)"
        // COST: the id is that of the content, so what is there is it; replacing a file would wait for the disk.
        if Files.information(path)?.bytes == bytes.count {
            Files.touch(path)
        } else {
            _ = try put(bytes, path, replacing: true)
        }
        return path
    }

    /// Refuses a caller's name that ``write(_:named:format:)`` would refuse. Touches nothing on disk.
    /// - Throws: `pathNotAllowed` for names that lead out of the folder, hide, or are too long.
    package static func check(_ name: String) throws(StudioError) { _ = try parts(of: name) }

    /// Of the last part, so that there is room for a number, a suffix and what it is called while it is written.
    private static let maxNameBytes = 200

    private static func parts(of name: String) throws(StudioError) -> (above: [String], last: String) {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard name.utf8.first != UInt8(ascii: "/"), name.utf8.count <= 255, parts.count <= 8,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.first != UInt8(ascii: ".") }),
            !name.utf8.contains(where: { $0 < 0x20 }),
            let last = parts.last, last.utf8.count <= maxNameBytes
        else {
            throw StudioError(
                .pathNotAllowed, parameter: "output",
                "\(quoted(name)) can't be a result's name; give a name such as `boat.png`, relative, without parts that begin with a dot, the last of at most \(maxNameBytes) bytes"
            )
        }
        return (Array(parts.dropLast()), last)
    }

    /// Writes a file under a name that a caller chose, below this folder. What is there already stays, also when others
    /// write at the same time: the new file gets a number.
    /// - Throws: `pathNotAllowed` as ``check(_:)`` does.
    package func write(_ bytes: [UInt8], named name: String, format: ImageFormat) throws(StudioError) -> String {
        let (folders, last) = try Self.parts(of: name)
        let stem = last.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(last[..<$0]) } ?? last
        let above = ([folder] + folders).joined(separator: "/")
        for number in 1...10_000 {
            let path = "\(above)/\(stem)\(number == 1 ? "" : "-\(number)").\(format.fileExtension)"
            if !Files.exists(path), try put(bytes, path, replacing: false) { return path }
        }
        throw StudioError(
            .pathNotAllowed, parameter: "output", "there are too many files named \(quoted(name)); give another name")
    }

    /// Begins a video, which comes in parts; see ``finish(_:)``.
    func receive(video id: UUIDText, isWebM: Bool) throws(StudioError) -> IncomingFile {
        do throws(Files.Failure) { try Files.makeFolder(folder) } catch { throw StudioError(storage: error) }
        return try IncomingFile(path: videoPath(id, isWebM: isWebM))
    }

    private func videoPath(_ id: UUIDText, isWebM: Bool) -> String {
        "\(folder)/video-\(id.text).\(isWebM ? "webm" : "mp4")"
    }

    /// Where the video of this id lies; nil if there is none (or no longer). Counts as a use.
    func video(_ id: UUIDText) -> (path: String, mimeType: String)? {
        for isWebM in [false, true] {
            let path = videoPath(id, isWebM: isWebM)
            guard let (_, used) = Files.information(path), used >= Files.now - Self.lifetime else { continue }
            Files.touch(path)
            return (path, isWebM ? "video/webm" : "video/mp4")
        }
        return nil
    }

    /// Gives a file that came in parts its name, and counts it.
    func finish(_ file: IncomingFile) throws(StudioError) {
        try file.finish()
        count(file.path, file.count)
    }

    /// - Returns: false if the name is taken and must not be replaced.
    private func put(_ bytes: [UInt8], _ path: String, replacing: Bool) throws(StudioError) -> Bool {
        let old = replacing ? Files.information(path)?.bytes ?? 0 : 0
        do throws(Files.Failure) {
            try Files.makeFolder(String(path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)]))
            try Files.write(bytes, to: path, durable: false, replacing: replacing)
        } catch {
            if error.number == EEXIST, !replacing { return false }
            throw StudioError(storage: error)
        }
        count(path, bytes.count - old)
        return true
    }

    /// The file is there already, so a count that fails costs no result; the next one makes up for it.
    private func count(_ path: String, _ bytes: Int) {
        let isDue = sinceCount.withLock { files in
            files = files >= Self.recountAfter ? 1 : files + 1
            return files == 1
        }
        try? lock.withLock { () throws(StudioError) in
            let known = isDue ? nil : usage.read()
            let sum = known.map { $0.bytes + bytes } ?? currentBytes()
            usage.write(FolderUsage.Sum(bytes: sum > totalLimit ? makeRoom(keeping: path) : sum))
        }
    }

    /// Removes what is too old on the way.
    private func currentBytes() -> Int {
        let oldest = Files.now - Self.lifetime
        var sum = 0
        for path in Files.tree(folder, depth: 8) {
            guard let (bytes, changed) = Files.information(path) else { continue }
            if changed < oldest { Files.remove(path) } else { sum += bytes }
        }
        return sum
    }

    /// Removes the oldest files down to nine tenths of the limit; returns what is left.
    private func makeRoom(keeping newest: String) -> Int {
        var files: [(path: String, bytes: Int, changed: Int)] = []
        for path in Files.tree(folder, depth: 8) {
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
