/// One option of a command: a switch (`--json`) or a name with a value (`--data-dir DIR`).
package struct Option: Sendable, Hashable {
    /// The long name without dashes.
    package let name: String
    /// One letter that means the same, or none.
    package let short: Character?
    /// What stands for the value in help texts; `nil` for a switch.
    package let placeholder: String?
    /// One line for the help text.
    package let help: String
    /// Whether the option may be given more than once.
    package let repeats: Bool

    /// A switch: there or not there.
    package static func flag(_ name: String, _ help: String) -> Option {
        Option(name: name, short: nil, placeholder: nil, help: help, repeats: false)
    }

    /// An option with a value. A default belongs into `help`: only the command knows what absence means.
    package static func value(
        _ name: String, _ placeholder: String, _ help: String, short: Character? = nil,
        repeats: Bool = false
    ) -> Option {
        Option(name: name, short: short, placeholder: placeholder, help: help, repeats: repeats)
    }

    /// As it is typed: `-f, --file FILE`.
    var spelling: String {
        let long = placeholder.map { "--\(name) \($0)" } ?? "--\(name)"
        return short.map { "-\($0), \(long)" } ?? long
    }
}

/// An argument without a name, known by its place.
package struct Positional: Sendable, Hashable {
    /// What stands for it in help texts, in capitals.
    package let name: String
    /// One line for the help text.
    package let help: String
    /// How many may be given.
    package let count: Count

    /// How many values a place takes. Everything but `one` stands last.
    package enum Count: Sendable, Hashable {
        case one
        case optional
        case oneOrMore
    }

    /// A place for `name`.
    package init(_ name: String, _ help: String, count: Count = .one) {
        self.name = name
        self.help = help
        self.count = count
    }

    var usage: String {
        switch count {
        case .one: name
        case .optional: "[\(name)]"
        case .oneOrMore: "\(name)…"
        }
    }
}

/// A line to copy, and what it does.
package struct Example: Sendable, Hashable {
    let line: String
    let says: String

    /// An example for a help text.
    package init(_ line: String, _ says: String) {
        self.line = line
        self.says = says
    }
}

/// What a command accepts and how its help reads; nothing about what it does.
package struct Command: Sendable {
    /// The words after the program's name, `["server", "add"]`; empty for a program that is one command.
    package let words: [String]
    /// One line, lower case, no full stop.
    package let summary: String
    /// More lines for its own help page, or empty.
    package let details: String
    package let positionals: [Positional]
    package let options: [Option]
    /// What may follow `--`, for example `COMMAND ARG…`; `nil` when nothing may.
    package let trailing: String?
    package let examples: [Example]

    /// Describes a command. `positionals`: at most the last one is optional or repeated.
    package init(
        _ words: String..., summary: String, details: String = "", positionals: [Positional] = [],
        options: [Option] = [], trailing: String? = nil, examples: [Example]
    ) {
        self.words = words
        self.summary = summary
        self.details = details
        self.positionals = positionals
        self.options = options
        self.trailing = trailing
        self.examples = examples
    }

    /// The words as one text: `server add`.
    package var name: String { words.joined(separator: " ") }
}
