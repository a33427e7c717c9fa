import HTTP
import Runtime

/// Two HTTP clients per loop, so that a call never leaves the loop it came in on, and standing streams don't take the
/// connections that calls need.
final class HTTPClients: Sendable {
    private struct Pair: Sendable {
        let calls: HTTPClient
        let streams: HTTPClient
    }

    private let pairs: [ObjectIdentifier: Pair]
    private let loops: [EventLoop]
    private let fallback: Pair

    init(_ group: EventLoopGroup, options: HTTPClientOptions) {
        loops = group.loops
        var standing = options
        // One for each client session at most; the sessions have a cap of their own.
        standing.maxPerOrigin = 16_384
        func pair(on loop: EventLoop) -> Pair {
            Pair(calls: HTTPClient(on: loop, options: options), streams: HTTPClient(on: loop, options: standing))
        }
        pairs = Dictionary(uniqueKeysWithValues: group.loops.map { (ObjectIdentifier($0), pair(on: $0)) })
        fallback = pairs.values.first ?? pair(on: group.next())
    }

    func client(on loop: EventLoop) -> HTTPClient { (pairs[ObjectIdentifier(loop)] ?? fallback).calls }
    /// For streams that stay open for as long as a session.
    func standing(on loop: EventLoop) -> HTTPClient { (pairs[ObjectIdentifier(loop)] ?? fallback).streams }

    /// Closes each client on its own loop.
    func close() async {
        for loop in loops {
            let (calls, streams) = (client(on: loop), standing(on: loop))
            await loop.run {
                calls.close()
                streams.close()
            }
        }
    }
}
