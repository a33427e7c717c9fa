import Base

extension ByteStream {
    /// Makes this a server's side of TLS. Before `start(delegate:)`, which may follow at once: it gets plain bytes. What
    /// is written before the end of the handshake waits for it, up to 256 KiB. A client that speaks HTTP without TLS gets
    /// `plainAnswer` as it is. `failed` hears why a handshake did not succeed; then the stream closes by itself.
    ///
    /// From now on `close()` ends the connection without TLS's closing message (which the other side takes for an
    /// accident), and `closeAfterFlush()` and `shutdownWrite()` with it. `didEnd` tells of the other side's closing
    /// message; a connection that ends without one is closed with `.tls(.truncated)`.
    package func startTLS(
        as identity: TLSIdentity, timeout: TimeSpan = .seconds(10), plainAnswer: [UInt8] = [],
        failed: @escaping (RuntimeError) -> Void = { _ in }
    ) {
        loop.assertOnLoop()
        let filter = TLSFilter(self, plainAnswer: plainAnswer) { error in
            if let error { failed(error) }
        }
        install(filter)
        filter.begin(identity.source, .server, timeout: timeout)
    }

    /// Makes this a client's side of TLS and waits for the end of the handshake: the server's certificate is valid, for
    /// this host (a name or an IP address), and vouched for by somebody `trust` names. On the loop.
    /// - Throws: `.tls` with who, what and how to mend it; then the stream closes by itself.
    package func startTLS(
        trusting trust: TLSTrust, host: String, port: UInt16, timeout: TimeSpan = .seconds(10)
    ) async throws(RuntimeError) {
        loop.assertOnLoop()
        guard !isClosed else { throw RuntimeError(.connectionReset, label) }
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Void, RuntimeError>, Never>) in
            let filter = TLSFilter(self) { error in
                continuation.resume(returning: error.map { .failure($0) } ?? .success(()))
            }
            install(filter)
            filter.begin(trust.source, .client(host: host, port: port), timeout: timeout)
        }
        try result.get()
    }

    /// What the handshake came to; nil without TLS, and before.
    package var tlsSession: TLSSession? { filter?.session }
}

extension EventLoop {
    /// A buffer for records or plain bytes, for the length of a call.
    // COST: one for each kind of use, made once; a connection has none of its own.
    func takeTLSBuffer() -> UnsafeMutableRawBufferPointer {
        tlsBuffers.popLast() ?? .allocate(byteCount: 72 * 1024, alignment: 64)
    }

    func giveTLSBuffer(_ buffer: UnsafeMutableRawBufferPointer) { tlsBuffers.append(buffer) }
}
