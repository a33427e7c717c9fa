import Base
import CUV

/// Stands between a stream and its delegate: records outside, plain bytes inside. A stream without TLS has none, and
/// pays nothing for it: reading has another delegate, and writing asks for it only where it had to stop anyway.
// SAFETY: touched on the stream's loop thread only.
final class TLSFilter: StreamDelegate, @unchecked Sendable {
    private enum State {
        /// The context is being read from its files.
        case preparing
        case handshaking, open
        /// It failed; what the other side still sends is dropped, so that our last words are not lost by a reset.
        case lingering
        case closed
    }

    /// A server's first words if the client's are no TLS.
    private let plainAnswer: [UInt8]
    /// How the handshake ended, once; nil: well.
    private var handshakeEnded: ((RuntimeError?) -> Void)?
    /// Why the stream ends, if it is TLS that ends it.
    private(set) var failure: RuntimeError?
    /// Strong, and given up when the stream is gone: the two live and die together.
    private var stream: ByteStream?
    private var upper: (any StreamDelegate)?
    private var engine: TLSEngine?
    private var state = State.preparing
    private var timer: LoopTimer?
    /// Plain bytes that wait: for the handshake, or to share a record with those that follow.
    private var held: [UInt8] = []
    private var isFlushScheduled = false
    private var lastWrite: UInt64 = 0
    private var hasHeard = false
    /// The other side's end was told: by its closing message, or by an error.
    private var hasToldEnd = false
    private var rawHasEnded = false
    private var wantsShutdown = false
    private var closesWhenFlushed = false

    /// One record.
    private static let record = 16 * 1024
    /// What is encrypted at once: the output of that fits the loop's buffer.
    private static let slice = 64 * 1024
    /// What may be written before the handshake is complete.
    private static let maxEarly = 256 * 1024

    init(_ stream: ByteStream, plainAnswer: [UInt8] = [], handshakeEnded: @escaping (RuntimeError?) -> Void) {
        self.stream = stream
        self.plainAnswer = plainAnswer
        self.handshakeEnded = handshakeEnded
    }

    /// The negotiated version and whether a session was taken up again; nil before the end of the handshake.
    var session: TLSSession? {
        guard let engine, engine.isEstablished else { return nil }
        return TLSSession(version: engine.version, isResumed: engine.isResumed)
    }

    // MARK: Handshake

    /// Gets the context, then begins.
    func begin(_ source: TLSContextSource, _ role: TLSEngine.Role, timeout: TimeSpan) {
        guard let stream else { return }
        timer = stream.loop.schedule(after: timeout) { [weak self] in self?.clockRanOut() }
        source.current(on: stream.loop) { [weak self] in self?.prepared($0, role) }
    }

    private func prepared(_ context: Result<TLSContext, RuntimeError>, _ role: TLSEngine.Role) {
        guard state == .preparing, let stream, !stream.isClosed else { return }
        do throws(RuntimeError) {
            engine = try TLSEngine(try context.get(), role, peer: stream.label)
        } catch {
            return fail(error)
        }
        state = .handshaking
        stream.resumeReadingRaw()
        if case .client = role { advanceHandshake() }
    }

    private func advanceHandshake() {
        guard let engine else { return }
        let step = engine.handshake()
        flushOutput()
        switch step {
        case .wantsMore: break
        case .done:
            state = .open
            timer?.cancel()
            timer = nil
            settle(nil)
            guard state == .open else { return }
            flushHeld()
            if upper == nil {
                // Whoever shook hands has to say who reads.
                stream?.pauseReadingRaw()
            } else {
                pump()
            }
            endIfWanted()
        case .ended: fail(RuntimeError(.tls(.brokenProtocol), "`\(label)` (ended by the other side)"))
        case .failed(let error): fail(error)
        }
    }

    private func settle(_ error: RuntimeError?) {
        let ended = handshakeEnded
        handshakeEnded = nil
        ended?(error)
    }

    private var label: String { stream?.label ?? "" }

