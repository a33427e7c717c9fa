import HTTP
import Runtime

/// One HTTP client per loop, so that a call never leaves the loop it came in on.
final class HTTPClients: Sendable {
    private let clients: [ObjectIdentifier: HTTPClient]
    private let fallback: HTTPClient

    init(_ group: EventLoopGroup, options: HTTPClientOptions) {
        clients = Dictionary(
            uniqueKeysWithValues: group.loops.map { (ObjectIdentifier($0), HTTPClient(on: $0, options: options)) })
        fallback = clients.values.first ?? HTTPClient(on: group.next(), options: options)
    }

    func client(on loop: EventLoop) -> HTTPClient { clients[ObjectIdentifier(loop)] ?? fallback }

    func close() {
        for (_, client) in clients { client.close() }
    }
}
