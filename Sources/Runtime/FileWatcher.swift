import Base
import CUV
import Glibc

/// Hears that a file (or something in a folder) was changed, created, replaced or removed.
///
/// A file is watched through its folder, because editors replace files by renaming over them, and a link in the folder
/// may come to point elsewhere (which is how containers change mounted configuration). Several changes in quick
/// succession are told once, `debounce` after the last one, and at the latest ten times `debounce` after the first.
// SAFETY: confined to the loop's thread, which every entry checks.
package final class FileWatcher: LoopResource, @unchecked Sendable {
    /// The loop it belongs to.
    package let loop: EventLoop
    private let handle = UnsafeMutablePointer<uv_fs_event_t>.allocate(capacity: 1)
    private let debounce: TimeSpan
    /// The name to look for in the folder; nil for the folder as a whole.
    private let name: String?
    private let path: String
    private var mark: FileMark?
    private var changed: (() -> Void)?
    private var timer: LoopTimer?
    private var firstChange: TimeSpan?
    private var isClosed = false

    /// Watches until ``close()`` or the loop's end. Loop thread only. The file need not exist, its folder must: throws
    /// `.notFound` with the path otherwise.
    package init(
        path: String, on loop: EventLoop, debounce: TimeSpan = .milliseconds(100), _ changed: @escaping () -> Void
    ) throws(RuntimeError) {
        self.loop = loop
        self.debounce = debounce
        self.changed = changed
        handle.initialize(to: uv_fs_event_t())
        let (folder, name) = Self.split(path)
        self.name = name
        self.path = path
        mark = FileMark(path)
        do throws(RuntimeError) { try loop.checkOpen() } catch {
            handle.deallocate()
            throw error
        }
        uv_fs_event_init(loop.uv, handle)
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.resources[ObjectIdentifier(self)] = self
        let status = uv_fs_event_start(
            handle,
            { handle, name, _, _ in
                object(FileWatcher.self, handle?.pointee.data).event(name.map { String(cString: $0) })
            }, folder, 0)
        guard status == 0 else {
            close()
            throw RuntimeError(uv: status, folder)
        }
    }

    private static func split(_ path: String) -> (folder: String, name: String?) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return (path, nil) }
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private func event(_ file: String?) {
        // Without a name anything may have changed; another name matters if our file is another one now.
        if let name, let file, file != name {
            let now = FileMark(path)
            guard now != mark else { return }
        }
        mark = FileMark(path)
        let now = loop.now
        let first = firstChange ?? now
        firstChange = first
        let latest = first.microseconds + debounce.microseconds * 10
        let wait = TimeSpan(microseconds: max(0, min(debounce.microseconds, latest - now.microseconds)))
        if let timer {
            timer.rearm(after: wait)
        } else {
            timer = loop.schedule(after: wait, repeatable: true) { [weak self] in self?.tell() }
        }
    }

    private func tell() {
        firstChange = nil
        changed?()
    }

    /// True while a change waits for its debounce.
    var isWaiting: Bool { firstChange != nil }

    /// Stops watching; a change that waits for its debounce is not told any more.
    package func close() {
        loop.assertOnLoop()
        guard !isClosed else { return }
        isClosed = true
        changed = nil
        timer?.cancel()
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { handle in
            guard let data = handle?.pointee.data else { return }
            Unmanaged<FileWatcher>.fromOpaque(data).takeRetainedValue().closed()
        }
    }

    private func closed() {
        loop.resources[ObjectIdentifier(self)] = nil
        handle.deallocate()
    }

    func closeForStop() { close() }
}

/// What tells one state of a file from another, links followed.
struct FileMark: Equatable, Sendable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
