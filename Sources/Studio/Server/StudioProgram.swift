import Base
import Glibc
import HTTP
import Imaging
import JSON
import Runtime
import Synchronization

/// The studio as a program: everything put together, started and ended.
package enum StudioProgram {
    /// Why the studio can't run (exit code 3).
    package struct Failure: Error, Sendable {
        /// What is wrong and how to mend it.
        package let message: String
    }

    /// Runs until the client is gone or a signal asks to stop. Blocks the calling thread.
    /// - Returns: the exit code: 0 after a normal end, 3 when the studio could not run.
    package static func run(_ options: StudioOptions) -> Int32 {
        // A write beyond the largest file that the system allows fails then, instead of ending the process.
        _ = signal(SIGXFSZ, SIG_IGN)
        let group: EventLoopGroup
        do throws(RuntimeError) {
            group = try EventLoopGroup(count: 1)
        } catch {
            logLine(error.message)
            return 3
        }
        let loop = group.next()
        let code = Mutex<Int32>(0)
        Task(executorPreference: loop) {
            do throws(Failure) {
                try await serve(options, group, loop)
            } catch {
                logLine(error.message)
                code.withLock { $0 = 3 }
            }
            group.stop()
        }
        group.join()
        return code.withLock { $0 }
    }

    private static func serve(
        _ options: StudioOptions, _ group: EventLoopGroup, _ loop: EventLoop
    ) async throws(Failure) {
        let data = try preparedFolder(options.dataFolder)
        let roots: AllowedRoots
        do throws(StudioError) {
            roots = try AllowedRoots(options.allowedFolders, outputs: "\(data)/outputs")
        } catch {
            throw Failure(message: error.message)
        }
        let workers: WorkerPool
        do throws(RuntimeError) {
            workers = try WorkerPool(threads: options.threads, queue: options.queue)
        } catch {
            throw Failure(message: error.message)
        }
        let local = LocalEngine.standard(vendor: options.vendorFolder, cache: "\(data)/cache")
        for shortcoming in local.shortcomings { logLine("\(shortcoming) (looked for in \(options.vendorFolder))") }
        let links = FileLinks(lifetime: options.linkLifetime)
        let publisher = LinkPublisher(group: group, loop: loop, links: links, workers: workers)
        let client = await loop.run { HTTPClient(on: loop) }
        var imageLimits = ImageLimits.standard
        imageLimits.maxBytes = options.imageLimit
        var storeLimits = ObjectStore.Limits()
        storeLimits.totalBytes = options.storeLimit
        let outputs = OutputFolder(folder: "\(data)/outputs", totalBytes: options.storeLimit)
        let web = Web(client: client, loop: loop)
        let engines: EngineRouter
        let prices: PriceTable
        do throws(StudioError) {
            prices = options.prices.before(try .standard())
            engines = try Self.engines(options, local, web, data, outputs, imageLimits)
        } catch {
            throw Failure(message: error.message)
        }
        let workshop = Workshop(
            roots: roots, store: ObjectStore(folder: data, limits: storeLimits),
            outputs: outputs, links: links, engines: engines, prices: prices,
            publisher: publisher,
            uploader: HTTPUploader(web, hosts: options.uploadHosts, limit: options.runware.deadline),
            fetcher: options.fetches ? HTTPPictureFetcher(web, hosts: options.fetchHosts) : nil, limits: imageLimits)
        let tools = workshop.tools(options.profiles)
        var sessionLimits = SessionMachine.Limits()
        sessionLimits.message.maxBytes = options.messageLimit
        let limits = sessionLimits
        let makeSession: @Sendable () -> Session = { Session(tools: tools, workers: workers, limits: limits) }

        let end = EndSignal()
        let signals = try await loop.run { () -> Result<[SignalWatcher], RuntimeError> in
            do throws(RuntimeError) {
                return .success([
                    try SignalWatcher(SIGTERM, on: loop) { end.fire() },
                    try SignalWatcher(SIGINT, on: loop) { end.fire() },
                ])
            } catch { return .failure(error) }
        }.mapError { Failure(message: $0.message) }.get()

        if let endpoint = options.http {
            let mcp = MCPService(sessions: SessionTable(make: makeSession), maxBody: options.messageLimit)
            let service = StudioService(files: FileService(links: links, workers: workers), mcp: mcp)
            try await serveHTTP(service, endpoint, options, group, publisher, until: end)
        } else {
            try await serveStdio(makeSession(), options, loop, until: end)
        }
        await publisher.close()
        await loop.run {
            for signal in signals { signal.close() }
            client.close()
        }
        workers.stop()
    }

    /// This machine's, and each service that has a key.
    private static func engines(
        _ options: StudioOptions, _ local: LocalEngine, _ web: Web, _ data: String, _ outputs: OutputFolder,
        _ limits: ImageLimits
    ) throws(StudioError) -> EngineRouter {
        var engines: [any ImageEngine] = [local]
        if let key = options.runware.key {
            engines.append(
                try RunwareEngine(
                    web, options.runware, key, folder: "\(data)/remote/runware", outputs: outputs, limits: limits))
        } else {
            engines.append(UnconfiguredEngine.runware)
        }
        if let key = options.bfl.key {
            engines.append(
                try BFLEngine(
                    web, options.bfl, key, local: local, limits: limits, substitutes: options.substitutesModels))
        } else {
            engines.append(UnconfiguredEngine.bfl)
        }
        return EngineRouter(engines, substitutes: options.substitutesModels, routes: options.routes)
    }

    // MARK: Transports

    private static func serveStdio(
        _ session: Session, _ options: StudioOptions, _ loop: EventLoop, until end: EndSignal
    ) async throws(Failure) {
        let limit = 4 * options.messageLimit
        let streams = try await loop.run { () -> Result<StandardStreams, RuntimeError> in
            do throws(RuntimeError) {
                return .success(try StandardStreams(on: loop, outputLimit: limit))
            } catch { return .failure(error) }
        }.mapError { Failure(message: $0.message) }.get()
        let server = StdioServer(loop: loop, session: session, lineLimit: options.messageLimit) { streams.write($0) }
        await loop.run {
            streams.start(take: { part in server.assumeIsolated { $0.feed(part) } }, ended: { end.fire() })
        }
        await end.wait()
        await server.end(grace: options.grace)
        await streams.finish(on: loop, limit: options.grace)
    }

    private static func serveHTTP(
        _ service: StudioService, _ endpoint: StudioOptions.Endpoint, _ options: StudioOptions, _ group: EventLoopGroup,
        _ publisher: LinkPublisher, until end: EndSignal
    ) async throws(Failure) {
        guard let address = SocketAddress(ip: endpoint.ip, port: endpoint.port), address.isLoopback else {
            throw Failure(
                message:
                    "\(endpoint.ip) is no loopback address; the studio asks nobody who they are, so it listens on 127.0.0.1 or ::1 only (put the gateway in front)"
            )
        }
        let server: HTTPServer
        do throws(RuntimeError) {
            var http = HTTPServerOptions()
            http.drainLimit = options.grace
            server = try await HTTPServer.start(on: group, address: address, options: http, service: service)
        } catch {
            throw Failure(message: error.message)
        }
        let base = "http://\(server.address)"
        await publisher.use(base: base)
        var ready = JSONWriter()
        ready.beginObject()
        ready.member("event", "ready")
        ready.member("mcp", "\(base)/mcp")
        ready.endObject()
        let line = ready.bytes + [UInt8(ascii: "\n")]
        line.withUnsafeBytes { _ = Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        logLine("listening on \(base)/mcp")
        await end.wait()
        await server.drain()
    }

    // MARK: Folders

    /// Makes the data folder if needed and checks that it can be written to. Returns its canonical path.
    private static func preparedFolder(_ folder: String) throws(Failure) -> String {
        do throws(Files.Failure) {
            try Files.makeFolder("\(folder)/outputs")
        } catch {
            throw Failure(
                message:
                    "the data folder \(quoted(folder, limit: 200)) can't be made: \(error.text); name another with --data-dir"
            )
        }
        guard let path = Files.canonical(folder), access(path, R_OK | W_OK | X_OK) == 0 else {
            throw Failure(
                message:
                    "the data folder \(quoted(folder, limit: 200)) can't be written to: \(Files.Failure().text); change its owner or name another with --data-dir"
            )
        }
        return path
    }

    /// The folder with libraries and models: `SLUICE_VENDOR`, else the nearest `vendor` above the executable, else
    /// `./vendor`.
    package static func defaultVendorFolder() -> String {
        if let folder = getenv("SLUICE_VENDOR"), folder.pointee != 0 { return String(cString: folder) }
        if let program = Files.canonical("/proc/self/exe") {
            var parts = program.utf8.split(separator: UInt8(ascii: "/")).dropLast()
            for _ in 0..<5 where !parts.isEmpty {
                let folder = "/" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/") + "/vendor"
                if let path = Files.canonical(folder) { return path }
                parts = parts.dropLast()
            }
        }
        return "vendor"
    }
}
