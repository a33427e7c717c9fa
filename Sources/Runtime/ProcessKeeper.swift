import CUV
import Glibc
import Synchronization

/// Ends process groups when this process is gone, however it went: a small process of its own that is told of each group
/// over a pipe, and whose pipe ends with us.
///
/// The kernel's own tie (`ProcessTies.endWith`) reaches a child but not what the child has started, and a program that
/// starts the real server (`npx`, `uv`, a shell) is common. Out of reach is what leaves its group (`setsid`).
package final class ProcessKeeper: Sendable {
    private struct State {
        var pipe: Int32 = -1
        var pid: pid_t = 0
        var groups: Set<Int32> = []
        var isClosed = false
    }

    private let words: [String]
    private let state = Mutex(State())

    /// - Parameter words: a program and arguments that end in `ProcessKeeper.serve`. It is started with the first group.
    package init(_ words: [String]) {
        self.words = words
    }

    deinit { close() }

    /// Ends the group when we are gone. False if nobody can be told.
    @discardableResult
    package func watch(_ group: Int32) -> Bool {
        state.withLock { state in
            guard group > 1, !state.isClosed, state.groups.insert(group).inserted else { return false }
            return tell("+\(group)\n", &state)
        }
    }

    /// The group has ended: its number may soon be another's.
    package func forget(_ group: Int32) {
        state.withLock { state in
            guard state.groups.remove(group) != nil, state.pipe >= 0 else { return }
            _ = tell("-\(group)\n", &state)
        }
    }

    /// Lets the process go. Groups that are still watched are ended.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            leave(&state)
        }
    }

    private func tell(_ line: String, _ state: inout State) -> Bool {
        if state.pipe >= 0, send(line, state.pipe) { return true }
        // The first time; or somebody ended it, or it has stalled.
        dismiss(&state)
        guard start(&state) else { return false }
        return send(state.groups.map { "+\($0)\n" }.joined(), state.pipe)
    }

    /// Makes room for another. One that has only stalled must not see the end of its pipe: it would end the groups of children
    /// that run, once it goes on.
    private func dismiss(_ state: inout State) {
        var status: Int32 = 0
        if state.pid > 0 {
            // It is ours and nobody else waits for it, so the number is still its own; and this signal none can keep waiting.
            kill(state.pid, SIGKILL)
            while waitpid(state.pid, &status, 0) < 0, errno == EINTR {}
            state.pid = 0
        }
        leave(&state)
    }

    private func leave(_ state: inout State) {
        if state.pipe >= 0 { Glibc.close(state.pipe) }
        state.pipe = -1
        var status: Int32 = 0
        if state.pid > 0 { waitpid(state.pid, &status, WNOHANG) }
        state.pid = 0
    }

    /// A line is short, so the kernel takes it whole. The pipe does not wait: a keeper that hangs must not hang us.
    private func send(_ text: String, _ pipe: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { write(pipe, $0.baseAddress, $0.count) } == bytes.count
    }

    private func start(_ state: inout State) -> Bool {
        guard let program = words.first else { return false }
        var ends: (Int32, Int32) = (-1, -1)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                // Closed on exec from the first moment: a child that held our end would keep the keeper waiting.
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
            }
        }
        guard made == 0 else { return false }
        defer { Glibc.close(ends.0) }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, ends.0, STDIN_FILENO)
        // Whoever waits for the end of our output must not wait for its end.
        for output in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        // A group of its own: Ctrl-C is not meant for it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        // Nothing of our surroundings is needed.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        guard posix_spawn(&pid, program, &actions, &attributes, &arguments, &environment) == 0 else {
            Glibc.close(ends.1)
            return false
        }
        _ = fcntl(ends.1, F_SETFL, O_NONBLOCK)
        (state.pipe, state.pid) = (ends.1, pid)
        return true
    }

    // MARK: The other side

    /// The keeper itself: reads `+GROUP` and `-GROUP` from standard input, and at its end kills the groups that are left.
    package static func serve() -> Never {
        for number in [SIGTERM, SIGINT, SIGHUP] { signal(number, SIG_IGN) }
        var groups: Set<Int32> = []
        while let line = readLine() {
            guard let group = Int32(line.dropFirst()), group > 1, group != getpgrp() else { continue }
            if line.hasPrefix("+") { groups.insert(group) } else { groups.remove(group) }
        }
        for group in groups { kill(-group, SIGKILL) }
        exit(0)
    }
}
