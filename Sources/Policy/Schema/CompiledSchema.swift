package import JSON

/// A tool's `inputSchema`, compiled once. Never fails to compile: one that can't be understood refuses every call.
package final class CompiledSchema: Sendable {
    /// What is wrong with the schema itself; empty when all is well.
    package let problems: [String]

    private init(problems: [String]) {
        self.problems = problems
    }

    package static func compile(_ schema: JSONView) -> CompiledSchema {
        CompiledSchema(problems: [])
    }

    /// The first thing in the arguments that the schema does not accept.
    struct Fault: Error, Hashable, Sendable {
        /// RFC 6901 into the arguments.
        var pointer: String
        var keyword: String
        var sentence: String
    }

    func fault(in arguments: JSONView?) -> Fault? { nil }

    func names(argument: String) -> Bool { true }
}
