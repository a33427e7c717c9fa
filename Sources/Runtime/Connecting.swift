import Base
import CUV
import Glibc

extension EventLoop {
    /// Looks a host name up; an address in text comes back as itself, without a lookup.
    ///
    /// Separate from connecting, so that callers can check the addresses first. At most 32 addresses, in the system's
    /// order. Throws `.resolveFailed`, `.timedOut`, `.cancelled` or `.stopped`. May be called from anywhere.
    package func resolve(
        host: String, port: UInt16, timeout: TimeSpan = .seconds(5)
    ) async throws(RuntimeError) -> [SocketAddress] {
        if let address = SocketAddress(ip: host, port: port) { return [address] }
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw RuntimeError(.resolveFailed, String(host.prefix(253)))
        }
        return try await settle("\(host)") { (settled: Settled<[SocketAddress]>) in
            Lookup(host: host, port: port, settled: settled).begin(on: self, timeout: timeout)
        }
    }

    /// Connects to an address: TCP (without Nagle's delay) or Unix socket. The stream belongs to this loop and does not
    /// read until it is started. Throws `.connectionRefused`, `.timedOut`, `.unreachable`, `.notFound` (no socket file)
    /// and others, with the address as context. May be called from anywhere.
    package func connect(
        to address: SocketAddress, timeout: TimeSpan = .seconds(10)
    ) async throws(RuntimeError) -> ByteStream {
        try await settle(address.description) { (settled: Settled<ByteStream>) in
            self.beginConnect(address, timeout, settled)
        }
    }

    /// Looks `host` up and tries its addresses in order, those that `allow` accepts; `timeout` is for all together.
    /// When none is accepted throws `.permissionDenied` with the host as context.
    package func connect(
        host: String, port: UInt16, timeout: TimeSpan = .seconds(10),
        allow: @Sendable (SocketAddress) -> Bool = { _ in true }
    ) async throws(RuntimeError) -> ByteStream {
        let end = deadline(after: timeout)
        let addresses = try await resolve(host: host, port: port, timeout: timeout)
        var failure = RuntimeError(.permissionDenied, host)
        let allowed = addresses.filter(allow)
        for (index, address) in allowed.enumerated() {
            var left = end - Self.monotonicMicroseconds
            guard left > 0 else { throw RuntimeError(.timedOut, host) }
            // An address that swallows everything must leave time for the next.
            if index < allowed.count - 1 { left = max(1, left / 2) }
            do throws(RuntimeError) {
                return try await connect(to: address, timeout: TimeSpan(microseconds: left))
            } catch {
                if error.code == .cancelled || error.code == .stopped { throw error }
                failure = error
            }
        }
        throw failure
    }

    private func beginConnect(_ address: SocketAddress, _ timeout: TimeSpan, _ settled: Settled<ByteStream>) {
        let stream: ByteStream
        do throws(RuntimeError) {
            try checkOpen()
            stream = try address.path == nil ? ByteStream.tcp(on: self) : ByteStream.pipe(on: self)
        } catch {
            settled.settle(.failure(error))
            return
        }
        // Known now, and no longer to be had once the connection broke.
        stream.remote = address
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        request.pointee.data = Unmanaged.passRetained(settled).toOpaque()
        let done: uv_connect_cb = { request, status in
            guard let request, let handle = request.pointee.handle, let data = request.pointee.data else { return }
            let settled = Unmanaged<Settled<ByteStream>>.fromOpaque(data).takeRetainedValue()
            let stream = object(ByteStream.self, handle.pointee.data)
            request.deallocate()
            if status == 0 {
                stream.setNoDelay()
                if !settled.settle(.success(stream)) { stream.close() }
            } else {
                settled.settle(.failure(RuntimeError(uv: status, settled.context)))
                stream.close()
            }
        }
        let raw = UnsafeMutableRawPointer(stream.handle)
        var status: Int32 = 0
        if let path = address.path {
            guard path.utf8.count <= 107, !path.utf8.contains(0) else {
                status = UV_ENAMETOOLONG.rawValue
                Unmanaged.passUnretained(settled).release()
                request.deallocate()
                stream.close()
                settled.settle(.failure(RuntimeError(uv: status, address.description)))
                return
            }
            // Failures come through the callback.
            uv_pipe_connect(request, raw.assumingMemoryBound(to: uv_pipe_t.self), path, done)
        } else {
            status =
                address.withSystemAddress {
                    uv_tcp_connect(request, raw.assumingMemoryBound(to: uv_tcp_t.self), $0, done)
                } ?? UV_EINVAL.rawValue
        }
        guard status == 0 else {
            Unmanaged.passUnretained(settled).release()
            request.deallocate()
            stream.close()
            settled.settle(.failure(RuntimeError(uv: status, address.description)))
            return
        }
        // Closing the handle ends the request with ECANCELED; by then the outcome is settled.
        settled.abort = { stream.close() }
        settled.expire(after: timeout, on: self)
    }

    /// Runs `begin` on the loop and waits until it is settled; a cancelled task settles with `.cancelled`.
    fileprivate func settle<T: Sendable>(
        _ context: String, _ begin: @escaping @Sendable (Settled<T>) -> Void
    ) async throws(RuntimeError) -> T {
        let settled = Settled<T>(context: context)
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Result<T, RuntimeError>, Never>) in
                self.onLoop {
                    if settled.begin(continuation) { begin(settled) }
                }
            }
        } onCancel: {
            self.execute { settled.fail(.cancelled) }
        }
        return try result.get()
    }
}

