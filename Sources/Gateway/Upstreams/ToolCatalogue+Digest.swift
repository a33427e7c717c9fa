import JSON
import MCP
import Policy
import Risk
import Runtime

/// What is made of definitions: facts for the policy, and what the protocol wants to be known.
extension ToolCatalogue {
    /// All that a list of tools says.
    struct Digest: Sendable {
        var tools: [String: ToolFacts] = [:]
        var headers: [String: [HeaderParameter]] = [:]
        var definitions: [String: JSONView] = [:]
        var unusable: Set<String> = []
        var repeated: Set<String> = []
        /// Names that were listed with several definitions, or in several spellings: which one a call means nobody can say.
        var doubtful: Set<String> = []
    }

    /// Lists of more tools than this are worked on beside the loop, on which others' calls wait.
    // COST: ten thousand take tenths of a second, these few milliseconds.
    private static let mostInPlace = 64
    private static let pool = try? BlockingPool(threads: 1, name: "tools")

    /// Does work on that many tools where nobody waits for it but its caller.
    static func aside<Result: Sendable>(_ count: Int, _ work: @escaping @Sendable () -> Result) async -> Result {
        guard count > mostInPlace, let pool else { return work() }
        // Where too much waits already, the caller does it.
        do throws(RuntimeError) { return try await pool.run(work) } catch { return work() }
    }

    func digest(_ pages: [ListPage], _ instructions: String?, dropsIllegal: Bool) -> Digest {
        var digest = Digest()
        var schemas: [String: CompiledSchema] = [:]
        for page in pages {
            if page.malformedCount > 0 || page.entries.contains(where: \.id.isEmpty) {
                log(.warning, "a server lists tools without a name", ("server", server))
            }
            for entry in page.entries where !entry.id.isEmpty {
                let definition = Self.copy(entry.view)
                let schema = definition["inputSchema"].map { CompiledSchema.compile($0) }
                if let problem = schema?.problems.first {
                    log(
                        .warning, "a part of a tool's schema can't be checked", ("server", server),
                        ("tool", String(entry.id.prefix(128))), ("problem", String(problem.prefix(256))))
                }
                if let schema = entry.view["inputSchema"] {
                    do throws(HeaderSchemaFault) {
                        let parameters = try HeaderParameter.all(in: schema)
                        if !parameters.isEmpty { digest.headers[entry.id] = parameters }
                    } catch {
                        if dropsIllegal {
                            digest.unusable.insert(entry.id)
                            log(
                                .warning, "a tool is left out: its x-mcp-header breaks the rules", ("server", server),
                                ("tool", String(entry.id.prefix(128))), ("problem", error.message))
                            continue
                        }
                    }
                }
                if digest.definitions.hasOtherSpelling(of: entry.id) {
                    digest.repeated.insert(entry.id)
                    digest.doubtful.insert(entry.id)
                    continue
                }
                schemas[entry.id] = schema
                if let former = digest.definitions.updateValue(definition, forKey: entry.id) {
                    digest.repeated.insert(entry.id)
                    if former.canonical() != definition.canonical() { digest.doubtful.insert(entry.id) }
                }
            }
        }
        let profile = Self.profile(server, instructions, digest.definitions)
        for (name, definition) in digest.definitions {
            digest.tools[name] = Self.facts(name, definition, schemas[name], profile)
        }
        return digest
    }

    /// Copied out, so that a large page is not held for the sake of one tool.
    static func copy(_ definition: JSONView) -> JSONView {
        (try? JSONDocument.parse(Array(definition.rawBytes), limits: .upstream).root) ?? definition
    }

    private static let classifier = Classifier()

    /// What the classifier goes by: tools without a description are judged by their siblings, too. Always in one order.
    static func profile(
        _ server: String, _ instructions: String?, _ definitions: [String: JSONView]
    ) -> ServerProfile {
        let sorted = definitions.sorted { $0.key < $1.key }
        return ServerProfile(
            name: server, description: instructions ?? "", tools: sorted.compactMap { ToolDefinition($0.value) })
    }

    static func facts(
        _ name: String, _ definition: JSONView, _ schema: CompiledSchema?, _ profile: ServerProfile
    ) -> ToolFacts {
        let judged = ToolDefinition(definition).map { classifier.classify($0, in: profile) }
        return ToolFacts(
            name: name, category: judged?.category, severity: judged?.severity.rawValue,
            annotations: definition["annotations"], schema: schema)
    }
}
