import Glibc
import Runtime
import Store

/// The program that a child runs first, in its own process: it ties the child's life to ours and limits what it may use,
/// then becomes the server's command. A child can't be told such things from outside without a moment in which it runs
/// free.
package struct ChildLauncher: Sendable {
    /// The program and its first arguments; the rest is added by `wrap`.
    private let words: [String]
    /// Ends what children have started when we are gone.
    let keeper: ProcessKeeper

    /// - Parameters:
    ///   - words: a program and arguments after which `ChildLauncher.Order` can be read.
    ///   - keeper: a program and arguments that end in `ProcessKeeper.serve`.
    package init(_ words: [String], keeper: [String]) {
        self.words = words
        self.keeper = ProcessKeeper(keeper)
    }

    /// What the launcher is told to do.
    package struct Order: Sendable, Hashable {
        /// The process that the child must not outlive.
        package var parent: Int32
        /// In the order of `ProcessTies.Resource.allCases`; nil for no limit.
        package var limits: [UInt64?]
        /// The server's program and its arguments.
        package var command: [String]

        /// Nil when the words are none of ours.
        package init?(_ words: [String]) {
            let count = ProcessTies.Resource.allCases.count
            guard words.count > count + 1, let parent = Int32(words[0]) else { return nil }
            var limits: [UInt64?] = []
            for word in words[1...count] {
                guard word == "-" || UInt64(word) != nil else { return nil }
                limits.append(UInt64(word))
            }
            self.parent = parent
            self.limits = limits
            command = Array(words[(count + 1)...])
        }
    }

    func wrap(_ options: ProcessOptions, _ settings: ServerSettings) -> ProcessOptions {
        // What can't be found is left to the start itself, which says so.
        guard Self.isThere(options), let program = words.first else { return options }
        let limits = [settings.memory, settings.cpuSeconds, settings.openFiles, settings.processes]
        var wrapped = options
        wrapped.program = program
        wrapped.arguments =
            words.dropFirst() + [String(getpid())] + limits.map { $0.map { String($0) } ?? "-" } + [options.program]
            + options.arguments
        return wrapped
    }

    private static func isThere(_ options: ProcessOptions) -> Bool {
        if options.program.contains("/") { return access(options.program, X_OK) == 0 }
        let path =
            options.environment["PATH"]
            ?? (options.inheritEnvironment.contains("PATH") ? getenv("PATH").map { String(cString: $0) } : nil)
        return (path ?? "/bin:/usr/bin").split(separator: ":").contains {
            access("\($0)/\(options.program)", X_OK) == 0
        }
    }
}
