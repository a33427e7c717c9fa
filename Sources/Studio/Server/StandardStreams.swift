import Glibc
import Runtime
import Synchronization

/// Standard input and output of this process, each on a thread of its own with plain blocking calls.
///
/// Not on the loop, because both may be anything (pipes, files, terminals), and making them non-blocking would do so for
/// every other process that shares them.
enum StandardStreams {
    /// Reads standard input to its end and hands every part to `take` on the loop, one after the other: when the loop
    /// is busy, the client has to wait.
    static func read(on loop: EventLoop, _ take: @escaping @Sendable ([UInt8]) -> Void) async {
        let size = 256 << 10
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(STDIN_FILENO, buffer.baseAddress, size)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            let part = [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            await loop.run { take(part) }
        }
    }
}

/// Lines on their way to standard output. Any thread may add; one thread writes, in order.
final class OutputQueue: Sendable {
    private let thread: OutputThread
    private let pendingBytes = Atomic<Int>(0)
    private let isBroken = Atomic<Bool>(false)
    /// A client that lets more than this pile up does not read any more.
    private let limit: Int
    private let broke: @Sendable () -> Void

    /// - Parameter broke: called once, on some thread, when the other side is gone or does not read.
    init(descriptor: Int32, limit: Int, broke: @escaping @Sendable () -> Void) throws(RuntimeError) {
        thread = OutputThread(descriptor: descriptor, worker: try WorkThread(name: "stdout"))
        self.limit = limit
        self.broke = broke
    }

    func write(_ bytes: [UInt8]) {
        guard !isBroken.load(ordering: .relaxed) else { return }
        let pending = pendingBytes.add(bytes.count, ordering: .relaxed).newValue
        guard pending <= limit else {
            fail()
            return
        }
        Task(executorPreference: thread.worker) {
            let isWritten = await self.thread.write(bytes)
            self.pendingBytes.subtract(bytes.count, ordering: .relaxed)
            if !isWritten { self.fail() }
        }
    }

    /// Returns when everything that was added before has been written.
    func flushed() async {
        await thread.nothing()
    }

    private func fail() {
        if !isBroken.exchange(true, ordering: .relaxed) { broke() }
    }
}

private actor OutputThread {
    nonisolated let worker: WorkThread
    private let descriptor: Int32

    nonisolated var unownedExecutor: UnownedSerialExecutor { worker.asUnownedSerialExecutor() }

    init(descriptor: Int32, worker: WorkThread) {
        self.descriptor = descriptor
        self.worker = worker
    }

    /// False when the other side is gone.
    func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count < 0, errno == EINTR { continue }
                // A descriptor that someone else made non-blocking.
                if count < 0, errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, 1000)
                    continue
                }
                guard count > 0 else { return false }
                written += count
            }
            return true
        }
    }

    func nothing() {}
}

/// One line on standard error; standard output belongs to the protocol.
func logLine(_ text: String) {
    let line = Array("sluice-studio: \(text)\n".utf8)
    line.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
