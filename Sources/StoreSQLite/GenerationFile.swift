import Glibc
import Store
import Synchronization

/// Eight bytes that every process of a data folder maps: a change made by one is seen by the others at their next look,
/// and a look costs one load. The database holds the truth; this only says when to read it again.
final class GenerationFile: Sendable {
    // SAFETY: points into a shared mapping that lives as long as this object, and is only used as an atomic.
    private nonisolated(unsafe) let word: UnsafeMutablePointer<Atomic<UInt64>>

    init(path: String) throws(StoreError) {
        func failure() -> StoreError {
            StoreError(
                .directory, "cannot use `\(path)`: \(errorText(errno))",
                help: "make it writable for this user, or delete it while no gateway runs")
        }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        // Only ever grows: a file cut under a mapping would end the processes that read it.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure() }
        if status.st_size < 8 {
            guard ftruncate(descriptor, 8) == 0 else { throw failure() }
        }
        let address = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let address, address != MAP_FAILED else { throw failure() }
        word = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    deinit {
        munmap(word, 8)
    }

    var value: UInt64 { word.pointee.load(ordering: .acquiring) }

    /// Never goes back.
    func raise(to generation: UInt64) {
        word.pointee.max(generation, ordering: .acquiringAndReleasing)
    }
}