    /// The first thing a client says is a record of the handshake. A letter is somebody who speaks HTTP to this port.
    private func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !hasHeard, !plainAnswer.isEmpty, let first = bytes.first else { return false }
        hasHeard = true
        return (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first)
    }

    private func clockRanOut() {
        guard let stream else { return }
        switch state {
        case .preparing, .handshaking:
            let error = RuntimeError(.tls(.handshakeTimeout), "`\(label)`")
            failure = error
            state = .closed
            stream.close(error)
            settle(error)
        case .lingering: stream.close(failure)
        case .open, .closed: break
        }
    }

    /// Sends what is to be sent (an alert), then waits a moment for the other side to read it.
    private func fail(_ error: RuntimeError) {
        guard state != .lingering, state != .closed, let stream else { return }
        flushOutput()
        let wasOpen = state == .open
        failure = error
        state = .lingering
        held = []
        stream.writes.held = 0
        timer?.cancel()
        timer = stream.loop.schedule(after: .seconds(1)) { [weak self] in self?.clockRanOut() }
        if wasOpen || rawHasEnded || !stream.isReadable {
            // The delegate is waiting to hear of it.
            stream.closeAfterFlushRaw()
        } else {
            stream.shutdownWriteRaw()
            stream.resumeReadingRaw()
        }
        settle(error)
    }

    // MARK: The stream's calls

    func didRead(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .handshaking:
            if isPlain(bytes) {
                plainAnswer.withUnsafeBytes { stream?.writeRaw($0) }
                return fail(RuntimeError(.tls(.noCommonProtocol), "`\(label)` (plain HTTP on a TLS port)"))
            }
            engine?.receive(bytes)
            advanceHandshake()
        case .open:
            // In pieces, so that the memory of a connection stays small.
            var rest = bytes
            while !rest.isEmpty, state == .open {
                engine?.receive(UnsafeRawBufferPointer(rebasing: rest.prefix(Self.record)))
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Self.record))
                pump()
            }
        case .preparing, .lingering, .closed: break
        }
    }

    func didEnd() {
        rawHasEnded = true
        switch state {
        case .open: pump()
        case .handshaking: fail(RuntimeError(.tls(.brokenProtocol), "`\(label)` (closed during the handshake)"))
        case .lingering: stream?.close(failure)
        case .preparing, .closed: break
        }
    }

    func didClose(_ error: RuntimeError?) {
        state = .closed
        timer?.cancel()
        timer = nil
        settle(error ?? RuntimeError(.connectionReset, label))
        let upper = upper
        self.upper = nil
        engine = nil
        stream = nil
        upper?.didClose(error)
    }

    func didDrain() { upper?.didDrain() }

    // MARK: Reading

    /// Plain bytes go to this delegate from now on.
    func start(_ delegate: any StreamDelegate) {
        upper = delegate
        guard state == .open, let stream else { return }
        stream.resumeReadingRaw()
        schedulePump()
    }

    /// The delegate reads again: what was decrypted already, or waits in memory, comes first.
    func resumed() {
        guard state == .open else { return }
        schedulePump()
    }

    // Not at once: who calls is often inside of `didRead`.
    private func schedulePump() { stream?.loop.execute { self.pump() } }

    /// Decrypts what is there and hands it on.
    private func pump() {
        guard state == .open, !hasToldEnd, let stream, let engine, let upper else { return }
        let buffer = stream.loop.takeTLSBuffer()
        defer { stream.loop.giveTLSBuffer(buffer) }
        while state == .open, stream.isReadWanted, !stream.isClosed {
            var filled = 0
            var last = TLSEngine.Step.wantsMore
            fill: while buffer.count - filled >= Self.record {
                last = engine.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                guard case .done(let count) = last else { break fill }
                filled += count
            }
            // A new key of the other side asks for one of ours.
            flushOutput()
            if filled > 0 { upper.didRead(UnsafeRawBufferPointer(rebasing: buffer[..<filled])) }
            guard state == .open, !stream.isClosed else { return }
            switch last {
            case .done: continue
            case .wantsMore:
                // The end without the closing message may be an attacker's, who cut off the rest.
                if rawHasEnded { fail(RuntimeError(.tls(.truncated), "`\(label)`")) }
                return
            case .ended:
                hasToldEnd = true
                stream.endReading()
                upper.didEnd()
                return
            case .failed(let error): return fail(error)
            }
        }
    }

    // MARK: Writing

    /// Encrypts and writes. The first bytes of a turn go at once; small ones behind them share a record at its end.
    func write(_ bytes: UnsafeRawBufferPointer) {
        guard !wantsShutdown, !closesWhenFlushed, let stream, !stream.isClosed else { return }
        switch state {
        case .preparing, .handshaking:
            guard held.count + bytes.count <= Self.maxEarly else {
                return stream.close(RuntimeError(.writeBufferFull, label))
            }
            hold(bytes)
        case .open:
            let now = uv_now(stream.loop.uv)
            if bytes.count >= Self.record || (held.isEmpty && now != lastWrite && stream.writes.pending == 0) {
                lastWrite = now
                flushHeld()
                encrypt(bytes)
            } else {
                hold(bytes)
                if held.count >= Self.record { flushHeld() } else { scheduleFlush() }
            }
        case .lingering, .closed: break
        }
    }

    private func hold(_ bytes: UnsafeRawBufferPointer) {
        held.append(contentsOf: bytes)
        stream?.writes.held = held.count
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        stream?.loop.execute {
            self.isFlushScheduled = false
            self.flushHeld()
        }
    }

    /// Encrypts what was held back.
    func flushHeld() {
        guard state == .open, !held.isEmpty else { return }
        let bytes = held
        held = []
        stream?.writes.held = 0
        bytes.withUnsafeBytes { encrypt($0) }
    }

    private func encrypt(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty, state == .open, let engine {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.slice))
            switch engine.write(part) {
            case .done(let count): rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            case .failed(let error): return fail(error)
            case .wantsMore, .ended:
                return fail(RuntimeError(.tls(.brokenProtocol), "`\(label)` (nothing more can be sent)"))
            }
            flushOutput()
        }
    }

    private func flushOutput() {
        guard let stream, let engine else { return }
        let buffer = stream.loop.takeTLSBuffer()
        defer { stream.loop.giveTLSBuffer(buffer) }
        while true {
            let count = engine.takeOutput(into: buffer)
            guard count > 0 else { return }
            stream.writeRaw(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    // MARK: Ending

    /// Nothing more is written: TLS's closing message, then TCP's.
    func shutdownWrite() {
        guard !wantsShutdown else { return }
        wantsShutdown = true
        endIfWanted()
    }

    /// Closes once everything is with the kernel, the closing message included.
    func closeAfterFlush() {
        closesWhenFlushed = true
        endIfWanted()
    }

    private func endIfWanted() {
        guard wantsShutdown || closesWhenFlushed, let stream else { return }
        switch state {
        case .open:
            flushHeld()
            engine?.sayGoodbye()
            flushOutput()
        // What was written waits for the handshake, whose clock runs.
        case .preparing, .handshaking: if !held.isEmpty { return }
        case .lingering: return
        case .closed: break
        }
        if closesWhenFlushed { stream.closeAfterFlushRaw() } else { stream.shutdownWriteRaw() }
    }
}

/// What a handshake came to.
package struct TLSSession: Sendable, Hashable {
    /// For example `TLSv1.3`.
    package let version: String
    /// An earlier session was taken up: no certificates, no signatures.
    package let isResumed: Bool
}
