import Base
import CUV

/// Who hears of a stream. Every call comes on the stream's loop thread, so an actor on that loop enters it at once:
///
///     nonisolated func didRead(_ bytes: UnsafeRawBufferPointer) {
///         // SAFETY: the stream's loop is this actor's executor, and the bytes are used during the call only.
///         nonisolated(unsafe) let bytes = bytes
///         assumeIsolated { $0.take(bytes) }
///     }
package protocol StreamDelegate: AnyObject {
    /// Bytes arrived; they are valid during the call only.
    func didRead(_ bytes: UnsafeRawBufferPointer)
    /// The other side finished writing. The stream stays open for writing until it is closed.
    func didEnd()
    /// The stream is gone. Once, and the last call; nil when we closed it ourselves.
    func didClose(_ error: RuntimeError?)
    /// What waits has fallen to the low-water mark after a write had said to wait.
    func didDrain()
}

extension StreamDelegate {
    /// Nothing, for who never writes more than fits.
    package func didDrain() {}
}

/// A two-way byte stream: TCP, Unix socket, or a child's pipe. Loop thread only.
///
/// Its handle keeps it alive until it is closed: whoever gets a stream starts it or closes it.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class ByteStream: LoopResource, @unchecked Sendable {
    /// The loop it belongs to.
    package let loop: EventLoop
    let handle: UnsafeMutablePointer<uv_stream_t>
    private(set) var delegate: (any StreamDelegate)?
    private(set) var isReading = false
    private var wantsReading = false
    /// True once the other side finished writing.
    package private(set) var hasEnded = false
    /// True from the call of `close`, before `didClose`.
    package private(set) var isClosed = false
    private var closeError: RuntimeError?
    private var isGone = false
    private var lateDelegates: [any StreamDelegate] = []
    /// False for files: they take bytes at once but can't be waited for.
    var canPoll = true
    /// Told when the stream is gone, after the delegate.
    var onClosed: (() -> Void)?
    var writes = WriteQueue()
    /// TLS, if there is any.
    private(set) var filter: TLSFilter?

    /// Above this many waiting bytes `write` says false.
    package var highWaterMark = 256 << 10
    /// At this many waiting bytes `didDrain` is called.
    package var lowWaterMark = 64 << 10
    /// Above this many waiting bytes the stream is closed with `.writeBufferFull`.
    package var maxPendingWriteBytes = 64 << 20

    private init(loop: EventLoop, handle: UnsafeMutablePointer<uv_stream_t>) {
        self.loop = loop
        self.handle = handle
    }

    /// A TCP handle that is not connected yet.
    static func tcp(on loop: EventLoop) throws(RuntimeError) -> ByteStream {
        let handle = allocate(uv_tcp_t.self)
        let status = uv_tcp_init(loop.uv, handle.assumingMemoryBound(to: uv_tcp_t.self))
        guard status == 0 else {
            handle.deallocate()
            throw RuntimeError(uv: status, "TCP socket")
        }
        return own(handle, on: loop)
    }

    /// A Unix socket or pipe handle that is not connected yet.
    static func pipe(on loop: EventLoop) throws(RuntimeError) -> ByteStream {
        let handle = allocate(uv_pipe_t.self)
        let status = uv_pipe_init(loop.uv, handle.assumingMemoryBound(to: uv_pipe_t.self), 0)
        guard status == 0 else {
            handle.deallocate()
            throw RuntimeError(uv: status, "pipe")
        }
        return own(handle, on: loop)
    }

    private static func allocate<T>(_ type: T.Type) -> UnsafeMutableRawPointer {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        return UnsafeMutableRawPointer(pointer)
    }

    private static func own(_ handle: UnsafeMutableRawPointer, on loop: EventLoop) -> ByteStream {
        let stream = ByteStream(loop: loop, handle: handle.assumingMemoryBound(to: uv_stream_t.self))
        stream.handle.pointee.data = Unmanaged.passRetained(stream).toOpaque()
        loop.resources[ObjectIdentifier(stream)] = stream
        return stream
    }

    /// True for TCP, false for a Unix socket or pipe.
    var isTCP: Bool { handle.pointee.type == UV_TCP }

    /// Small answers leave at once: no Nagle.
    func setNoDelay() {
        if isTCP { uv_tcp_nodelay(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_tcp_t.self), 1) }
    }

    // MARK: Addresses

    /// The other side's address; nil for pipes and after the close if it was not asked for before.
    package internal(set) lazy var remote: SocketAddress? = address(uv_tcp_getpeername, uv_pipe_getpeername)
    /// Our side's address; nil as above.
    package private(set) lazy var local: SocketAddress? = address(uv_tcp_getsockname, uv_pipe_getsockname)

    private func address(_ tcp: AddressOfTCP, _ pipe: AddressOfPipe) -> SocketAddress? {
        guard !isClosed else { return nil }
        return systemAddress(UnsafeMutableRawPointer(handle), isTCP: isTCP, tcp, pipe)
    }

    // MARK: Reading

    /// Begins to read. The stream holds its delegate until `didClose`.
    package func start(delegate: any StreamDelegate) {
        loop.assertOnLoop()
        if isGone {
            // Too late, but the delegate is promised one last call.
            loop.execute { [self] in lateDelegates.popLast()?.didClose(closeError) }
            lateDelegates.append(delegate)
            return
        }
        if let filter { return filter.start(delegate) }
        self.delegate = delegate
        if !isClosed { resumeReading() }
    }

    /// Puts TLS between this stream and whoever will be its delegate.
    func install(_ filter: TLSFilter) {
        precondition(delegate == nil, "BUG: TLS has to be started before the stream")
        self.filter = filter
        delegate = filter
        writes.barriers.insert(.filter)
    }

    /// Back-pressure: what the other side sends stays in the kernel, then at the sender.
    package func pauseReading() {
        loop.assertOnLoop()
        pauseReadingRaw()
    }

    func pauseReadingRaw() {
        wantsReading = false
        guard isReading, !isClosed else { return }
        isReading = false
        uv_read_stop(handle)
    }

    /// Reads again after ``pauseReading()``.
    package func resumeReading() {
        loop.assertOnLoop()
        resumeReadingRaw()
        filter?.resumed()
    }

    /// Whether whoever reads has not asked for a pause.
    var isReadWanted: Bool { wantsReading }

    /// Whether something may still be read.
    var isReadable: Bool { !isClosed && !hasEnded }

    /// The other side said inside of TLS that nothing more comes; what follows outside of it means nothing.
    func endReading() {
        hasEnded = true
        guard isReading, !isClosed else { return }
        isReading = false
        uv_read_stop(handle)
    }

    func resumeReadingRaw() {
        wantsReading = true
        guard !isReading, !isClosed, !hasEnded, delegate != nil, canPoll else { return }
        // The writing end of a one-way pipe has nothing to read; its delegate hears of failed writes.
        guard uv_is_readable(handle) != 0 else { return }
        isReading = true
        let status = uv_read_start(
            handle,
            { handle, _, buffer in
                let loop = EventLoop.of(handle)
                buffer?.pointee.base = loop.readBuffer.baseAddress?.assumingMemoryBound(
                    to: CChar.self)
                buffer?.pointee.len = loop.readBuffer.count
            },
            { handle, count, _ in
                object(ByteStream.self, handle?.pointee.data).received(count)
            })
        if status != 0 { close(RuntimeError(uv: status, label)) }
    }

    private func received(_ count: Int) {
        if count > 0 {
            delegate?.didRead(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(loop.readBuffer)[..<count]))
        } else if count < 0 {
            isReading = false
            if let error = writes.failure {
                close(error)
            } else if Int32(truncatingIfNeeded: count) == UV_EOF.rawValue {
                hasEnded = true
                uv_read_stop(handle)
                delegate?.didEnd()
            } else {
                close(RuntimeError(uv: Int32(truncatingIfNeeded: count), label))
            }
        }
    }

    /// Why the stream is closed, or nothing more can be written; nil if it is not so, or we wanted it.
    package var failure: RuntimeError? { closeError ?? writes.failure ?? filter?.failure }

    /// For error texts: the other side if it is known.
    var label: String { remote?.description ?? "" }

    // MARK: Closing

    /// Closes now; what was not written yet is dropped. Then `didClose(nil)`.
    package func close() {
        loop.assertOnLoop()
        close(nil)
    }

    func close(_ error: RuntimeError?) {
        guard !isClosed else { return }
        isClosed = true
        isReading = false
        closeError = error ?? filter?.failure
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { handle in
            guard let data = handle?.pointee.data else { return }
            Unmanaged<ByteStream>.fromOpaque(data).takeRetainedValue().closed()
        }
    }

    private func closed() {
        if isTCP {
            UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
        } else {
            UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_pipe_t.self).deallocate()
        }
        loop.resources[ObjectIdentifier(self)] = nil
        isGone = true
        let delegate = delegate
        let onClosed = onClosed
        self.delegate = nil
        self.onClosed = nil
        writesEnded(closeError)
        delegate?.didClose(closeError)
        filter = nil
        onClosed?()
    }

    func closeForStop() { close(RuntimeError(.stopped, loop.name)) }
}

typealias AddressOfTCP = (UnsafePointer<uv_tcp_t>?, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<Int32>?)
    -> Int32
typealias AddressOfPipe = (UnsafePointer<uv_pipe_t>?, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?) -> Int32

/// Asks libuv for one of a handle's addresses.
func systemAddress(
    _ handle: UnsafeMutableRawPointer, isTCP: Bool, _ tcp: AddressOfTCP, _ pipe: AddressOfPipe
) -> SocketAddress? {
    guard isTCP else {
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { path in
            var length = path.count
            guard pipe(handle.assumingMemoryBound(to: uv_pipe_t.self), path.baseAddress, &length) == 0, length > 0
            else { return nil }
            return .unix(String(decoding: UnsafeRawBufferPointer(path)[..<length], as: UTF8.self))
        }
    }
    var storage = sockaddr_storage()
    var length = Int32(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            guard tcp(handle.assumingMemoryBound(to: uv_tcp_t.self), $0, &length) == 0 else { return nil }
            return SocketAddress(system: $0)
        }
    }
}
