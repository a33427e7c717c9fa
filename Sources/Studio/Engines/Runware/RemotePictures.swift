import Base
import HTTP
import Imaging
import JSON

/// Which UUID a picture of ours has at Runware, so that it is sent there once. The service forgets a picture 30 days after
/// its last use; we forget a little sooner. Blocks: worker threads only.
struct RemotePictures: Sendable {
    let folder: String

    /// Seconds: 25 days.
    private static let lifetime = 25 * 86_400

    /// The service's UUID for a picture of this content; counts as a use.
    func uuid(of hash: String) -> String? {
        let path = path(hash)
        guard let (_, used) = Files.information(path), used > Files.now - Self.lifetime,
            let bytes = try? Files.read(path, limit: 64), let id = UUIDText(String(decoding: bytes, as: UTF8.self))
        else { return nil }
        Files.touch(path)
        return id.text
    }

    /// Remembers a UUID. A failure costs one more upload later, so it is no failure of the call.
    func remember(_ uuid: String, _ hash: String) {
        guard (try? Files.makeFolder(folder)) != nil else { return }
        try? Files.write(Array(uuid.utf8), to: path(hash), durable: false)
        // Looked through now and then: one in 256 hashes begins so.
        if hash.hasPrefix("00") { prune() }
    }

    /// Pictures that are remembered at once.
    private static let capacity = 20_000

    /// Forgets what the service has forgotten too, and the longest unused above the capacity.
    private func prune() {
        var kept: [(path: String, used: Int)] = []
        for name in Files.names(in: folder) {
            let path = path(name)
            guard let (_, used) = Files.information(path) else { continue }
            if used > Files.now - Self.lifetime { kept.append((path, used)) } else { Files.remove(path) }
        }
        guard kept.count > Self.capacity else { return }
        for (path, _) in kept.sorted(by: { $0.used < $1.used }).prefix(kept.count - Self.capacity / 10 * 9) {
            Files.remove(path)
        }
    }

    /// Forgets a UUID that the service does not know any more.
    func forget(_ hash: String) { Files.remove(path(hash)) }

    private func path(_ hash: String) -> String { "\(folder)/\(hash)" }

    /// A picture's file as it may leave this machine: nothing in it says how, where and by whom it was made.
    static func outgoing(
        _ file: [UInt8], limits: ImageLimits
    ) throws(StudioError) -> (file: [UInt8], format: ImageFormat) {
        do throws(ImagingError) {
            let probe = try ImageProbe(file, limits: limits)
            let stripped = probe.orientation == .upright ? Metadata.stripped(file, probe.format) : []
            if !stripped.isEmpty { return (stripped, probe.format) }
            let upright = try PixelImage.decode(file, as: probe.hasAlpha ? .rgba8 : .rgb8, limits: limits)
            return (try upright.encode(probe.format), probe.format)
        } catch {
            throw StudioError(imaging: error)
        }
    }
}
