import Base
import Glibc
import Testing

@testable import Runtime

// One suite in order: signals are the process's, not a test's.
@Suite(.serialized) struct WatcherTests {
    @Test func signalIsHeardOnTheLoop() async throws {
        try await withLoop { loop in
            let heard = Record<Bool>()
            let watcher = try await loop.run { () throws(RuntimeError) in
                try SignalWatcher(SIGUSR1, on: loop) { heard.note(loop.isOnLoop) }
            }
            kill(getpid(), SIGUSR1)
            #expect(await heard.wait(for: 1) == [true])
            await loop.run { watcher.close() }
            let error = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in _ = try SignalWatcher(SIGKILL, on: loop) {} }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func fileWritesReplacementsAndRemovalAreTold() async throws {
        let folder = try TemporaryFolder()
        try await withLoop { loop in
            let told = Record<Int>()
            let watcher = try await loop.run { () throws(RuntimeError) in
                try FileWatcher(path: folder.path + "/conf.json", on: loop, debounce: .milliseconds(5)) { told.note(1) }
            }
            // On the loop, so that the events of one change come together however slow the machine is.
            try await loop.run { try folder.write("conf.json", "1") }
            #expect(await told.wait(for: 1).count == 1)
            // As editors do it: a new file renamed over the old one.
            try await loop.run {
                try folder.write("conf.json.new", "2")
                rename(folder.path + "/conf.json.new", folder.path + "/conf.json")
            }
            #expect(await told.wait(for: 2).count == 2)
            try await loop.run { try folder.write("conf.json", "3") }
            #expect(await told.wait(for: 3).count == 3)
            await loop.run { _ = unlink(folder.path + "/conf.json") }
            #expect(await told.wait(for: 4).count == 4)
            await loop.run { watcher.close() }
        }
    }

    @Test func burstsAreToldOnceAndStrangersNot() async throws {
        let folder = try TemporaryFolder()
        try await withLoop { loop in
            let told = Record<Int>()
            let all = Record<Int>()
            let watcher = try await loop.run { () throws(RuntimeError) in
                _ = try FileWatcher(path: folder.path, on: loop, debounce: .milliseconds(1)) { all.note(1) }
                return try FileWatcher(path: folder.path + "/conf.json", on: loop, debounce: .milliseconds(200)) {
                    told.note(1)
                }
            }
            try folder.write("other.json", "1")
            _ = await all.wait(for: 1)
            #expect(await told.all.isEmpty)
            await loop.run { #expect(!watcher.isWaiting) }
            // On the loop, so that it sees them together however slow the machine is.
            try await loop.run { for round in 0..<20 { try folder.write("conf.json", "\(round)") } }
            #expect(await told.wait(for: 1).count == 1)
        }
    }

    @Test func aLinkThatPointsElsewhereIsAChange() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        try folder.write("one", "1")
        try folder.write("two", "two")
        symlink("one", path + "/current")
        symlink("current", path + "/conf.json")
        try await withLoop { loop in
            let told = Record<Int>()
            try await loop.run { () throws(RuntimeError) in
                _ = try FileWatcher(path: path + "/conf.json", on: loop, debounce: .milliseconds(1)) { told.note(1) }
            }
            symlink("two", path + "/next")
            rename(path + "/next", path + "/current")
            #expect(await told.wait(for: 1).count == 1)
        }
    }

    @Test func missingFolderIsNamed() async throws {
        try await withLoop { loop in
            let error = await #expect(throws: RuntimeError.self) {
                try await loop.run { () throws(RuntimeError) in
                    _ = try FileWatcher(path: "/no/such/folder/file", on: loop) {}
                }
            }
            #expect(error == RuntimeError(.notFound, "/no/such/folder"))
        }
    }
}
