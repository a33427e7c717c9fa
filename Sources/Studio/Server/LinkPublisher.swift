import Base
import HTTP
import Runtime

/// Gives files their URLs, and opens the file server when the first one is wanted.
///
/// Over stdio nobody may ever ask for a link, so the port is opened late; over HTTP the one server serves files too.
actor LinkPublisher: FilePublisher {
    private let group: EventLoopGroup
    private let loop: EventLoop
    private let links: FileLinks
    private let workers: WorkerPool
    private var base: String?
    private var server: HTTPServer?
    private var starting: Task<Result<String, StudioError>, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(group: EventLoopGroup, loop: EventLoop, links: FileLinks, workers: WorkerPool) {
        self.group = group
        self.loop = loop
        self.links = links
        self.workers = workers
    }

    nonisolated var now: TimeSpan { EventLoop.monotonicNow }

    /// Uses a server that runs already: `http://127.0.0.1:7430`.
    func use(base: String) {
        self.base = base
    }

    func url(for target: FileLinks.Target) async throws(StudioError) -> String {
        let base = try await openedBase()
        return "\(base)/files/\(links.add(target, now: now))"
    }

    private func openedBase() async throws(StudioError) -> String {
        if let base { return base }
        // Several calls may want the first link at once; they share one start.
        let start = starting ?? Task(executorPreference: loop) { await self.openServer() }
        starting = start
        let result = await start.value
        // After a failure the next call tries again.
        if case .failure = result { starting = nil }
        return try result.get()
    }

    private func openServer() async -> Result<String, StudioError> {
        guard let address = SocketAddress(ip: "127.0.0.1", port: 0) else {
            return .failure(StudioError(.internalError, "no loopback address"))
        }
        do throws(RuntimeError) {
            let service = StudioService(files: FileService(links: links, workers: workers), mcp: nil)
            let server = try await HTTPServer.start(on: group, address: address, service: service)
            self.server = server
            let base = "http://\(server.address)"
            self.base = base
            logLine("results are served at \(base)/files/… while their links last")
            return .success(base)
        } catch {
            return .failure(
                StudioError(
                    .internalError,
                    "no local port could be opened for the result's URL (\(error.message)); ask for outputType base64Data, or use the file's path"
                ))
        }
    }

    /// Closes the file server, if one was opened.
    func close() async {
        await server?.drain()
        server = nil
    }
}
