import Base
import Runtime
import Synchronization

/// A server on every loop of a group: the kernel shares connections out among listeners on the same port.
package final class HTTPServer: Sendable {
    /// Where it listens, with the real port.
    package let address: SocketAddress
    private let listeners: ListenerSet
    private let loops: [ServerLoop]
    private let shared: ServerLoop.Shared

    private init(_ listeners: ListenerSet, _ loops: [ServerLoop], _ shared: ServerLoop.Shared) {
        self.listeners = listeners
        self.loops = loops
        self.shared = shared
        address = listeners.address
    }

    /// Connections above the limit that are answered 503; those that come while so many linger wait in the kernel.
    private static let refusedAtOnce = 1_024

    /// Starts to listen; port 0 takes any free port, see `address`.
    /// - Throws: what the socket says: the address is in use, not ours, or not permitted.
    package static func start(
        on group: EventLoopGroup, address: SocketAddress, options: HTTPServerOptions = HTTPServerOptions(),
        service: any HTTPService
    ) async throws(RuntimeError) -> HTTPServer {
        let shared = ServerLoop.Shared(options)
        let loops = group.loops.map { ServerLoop(loop: $0, options: options, service: service, shared: shared) }
        let listeners = try await Listener.tcpOnEvery(group, address) { stream in
            guard let hub = loops.first(where: { $0.loop === stream.loop }) else { return stream.close() }
            hub.accept(stream)
        }
        // Newcomers above our limit are to be told so, not to wait.
        let most = options.maxConnections + refusedAtOnce
        for listener in listeners.listeners { await listener.loop.run { listener.maxConnections = most } }
        return HTTPServer(listeners, loops, shared)
    }

    /// Bytes of bodies above 64 KiB that have not come whole, on all loops. Any thread.
    package var bodyBytes: Int { shared.bodies.size }

    /// Open connections, on all loops. Any thread.
    package var connectionCount: Int { shared.connections.load(ordering: .relaxed) }

    /// Stops to accept, finishes what is in work up to the drain limit, closes. From anywhere.
    package func drain() async {
        await listeners.close()
        // All at once: each waits for its own loop, and together no longer than one limit.
        await withTaskGroup(of: Void.self) { group in
            for hub in loops {
                group.addTask(executorPreference: hub.loop) { await hub.drain() }
            }
        }
    }
}
