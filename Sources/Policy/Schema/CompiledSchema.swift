internal import Base
package import JSON

/// A tool's `inputSchema`, compiled once (JSON Schema 2020-12, or draft-07 where it says so). Never fails to compile: what
/// can't be understood refuses every value that it is about.
///
/// `format` and the content keywords are annotations and never refuse anything, as both drafts have it by default.
package final class CompiledSchema: Sendable {
    /// What is wrong with the schema itself; empty when all is well.
    package let problems: [String]

    let nodes: [SchemaNode]
    let usesUnevaluated: Bool
    /// Some reference depends on the way by which it is reached.
    var isDynamic: Bool { !dynamicAnchors.isEmpty }
    /// By anchor: the node in each resource that has it.
    let dynamicAnchors: [String: [Int: Int]]
    private let argumentNames: Set<ExactName>
    private let argumentPatterns: [SchemaPattern]

    private static let noArguments = (try? JSONDocument.parse(Array("{}".utf8)))?.root

    private init(_ compiler: SchemaCompiler) {
        problems = compiler.problems
        nodes = compiler.nodes
        usesUnevaluated = compiler.usesUnevaluated
        dynamicAnchors = compiler.dynamicAnchors
        (argumentNames, argumentPatterns) = Self.arguments(of: compiler.nodes)
    }

    /// - Parameter documents: Other schemas that this one may refer to, by absolute address without fragment. Nothing is
    ///   ever fetched.
    package static func compile(_ schema: JSONView, documents: [String: JSONView]) -> CompiledSchema {
        compile(schema, documents: documents, assuming: .draft2020)
    }

    /// Compiles a schema that refers to nothing outside itself.
    package static func compile(_ schema: JSONView) -> CompiledSchema {
        compile(schema, documents: [:], assuming: .draft2020)
    }

    /// - Parameter dialect: What the schema is written in if it does not say so.
    static func compile(
        _ schema: JSONView, documents: [String: JSONView], assuming dialect: SchemaDialect
    ) -> CompiledSchema {
        CompiledSchema(SchemaCompiler(schema, documents: documents, assuming: dialect))
    }

    /// The first thing in the arguments that the schema does not accept.
    struct Fault: Hashable, Sendable {
        /// RFC 6901 into the arguments.
        var pointer: String
        var keyword: String

        /// For the agent. Names of arguments, never their values.
        var sentence: String {
            switch keyword {
            case "required", "dependentRequired": "The argument \(clipped(pointer)) is missing."
            case "additionalProperties", "unevaluatedProperties": "The tool has no argument \(clipped(pointer))."
            default:
                pointer.isEmpty
                    ? "The arguments do not satisfy the tool's schema (\(keyword))."
                    : "The argument \(clipped(pointer)) does not satisfy the tool's schema (\(keyword))."
            }
        }
    }

    /// Nil if the schema accepts the arguments. Of several faults the one that comes first when keys are sorted, so that the
    /// order in which a call is written does not matter.
    func fault(in arguments: JSONView?) -> Fault? {
        guard let instance = arguments ?? Self.noArguments else { return nil }
        var validator = SchemaValidator(self)
        if validator.accepts(instance) { return nil }
        if let sorted = (try? JSONDocument.parse(instance.canonical()))?.root {
            var again = SchemaValidator(self)
            if !again.accepts(sorted), let fault = again.fault { return fault }
        }
        return validator.fault ?? Fault(pointer: "", keyword: "schema")
    }

    func accepts(_ instance: JSONView) -> Bool {
        var validator = SchemaValidator(self)
        return validator.accepts(instance)
    }

    /// Whether the schema names a top-level argument: in `properties` or `patternProperties` of itself or of what it applies
    /// to the same value.
    func names(argument: String) -> Bool {
        argumentNames.contains(ExactName(argument))
            || argumentPatterns.contains { pattern in
                var text = argument
                return text.withUTF8 { pattern.matches($0) }
            }
    }

    private static func arguments(of nodes: [SchemaNode]) -> (Set<ExactName>, [SchemaPattern]) {
        var names: Set<ExactName> = []
        var patterns: [SchemaPattern] = []
        var seen: Set<Int> = []
        var queue = [0]
        while let index = queue.popLast() {
            guard nodes.indices.contains(index), seen.insert(index).inserted else { continue }
            for check in nodes[index].checks {
                switch check {
                case .members(let members):
                    names.formUnion(members.names)
                    patterns += members.patterns.map(\.pattern)
                case .reference(let node), .dynamicReference(let node, _): queue.append(node)
                case .all(let list), .any(let list), .one(let list): queue += list
                case .branch(let condition, let then, let otherwise):
                    queue += [condition, then, otherwise].compactMap { $0 }
                case .dependentSchemas(let list): queue += list.map(\.node)
                default: break
                }
            }
        }
        return (names, patterns)
    }
}
