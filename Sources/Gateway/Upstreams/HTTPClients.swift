import HTTP
import Runtime

/// One HTTP client per loop, so that a call never leaves the loop it came in on.
final class HTTPClients: Sendable {
    private let clients: [ObjectIdentifier: HTTPClient]
    private let loops: [EventLoop]
    private let fallback: HTTPClient

    init(_ group: EventLoopGroup, options: HTTPClientOptions) {
        loops = group.loops
        clients = Dictionary(
            uniqueKeysWithValues: group.loops.map { (ObjectIdentifier($0), HTTPClient(on: $0, options: options)) })
        fallback = clients.values.first ?? HTTPClient(on: group.next(), options: options)
    }

    func client(on loop: EventLoop) -> HTTPClient { clients[ObjectIdentifier(loop)] ?? fallback }

    /// Closes each client on its own loop.
    func close() async {
        for loop in loops {
            let client = client(on: loop)
            await loop.run { client.close() }
        }
    }
}
