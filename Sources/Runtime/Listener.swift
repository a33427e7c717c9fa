import Base
import CUV
import Glibc

/// Accepts connections on a TCP port or Unix socket. Loop thread only.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class Listener: LoopResource, @unchecked Sendable {
    /// The loop it belongs to.
    package let loop: EventLoop
    /// Where it listens, with the real port.
    package private(set) var address: SocketAddress
    /// Open streams that it accepted.
    package private(set) var connections = 0
    /// Above this many open streams newcomers wait in the kernel's backlog.
    package var maxConnections = 16_384 {
        didSet { acceptWaiting() }
    }
    /// True from the call of `close`.
    package private(set) var isClosed = false
    /// Told when a connection could not be taken, for example `.tooManyOpenFiles`.
    package var acceptFailed: ((RuntimeError) -> Void)?

    private let handle: UnsafeMutablePointer<uv_stream_t>
    private let isTCP: Bool
    private var accept: ((ByteStream) -> Void)?
    private var isWaiting = false
    private var socketFile: SocketFile?

    private init(loop: EventLoop, handle: UnsafeMutableRawPointer, isTCP: Bool, address: SocketAddress) {
        self.loop = loop
        self.handle = handle.assumingMemoryBound(to: uv_stream_t.self)
        self.isTCP = isTCP
        self.address = address
        self.handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.resources[ObjectIdentifier(self)] = self
    }

    /// Listens on an IP address; port 0 means any free one, see ``address``.
    ///
    /// With `reusePort` several loops (or processes) may listen on the same port and the kernel shares connections out.
    /// Throws `.addressInUse`, `.permissionDenied`, `.addressNotAvailable` and others, with the address as context.
    package static func tcp(
        _ address: SocketAddress, on loop: EventLoop, backlog: Int = 1024, reusePort: Bool = false,
        accept: @escaping (ByteStream) -> Void
    ) throws(RuntimeError) -> Listener {
        try loop.checkOpen()
        let handle = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
        let family = address.isIPv6 ? AF_INET6 : AF_INET
        var status = uv_tcp_init_ex(loop.uv, handle, UInt32(family))
        guard status == 0 else {
            handle.deallocate()
            throw RuntimeError(uv: status, address.description)
        }
        let listener = Listener(loop: loop, handle: UnsafeMutableRawPointer(handle), isTCP: true, address: address)
        if reusePort { status = listener.setReusePort() }
        if status == 0 {
            // An IPv6 listener is for IPv6 only, so that `[::]` and `0.0.0.0` can be told apart.
            let flags = address.isIPv6 ? UInt32(UV_TCP_IPV6ONLY.rawValue) : 0
            status = address.withSystemAddress { uv_tcp_bind(handle, $0, flags) } ?? UV_EINVAL.rawValue
        }
        try listener.begin(status, backlog: backlog, accept: accept)
        return listener
    }

    /// Listens on a Unix socket with the given mode. A socket file that nobody listens on any more is replaced; the file
    /// is removed on close. The path has at most 107 bytes.
    package static func unix(
        path: String, mode: UInt16 = 0o600, on loop: EventLoop, backlog: Int = 1024,
        accept: @escaping (ByteStream) -> Void
    ) throws(RuntimeError) -> Listener {
        try loop.checkOpen()
        let address = SocketAddress.unix(path)
        guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else {
            throw RuntimeError(.invalidArgument, "\(path): a socket path has 1 to 107 bytes")
        }
        try SocketFile.removeStale(path)
        let handle = UnsafeMutablePointer<uv_pipe_t>.allocate(capacity: 1)
        var status = uv_pipe_init(loop.uv, handle, 0)
        guard status == 0 else {
            handle.deallocate()
            throw RuntimeError(uv: status, address.description)
        }
        let listener = Listener(loop: loop, handle: UnsafeMutableRawPointer(handle), isTCP: false, address: address)
        status = uv_pipe_bind(handle, path)
        if status == 0 {
            listener.socketFile = SocketFile(path)
            // Nobody can connect before listen(), so there is no moment with a wider mode.
            if chmod(path, mode_t(mode)) != 0 { status = -errno }
        }
        try listener.begin(status, backlog: backlog, accept: accept)
        return listener
    }

    private func begin(
        _ status: Int32, backlog: Int, accept: @escaping (ByteStream) -> Void
    ) throws(RuntimeError) {
        var status = status
        if status == 0 {
            self.accept = accept
            status = uv_listen(handle, Int32(clamping: backlog)) { handle, status in
                object(Listener.self, handle?.pointee.data).connectionWaits(status)
            }
        }
        guard status == 0 else {
            close()
            throw RuntimeError(uv: status, address.description)
        }
        if isTCP {
            let raw = UnsafeMutableRawPointer(handle)
            address = systemAddress(raw, isTCP: true, uv_tcp_getsockname, uv_pipe_getsockname) ?? address
        }
    }

    private func setReusePort() -> Int32 {
        var descriptor: Int32 = -1
        let raw = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
        let status = uv_fileno(raw, &descriptor)
        guard status == 0 else { return status }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        return setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) == 0 ? 0 : -errno
    }

    private func connectionWaits(_ status: Int32) {
        guard status == 0 else {
            acceptFailed?(RuntimeError(uv: status, address.description))
            return
        }
        isWaiting = true
        acceptWaiting()
    }

    /// libuv holds one accepted connection and stops accepting until it is taken: that is our back-pressure.
    private func acceptWaiting() {
        guard isWaiting, !isClosed, connections < maxConnections, let accept else { return }
        isWaiting = false
        guard let stream = try? isTCP ? ByteStream.tcp(on: loop) : ByteStream.pipe(on: loop) else { return }
        guard uv_accept(handle, stream.handle) == 0 else {
            stream.close(nil)
            return
        }
        stream.setNoDelay()
        connections += 1
        stream.onClosed = { [self] in
            connections -= 1
            acceptWaiting()
        }
        accept(stream)
    }

    /// Stops listening. Streams that it accepted live on.
    package func close() {
        loop.assertOnLoop()
        guard !isClosed else { return }
        isClosed = true
        accept = nil
        acceptFailed = nil
        socketFile?.remove()
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { handle in
            guard let data = handle?.pointee.data else { return }
            Unmanaged<Listener>.fromOpaque(data).takeRetainedValue().closed()
        }
    }

    private func closed() {
        loop.resources[ObjectIdentifier(self)] = nil
        if isTCP {
            UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
        } else {
            UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_pipe_t.self).deallocate()
        }
    }

    func closeForStop() { close() }
}

