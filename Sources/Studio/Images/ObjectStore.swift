import Base
import Glibc
import Imaging
import JSON
import Synchronization

/// A picture in the store.
package struct StoredImage: Sendable, Equatable {
    /// The handle that tools take and give.
    package let id: UUIDText
    /// SHA-256 of the file in hexadecimal digits.
    package let hash: String
    /// By its first bytes, whatever its name said.
    package let format: ImageFormat
    /// Pixels, EXIF orientation applied.
    package let width: Int
    /// Pixels, EXIF orientation applied.
    package let height: Int
    /// Size of the file.
    package let bytes: Int
}

/// Pictures by content: `objects/aa/<sha256>` holds the file, `index/aa/<uuid>` says which file a handle means.
///
/// Both are plain files, so handles survive a restart and need no database. The same content is kept once and keeps its
/// handle. When the folder is full, the pictures that were unused for longest make room, but none that was used within
/// `minimumAge`.
///
/// All calls block; use them on a worker thread.
package final class ObjectStore: Sendable {
    private let folder: String
    private let limits: Limits
    private let state = Mutex(State())

    /// Caps of the store.
    package struct Limits: Sendable, Equatable {
        /// Bytes of all pictures together.
        package var totalBytes = 1 << 30
        /// Pictures.
        package var count = 50_000
        /// Seconds since its last use for which a picture is safe from eviction.
        package var minimumAge = 3_600

        /// 1 GiB, 50 000 pictures, one hour.
        package init() {}
    }

    private struct State {
        /// What is on disk, by hash; empty until the first picture is put.
        var entries: [String: Entry] = [:]
        var isLoaded = false
        var totalBytes = 0
    }

    private struct Entry {
        let id: UUIDText
        let bytes: Int
    }

    /// Touches nothing on disk yet.
    package init(folder: String, limits: Limits = Limits()) {
        self.folder = folder
        self.limits = limits
    }

    /// Keeps a picture that was probed before.
    /// - Parameter durable: whether it must survive a power cut (uploads) or may be lost (results can be made again).
    package func put(_ bytes: [UInt8], _ probe: ImageProbe, durable: Bool) throws(StudioError) -> StoredImage {
        try put(bytes, format: probe.format, width: probe.width, height: probe.height, durable: durable)
    }

    /// Keeps a picture of known form.
    package func put(
        _ bytes: [UInt8], format: ImageFormat, width: Int, height: Int, durable: Bool
    ) throws(StudioError) -> StoredImage {
        let hash = Hex.encode(sha256(bytes))
        return try state.withLock { state throws(StudioError) in
            load(&state)
            if let known = state.entries[hash] {
                if let image = image(known.id) {
                    Files.touch(objectPath(hash))
                    return image
                }
                // Someone removed or damaged the files: begin anew.
                state.entries[hash] = nil
                state.totalBytes -= known.bytes
            }
            if !hasRoom(for: bytes.count, state) { makeRoom(for: bytes.count, &state) }
            guard hasRoom(for: bytes.count, state) else {
                throw StudioError(
                    .storageFull,
                    "the picture folder holds \(state.totalBytes) of \(limits.totalBytes) bytes, all used within the "
                        + "last \(limits.minimumAge / 60) minutes; try later or start the server with a larger --store-limit"
                )
            }
            let image = StoredImage(
                id: .random(), hash: hash, format: format, width: width, height: height, bytes: bytes.count)
            do throws(Files.Failure) {
                try Files.makeFolder("\(folder)/objects/\(hash.prefix(2))")
                try Files.makeFolder("\(folder)/index/\(image.id.text.prefix(2))")
                try Files.write(bytes, to: objectPath(hash), durable: durable)
                try Files.write(Self.record(of: image), to: indexPath(image.id), durable: durable)
            } catch {
                throw Self.failure(error, folder)
            }
            state.entries[hash] = Entry(id: image.id, bytes: bytes.count)
            state.totalBytes += bytes.count
            return image
        }
    }

    private func hasRoom(for bytes: Int, _ state: borrowing State) -> Bool {
        state.totalBytes + bytes <= limits.totalBytes && state.entries.count < limits.count
    }

    /// The picture that a handle means; nil if there is none (or no longer).
    package func image(_ id: UUIDText) -> StoredImage? {
        guard let image = read(id), Files.information(objectPath(image.hash))?.bytes == image.bytes else { return nil }
        return image
    }

    /// The file of a picture; counts as a use.
    package func read(_ image: StoredImage) throws(StudioError) -> [UInt8] {
        do throws(Files.Failure) {
            let bytes = try Files.read(objectPath(image.hash), limit: image.bytes)
            Files.touch(objectPath(image.hash))
            return bytes
        } catch {
            throw Self.failure(error, folder)
        }
    }

    /// Where the picture's file lies.
    package func path(of image: StoredImage) -> String { objectPath(image.hash) }

    /// Bytes of all pictures, as this process counts them.
    package var totalBytes: Int {
        state.withLock { state in
            load(&state)
            return state.totalBytes
        }
    }

    // MARK: On disk

    private func objectPath(_ hash: String) -> String { "\(folder)/objects/\(hash.prefix(2))/\(hash)" }

    private func indexPath(_ id: UUIDText) -> String { "\(folder)/index/\(id.text.prefix(2))/\(id.text)" }

    private static func record(of image: StoredImage) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("sha256", image.hash)
        writer.member("format", image.format.rawValue)
        writer.member("width", image.width)
        writer.member("height", image.height)
        writer.member("bytes", image.bytes)
        writer.endObject()
        return writer.bytes
    }

    private func read(_ id: UUIDText) -> StoredImage? {
        guard let bytes = try? Files.read(indexPath(id), limit: 4096),
            let record = try? JSONDocument.parse(bytes).root,
            let hash = record["sha256"]?.string, Hex.decode(hash)?.count == 32,
            let format = record["format"]?.string.flatMap(ImageFormat.init(rawValue:)),
            let width = record["width"]?.int, let height = record["height"]?.int, let size = record["bytes"]?.int,
            width > 0, height > 0, size > 0
        else { return nil }
        return StoredImage(
            id: id, hash: hash, format: format, width: Int(width), height: Int(height), bytes: Int(size))
    }

    /// Reads the whole index; done once, at the first picture that is put.
    private func load(_ state: inout State) {
        guard !state.isLoaded else { return }
        state.isLoaded = true
        for shard in Files.names(in: "\(folder)/index") {
            for name in Files.names(in: "\(folder)/index/\(shard)") {
                guard let id = UUIDText(name), let image = image(id), state.entries[image.hash] == nil else { continue }
                state.entries[image.hash] = Entry(id: id, bytes: image.bytes)
                state.totalBytes += image.bytes
            }
        }
    }

    /// Removes pictures, the longest unused first, down to nine tenths of the limits.
    private func makeRoom(for bytes: Int, _ state: inout State) {
        let oldEnough = Files.now - limits.minimumAge
        var candidates: [(hash: String, used: Int)] = []
        for hash in state.entries.keys {
            let used = Files.information(objectPath(hash))?.changed ?? 0
            if used <= oldEnough { candidates.append((hash, used)) }
        }
        candidates.sort { $0.used < $1.used }
        for (hash, _) in candidates {
            let isEnough =
                state.totalBytes + bytes <= limits.totalBytes / 10 * 9 && state.entries.count < limits.count / 10 * 9
            if isEnough { break }
            guard let entry = state.entries.removeValue(forKey: hash) else { continue }
            unlink(indexPath(entry.id))
            unlink(objectPath(hash))
            state.totalBytes -= entry.bytes
        }
    }

    static func failure(_ failure: Files.Failure, _ folder: String) -> StudioError {
        if failure.number == ENOSPC || failure.number == EDQUOT {
            return StudioError(.storageFull, "the disk that holds the server's data folder is full")
        }
        return StudioError(
            .storageFailed, "the server can't use its data folder \(quoted(folder, limit: 200)): \(failure.text)")
    }
}
