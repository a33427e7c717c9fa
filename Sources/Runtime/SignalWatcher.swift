import CUV

/// Hears a signal of this process on a loop, instead of its default action. Several may watch the same signal.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class SignalWatcher: LoopResource, @unchecked Sendable {
    /// The loop it belongs to.
    package let loop: EventLoop
    private let handle = UnsafeMutablePointer<uv_signal_t>.allocate(capacity: 1)
    private var body: (() -> Void)?
    private var isClosed = false

    /// Watches until ``close()`` or the loop's end. Loop thread only. Throws `.invalidArgument` for SIGKILL, SIGSTOP and
    /// numbers that are no signal.
    package init(_ signal: Int32, on loop: EventLoop, _ body: @escaping () -> Void) throws(RuntimeError) {
        self.loop = loop
        self.body = body
        handle.initialize(to: uv_signal_t())
        do throws(RuntimeError) { try loop.checkOpen() } catch {
            handle.deallocate()
            throw error
        }
        uv_signal_init(loop.uv, handle)
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.resources[ObjectIdentifier(self)] = self
        let status = uv_signal_start(
            handle, { handle, _ in object(SignalWatcher.self, handle?.pointee.data).body?() }, signal)
        guard status == 0 else {
            close()
            throw RuntimeError(uv: status, "signal \(signal)")
        }
    }

    /// Stops watching; the signal's default action is back when nobody else watches it.
    package func close() {
        loop.assertOnLoop()
        guard !isClosed else { return }
        isClosed = true
        body = nil
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { handle in
            guard let data = handle?.pointee.data else { return }
            Unmanaged<SignalWatcher>.fromOpaque(data).takeRetainedValue().closed()
        }
    }

    private func closed() {
        loop.resources[ObjectIdentifier(self)] = nil
        handle.deallocate()
    }

    func closeForStop() { close() }
}
