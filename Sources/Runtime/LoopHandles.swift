import CUV
import Glibc

/// The loop's own libuv handles, in one block whose address never changes.
struct LoopHandles {
    var wake = uv_async_t()
    var prepare = uv_prepare_t()
    var check = uv_check_t()
    var idle = uv_idle_t()
    var timer = uv_timer_t()
}

/// Something open on a loop that must end before the loop can.
protocol LoopResource: AnyObject {
    /// True while the loop should wait for this to end by itself (a child that was asked to).
    var delaysStop: Bool { get }
    /// The loop begins to stop.
    func loopIsStopping()
    /// Close now; the resource leaves the loop's list in its close callback.
    func closeForStop()
}

extension LoopResource {
    var delaysStop: Bool { false }

    func loopIsStopping() {}
}

extension EventLoop {
    /// The loop that a libuv handle belongs to. The handle must be one of ours.
    static func of(_ handle: UnsafeMutableRawPointer?) -> EventLoop {
        guard let handle, let loop = uv_handle_get_loop(handle.assumingMemoryBound(to: uv_handle_t.self)),
            let data = loop.pointee.data
        else { preconditionFailure("BUG: a libuv callback without its loop") }
        return Unmanaged<EventLoop>.fromOpaque(data).takeUnretainedValue()
    }
}

/// The object behind a libuv handle or request, given its `data` pointer.
@inline(__always)
func object<T: AnyObject>(_ type: T.Type, _ data: UnsafeMutableRawPointer?) -> T {
    guard let data else { preconditionFailure("BUG: a libuv callback without its object") }
    return Unmanaged<T>.fromOpaque(data).takeUnretainedValue()
}

/// Closes a handle that has no owner to tell.
func closeRaw(_ handle: UnsafeMutableRawPointer) {
    let handle = handle.assumingMemoryBound(to: uv_handle_t.self)
    if uv_is_closing(handle) == 0 { uv_close(handle) { _ in } }
}

/// A write to a closed socket must be an error code, not the end of the process. Evaluated once.
let ignoreBrokenPipes: Void = {
    _ = signal(SIGPIPE, SIG_IGN)
}()

/// Which loop runs on this thread.
enum CurrentLoop {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    static func set(_ loop: EventLoop?) {
        pthread_setspecific(key, loop.map { Unmanaged.passUnretained($0).toOpaque() })
    }

    static func get() -> EventLoop? {
        pthread_getspecific(key).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
    }
}
