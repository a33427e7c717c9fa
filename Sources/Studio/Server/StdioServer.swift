import Base
import MCP
import Runtime

/// MCP over a pair of pipes: one message a line. Knows nothing of file descriptors: bytes are fed in, lines go out by a
/// closure, so that tests run it in memory.
package actor StdioServer {
    private let loop: EventLoop
    private let session: Session
    private let write: @Sendable ([UInt8]) -> Void
    private let progress: ProgressOutbox
    private var splitter: LineSplitter
    private let lineLimit: Int
    private var runningTasks = 0
    private var isEnding = false
    private var waiter: CheckedContinuation<Void, Never>?

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - lineLimit: bytes of one message.
    ///   - write: gets each message with its line feed, on the loop.
    package init(loop: EventLoop, session: Session, lineLimit: Int, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.loop = loop
        self.session = session
        self.lineLimit = lineLimit
        self.write = write
        progress = ProgressOutbox(loop)
        progress.open { write($0 + [UInt8(ascii: "\n")]) }
        splitter = LineSplitter(limit: lineLimit)
    }

    /// Takes bytes from the client. What comes after the end was asked for is ignored.
    package func feed(_ bytes: [UInt8]) {
        guard !isEnding else { return }
        var pieces: [LineSplitter.Piece] = []
        bytes.withUnsafeBytes { part in splitter.feed(part) { pieces.append($0) } }
        for piece in pieces { take(piece) }
    }

    /// The client will send no more, or we were asked to stop: calls in flight are finished, for at most `grace`.
    /// Returns when everything is answered.
    package func end(grace: TimeSpan) async {
        if !isEnding {
            var pieces: [LineSplitter.Piece] = []
            splitter.end { pieces.append($0) }
            for piece in pieces { take(piece) }
        }
        isEnding = true
        guard runningTasks > 0, waiter == nil else { return }
        let timer = loop.schedule(after: grace) { self.giveUp() }
        await withCheckedContinuation { waiter = $0 }
        timer.cancel()
    }

    private func giveUp() {
        session.cancelAll()
        waiter?.resume()
        waiter = nil
    }

    private func take(_ piece: LineSplitter.Piece) {
        switch piece {
        case .tooLong:
            send(
                RPCWriter.error(
                    id: nil, code: .invalidRequest,
                    message: "a message may have at most \(lineLimit) bytes; this one was dropped"))
        case .line(let bytes):
            let progress = progress
            switch session.receive(bytes, progress: { progress.add($0) }) {
            case .reply(let answer), .reject(let answer): send(answer)
            case .accepted: break
            case .call(let call):
                runningTasks += 1
                Task(executorPreference: loop) { await self.finish(await self.session.perform(call)) }
            case .batch(let batch):
                runningTasks += 1
                Task(executorPreference: loop) { await self.finish(await self.session.perform(batch: batch)) }
            }
        }
    }

    private func finish(_ answer: [UInt8]?) {
        progress.empty()
        if let answer { send(answer) }
        runningTasks -= 1
        if isEnding, runningTasks == 0 {
            waiter?.resume()
            waiter = nil
        }
    }

    private func send(_ message: [UInt8]) {
        write(message + [UInt8(ascii: "\n")])
    }
}
