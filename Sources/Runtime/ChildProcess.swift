import Base
import CUV
import Glibc

/// A child in a session and process group of its own, with pipes. Loop thread only.
///
/// Its exit may be heard before the last bytes of its output: wait for `didEnd` of the streams as well.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class ChildProcess: LoopResource, @unchecked Sendable {
    /// The loop it belongs to.
    package let loop: EventLoop
    /// As it was given, for messages.
    package let program: String
    /// Its process and process group number.
    package private(set) var pid: Int32 = 0
    /// What the child reads. Start it to hear when the child closes it; close it to give the child its end of input.
    package let stdin: ByteStream
    /// What the child prints.
    package let stdout: ByteStream
    /// Nil unless asked for as a pipe.
    package let stderr: ByteStream?
    /// Nil while it runs.
    package private(set) var exitStatus: ProcessExit?

    private let handle = UnsafeMutablePointer<uv_process_t>.allocate(capacity: 1)
    private var onExit: ((ProcessExit) -> Void)?
    private let endsGroup: Bool
    private var killTimer: LoopTimer?
    private var isClosing = false

    private init(
        _ options: ProcessOptions, loop: EventLoop, streams: (ByteStream, ByteStream, ByteStream?),
        onExit: @escaping (ProcessExit) -> Void
    ) {
        self.loop = loop
        program = options.program
        endsGroup = options.endsGroupOnExit
        (stdin, stdout, stderr) = streams
        self.onExit = onExit
        handle.initialize(to: uv_process_t())
    }

    /// Starts a program. `onExit` is called once, on the loop.
    ///
    /// Throws `.processNotFound`, `.notExecutable`, `.notFound` (the working directory), `.tooManyOpenFiles` and others;
    /// the context names the program or folder. The caller starts or closes the three streams.
    package static func spawn(
        _ options: ProcessOptions, on loop: EventLoop, onExit: @escaping (ProcessExit) -> Void
    ) throws(RuntimeError) -> ChildProcess {
        try loop.checkOpen()
        try options.check()
        let stdin = try ByteStream.pipe(on: loop)
        let stdout: ByteStream
        let stderr: ByteStream?
        do throws(RuntimeError) { stdout = try ByteStream.pipe(on: loop) } catch {
            stdin.close()
            throw error
        }
        do throws(RuntimeError) { stderr = options.stderr == .pipe ? try ByteStream.pipe(on: loop) : nil } catch {
            stdin.close()
            stdout.close()
            throw error
        }
        let child = ChildProcess(options, loop: loop, streams: (stdin, stdout, stderr), onExit: onExit)
        let status = child.spawn(options)
        guard status == 0 else {
            stdin.close()
            stdout.close()
            stderr?.close()
            child.onExit = nil
            child.closeHandle()
            throw failure(status, options)
        }
        return child
    }

    private static func failure(_ status: Int32, _ options: ProcessOptions) -> RuntimeError {
        switch -status {
        case ENOENT, ENOTDIR: RuntimeError(.processNotFound, options.program)
        case EACCES, EPERM, ENOEXEC, EISDIR: RuntimeError(.notExecutable, options.program)
        default: RuntimeError(uv: status, options.program)
        }
    }

    private func spawn(_ options: ProcessOptions) -> Int32 {
        let arguments = CStrings([options.program] + options.arguments)
        let environment = CStrings(options.environmentLines())
        let file = CStrings([options.program])
        let directory = CStrings(options.directory.map { [$0] } ?? [])
        var pipes = [
            // Both ways, so that our end can be read, which is how we hear that the child closed it.
            Self.pipe(stdin, uv_stdio_flags(UV_READABLE_PIPE.rawValue | UV_WRITABLE_PIPE.rawValue)),
            Self.pipe(stdout, UV_WRITABLE_PIPE),
            stderr.map { Self.pipe($0, UV_WRITABLE_PIPE) } ?? Self.noPipe(options.stderr),
        ]
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.resources[ObjectIdentifier(self)] = self
        let status = pipes.withUnsafeMutableBufferPointer { pipes in
            var native = uv_process_options_t()
            native.file = UnsafePointer(file.pointers[0])
            native.args = arguments.pointers.baseAddress
            native.env = environment.pointers.baseAddress
            native.cwd = UnsafePointer(directory.pointers[0])
            // A session of its own: signals meant for us (Ctrl-C) are not the child's, and its whole group can be ended.
            native.flags = UV_PROCESS_DETACHED.rawValue
            native.stdio_count = Int32(pipes.count)
            native.stdio = pipes.baseAddress
            native.exit_cb = { handle, status, signal in
                object(ChildProcess.self, handle?.pointee.data).exited(status, signal)
            }
            return uv_spawn(loop.uv, handle, &native)
        }
        pid = status == 0 ? handle.pointee.pid : 0
        return status
    }

    private static func pipe(_ stream: ByteStream, _ direction: uv_stdio_flags) -> uv_stdio_container_t {
        var container = uv_stdio_container_t()
        container.flags = uv_stdio_flags(UV_CREATE_PIPE.rawValue | direction.rawValue)
        container.data.stream = stream.handle
        return container
    }

    private static func noPipe(_ choice: ProcessOptions.ErrorOutput) -> uv_stdio_container_t {
        var container = uv_stdio_container_t()
        container.flags = choice == .inherit ? UV_INHERIT_FD : UV_IGNORE
        container.data.fd = STDERR_FILENO
        return container
    }

    private func exited(_ status: Int64, _ signal: Int32) {
        let exit: ProcessExit = signal != 0 ? .signalled(signal) : .exited(Int32(truncatingIfNeeded: status))
        exitStatus = exit
        killTimer?.cancel()
        // While anybody is left in the group its number can't be given to another process.
        if endsGroup, pid > 0 { kill(-pid, SIGKILL) }
        closeHandle()
        let onExit = onExit
        self.onExit = nil
        onExit?(exit)
    }

    private func closeHandle() {
        guard !isClosing else { return }
        isClosing = true
        let raw = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
        uv_close(raw) { handle in
            guard let data = handle?.pointee.data else { return }
            Unmanaged<ChildProcess>.fromOpaque(data).takeRetainedValue().closed()
        }
    }

    private func closed() {
        loop.resources[ObjectIdentifier(self)] = nil
        handle.deallocate()
    }

    /// Sends a signal to the child's whole group; nothing after its exit.
    package func signal(_ number: Int32) {
        loop.assertOnLoop()
        if exitStatus == nil, pid > 0 { kill(-pid, number) }
    }

    /// Asks the group to end by SIGTERM, and after `grace` ends it by SIGKILL. `onExit` tells when it is done.
    package func terminate(grace: TimeSpan = .seconds(3)) {
        loop.assertOnLoop()
        guard exitStatus == nil, killTimer == nil else { return }
        signal(SIGTERM)
        killTimer = loop.schedule(after: grace) { self.signal(SIGKILL) }
    }

    var delaysStop: Bool { exitStatus == nil && !isClosing }

    func loopIsStopping() {
        killTimer?.cancel()
        killTimer = nil
        terminate(grace: .milliseconds(500))
    }

    func closeForStop() { closeHandle() }
}

/// A NULL-terminated array of C strings that lives as long as this.
private final class CStrings {
    let pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

    init(_ strings: [String]) {
        pointers = .allocate(capacity: strings.count + 1)
        _ = pointers.initialize(from: strings.map { strdup($0) } + [nil])
    }

    deinit {
        for pointer in pointers { free(pointer) }
        pointers.deallocate()
    }
}
