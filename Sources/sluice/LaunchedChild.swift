import Gateway
import Glibc
import Runtime

/// `sluice launch-child …`, which only the gateway itself calls: becomes a server's command.
enum LaunchedChild {
    static let word = "launch-child"

    /// The launcher that has this very program run, also when its file was replaced meanwhile.
    static let launcher = launcher(openFiles: nil)

    /// `sluice keep-children`, also for ourselves only: ends what children leave behind when the gateway was killed.
    static let keeperWord = "keep-children"

    /// - Parameter openFiles: how many a child may open, unless its server has a limit of its own; nil for as many as we.
    static func launcher(openFiles: UInt64?) -> ChildLauncher {
        ChildLauncher(
            ["/proc/self/exe", word, openFiles.map { String($0) } ?? "-"], keeper: ["/proc/self/exe", keeperWord])
    }

    static func run(_ words: [String]) -> Never {
        guard let first = words.first, let order = ChildLauncher.Order(Array(words.dropFirst())) else {
            fail("it is for the gateway's own use")
        }
        if let openFiles = UInt64(first) { OpenFiles.lower(to: openFiles) }
        guard ProcessTies.endWith(parent: order.parent) else { fail("the gateway has ended") }
        for (resource, limit) in zip(ProcessTies.Resource.allCases, order.limits) {
            if let limit, !ProcessTies.limit(resource, to: limit) {
                fail("can't limit \(resource) to \(limit): \(String(cString: strerror(errno)))")
            }
        }
        var arguments = order.command.map { strdup($0) } + [nil]
        if let program = arguments[0] { execvp(program, &arguments) }
        fail("can't run \(order.command[0]): \(String(cString: strerror(errno)))")
    }

    private static func fail(_ why: String) -> Never {
        Output.note("sluice \(word): \(why)")
        exit(127)
    }
}