/// An outcome that several may try to decide: success, failure, timeout, cancellation, the end of the loop.
// SAFETY: touched on the loop's thread only.
private final class Settled<T: Sendable>: @unchecked Sendable {
    let context: String
    var abort: (() -> Void)?
    private var continuation: UnsafeContinuation<Result<T, RuntimeError>, Never>?
    private var timer: LoopTimer?
    private var isCancelled = false

    init(context: String) {
        self.context = context
    }

    /// False when it was cancelled before.
    func begin(_ continuation: UnsafeContinuation<Result<T, RuntimeError>, Never>) -> Bool {
        if isCancelled {
            continuation.resume(returning: .failure(RuntimeError(.cancelled, context)))
            return false
        }
        self.continuation = continuation
        return true
    }

    func expire(after timeout: TimeSpan, on loop: EventLoop) {
        guard continuation != nil else { return }
        timer = loop.schedule(after: timeout, abandoned: { self.fail(.stopped) }) { self.fail(.timedOut) }
    }

    /// False when it was settled before.
    @discardableResult
    func settle(_ result: Result<T, RuntimeError>) -> Bool {
        guard let continuation else { return false }
        self.continuation = nil
        abort = nil
        timer?.cancel()
        timer = nil
        continuation.resume(returning: result)
        return true
    }

    func fail(_ code: RuntimeError.Code) {
        isCancelled = true
        let abort = abort
        settle(.failure(RuntimeError(code, context)))
        abort?()
    }
}

/// One name lookup on libuv's thread pool.
// SAFETY: touched on the loop's thread only; libuv's worker touches only the request.
private final class Lookup: @unchecked Sendable {
    private let host: String
    private let port: UInt16
    private let settled: Settled<[SocketAddress]>
    private let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)

    init(host: String, port: UInt16, settled: Settled<[SocketAddress]>) {
        self.host = host
        self.port = port
        self.settled = settled
    }

    deinit {
        request.deallocate()
    }

    func begin(on loop: EventLoop, timeout: TimeSpan) {
        do throws(RuntimeError) { try loop.checkOpen() } catch {
            settled.settle(.failure(error))
            return
        }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // The request keeps itself until libuv calls back, also when nobody waits any more.
        request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let status = uv_getaddrinfo(
            loop.uv, request,
            { request, status, list in
                guard let data = request?.pointee.data else { return }
                Unmanaged<Lookup>.fromOpaque(data).takeRetainedValue().found(status, list)
                uv_freeaddrinfo(list)
            }, host, nil, &hints)
        guard status == 0 else {
            Unmanaged.passUnretained(self).release()
            settled.settle(.failure(RuntimeError(uv: status, host)))
            return
        }
        settled.abort = { [request] in
            request.withMemoryRebound(to: uv_req_t.self, capacity: 1) { _ = uv_cancel($0) }
        }
        settled.expire(after: timeout, on: loop)
    }

    private func found(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
        guard status == 0 else {
            settled.settle(.failure(RuntimeError(.resolveFailed, host)))
            return
        }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next, addresses.count < 32 {
            if let system = entry.pointee.ai_addr, let address = SocketAddress(system: system)?.with(port: port),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            next = entry.pointee.ai_next
        }
        settled.settle(addresses.isEmpty ? .failure(RuntimeError(.resolveFailed, host)) : .success(addresses))
    }
}
