import Glibc
import Studio
import Support
import Synchronization
import Testing

/// Every way out of the allowed folder that we could think of.
@Suite struct AllowedRootsTests {
    private let folder: TemporaryFolder
    private let roots: AllowedRoots

    init() throws {
        folder = try TemporaryFolder()
        try place("\(folder.path)/in/a.png", [1, 2, 3])
        try place("\(folder.path)/in/deep/b.png", [4])
        try place("\(folder.path)/in/empty.png", [])
        try place("\(folder.path)/inside-out/c.png", [5])
        try place("\(folder.path)/secret.txt", [6])
        symlink("\(folder.path)/secret.txt", "\(folder.path)/in/link.png")
        symlink("../inside-out", "\(folder.path)/in/linked-folder")
        symlink("deep/b.png", "\(folder.path)/in/good-link.png")
        symlink("loop.png", "\(folder.path)/in/loop.png")
        symlink("/proc/self/environ", "\(folder.path)/in/environ.png")
        mkfifo("\(folder.path)/in/pipe.png", 0o600)
        roots = try AllowedRoots(["\(folder.path)/in"])
    }

    private func code(_ path: String, _ roots: AllowedRoots? = nil) -> StudioError.Code? {
        do throws(StudioError) {
            _ = try (roots ?? self.roots).read(path, maxBytes: 1000)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func filesInsideAreRead() throws {
        #expect(try roots.read("\(folder.path)/in/a.png", maxBytes: 3) == [1, 2, 3])
        #expect(try roots.read("a.png", maxBytes: 3) == [1, 2, 3])
        #expect(try roots.read("deep/../a.png", maxBytes: 3) == [1, 2, 3])
        #expect(try roots.read("file://\(folder.path)/in/a.png", maxBytes: 3) == [1, 2, 3])
        #expect(try roots.read("FILE://localhost\(folder.path)/in/%61.png", maxBytes: 3) == [1, 2, 3])
        #expect(try roots.read("good-link.png", maxBytes: 3) == [4])
    }

    @Test func waysOutAreRefused() {
        let out = [
            "../secret.txt", "\(folder.path)/in/../secret.txt", "\(folder.path)/secret.txt", "/etc/passwd",
            "/etc/shadow",
            "link.png", "\(folder.path)/in/link.png", "linked-folder/c.png", "\(folder.path)/inside-out/c.png",
            "environ.png", "/proc/self/environ", "/proc/self/root/etc/passwd", "/dev/zero", "/dev/stdin",
            "/sys/kernel/notes",
            "/", "/nowhere/at/all", "../../../../../../etc/passwd", "file:///etc/passwd", "file:///%65tc/passwd",
        ]
        for path in out {
            #expect(code(path) == .pathNotAllowed, "\(path)")
        }
    }

    @Test func existenceOutsideIsNotTold() throws {
        var messages: [String] = []
        for path in ["\(folder.path)/secret.txt", "\(folder.path)/nobody.txt"] {
            do throws(StudioError) { _ = try roots.find(path) } catch { messages.append(error.message) }
        }
        #expect(messages.count == 2)
        #expect(
            messages[0].split(separator: "secret").joined() == messages[1].split(separator: "nobody").joined(),
            "the two answers must not differ")
    }

    @Test func oddFilesAreRefused() {
        #expect(code("nothing.png") == .fileNotFound)
        #expect(code("deep/nothing/at/all.png") == .fileNotFound)
        #expect(code("a.png/b") == .fileNotFound)
        #expect(code("loop.png") == .fileNotFound)
        #expect(code("deep") == .fileNotReadable)
        #expect(code("\(folder.path)/in") == .fileNotReadable)
        #expect(code("pipe.png") == .fileNotReadable, "a pipe must not hang")
        #expect(code("empty.png") == .invalidImage)
        #expect(code("a.png\u{0}.jpg") == .invalidParameter)
        #expect(code("/etc/passwd\u{0}") == .invalidParameter)
        #expect(code("") == .invalidParameter)
        #expect(code(String(repeating: "a/", count: 5000)) == .invalidParameter)
        #expect(code("file://elsewhere/a.png") == .invalidParameter)
        #expect(code("file:///%zz") == .invalidParameter)
        #expect(code("file:///a%00") == .invalidParameter)
    }

    @Test func largeFilesAreNotRead() throws {
        #expect(throws: StudioError.self) { try roots.read("a.png", maxBytes: 2) }
        do throws(StudioError) { _ = try roots.read("a.png", maxBytes: 2) } catch {
            #expect(error.code == .imageTooLarge)
        }
    }

    @Test func withoutFoldersNothingIsAllowed() {
        #expect(code("\(folder.path)/in/a.png", AllowedRoots.none) == .pathNotAllowed)
        #expect(code("a.png", AllowedRoots.none) == .pathNotAllowed)
    }

    @Test func evenTheWholeTreeExcludesTheKernelsFiles() throws {
        let all = try AllowedRoots(["/"])
        #expect(code("\(folder.path)/in/a.png", all) == nil)
        for path in ["/proc/self/environ", "/proc/version", "/sys/kernel/notes", "/dev/zero"] {
            #expect(code(path, all) == .pathNotAllowed)
        }
    }

    @Test func aFolderThatIsNoneIsAnError() {
        #expect(throws: StudioError.self) { try AllowedRoots(["\(folder.path)/nothing"]) }
        #expect(throws: StudioError.self) { try AllowedRoots(["\(folder.path)/secret.txt"]) }
    }

    @Test func ownResultsAreReadableByTheirPath() throws {
        let roots = try AllowedRoots([], outputs: "\(folder.path)/inside-out")
        #expect(try roots.read("\(folder.path)/inside-out/c.png", maxBytes: 10) == [5])
        #expect(code("c.png", roots) == .pathNotAllowed)
        #expect(code("\(folder.path)/secret.txt", roots) == .pathNotAllowed)
    }

    /// Another process swaps a file and a folder for links that lead out, again and again, while we read.
    @Test func swappingLinksWhileReadingLeadsNowhere() async throws {
        let base = folder.path
        try place("\(base)/in/swap/c.png", [7])
        try place("\(base)/in/file.png", [7])
        symlink("\(base)/secret.txt", "\(base)/file-link")
        symlink("\(base)/inside-out", "\(base)/folder-link")
        let isDone = Flag()
        let swapping = Task.detached {
            while !isDone.isSet {
                // RENAME_EXCHANGE by hand: one of the two names is always there.
                for (name, other) in [("in/file.png", "file-link"), ("in/swap", "folder-link")] {
                    rename("\(base)/\(name)", "\(base)/spare")
                    rename("\(base)/\(other)", "\(base)/\(name)")
                    rename("\(base)/spare", "\(base)/\(other)")
                }
            }
        }
        for _ in 0..<3000 {
            for path in ["file.png", "swap/c.png"] {
                if let bytes = try? roots.read(path, maxBytes: 100) {
                    #expect(bytes == [7], "read \(bytes) by \(path)")
                }
            }
        }
        isDone.set()
        await swapping.value
    }
}

/// Set once, seen by another thread.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
