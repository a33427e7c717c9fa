import CUV
import Glibc

extension ByteStream {
    /// A stream over a descriptor that this process inherited, usually 0 or 1. Loop thread only.
    ///
    /// Pipes, sockets and terminals are read and written on the loop. A regular file or `/dev/null` can't be waited for:
    /// reading it takes a thread that copies into a pipe; writing goes straight to it. The descriptor itself stays open
    /// and, sockets excepted, keeps its blocking mode, which others may share. Throws `.invalidArgument` for folders and
    /// closed descriptors, naming the descriptor.
    package static func adopt(descriptor: Int32, on loop: EventLoop) throws(RuntimeError) -> ByteStream {
        try loop.checkOpen()
        let label = "descriptor \(descriptor)"
        var status = stat()
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fstat(descriptor, &status) == 0 else {
            throw RuntimeError(.invalidArgument, "\(label): not open")
        }
        var canPoll = true
        var own: Int32
        switch status.st_mode & S_IFMT {
        case S_IFSOCK:
            own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        case S_IFIFO:
            own = reopen(descriptor, flags)
        case S_IFCHR where isatty(descriptor) == 1:
            own = reopen(descriptor, flags)
        case S_IFREG, S_IFCHR:
            if flags & O_ACCMODE == O_RDONLY {
                own = try copyingPipe(from: descriptor)
            } else {
                canPoll = false
                own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
            }
        default:
            throw RuntimeError(.invalidArgument, "\(label): neither pipe, socket, terminal nor file")
        }
        guard own >= 0 else { throw RuntimeError(uv: -errno, label) }
        let stream: ByteStream
        do throws(RuntimeError) { stream = try ByteStream.pipe(on: loop) } catch {
            Glibc.close(own)
            throw error
        }
        stream.canPoll = canPoll
        let opened = uv_pipe_open(UnsafeMutableRawPointer(stream.handle).assumingMemoryBound(to: uv_pipe_t.self), own)
        guard opened == 0 else {
            Glibc.close(own)
            stream.close()
            throw RuntimeError(uv: opened, label)
        }
        return stream
    }

    /// Standard input as a stream. Loop thread only.
    ///
    /// Some launchers open `/dev/null` for both directions as our input; `adopt` takes such a descriptor for one to be
    /// written to, and would wait for ever. Here it is made one to be read first.
    package static func standardInput(on loop: EventLoop) throws(RuntimeError) -> ByteStream {
        makeReadOnly(STDIN_FILENO)
        return try adopt(descriptor: STDIN_FILENO, on: loop)
    }

    private static func makeReadOnly(_ descriptor: Int32) {
        guard fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDWR, isatty(descriptor) == 0 else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0, [S_IFCHR, S_IFREG].contains(status.st_mode & S_IFMT) else { return }
        let again = open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC)
        guard again >= 0 else { return }
        dup2(again, descriptor)
        Glibc.close(again)
    }

    /// The same pipe or terminal with flags of its own: making ours non-blocking must not surprise who shares it.
    private static func reopen(_ descriptor: Int32, _ flags: Int32) -> Int32 {
        let access = flags & O_ACCMODE
        // Without waiting for a reader or writer on the other side.
        let own = open("/proc/self/fd/\(descriptor)", access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        return own >= 0 ? own : fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    }

    /// A pipe that a thread fills from a file.
    private static func copyingPipe(from descriptor: Int32) throws(RuntimeError) -> Int32 {
        var ends: [Int32] = [-1, -1]
        let source = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard source >= 0 else { throw RuntimeError(uv: -errno, "descriptor \(descriptor)") }
        guard uv_pipe(&ends, 0, 0) == 0 else {
            Glibc.close(source)
            throw RuntimeError(.tooManyOpenFiles, "descriptor \(descriptor)")
        }
        let sink = ends[1]
        do throws(RuntimeError) {
            try startThread(name: "copy-\(descriptor)") {
                withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
                    copyAll(from: source, to: sink, buffer)
                }
                Glibc.close(source)
                Glibc.close(sink)
            }
        } catch {
            for end in ends + [source] { Glibc.close(end) }
            throw error
        }
        return ends[0]
    }
}

/// Copies until the end of `source` or until nobody reads `sink`. Blocks.
private func copyAll(from source: Int32, to sink: Int32, _ buffer: UnsafeMutableRawBufferPointer) {
    while true {
        let count = read(source, buffer.baseAddress, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        var written = 0
        while written < count {
            let step = write(sink, buffer.baseAddress.map { $0 + written }, count - written)
            if step < 0, errno == EINTR { continue }
            guard step > 0 else { return }
            written += step
        }
    }
}
