import Base
import Imaging

/// What all tools work with: the stores, the engine, the folders they may read.
package final class Workshop: Sendable {
    /// The folders whose pictures may be read.
    package let roots: AllowedRoots
    /// Pictures with a UUID.
    package let store: ObjectStore
    /// Results as files.
    package let outputs: OutputFolder
    /// The URLs of results.
    package let links: FileLinks
    /// Who does the work.
    package let engines: EngineRouter
    /// What it costs.
    package let prices: PriceTable
    /// Gives files a URL.
    package let publisher: any FilePublisher
    /// Sends results to an `uploadEndpoint`.
    package let uploader: any ResultUploader
    /// Reads pictures behind the caller's URLs; nil: none are read.
    package let fetcher: (any PictureFetcher)?
    /// What a picture may cost.
    package let limits: ImageLimits
    /// What is fetched lies in memory until it is in the store, so only so many pictures come at once.
    private let fetches = TaskGate(limit: mostFetches)
    static let mostFetches = 8

    /// Brings everything together; touches nothing on disk.
    package init(
        roots: AllowedRoots, store: ObjectStore, outputs: OutputFolder, links: FileLinks, engines: EngineRouter,
        prices: PriceTable = PriceTable([]), publisher: any FilePublisher, uploader: any ResultUploader,
        fetcher: (any PictureFetcher)? = nil, limits: ImageLimits
    ) {
        self.roots = roots
        self.store = store
        self.outputs = outputs
        self.links = links
        self.engines = engines
        self.prices = prices
        self.fetcher = fetcher
        self.publisher = publisher
        self.uploader = uploader
        self.limits = limits
    }

    /// Whether calls can reach other machines by themselves.
    var reachesOut: Bool { uploader.isEnabled || fetcher != nil }

    // MARK: Pictures that come in (blocking)

    /// A picture that came with a call, as it is in the store, with its file.
    package struct Input: Sendable {
        /// What the store knows of it.
        package let image: StoredImage
        /// Its bytes.
        package let file: [UInt8]
    }

    /// Reads what an image argument means, checks that it is a picture, and keeps it in the store if it is new.
    /// - Parameters:
    ///   - text: the argument.
    ///   - fetched: the picture behind it, when it is a URL that was read already.
    ///   - parameter: its name, for errors.
    ///   - durable: whether the picture must survive a power cut.
    package func input(
        _ text: String, fetched: StoredImage? = nil, _ parameter: String, durable: Bool
    ) throws(StudioError) -> Input {
        do throws(StudioError) {
            if let fetched { return Input(image: fetched, file: try store.read(fetched)) }
            switch try ImageReference(text, roots: roots, maxBytes: limits.maxBytes) {
            case .bytes(let bytes): return try keep(bytes, durable: durable)
            case .path(let found):
                return try keep(try roots.read(found.path, maxBytes: limits.maxBytes), durable: durable)
            case .url(let url): return try keep(try ownFile(url), durable: durable)
            case .handle(let id):
                guard let image = store.image(id) else {
                    throw StudioError(
                        .imageNotFound,
                        "there is no picture with the UUID \(id.text) (any more); upload it with imageUpload")
                }
                return Input(image: image, file: try store.read(image))
            }
        } catch {
            throw error.about(parameter)
        }
    }

    private func keep(_ bytes: [UInt8], durable: Bool) throws(StudioError) -> Input {
        let probe: ImageProbe
        do throws(ImagingError) {
            probe = try ImageProbe(bytes, limits: limits)
        } catch {
            throw StudioError(imaging: error)
        }
        return Input(image: try store.put(bytes, probe, durable: durable), file: bytes)
    }

    /// The pictures behind the URLs among a call's, in the store, by the arguments' paths.
    func fetched(
        _ pictures: [(path: String, text: String)], _ call: CallContext
    ) async throws(StudioError) -> [String: StoredImage] {
        var found: [String: StoredImage] = [:]
        for (path, text) in pictures { found[path] = try await fetched(text, path, durable: false, call) }
        return found
    }

    /// The pictures among a call's arguments, each in the store or known to be another's. Blocks.
    func resolve(
        _ pictures: [(path: String, text: String)], fetched: [String: StoredImage]
    ) throws(StudioError) -> [String: JobPicture] {
        var found: [String: JobPicture] = [:]
        for (path, text) in pictures {
            // COST: a handle's file is read when it is worked on, and not before.
            if let image = fetched[path] {
                found[path] = .stored(image)
            } else if let id = UUIDText(text) {
                found[path] = store.image(id).map(JobPicture.stored) ?? .foreign(id)
            } else {
                found[path] = .stored(try input(text, path, durable: false).image)
            }
        }
        return found
    }

    /// The picture behind a URL that is not one of our own links, in the store; nil for everything else.
    func fetched(
        _ text: String, _ parameter: String, durable: Bool, _ call: CallContext
    ) async throws(StudioError) -> StoredImage? {
        guard ImageReference.isURL(text), ownTarget(text) == nil, let fetcher else { return nil }
        do throws(StudioError) {
            return try await fetches.run(call) { () async throws(StudioError) -> StoredImage in
                let bytes = try await fetcher.fetch(text, maxBytes: limits.maxBytes, call)
                return try await call.work { () throws(StudioError) in try self.keep(bytes, durable: durable).image }
            }
        } catch {
            throw error.about(parameter)
        }
    }

    private func ownTarget(_ url: String) -> FileLinks.Target? {
        url.utf8.split(separator: UInt8(ascii: "/")).last.flatMap {
            links.target(String(decoding: $0, as: UTF8.self), now: publisher.now)
        }
    }

    /// The bytes behind a link that this studio gave out. Nothing is fetched from anywhere.
    private func ownFile(_ url: String) throws(StudioError) -> [UInt8] {
        if let target = ownTarget(url) {
            do throws(Files.Failure) {
                return try Files.read(target.path, limit: limits.maxBytes)
            } catch {
                throw StudioError(.imageNotFound, "the file behind \(quoted(url, limit: 120)) is gone")
            }
        }
        throw StudioError(
            .urlNotAllowed,
            "this server fetches no URLs; download the picture and give its path or bytes to imageUpload (\(quoted(url, limit: 120)))"
        )
    }

    /// The pixels of a picture in the store, its orientation applied.
    package func decode(_ input: Input, _ parameter: String) throws(StudioError) -> PixelImage {
        do throws(ImagingError) {
            return try PixelImage.decode(input.file, as: .rgb8, limits: limits)
        } catch {
            throw StudioError(imaging: error).about(parameter)
        }
    }

    /// A JPEG of at most 256 pixels a side, to look at.
    package func preview(_ picture: PixelImage) throws(StudioError) -> Preview {
        let side = 256
        let longest = max(picture.width, picture.height)
        do throws(ImagingError) {
            var small = picture
            // COST: averages of four pixels are made many times as fast as those of more.
            while min(small.width, small.height) >= 4 * side, small.width % 2 == 0, small.height % 2 == 0 {
                small = try small.resized(width: small.width / 2, height: small.height / 2)
            }
            if longest > side {
                small = try small.resized(
                    width: max(1, picture.width * side / longest), height: max(1, picture.height * side / longest))
            }
            return Preview(
                mimeType: ImageFormat.jpeg.mimeType, base64: Base64.encode(try small.encode(.jpeg, quality: 80)))
        } catch {
            throw StudioError(imaging: error)
        }
    }
}

