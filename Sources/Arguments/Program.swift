import Base

/// A program: its commands, and how a command line is read.
package struct Program: Sendable {
    /// As it is typed.
    package let name: String
    /// One line: what the program is.
    package let summary: String
    /// Lines below the list of commands, for example where to read on.
    package let footer: String
    package let commands: [Command]

    /// What a command line asks for.
    package enum Request: Sendable {
        /// Print this text on standard output and exit with 0.
        case help(String)
        /// Print the version and exit with 0.
        case version
        /// Run `command`.
        case run(Command, Arguments)
    }

    /// A program with its commands in the order of its help text.
    package init(name: String, summary: String, footer: String = "", commands: [Command]) {
        self.name = name
        self.summary = summary
        self.footer = footer
        self.commands = commands
    }

    /// Reads a command line (without the program's own name).
    package func parse(_ line: [String]) throws(UsageError) -> Request {
        if let single = commands.first, commands.count == 1, single.words.isEmpty {
            return try parse(line[...], of: single)
        }
        guard let first = line.first else { return .help(help()) }
        if first == "help" { return .help(try help(for: Array(line.dropFirst()))) }
        if first == "-h" || first == "--help" { return .help(help()) }
        if first == "--version" { return .version }
        // `sluice server --help`: a group has a page of its own.
        if line.count >= 2, ["-h", "--help"].contains(line[1]), isGroup([first]) {
            return .help(try help(for: [first]))
        }
        let command = try find(line)
        return try parse(line.dropFirst(command.words.count), of: command)
    }

    /// The command whose words begin `line`; the longest, where one begins another.
    private func find(_ line: [String]) throws(UsageError) -> Command {
        let fitting = commands.filter { line.starts(with: $0.words) }
        if let command = fitting.max(by: { $0.words.count < $1.words.count }) { return command }

        let first = line[0]
        guard isGroup([first]) else {
            throw UsageError(
                .unknownCommand, "'\(first)' is no command of \(name)",
                mend: suggestion(
                    for: first, among: Array(Set(commands.compactMap(\.words.first))), before: name)
                    ?? "'\(name) help' lists them")
        }
        let seconds = commands.filter { $0.words.first == first && $0.words.count > 1 }.map {
            $0.words[1]
        }
        guard line.count > 1, !line[1].hasPrefix("-") else {
            throw UsageError(
                .incompleteCommand, "'\(name) \(first)' needs one of: \(seconds.joined(separator: ", "))",
                mend: "'\(name) help \(first)' explains them")
        }
        throw UsageError(
            .unknownCommand, "'\(line[1])' is no command of '\(name) \(first)'",
            mend: suggestion(for: line[1], among: seconds, before: "\(name) \(first)")
                ?? "there are: \(seconds.joined(separator: ", "))")
    }

    func isGroup(_ words: [String]) -> Bool {
        commands.contains { $0.words.count > words.count && $0.words.starts(with: words) }
    }

    private func suggestion(for word: String, among words: [String], before prefix: String) -> String? {
        nearest(word, among: words.sorted()).map { "did you mean '\(prefix) \($0)'?" }
    }

    private func parse(_ line: ArraySlice<String>, of command: Command) throws(UsageError) -> Request {
        var arguments = Arguments()
        var rest = line
        while let word = rest.popFirst() {
            if word == "--" {
                guard command.trailing != nil else {
                    throw UsageError(.unexpectedArgument, "'\(title(of: command))' takes nothing after '--'")
                }
                arguments.trailing = Array(rest)
                break
            }
            if word == "-h" || word == "--help" { return .help(help(of: command)) }
            if command.words.isEmpty, word == "--version" { return .version }
            if word.hasPrefix("-"), word.utf8.count > 1 {
                try take(option: word, from: &rest, of: command, into: &arguments)
            } else {
                arguments.positionals.append(word)
            }
        }
        try checkPlaces(arguments, of: command)
        return .run(command, arguments)
    }

    /// Reads `--name`, `--name=value`, `--name value` or `-n value`.
    private func take(
        option word: String, from rest: inout ArraySlice<String>, of command: Command,
        into arguments: inout Arguments
    ) throws(UsageError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        let typed = parts[0]
        let known = command.options.first { option in
            typed == "--\(option.name)" || option.short.map { typed == "-\($0)" } == true
        }
        guard let option = known else { throw unknown(option: typed, of: command) }

        var value = parts.count == 2 ? parts[1] : nil
        if option.placeholder == nil {
            guard value == nil else {
                throw UsageError(.unexpectedValue, "--\(option.name) is a switch and takes no value")
            }
            value = ""
        } else if value == nil {
            // A value that looks like an option is nearly always a forgotten value; '=' says that it is meant.
            guard let next = rest.first, next == "-" || !next.hasPrefix("-") else {
                throw UsageError(
                    .missingValue, "--\(option.name) needs a value: \(option.spelling)",
                    mend: rest.first.map { "if '\($0)' is the value, write --\(option.name)=\($0)" })
            }
            value = rest.removeFirst()
        }
        if !option.repeats, arguments.values[option.name] != nil {
            throw UsageError(.repeatedOption, "--\(option.name) was given twice")
        }
        arguments.values[option.name, default: []].append(value ?? "")
    }

    private func unknown(option typed: String, of command: Command) -> UsageError {
        let bare = String(typed.drop { $0 == "-" })
        let near = nearest(bare, among: command.options.map(\.name))
        return UsageError(
            .unknownOption, "'\(title(of: command))' has no option \(typed)",
            mend: near.map { "did you mean --\($0)?" } ?? "'\(helpLine(for: command))' lists its options")
    }

    private func checkPlaces(_ arguments: Arguments, of command: Command) throws(UsageError) {
        let given = arguments.positionals.count
        let least = command.positionals.count { $0.count != .optional }
        let last = command.positionals.last?.count ?? .one
        let most = last == .oneOrMore ? Int.max : command.positionals.count
        if given < least {
            let place = command.positionals[given]
            throw UsageError(
                .missingArgument, "\(place.name) is missing (\(place.help))",
                mend: "usage: \(usage(of: command))")
        }
        if given > most {
            throw UsageError(
                .unexpectedArgument, "'\(arguments.positionals[most])' is one argument too many",
                mend: "usage: \(usage(of: command))")
        }
    }
}
