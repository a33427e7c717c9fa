import Base

/// Something about a server that a person should look at: what is the matter, where, since when, and how to mend it.
package struct Finding: Sendable, Hashable {
    /// What is the matter. The raw values are the words of the API and the commands.
    package enum Code: String, Sendable, CaseIterable {
        /// A tool of an approved name has another definition.
        case changedDefinition = "changed_definition"
        /// A tool that nobody has approved, on a pinned server.
        case newTool = "new_tool"
        /// An approved tool is gone.
        case removedTool = "removed_tool"
        /// The server's instructions are others than was approved.
        case changedInstructions = "changed_instructions"
        // What scans find, too, goes by the same word there (docs/findings.md).

        /// Several servers have a tool of this name, or one server lists it twice.
        case collidingName = "colliding_name"
        /// Different names that look alike.
        case lookAlikeName = "lookalike_name"
        /// A name with characters that can't be seen, or that turn the direction of writing.
        case invisibleCharacters = "invisible_characters"
    }

    package enum Severity: Int, Sendable, CaseIterable, Comparable {
        case info, low, medium, high, critical

        package static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }

        /// The word for it, in lower case.
        package var name: String { "\(self)" }

        package init?(name: String) {
            guard let known = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = known
        }
    }

    /// What the gateway does about it by itself.
    package enum Effect: String, Sendable, CaseIterable {
        /// Nothing but telling.
        case reported
        /// The tool, or the text, does not reach clients.
        case hidden
        /// No call of the server passes.
        case refused
    }

    /// A tool of a server.
    package struct Subject: Sendable, Hashable {
        package let server: String
        package let tool: String

        package init(server: String, tool: String) {
            self.server = server
            self.tool = tool
        }
    }

    package let code: Code
    package let severity: Severity
    package let server: String
    /// Nil when it is about the server as a whole.
    package let tool: String?
    /// The place in the definition; nil when it is the whole, or the name.
    package var place: String?
    /// The server's own words that show it, `visible`: the tool's name, unless it is plain ASCII, or what a text says.
    package var quote: String?
    /// What is the matter: one sentence, with nothing of the server's in it that can't be seen.
    package let text: String
    /// The other tools that it has to do with.
    package var also: [Subject] = []
    package let since: Instant
    package let effect: Effect
    /// How to mend it: one sentence.
    package let mend: String

    package init(
        _ code: Code, _ severity: Severity, server: String, tool: String?, text: String, since: Instant,
        effect: Effect = .reported, mend: String
    ) {
        self.code = code
        self.severity = severity
        self.server = server
        self.tool = tool
        self.text = text
        self.since = since
        self.effect = effect
        self.mend = mend
        // Nobody can tell such a name from another by looking at it.
        if let tool, !tool.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { quote = Self.visible(tool) }
    }

    /// Whether it has to do with the server.
    package func concerns(_ server: String) -> Bool {
        self.server == server || also.contains { $0.server == server }
    }

    /// A text from outside for people: everything but printable ASCII is written out, and it is not long.
    package static func visible(_ text: String) -> String {
        var shown = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < 128 else { return shown + "…" }
            if scalar.value >= 0x20, scalar.value < 0x7F {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += scalar.escaped(asASCII: true)
            }
        }
        return shown
    }
}