/// Gives files a URL under which they can be fetched for a while.
package protocol FilePublisher: Sendable {
    /// Monotonic time, as links reckon it.
    var now: TimeSpan { get }
    func url(for target: FileLinks.Target) async throws(StudioError) -> String
}

/// Reads pictures behind URLs that callers give.
package protocol PictureFetcher: Sendable {
    /// The bytes of a picture.
    /// - Throws: `urlNotAllowed` for hosts and addresses that may not be read, `fetchFailed`, `imageTooLarge`.
    func fetch(_ url: String, maxBytes: Int, _ call: CallContext) async throws(StudioError) -> [UInt8]
}

/// Sends results by HTTP PUT to where an agent wants them.
package protocol ResultUploader: Sendable {
    /// Whether results may go to any host at all.
    var isEnabled: Bool { get }
    /// Refuses an endpoint that must not be written to; called before any work is done.
    func check(_ endpoint: String) throws(StudioError)
    /// Sends one result.
    /// - Throws: `uploadNotAllowed`, `uploadFailed`, `cancelled`.
    func put(_ file: ResultFile, to endpoint: String, _ call: CallContext) async throws(StudioError)
}

/// A result to be sent on.
package struct ResultFile: Sendable {
    /// Of the file.
    package let mimeType: String
    /// Its size.
    package let bytes: Int
    /// Reads it; blocks.
    package let content: @Sendable () throws(StudioError) -> [UInt8]
}
