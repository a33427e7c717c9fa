import Base
import Glibc
import Testing

@testable import Runtime

@Suite struct ChildProcessTests {
    struct Running {
        let child: ChildProcess
        let stdin: Peer
        let stdout: Peer
        let stderr: Peer?
        let exits: Record<ProcessExit>

        func exit() async -> ProcessExit { await exits.wait(for: 1)[0] }
    }

    func spawn(_ options: ProcessOptions, on loop: EventLoop) async throws -> Running {
        let exits = Record<ProcessExit>()
        let child = try await loop.run { () throws(RuntimeError) in
            try ChildProcess.spawn(options, on: loop) { exits.note($0) }
        }
        let running = Running(
            child: child, stdin: Peer(child.stdin), stdout: Peer(child.stdout), stderr: child.stderr.map { Peer($0) },
            exits: exits)
        await running.stdin.start()
        await running.stdout.start()
        await running.stderr?.start()
        return running
    }

    @Test func catGivesBackWhatItGot() async throws {
        try await withLoop { loop in
            let cat = try await spawn(ProcessOptions("cat"), on: loop)
            let line = String(repeating: "x", count: 1_000) + "\n"
            for _ in 0..<1_000 { await cat.stdin.write(line) }
            await cat.stdin.finish()
            #expect(await cat.stdout.untilEnd() == String(repeating: line, count: 1_000))
            #expect(await cat.exit() == .exited(0))
            #expect(await loop.run { cat.child.exitStatus } == .exited(0))
        }
    }

    @Test func exitCodeAndErrorOutput() async throws {
        try await withLoop { loop in
            let shell = try await spawn(
                ProcessOptions("/bin/sh", ["-c", "echo out; echo broken >&2; exit 3"]), on: loop)
            #expect(await shell.exit() == .exited(3))
            #expect(await shell.stdout.untilEnd() == "out\n")
            #expect(await shell.stderr?.untilEnd() == "broken\n")
            #expect(ProcessExit.exited(3).description == "exited with code 3")
            #expect(ProcessExit.signalled(SIGKILL).description == "ended by signal 9 (Killed)")
        }
    }

    @Test func environmentIsAnAllowList() async throws {
        try await withLoop { loop in
            var options = ProcessOptions("env")
            options.inheritEnvironment = ["PATH"]
            options.environment = ["COLOUR": "blue", "BAD=NAME": "x"]
            options.directory = "/"
            let env = try await spawn(options, on: loop)
            let names = Set(await env.stdout.untilEnd().split(separator: "\n").map { $0.prefix { $0 != "=" } })
            #expect(names == ["PATH", "COLOUR"])
            #expect(await env.exit().isSuccess)
            options.program = "pwd"
            let pwd = try await spawn(options, on: loop)
            #expect(await pwd.stdout.untilEnd() == "/\n")
        }
    }

    @Test func failuresSayWhichProgram() async throws {
        try await withLoop { loop in
            func failure(_ options: ProcessOptions) async -> RuntimeError? {
                await #expect(throws: RuntimeError.self) { _ = try await spawn(options, on: loop) }
            }
            let missing = await failure(ProcessOptions("no-such-program-here"))
            #expect(missing == RuntimeError(.processNotFound, "no-such-program-here"))
            #expect(missing?.message.contains("no-such-program-here") == true)
            #expect(await failure(ProcessOptions("/etc/passwd"))?.code == .notExecutable)
            #expect(await failure(ProcessOptions(""))?.code == .invalidArgument)
            #expect(await failure(ProcessOptions("cat", ["a\0b"]))?.code == .invalidArgument)
            var options = ProcessOptions("cat")
            options.directory = "/no/such/folder"
            #expect(await failure(options) == RuntimeError(.notFound, "/no/such/folder"))
            options.directory = "/etc/passwd"
            #expect(await failure(options)?.code == .invalidArgument)
            // Nothing is left behind.
            await loop.run {}
            #expect(await loop.run { loop.resources.isEmpty })
        }
    }

    @Test func terminateEndsTheWholeGroup() async throws {
        try await withLoop { loop in
            // The shell and its child ignore SIGTERM; both hold stdout open, so its end shows that both are gone.
            let script = "trap '' TERM; (trap '' TERM; echo in; while :; do sleep 100; done) & echo out; wait"
            let shell = try await spawn(ProcessOptions("/bin/sh", ["-c", script]), on: loop)
            _ = await shell.stdout.receive(7)
            await loop.run { shell.child.terminate(grace: .milliseconds(20)) }
            #expect(await shell.exit() == .signalled(SIGKILL))
            _ = await shell.stdout.untilEnd()
            #expect(await shell.stdout.hasEnded)
        }
    }

    @Test func politeChildEndsBySIGTERM() async throws {
        try await withLoop { loop in
            let shell = try await spawn(ProcessOptions("cat"), on: loop)
            await shell.stdin.write("x")
            _ = await shell.stdout.receive(1)
            await loop.run { shell.child.terminate(grace: .hours(1)) }
            #expect(await shell.exit() == .signalled(SIGTERM))
            await loop.run { #expect(loop.timers.count == 0) }
        }
    }

    @Test func whatAChildLeavesBehindEndsWithIt() async throws {
        try await withLoop { loop in
            let shell = try await spawn(ProcessOptions("/bin/sh", ["-c", "sleep 1000 & echo started"]), on: loop)
            #expect(await shell.exit() == .exited(0))
            // The sleeper holds stdout open: its end shows that it is gone.
            #expect(await shell.stdout.untilEnd() == "started\n")
        }
    }

    @Test func stoppingTheLoopEndsChildren() async throws {
        let loop = try EventLoop()
        try loop.start()
        let cat = try await spawn(ProcessOptions("cat"), on: loop)
        let stubborn = try await spawn(
            ProcessOptions("/bin/sh", ["-c", "trap '' TERM; echo up; while :; do sleep 100; done"]), on: loop)
        _ = await stubborn.stdout.receive(3)
        let pids = await loop.run { [cat.child.pid, stubborn.child.pid] }
        loop.stop()
        loop.join()
        #expect(await cat.exit() == .signalled(SIGTERM))
        #expect(await stubborn.exit() == .signalled(SIGKILL))
        for pid in pids { #expect(kill(pid, 0) == -1 && errno == ESRCH) }
    }

    @Test func writingToADeadChildIsAnErrorNotTheEnd() async throws {
        try await withLoop { loop in
            let done = try await spawn(ProcessOptions("true"), on: loop)
            #expect(await done.exit() == .exited(0))
            for _ in 0..<100 { await done.stdin.write([UInt8](repeating: 0, count: 10_000)) }
            _ = await done.stdin.untilClosedOrEnded()
            await done.stdin.close()
        }
    }
}
