import Store

/// A server that a file names: a client's configuration, or an entry of the registry.
package struct NamedServer: Sendable {
    /// A header or a variable, as it stands in the file.
    package struct Pair: Sendable, Hashable {
        package let name: String
        package let text: String
    }

    /// How it is reached, before variables are put in.
    package enum Way: Sendable {
        case command([String], variables: [Pair], inherit: [String], directory: String?)
        case address(String, headers: [Pair])
        /// The entry says nothing that could be used, and why.
        case unusable(String)
    }

    package let name: String
    package let way: Way
    /// Where it stands in the file, from 1.
    package let line: Int
    /// Switched off in the file.
    package var isDisabled = false
    /// The address was written by strangers: private addresses are not asked.
    package var isForeign = false
    /// What is left out when it is asked, for people.
    package var remarks: [String] = []

    init(name: String, way: Way, line: Int) {
        self.name = name
        self.way = way
        self.line = line
    }

    /// How it is reached, for people: without values of variables, headers, and what looks like a key.
    package var shown: String {
        switch way {
        case .command(let words, _, _, _): Redaction.without(secrets, in: Redaction.command(words))
        case .address(let url, _): Redaction.without(secrets, in: Redaction.url(url))
        case .unusable(let why): why
        }
    }

    /// Whether a process has to be started.
    package var isCommand: Bool { if case .command = way { true } else { false } }

    /// Whether something of the user's own environment would be sent or handed over.
    package var usesVariables: Bool {
        func has(_ text: String) -> Bool { text.contains("${") }
        switch way {
        case .command(let words, let variables, _, let directory):
            return words.contains(where: has) || variables.contains { has($0.text) } || directory.map(has) == true
        case .address(let url, let headers): return has(url) || headers.contains { has($0.text) }
        case .unusable: return false
        }
    }

    /// The values that no output may have.
    package var secrets: [String] {
        switch way {
        case .command(_, let variables, _, _): variables.map(\.text)
        case .address(_, let headers): headers.map(\.text)
        case .unusable: []
        }
    }

    /// What it takes to reach it, with the variables put in.
    /// - Parameters:
    ///   - environment: a variable's value; nil when it is not set.
    ///   - folder: what the clients call the workspace.
    /// - Returns: nil and the first variable without a value, or what else is missing.
    package func transport(environment: (String) -> String?, folder: String) -> (Server.Transport?, missing: String?) {
        var missing: String?
        func put(_ text: String) -> String {
            Variables.expand(text, folder: folder, environment) { missing = missing ?? $0 }
        }
        func put(_ pairs: [Pair]) -> [NamedSecret] {
            pairs.map { NamedSecret(name: $0.name, value: Secret(put($0.text))) }
        }
        let transport: Server.Transport
        switch way {
        case .command(let words, let variables, let inherit, let directory):
            transport = .stdio(
                command: words.map { put($0) }, inherit: inherit, variables: put(variables),
                directory: directory.map { put($0) })
        case .address(let url, let headers): transport = .http(url: put(url), headers: put(headers))
        case .unusable(let why): return (nil, why)
        }
        return missing.map { (nil, $0) } ?? (transport, nil)
    }
}

/// `${NAME}`, `${NAME:-otherwise}`, `${env:NAME}`, `${workspaceFolder}` and `${userHome}`, as the clients have them.
enum Variables {
    static func expand(
        _ text: String, folder: String, _ environment: (String) -> String?, missing: (String) -> Void
    ) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
            let name = String(rest[start.upperBound..<end])
            if let value = value(name, folder, environment) {
                result += value
            } else {
                missing(reason(name))
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func value(_ name: String, _ folder: String, _ environment: (String) -> String?) -> String? {
        switch name {
        case "workspaceFolder", "projectRoot": return folder
        case "userHome": return environment("HOME")
        case "pathSeparator", "/": return "/"
        default: break
        }
        if name.hasPrefix("env:") { return environment(String(name.dropFirst(4))) }
        if let dash = name.firstRange(of: ":-") {
            let value = environment(String(name[..<dash.lowerBound]))
            return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(name[dash.upperBound...])
        }
        return name.contains(":") ? nil : environment(name)
    }

    private static func reason(_ name: String) -> String {
        name.hasPrefix("input:")
            ? "its client asks for `\(Visible.name(name))` when it starts the server"
            : "the variable `\(Visible.name(name))` is not set"
    }
}