extension EventLoop {
    /// Loop thread, and the loop takes new objects.
    func checkOpen() throws(RuntimeError) {
        assertOnLoop()
        if isStopping { throw RuntimeError(.stopped, name) }
    }
}

/// The file of a Unix socket, remembered by inode so that only our own is removed.
private struct SocketFile {
    let path: String
    let device: UInt64
    let inode: UInt64

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    func remove() {
        guard let now = SocketFile(path), now.device == device, now.inode == inode else { return }
        unlink(path)
    }

    /// Removes a socket on which nobody listens; anything else at the path is left, and binding reports it.
    static func removeStale(_ path: String) throws(RuntimeError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RuntimeError(uv: -errno, path) }
        defer { Glibc.close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if connected != 0, errno == ECONNREFUSED { unlink(path) }
    }
}

/// The same address listened on by every loop of a group.
package final class ListenerSet: Sendable {
    /// One for each loop.
    package let listeners: [Listener]
    /// Where they all listen, with the real port.
    package let address: SocketAddress

    init(_ listeners: [Listener], _ address: SocketAddress) {
        self.listeners = listeners
        self.address = address
    }

    /// Stops listening everywhere.
    package func close() async {
        for listener in listeners {
            await listener.loop.run { listener.close() }
        }
    }

    /// Open streams that the listeners accepted.
    package func connections() async -> Int {
        var sum = 0
        for listener in listeners {
            sum += await listener.loop.run { listener.connections }
        }
        return sum
    }
}

extension Listener {
    /// Listens on each loop of the group on the same port; with port 0 the first finds one for all. `accept` is called
    /// on the loop that the stream belongs to. Throws like ``tcp(_:on:backlog:reusePort:accept:)``.
    package static func tcpOnEvery(
        _ group: EventLoopGroup, _ address: SocketAddress, backlog: Int = 1024,
        accept: @escaping @Sendable (ByteStream) -> Void
    ) async throws(RuntimeError) -> ListenerSet {
        // Without SO_REUSEPORT first: it would let two gateways of one user share a port without a word.
        if let port = address.port, port != 0, let first = group.loops.first {
            let probe = try await first.run { () throws(RuntimeError) in
                try Listener.tcp(address, on: first, backlog: 1) { $0.close() }
            }
            await probe.loop.run { probe.close() }
        }
        var listeners: [Listener] = []
        var address = address
        do throws(RuntimeError) {
            for loop in group.loops {
                let target = address
                let listener = try await loop.run { () throws(RuntimeError) in
                    try Listener.tcp(target, on: loop, backlog: backlog, reusePort: true, accept: accept)
                }
                listeners.append(listener)
                address = await loop.run { listener.address }
            }
        } catch {
            await ListenerSet(listeners, address).close()
            throw error
        }
        return ListenerSet(listeners, address)
    }
}
