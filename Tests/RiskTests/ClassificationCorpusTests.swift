import JSON
import Policy
import Risk
import Support
import Testing

/// The rules against real tools: hints of their authors, and labels made by reading.
@Suite struct ClassificationCorpusTests {
    /// Judgements of definitions whose hints were taken out, so that an author's hint can't agree with itself.
    struct Judged {
        var byTool: [String: Classification] = [:]
        var servers: [ServerProfile] = []

        init() throws {
            servers = try Corpus.servers()
            let classifier = Classifier(rules: .standard)
            for server in servers {
                let tools = try server.tools.map(Self.withoutHints)
                let bare = ServerProfile(name: server.name, tools: tools)
                for tool in tools { byTool[server.name + " " + tool.name] = classifier.classify(tool, in: bare) }
            }
        }

        private static func withoutHints(_ tool: ToolDefinition) throws -> ToolDefinition {
            var writer = JSONWriter()
            writer.beginObject()
            for (key, value) in tool.entry.members where !key.equals("annotations") {
                writer.key(key.string ?? "")
                writer.view(value)
            }
            writer.endObject()
            return try #require(ToolDefinition(try JSONDocument.parse(writer.bytes).root))
        }
    }

    static let judged = Result { try Judged() }

    struct Label {
        let key: String
        let category: ToolCategory
        let severity: Severity
        let set: String
    }

    static func labels() throws -> [Label] {
        let text = try readFile(Places.packageRoot + "/Tests/RiskTests/Labels/labels.jsonl")
        return try text.split(separator: 10).map { line in
            let root = try JSONDocument.parse(Array(line)).root
            return Label(
                key: try #require(root["server"]?.string) + " " + #require(root["tool"]?.string),
                category: try #require(root["category"]?.string.flatMap { ToolCategory(rawValue: $0.lowercased()) }),
                severity: try #require(root["severity"]?.string.flatMap { Severity(rawValue: $0.lowercased()) }),
                set: try #require(root["set"]?.string))
        }
    }

    @Test func labelsAgree() throws {
        let judged = try Self.judged.get()
        let labels = try Self.labels()
        #expect(labels.count >= 400)
        for set in ["dev", "held", "all"] {
            let some = labels.filter { set == "all" || $0.set == set }
            var matrix: [[Int]] = Array(repeating: Array(repeating: 0, count: 5), count: 5)
            var near = 0
            for label in some {
                let ours = try #require(judged.byTool[label.key], "\(label.key) is not in the corpus")
                matrix[label.category.rank][ours.category.rank] += 1
                if abs(ours.severity.rank - label.severity.rank) <= 1 { near += 1 }
            }
            let exact = (0..<5).reduce(0) { $0 + matrix[$1][$1] }
            print(
                "labels \(set): \(some.count), exact \(percent(exact, some.count)), severity \(percent(near, some.count))"
            )
            print("label \\ ours  " + ToolCategory.allCases.map { pad($0.rawValue, 12) }.joined())
            for category in ToolCategory.allCases {
                print(pad(category.rawValue, 14) + matrix[category.rank].map { pad("\($0)", 12) }.joined())
            }
            guard set == "all" else { continue }
            #expect(exact * 100 >= some.count * 92)
            #expect(near * 100 >= some.count * 97)
        }
    }

    /// Averaged per server, then over servers.
    @Test(arguments: [false, true])
    func hintsAgree(ofClass: Bool) throws {
        let judged = try Self.judged.get()
        var pure: [Double] = []
        var caught: [Double] = []
        for server in judged.servers {
            var reads = 0
            var harmless = 0
            var destructive = 0
            var found = 0
            for tool in server.tools where (tool.entry["annotationsFrom"] != nil) == ofClass {
                let ours = try #require(judged.byTool[server.name + " " + tool.name]).category
                let isDestructive = tool.hint(.destructive) == true && tool.hint(.readOnly) != true
                if ours == .read, tool.hint(.readOnly) != nil || tool.hint(.destructive) != nil {
                    reads += 1
                    if tool.hint(.readOnly) != false, tool.hint(.destructive) != true { harmless += 1 }
                }
                if isDestructive {
                    destructive += 1
                    if ours != .read { found += 1 }
                }
            }
            if reads > 0 { pure.append(Double(harmless) / Double(reads)) }
            if destructive > 0 { caught.append(Double(found) / Double(destructive)) }
        }
        let read = pure.reduce(0, +) / Double(pure.count)
        let destructive = caught.reduce(0, +) / Double(caught.count)
        print(
            "hints \(ofClass ? "by class" : "on the tool"): read and harmless \(read) (\(pure.count) servers),"
                + " destructive and not read \(destructive) (\(caught.count) servers)")
        #expect(read >= 0.98)
        #expect(destructive >= 0.95)
    }

    /// Words of servers' names that are also words of the language, or names of techniques: the rules may use them.
    private static let ordinary: Set<String> = [
        "agent", "ai", "analysis", "analytics", "api", "bot", "browser", "commands", "container", "cursor", "cypher",
        "data", "dns", "everything", "fetch", "filesystem", "gateway", "grab", "graphql", "js", "keypress",
        "kubernetes", "longpress", "mcp", "memory", "one", "postgres", "resend", "run", "server", "servers", "sh",
        "shared", "storage", "talk", "terraform", "time", "to", "tools", "workspace",
    ]

    /// The rules know verbs and nouns, and none of the corpus's servers or tools: in no style of writing.
    @Test func rulesNameNobody() throws {
        let texts = try [EmbeddedAsset.riskRules, EmbeddedAsset.findingRules].flatMap { bytes in
            Self.texts(try JSONDocument.parse(bytes).root)
        }
        let rules = Set(texts.map { $0.lowercased() })
        var named: Set<String> = []
        func look(for name: String, of whom: String) {
            if rules.contains(name), !Self.ordinary.contains(name) { named.insert("\(name) (\(whom))") }
        }
        for server in try Corpus.servers() {
            let name = server.name.lowercased()
            for part in [name] + name.split(separator: "/").map(String.init) + Self.words(name) {
                look(for: part, of: server.name)
            }
            for tool in server.tools {
                let words = Self.words(tool.name)
                guard words.count > 1 else { continue }
                for separator in ["", " ", "_", "-"] {
                    look(for: words.joined(separator: separator), of: "\(server.name)/\(tool.name)")
                }
            }
        }
        #expect(named.isEmpty)
    }

    /// All texts of a document, keys too.
    private static func texts(_ view: JSONView) -> [String] {
        switch view.kind {
        case .string: [view.string ?? ""]
        case .array: view.elements.flatMap(texts)
        case .object: view.members.flatMap { [$0.key.string ?? ""] + texts($0.value) }
        default: []
        }
    }

    /// The words of a name, in lower case: cut at signs, and before capitals.
    private static func words(_ name: String) -> [String] {
        var words = [""]
        var isLower = false
        for character in name {
            guard character.isLetter || character.isNumber else {
                words.append("")
                isLower = false
                continue
            }
            if character.isUppercase, isLower { words.append("") }
            isLower = character.isLowercase || character.isNumber
            words[words.count - 1] += character.lowercased()
        }
        return words.filter { !$0.isEmpty }
    }

    private func percent(_ part: Int, _ whole: Int) -> String {
        let thousandths = part * 1000 / max(whole, 1)
        return "\(thousandths / 10).\(thousandths % 10) %"
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
}
