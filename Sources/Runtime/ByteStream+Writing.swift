import Base
import CUV

/// What a stream has still to write. At most one request is with libuv; the rest waits here.
struct WriteQueue {
    /// What keeps bytes from going to the kernel as they are.
    struct Barriers: OptionSet {
        let rawValue: UInt8
        /// Nothing more comes.
        static let shutdown = Barriers(rawValue: 1)
        /// Nothing more comes, and the stream closes once all is with the kernel.
        static let closing = Barriers(rawValue: 2)
        /// They have to be encrypted first.
        static let filter = Barriers(rawValue: 4)
    }

    struct Chunk {
        var bytes: [UInt8]
        var offset: Int
    }

    var chunks = FIFO<Chunk>()
    /// Waiting bytes, those with libuv included.
    var pending = 0
    /// Bytes with libuv, 0 if there is no request.
    var inFlight = 0
    /// True after a write said false, until `didDrain`.
    var isBlocked = false
    var barriers: Barriers = []
    /// Plain bytes that wait in the filter.
    var held = 0
    var isShutDown = false
    /// Why nothing can be written any more.
    var failure: RuntimeError?
    var waiters: [(Result<Void, RuntimeError>) -> Void] = []
}

extension ByteStream {
    /// Bytes that were given to `write` and are not with the kernel yet.
    package var pendingWriteBytes: Int { writes.pending + writes.held }

    /// False while more than the high-water mark waits, and when nothing can be written any more.
    package var isWritable: Bool {
        !isClosed && writes.failure == nil && !writes.barriers.contains(.shutdown)
            && writes.pending <= highWaterMark
    }

    /// Writes or queues. False: wait for `didDrain` before writing more.
    // COST: an answer that fits the socket's buffer is one system call and allocates nothing.
    @discardableResult
    package func write(_ bytes: [UInt8]) -> Bool {
        guard canWrite(bytes.count) else { return bytes.withUnsafeBytes { writeFiltered($0) } }
        let written = bytes.withUnsafeBytes { tryWrite($0) }
        if written < bytes.count { enqueue(bytes, from: written) }
        return afterEnqueue()
    }

