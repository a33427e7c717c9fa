/// The help pages. Plain text of at most 100 columns, the same on a terminal and in a pipe.
extension Program {
    /// The program's first page: every command in one line.
    package func help() -> String {
        if let single = commands.first, commands.count == 1, single.words.isEmpty {
            return help(of: single)
        }
        var text = "\(name): \(summary)\n\nUsage: \(name) COMMAND [OPTION…]\n\nCommands:\n"
        text += table(commands.map { ($0.name, $0.summary) })
        text += "\n'\(name) help COMMAND' or '\(name) COMMAND --help' shows options and examples.\n"
        if !footer.isEmpty { text += "\n\(footer)\n" }
        return text
    }

    /// The page of a command or of a group of commands, named by its words.
    package func help(for words: [String]) throws(UsageError) -> String {
        if words.isEmpty { return help() }
        if let command = commands.first(where: { $0.words == words }) { return help(of: command) }
        if isGroup(words) {
            let group = commands.filter { $0.words.starts(with: words) }
            return group.map { help(of: $0) }.joined(
                separator: "\n\(String(repeating: "─", count: 80))\n\n")
        }
        switch try parse(words + ["--help"]) {
        case .help(let text): return text
        case .run, .version: return help()
        }
    }

    /// The page of one command: usage, arguments, options, examples.
    package func help(of command: Command) -> String {
        let about = command.words.isEmpty ? summary : command.summary
        var text = "\(title(of: command)): \(about)\n\nUsage: \(usage(of: command))\n"
        if !command.details.isEmpty { text += "\n\(command.details)\n" }
        if !command.positionals.isEmpty {
            text += "\nArguments:\n" + table(command.positionals.map { ($0.name, $0.help) })
        }
        let options =
            command.options.map { ($0.spelling, $0.help) } + [("-h, --help", "print this page")]
        text += "\nOptions:\n" + table(options)
        text += "\nExamples:\n"
        for example in command.examples {
            text += "  # \(example.says)\n  \(example.line)\n"
        }
        if command.words.isEmpty, !footer.isEmpty { text += "\n\(footer)\n" }
        return text
    }

    /// One line: how the command is typed.
    package func usage(of command: Command) -> String {
        var parts = [title(of: command)] + command.positionals.map(\.usage)
        if !command.options.isEmpty { parts.append("[OPTION…]") }
        if let trailing = command.trailing { parts.append("[-- \(trailing)]") }
        return parts.joined(separator: " ")
    }

    func title(of command: Command) -> String { ([name] + command.words).joined(separator: " ") }

    func helpLine(for command: Command) -> String { "\(title(of: command)) --help" }

    private func table(_ rows: [(String, String)]) -> String {
        let width = min(rows.map(\.0.count).max() ?? 0, 34)
        return rows.map { left, right in
            if right.isEmpty { return "  \(left)\n" }
            let indent = String(repeating: " ", count: width + 4)
            let lines = wrapped(right, width: 116 - width)
            let head = left.count > width ? "  \(left)\n\(indent)" : "  " + left.padded(to: width) + "  "
            return head + lines.joined(separator: "\n\(indent)") + "\n"
        }.joined()
    }

    private func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}

extension String {
    /// Filled up with spaces on the right.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
