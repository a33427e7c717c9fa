import Base
import Glibc
import Runtime

/// Standard input and output as streams of a loop. When the client does not read its answers, its input is not read
/// either.
final class StandardStreams: Sendable {
    private let input: ByteStream
    private let output: ByteStream

    /// Loop thread only.
    /// - Parameter outputLimit: bytes that may wait to be read by the client; beyond it the client is given up.
    init(on loop: EventLoop, outputLimit: Int) throws(RuntimeError) {
        input = try ByteStream.standardInput(on: loop)
        output = try ByteStream.adopt(descriptor: STDOUT_FILENO, on: loop)
        output.maxPendingWriteBytes = outputLimit
    }

    /// Begins to read. Loop thread only; so are the callbacks.
    /// - Parameters:
    ///   - take: gets what the client sends.
    ///   - ended: called at least once when the client sends no more or reads no more.
    func start(take: @escaping @Sendable ([UInt8]) -> Void, ended: @escaping @Sendable () -> Void) {
        let input = input
        output.start(delegate: Ear(take: { _ in }, ended: ended, drained: { input.resumeReading() }))
        input.start(delegate: Ear(take: take, ended: ended, drained: {}))
    }

    /// Writes to the client. Loop thread only.
    func write(_ bytes: [UInt8]) {
        if !output.write(bytes), !output.isClosed { input.pauseReading() }
    }

    /// Returns when everything is written, or after `limit`.
    func finish(on loop: EventLoop, limit: TimeSpan) async {
        let output = output
        let timer = await loop.run { loop.schedule(after: limit) { output.close() } }
        do throws(RuntimeError) { try await output.flushed() } catch {
            logLine("the client did not read its last answers: \(error.message)")
        }
        let input = input
        await loop.run {
            timer.cancel()
            input.close()
            output.close()
        }
    }

    private final class Ear: StreamDelegate {
        private let take: @Sendable ([UInt8]) -> Void
        private let ended: @Sendable () -> Void
        private let drained: @Sendable () -> Void

        init(
            take: @escaping @Sendable ([UInt8]) -> Void, ended: @escaping @Sendable () -> Void,
            drained: @escaping @Sendable () -> Void
        ) {
            self.take = take
            self.ended = ended
            self.drained = drained
        }

        func didRead(_ bytes: UnsafeRawBufferPointer) { take([UInt8](bytes)) }
        func didEnd() { ended() }
        func didClose(_ error: RuntimeError?) { ended() }
        func didDrain() { drained() }
    }
}

/// One line on standard error; standard output belongs to the protocol.
func logLine(_ text: String) {
    let line = Array("sluice-studio: \(text)\n".utf8)
    line.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
