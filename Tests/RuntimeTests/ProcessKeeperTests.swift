import Glibc
import Testing

@testable import Runtime

@Suite struct ProcessKeeperTests {
    /// A keeper that stops before it reads anything, as one that hangs, and writes down when it sees the end of its pipe.
    private static func stalling(_ notes: String) -> ProcessKeeper {
        let script = "echo $$ >> \(notes); kill -STOP $$; while read -r line; do :; done; echo ended >> \(notes)"
        return ProcessKeeper(["/bin/sh", "-c", script])
    }

    private static func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var byte = fgetc(file)
        while byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(file)
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func oneThatStallsIsReplacedAndDoesNotSeeTheEndOfItsPipe() throws {
        var name = Array("/tmp/keeper-XXXXXX".utf8CString)
        let file = mkstemp(&name)
        try #require(file >= 0)
        close(file)
        let notes = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(notes) }
        let keeper = Self.stalling(notes)
        // Numbers that no process can have: this test ends nobody.
        let group: Int32 = .max
        #expect(keeper.watch(group))
        while Self.lines(notes).isEmpty { sched_yield() }
        let first = try #require(pid_t(Self.lines(notes)[0]))
        // Nobody reads, so the pipe is full some time.
        for _ in 0..<100_000 where kill(first, 0) == 0 {
            keeper.forget(group)
            keeper.watch(group)
        }
        #expect(kill(first, 0) == -1 && errno == ESRCH, "the first is gone, and not even a zombie")
        #expect(!Self.lines(notes).contains("ended"))
        while Self.lines(notes).count < 2 { sched_yield() }
        let second = try #require(pid_t(Self.lines(notes)[1]))
        #expect(second != first)
        kill(second, SIGKILL)
        // Waited for here, where the keeper would not wait: tests of a process's exit hang while there is a zombie.
        var status: Int32 = 0
        #expect(waitpid(second, &status, 0) == second)
        keeper.close()
    }
}
