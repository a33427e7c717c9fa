import Runtime

/// Connects one pipe of a child to closures that run on the pipe's loop.
final class PipeDelegate: StreamDelegate {
    private let read: (UnsafeRawBufferPointer) -> Void
    private let ended: () -> Void

    init(read: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }, ended: @escaping () -> Void = {}) {
        self.read = read
        self.ended = ended
    }

    func didRead(_ bytes: UnsafeRawBufferPointer) { read(bytes) }
    func didEnd() { ended() }
    func didClose(_ error: RuntimeError?) { ended() }
    func didDrain() {}
}