    /// Writes several buffers, joined into one system call when they are small.
    @discardableResult
    package func write(_ buffers: [[UInt8]]) -> Bool {
        let total = buffers.reduce(0) { $0 + $1.count }
        guard canWrite(total) else {
            guard filter != nil else { return isWritable }
            for buffer in buffers { write(buffer) }
            return isWritable
        }
        guard total <= loop.writeScratch.count, writes.pending == 0 else {
            // COST: copying is far cheaper than a second system call, and a packet of its own, up to this size.
            if writes.pending == 0, total <= 256 << 10 { return write(Array(buffers.joined())) }
            for buffer in buffers { write(buffer) }
            return isWritable
        }
        var end = 0
        for buffer in buffers {
            buffer.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: loop.writeScratch[end...]).copyMemory(from: $0)
            }
            end += buffer.count
        }
        return write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(loop.writeScratch)[..<end]))
    }

    /// Writes bytes that the caller owns; what can't go at once is copied.
    @discardableResult
    package func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard canWrite(bytes.count) else { return writeFiltered(bytes) }
        let written = tryWrite(bytes)
        if written < bytes.count { enqueue([UInt8](bytes[written...]), from: 0) }
        return afterEnqueue()
    }

    /// Through the filter if there is one; else nothing can be written.
    @inline(never)
    private func writeFiltered(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if !bytes.isEmpty, writes.failure == nil { filter?.write(bytes) }
        return afterEnqueue()
    }

    /// What the filter made of it.
    func writeRaw(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, !isClosed, writes.failure == nil,
            writes.barriers.isDisjoint(with: [.shutdown, .closing])
        else { return }
        let written = tryWrite(bytes)
        if written < bytes.count { enqueue([UInt8](bytes[written...]), from: 0) }
    }

    /// Returns once everything written so far is with the kernel; throws if that can't happen any more.
    package func flushed() async throws(RuntimeError) {
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<Void, RuntimeError>, Never>) in
            loop.onLoop {
                self.filter?.flushHeld()
                if self.isClosed || self.writes.failure != nil {
                    continuation.resume(returning: .failure(self.writes.failure ?? self.lostBytes))
                } else if self.writes.pending == 0 {
                    continuation.resume(returning: .success(()))
                } else {
                    self.writes.waiters.append { continuation.resume(returning: $0) }
                }
            }
        }
        try result.get()
    }

    /// Tells the other side that nothing more comes, after what is waiting. Reading goes on.
    package func shutdownWrite() {
        loop.assertOnLoop()
        if let filter { filter.shutdownWrite() } else { shutdownWriteRaw() }
    }

    func shutdownWriteRaw() {
        guard !writes.barriers.contains(.shutdown) else { return }
        writes.barriers.insert(.shutdown)
        if writes.pending == 0 { shutDownNow() }
    }

    /// Closes once everything written is with the kernel.
    package func closeAfterFlush() {
        loop.assertOnLoop()
        if let filter { filter.closeAfterFlush() } else { closeAfterFlushRaw() }
    }

    func closeAfterFlushRaw() {
        if writes.pending == 0 || writes.failure != nil {
            close(writes.failure)
        } else {
            writes.barriers.insert(.closing)
        }
    }

    private var lostBytes: RuntimeError { RuntimeError(.connectionReset, label) }

    @inline(__always)
    private func canWrite(_ count: Int) -> Bool {
        loop.assertOnLoop()
        return count > 0 && !isClosed && writes.failure == nil && writes.barriers.isEmpty
    }

    /// Gives the kernel what it takes now: how many bytes. Only when nothing waits, or order would be lost.
    @inline(__always)
    private func tryWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard writes.pending == 0 else { return 0 }
        return kernelWrite(bytes)
    }

    private func kernelWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        // libuv only reads from it.
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        var buffer = uv_buf_t(base: base, len: min(bytes.count, 1 << 30))
        let status = uv_try_write(handle, &buffer, 1)
        if status >= 0 { return Int(status) }
        if status != UV_EAGAIN.rawValue { fail(RuntimeError(uv: status, label)) }
        return 0
    }

    private func enqueue(_ bytes: [UInt8], from offset: Int) {
        guard writes.failure == nil else { return }
        let added = bytes.count - offset
        guard writes.pending + added <= maxPendingWriteBytes else {
            let error = RuntimeError(.writeBufferFull, label)
            writes.failure = error
            close(error)
            return
        }
        writes.pending += added
        // Many tiny writes must not cost an array each.
        if added <= 4096, let last = writes.chunks.last, last.bytes.count <= 16_384 {
            writes.chunks.changeLast { $0.bytes.append(contentsOf: bytes[offset...]) }
        } else {
            writes.chunks.append(WriteQueue.Chunk(bytes: bytes, offset: offset))
        }
        if writes.inFlight == 0 { submit() }
    }

    @inline(__always)
    private func afterEnqueue() -> Bool {
        let writable = isWritable
        if !writable { writes.isBlocked = true }
        return writable
    }

    /// Hands the queue's front to libuv in one request with a copy of the bytes, so that nothing has to stay in place.
    private func submit() {
        let limit = min(writes.pending, 256 << 10)
        guard limit > 0 else { return }
        guard canPoll else {
            // A file takes everything at once unless its disk is full.
            fail(RuntimeError(.other("ENOSPC"), label))
            return
        }
        let request = WriteRequest.make(capacity: limit)
        var filled = 0
        while filled < limit, var chunk = writes.chunks.first {
            let take = min(limit - filled, chunk.bytes.count - chunk.offset)
            chunk.bytes.withUnsafeBytes {
                let part = UnsafeRawBufferPointer(rebasing: $0[chunk.offset..<(chunk.offset + take)])
                UnsafeMutableRawBufferPointer(rebasing: request.payload[filled...]).copyMemory(from: part)
            }
            filled += take
            chunk.offset += take
            if chunk.offset == chunk.bytes.count {
                _ = writes.chunks.popFirst()
            } else {
                writes.chunks.replaceFirst(chunk)
            }
        }
        writes.inFlight = filled
        var buffer = uv_buf_t(base: request.payload.baseAddress?.assumingMemoryBound(to: CChar.self), len: filled)
        let status = uv_write(request.header, handle, &buffer, 1) { header, status in
            guard let header, let handle = header.pointee.handle else { return }
            let stream = object(ByteStream.self, handle.pointee.data)
            WriteRequest(header: header, payload: .init(start: nil, count: 0)).free()
            stream.written(status)
        }
        if status != 0 {
            request.free()
            fail(RuntimeError(uv: status, label))
        }
    }

    private func written(_ status: Int32) {
        writes.pending -= writes.inFlight
        writes.inFlight = 0
        // Closing cancels the request; `closed()` tells who waits.
        guard !isClosed else { return }
        guard status == 0 else {
            fail(RuntimeError(uv: status, label))
            return
        }
        // The socket takes bytes again: most of the queue goes without a request.
        var budget = 4 << 20
        while budget > 0, let chunk = writes.chunks.first {
            let left = chunk.bytes.count - chunk.offset
            let count = chunk.bytes.withUnsafeBytes {
                kernelWrite(UnsafeRawBufferPointer(rebasing: $0[chunk.offset...]))
            }
            guard writes.failure == nil else { return }
            writes.pending -= count
            budget -= count
            guard count == left else {
                writes.chunks.replaceFirst(.init(bytes: chunk.bytes, offset: chunk.offset + count))
                break
            }
            _ = writes.chunks.popFirst()
        }
        submit()
        if writes.pending == 0 { flushedNow() }
        if writes.isBlocked, !isClosed, writes.pending <= lowWaterMark {
            writes.isBlocked = false
            delegate?.didDrain()
        }
    }

    private func flushedNow() {
        releaseWaiters(.success(()))
        if writes.barriers.contains(.closing) {
            close(nil)
        } else if writes.barriers.contains(.shutdown) {
            shutDownNow()
        }
    }

    private func shutDownNow() {
        guard !isClosed, writes.failure == nil, !writes.isShutDown, canPoll else { return }
        writes.isShutDown = true
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let status = uv_shutdown(request, handle) { request, _ in request?.deallocate() }
        if status != 0 { request.deallocate() }
    }

    /// Writing is over. What the other side sent before may still wait in the kernel (an early answer to a request that
    /// it did not read to the end), so a reading stream reads on until its end, for a second at most.
    private func fail(_ error: RuntimeError) {
        guard writes.failure == nil else { return }
        writes.failure = error
        writes.chunks.removeAll()
        writes.pending = writes.inFlight
        releaseWaiters(.failure(error))
        guard isReading, !writes.barriers.contains(.closing) else {
            close(error)
            return
        }
        _ = loop.schedule(after: .seconds(1)) { [weak self] in self?.close(error) }
    }

    /// The stream is gone: nobody may wait for it.
    func writesEnded(_ error: RuntimeError?) {
        writes.chunks.removeAll()
        writes.pending = 0
        releaseWaiters(.failure(error ?? lostBytes))
    }

    private func releaseWaiters(_ result: Result<Void, RuntimeError>) {
        let waiters = writes.waiters
        writes.waiters = []
        for waiter in waiters { waiter(result) }
    }
}

/// A libuv write request and its bytes in one allocation.
private struct WriteRequest {
    let header: UnsafeMutablePointer<uv_write_t>
    let payload: UnsafeMutableRawBufferPointer

    private static let headerSize = (MemoryLayout<uv_write_t>.size + 15) & ~15

    static func make(capacity: Int) -> WriteRequest {
        let block = UnsafeMutableRawPointer.allocate(byteCount: headerSize + capacity, alignment: 16)
        return WriteRequest(
            header: block.bindMemory(to: uv_write_t.self, capacity: 1),
            payload: UnsafeMutableRawBufferPointer(start: block + headerSize, count: capacity))
    }

    func free() {
        UnsafeMutableRawPointer(header).deallocate()
    }
}
