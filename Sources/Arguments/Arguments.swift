/// The arguments of one command, already checked against its description.
package struct Arguments: Sendable, Equatable {
    /// Values without a name, in order.
    package internal(set) var positionals: [String] = []
    /// What followed `--`; `nil` when there was no `--`.
    package internal(set) var trailing: [String]?
    var values: [String: [String]] = [:]

    /// Whether the switch `name` was given.
    package func has(_ name: String) -> Bool { values[name] != nil }

    /// The value of option `name`, if it was given.
    package func value(_ name: String) -> String? { values[name]?.last }

    /// All values of a repeatable option, in order.
    package func all(_ name: String) -> [String] { values[name] ?? [] }

    /// The value of an option that the command can't do without.
    package func required(_ name: String) throws(UsageError) -> String {
        guard let value = value(name) else {
            throw UsageError(.missingArgument, "--\(name) is missing")
        }
        return value
    }
}
