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

/// Pictures by content: `objects/aa/<sha256>` holds the file, `<sha256>.id` beside it its handle, and `index/aa/<uuid>` says
/// which file a handle means.
///
/// All are plain files, so handles survive a restart and need no database. The same content is kept once and keeps its
/// handle. A picture goes 30 days after its last use; when the folder is full, those that were unused for longest go earlier,
/// but none that was used within `minimumAge`.
///
/// Several processes may share a folder: each change is made under a lock, and what is there is counted in a file that all
/// read. A crash loses nothing: files appear whole or not at all, the handle last, and each process makes the count anew with
/// the first picture that it keeps.
///
/// All calls block; use them on a worker thread.
package final class ObjectStore: Sendable {
    private let folder: String
    private let limits: Limits
    private let lock: StoreLock
    private let usage: FolderUsage
    /// When this process last went through the whole folder; 0: never.
    private let swept = Mutex(0)

    /// Caps of the store.
    package struct Limits: Sendable, Equatable {
        /// Bytes of all pictures together.
        package var totalBytes = 1 << 30
        /// Pictures.
        package var count = 50_000
        /// Seconds since its last use for which a picture is safe from eviction.
        package var minimumAge = 3_600
        /// Seconds since its last use after which a picture goes.
        package var lifetime = 30 * 86_400
        /// Seconds between two looks for pictures that have to go.
        package var sweepInterval = 3_600

        /// 1 GiB, 50 000 pictures, one hour, 30 days.
        package init() {}
    }

    private typealias Usage = FolderUsage.Sum

    /// Touches nothing on disk yet.
    package init(folder: String, limits: Limits = Limits()) {
        self.folder = folder
        self.limits = limits
        lock = StoreLock(path: "\(folder)/store.lock")
        usage = FolderUsage(path: "\(folder)/usage")
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
        do throws(Files.Failure) { try Files.makeFolder(folder) } catch { throw StudioError(storage: error) }
        return try lock.withLock { () throws(StudioError) -> StoredImage in
            sweepIfDue()
            if let known = handle(of: hash), let image = image(known), image.bytes == bytes.count {
                Files.touch(objectPath(hash))
                // After a power cut a file of the right length may hold anything.
                if durable { try mend(objectPath(hash), bytes) }
                return image
            }
            // A file without a handle, or a damaged one: what is there already is not counted twice.
            let old = Files.information(objectPath(hash))?.bytes
            var total = usage.read() ?? count()
            if let old { total = Usage(bytes: total.bytes - old, count: total.count - 1) }
            if !hasRoom(for: bytes.count, total) { makeRoom(for: bytes.count, &total) }
            guard hasRoom(for: bytes.count, total) else {
                throw StudioError(
                    .storageFull,
                    "the picture folder holds \(total.bytes) of \(limits.totalBytes) bytes, all used within the "
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
                // Last: with it the picture is complete.
                try Files.write(Array(image.id.text.utf8), to: handlePath(hash), durable: durable)
            } catch {
                throw StudioError(storage: error)
            }
            usage.write(Usage(bytes: total.bytes + bytes.count, count: total.count + 1))
            return image
        }
    }

    /// Writes a file anew that does not hold what it should.
    private func mend(_ path: String, _ bytes: [UInt8]) throws(StudioError) {
        do throws(Files.Failure) {
            if try Files.read(path, limit: bytes.count) != bytes { try Files.write(bytes, to: path, durable: true) }
        } catch { throw StudioError(storage: error) }
    }

    private func hasRoom(for bytes: Int, _ usage: Usage) -> Bool {
        usage.bytes + bytes <= limits.totalBytes && usage.count < limits.count
    }

    /// The picture that a handle means; nil if there is none (or no longer).
    package func image(_ id: UUIDText) -> StoredImage? {
        guard let image = read(id), let (bytes, used) = Files.information(objectPath(image.hash)),
            bytes == image.bytes, used > Files.now - limits.lifetime
        else { return nil }
        return image
    }

    /// The file of a picture; counts as a use.
    package func read(_ image: StoredImage) throws(StudioError) -> [UInt8] {
        do throws(Files.Failure) {
            let bytes = try Files.read(objectPath(image.hash), limit: image.bytes)
            Files.touch(objectPath(image.hash))
            return bytes
        } catch {
            throw StudioError(storage: error)
        }
    }

    /// Where the picture's file lies.
    package func path(of image: StoredImage) -> String { objectPath(image.hash) }

    /// Bytes of all pictures, counted now.
    package var totalBytes: Int { count().bytes }

    // MARK: On disk

    private func objectPath(_ hash: String) -> String { "\(folder)/objects/\(hash.prefix(2))/\(hash)" }

    private func handlePath(_ hash: String) -> String { "\(objectPath(hash)).id" }

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

    private func handle(of hash: String) -> UUIDText? {
        guard let bytes = try? Files.read(handlePath(hash), limit: 64) else { return nil }
        return UUIDText(String(decoding: bytes, as: UTF8.self))
    }

    // MARK: What is there

    /// Every picture's file, with or without a handle.
    private func objects() -> [(hash: String, bytes: Int, used: Int)] {
        var found: [(hash: String, bytes: Int, used: Int)] = []
        for shard in Files.names(in: "\(folder)/objects") {
            for name in Files.names(in: "\(folder)/objects/\(shard)") where Hex.decode(name)?.count == 32 {
                guard let (bytes, used) = Files.information(objectPath(name)) else { continue }
                found.append((name, bytes, used))
            }
        }
        return found
    }

    private func count() -> Usage {
        objects().reduce(into: Usage()) { total, object in
            total.bytes += object.bytes
            total.count += 1
        }
    }

    /// Once at the start and then every hour: counts what is there, and removes what is too old and what a crash left over.
    private func sweepIfDue() {
        let now = Files.now
        let isDue = swept.withLock { last in
            guard now - last >= limits.sweepInterval || now < last else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        var total = Usage()
        for object in objects() {
            if object.used <= now - limits.lifetime {
                remove(object.hash)
            } else {
                total.bytes += object.bytes
                total.count += 1
            }
        }
        removeOrphans(before: now - 3_600)
        for path in Files.tree(folder, depth: 2) where path.hasSuffix(".part") {
            if let (_, changed) = Files.information(path), changed < now - 3_600 { Files.remove(path) }
        }
        usage.write(total)
    }

    /// Removes records of pictures that never became complete.
    private func removeOrphans(before oldest: Int) {
        let records = shards("index")
        // COST: what is complete has as many handles as records, and names are counted faster than files are read.
        guard records.count > shards("objects").count(where: { $0.hasSuffix(".id") }) else { return }
        for path in records {
            guard let id = UUIDText(Files.name(of: path)), let (_, changed) = Files.information(path), changed < oldest,
                read(id).flatMap({ handle(of: $0.hash) }) != id
            else { continue }
            Files.remove(path)
        }
    }

    /// The paths of all files in the folders below one of ours.
    private func shards(_ name: String) -> [String] {
        Files.names(in: "\(folder)/\(name)").flatMap { shard in
            Files.names(in: "\(folder)/\(name)/\(shard)").map { "\(folder)/\(name)/\(shard)/\($0)" }
        }
    }

    /// Removes pictures, the longest unused first, down to nine tenths of the limits.
    private func makeRoom(for bytes: Int, _ total: inout Usage) {
        let oldEnough = Files.now - limits.minimumAge
        for object in objects().filter({ $0.used <= oldEnough }).sorted(by: { $0.used < $1.used }) {
            if total.bytes + bytes <= limits.totalBytes / 10 * 9, total.count < limits.count / 10 * 9 { break }
            remove(object.hash)
            total.bytes -= object.bytes
            total.count -= 1
        }
        usage.write(total)
    }

    /// The handle first: a picture without one is only a file that nobody finds.
    private func remove(_ hash: String) {
        if let id = handle(of: hash) { Files.remove(indexPath(id)) }
        Files.remove(handlePath(hash))
        Files.remove(objectPath(hash))
    }
}

extension StudioError {
    /// What agents are told of a folder of ours that can't be used; not where it is.
    init(storage failure: Files.Failure) {
        if [ENOSPC, EDQUOT].contains(failure.number) {
            self.init(.storageFull, "the disk that holds the server's data folder is full")
        } else if failure.number == EFBIG {
            self.init(.storageFull, "the server may write no file as large as this (its limit of file sizes)")
        } else {
            self.init(.storageFailed, "the server can't use its data folder: \(failure.text)")
        }
    }
}
