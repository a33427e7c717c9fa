internal import JSON
internal import Policy

/// A rule about one argument.
struct ArgumentRule {
    enum Kind { case require, deny, approve }

    let kind: Kind
    let value: JSONValue
    let why: String
    let needsEditing: Bool
    /// The argument, and a value with which the rule acts.
    let argument: Argument
    let counterexample: JSONValue
}

/// What a tool's schema suggests to ask of its arguments: paths stay in a folder, addresses lead to known hosts, queries and
/// code are seen by a person, counts have an end, and choices that only the description names are the only ones.
struct ArgumentRules {
    private(set) var rules: [ArgumentRule] = []
    /// Arguments that satisfy all rules that ask for one.
    private(set) var sample: [(argument: Argument, value: JSONValue)] = []
    /// All arguments were looked at, and each that should have a rule has one.
    private(set) var isWhole = true
    private let isAboutRepositories: Bool
    private let isClaimedToRead: Bool

    /// A call that wants more at once is a mass of calls in one.
    private static let largestCount: Int64 = 100
    /// Rules for one tool; a policy's entry holds no more of a kind than some dozens.
    private static let mostRules = 40

    init(_ tool: ToolDefinition, _ classification: Classification) {
        isClaimedToRead = classification.category == .read
        guard let schema = tool.inputSchema else {
            isAboutRepositories = false
            return
        }
        let (arguments, isWhole) = Argument.all(in: schema)
        self.isWhole = isWhole
        isAboutRepositories = arguments.contains { ArgumentRules.isRepository($0.name) }
        func names(_ codes: RiskSignal.Code...) -> Set<String> {
            Set(classification.signals.filter { codes.contains($0.code) }.flatMap(\.parameters))
        }
        let (paths, addresses) = (names(.acceptsFilePath), names(.acceptsURL))
        let (codes, texts) = (names(.acceptsCode), names(.acceptsCode, .acceptsQuery))
        let isBulk = classification.signals.contains { $0.code == .bulk }
        let isAboutFiles = ArgumentRules.speaksOfFiles(tool)
        let isAboutStatements = ArgumentRules.runsStatements(tool)
        for argument in arguments {
            guard rules.count < ArgumentRules.mostRules else {
                self.isWhole = false
                break
            }
            let name = argument.name
            if addresses.contains(name), ArgumentRules.isOnlyAddress(argument) {
                hostRule(argument)
            } else if !addresses.contains(name),
                paths.contains(name) || isAboutFiles && ArgumentRules.isEndOfAMove(argument)
            {
                pathRules(argument)
            } else if texts.contains(name),
                classification.category != .read || codes.contains(name) || isAboutStatements
                    || ArgumentRules.isInWritingLanguage(argument)
            {
                personRule(argument)
            } else if isBulk, argument.schema["maximum"] == nil, ArgumentRules.isCount(argument) {
                countRule(argument)
            } else if let choices = DescribedChoices.of(argument.schema) {
                choiceRule(argument, choices)
            }
        }
    }

    // MARK: The rules

    private mutating func pathRules(_ argument: Argument) {
        let folder = Recommendation.folder
        let why = "`\(argument.name)` is a file's path, and may name any file that the server can reach."
        if isAboutRepositories {
            // A path in a repository begins at its root: it must not lead out of it.
            add(
                .deny, argument, argument.path, "regex", #"(^|[/\\])\.\.([/\\]|$)|^[/~]|%2[eEfF]|%5[cC]|\x00"#,
                "`\(argument.name)` must not lead out of its repository or bucket.",
                why:
                    "`\(argument.name)` is a path in a repository or a bucket; `..` or a leading slash leads out of it.",
                "../../etc/passwd")
            return
        }
        if argument.isRequired {
            add(
                .require, argument, argument.path, "path_within", [.string(folder)],
                "`\(argument.name)` has to lie in \(folder).", why: why, "/etc/passwd")
            sample.append((argument, .string(folder + "/file")))
            return
        }
        // An optional argument can't be required: what lies elsewhere is denied, and so is every way up.
        add(
            .deny, argument, argument.path, "not_regex", .string("^\(folder)(/|$)"),
            "`\(argument.name)` has to lie in \(folder).", why: why, "/etc/passwd")
        add(
            .deny, argument, argument.path, "regex", #"(^|[/\\])\.\.([/\\]|$)|%2[eEfF]|%5[cC]|\x00"#,
            "`\(argument.name)` must not lead out of \(folder).", why: "A path with `..` leads out of the folder.",
            .string("\(folder)/../../etc/passwd"))
    }

    private mutating func hostRule(_ argument: Argument) {
        within(
            argument, "host(\(argument.path))", [.string(Recommendation.host)],
            "`\(argument.name)` has to lead to a known host.",
            why: "`\(argument.name)` is an address: the server would fetch from it, or send to it.",
            sample: .string("https://\(Recommendation.host)/x"), "https://elsewhere.example.net/x")
    }

    private mutating func personRule(_ argument: Argument) {
        let isClaim = isClaimedToRead ? " That it only reads is the server's word." : ""
        add(
            .approve, argument, argument.path, "exists", true, "A person has to see `\(argument.name)`.",
            why: "`\(argument.name)` is a program or a query: what it does, only reading it tells.\(isClaim)",
            "select 1")
    }

    private mutating func countRule(_ argument: Argument) {
        let most = ArgumentRules.largestCount
        let isRequired = argument.isRequired
        add(
            isRequired ? .require : .deny, argument, argument.path, isRequired ? "lte" : "gt", .int(most),
            "`\(argument.name)` may be \(most) at most.",
            why: "`\(argument.name)` says how many at once, and the schema sets no end.", .int(most + 1))
        if isRequired { sample.append((argument, 1)) }
    }

    private mutating func choiceRule(_ argument: Argument, _ choices: [String]) {
        within(
            argument, argument.path, .array(choices.map(JSONValue.string)),
            "`\(argument.name)` has to be one of those that the tool describes.",
            why: "The description names all choices for `\(argument.name)`; the schema allows any text.",
            sample: .string(choices[0]), "something else")
    }

    /// One of a list: a required argument is required to be, an optional one denied if it is not.
    private mutating func within(
        _ argument: Argument, _ path: String, _ list: JSONValue, _ message: String, why: String, sample: JSONValue,
        _ counterexample: JSONValue
    ) {
        let isRequired = argument.isRequired
        add(
            isRequired ? .require : .deny, argument, path, isRequired ? "in" : "not_in", list, message, why: why,
            counterexample)
        if isRequired { self.sample.append((argument, sample)) }
    }

    private mutating func add(
        _ kind: ArgumentRule.Kind, _ argument: Argument, _ path: String, _ op: String, _ value: JSONValue,
        _ message: String, why: String, _ counterexample: JSONValue
    ) {
        let rule: JSONValue = [
            "path": .string(path), "op": .string(op), "value": value, "on_deny": .string(message),
        ]
        let text = value.text
        rules.append(
            ArgumentRule(
                kind: kind, value: rule, why: why,
                needsEditing: text.contains(Recommendation.folder) || text.contains(Recommendation.host),
                argument: argument, counterexample: counterexample))
    }

    // MARK: What a parameter is

    /// Whether the argument is an address and can't be something else, such as an id or a path.
    private static func isOnlyAddress(_ argument: Argument) -> Bool {
        if let format = argument.schema["format"]?.string { return format == "uri" || format == "url" }
        let name = argument.name.lowercased()
        return ["url", "urls", "uri", "uris", "endpoint", "webhook"].contains { name.hasSuffix($0) }
    }

    private static func isCount(_ argument: Argument) -> Bool {
        guard let type = argument.schema["type"]?.string, type == "integer" || type == "number" else { return false }
        let name = argument.name.lowercased()
        return ["limit", "count", "batch_size", "batchsize", "n", "num", "quantity", "max_results", "maxresults"]
            .contains {
                name == $0 || name.hasSuffix("_" + $0) || name.hasPrefix("num_")
            }
    }

    /// Whether the argument is in a language whose statements may change something, whatever the tool says of them: that
    /// they only read is the server's word. PromQL, JQL and their like can't change anything.
    private static func isInWritingLanguage(_ argument: Argument) -> Bool {
        words(argument.name + " " + (argument.schema["description"]?.string ?? "")).contains(where: isWriting)
    }

    private static func isWriting(_ word: String) -> Bool {
        word.hasSuffix("sql") && !onlyReading.contains(word) || writing.contains(word)
    }

    /// `Runs a SELECT query`, `Queries the SQL database`: what the tool says of itself its argument need not say again.
    private static func runsStatements(_ tool: ToolDefinition) -> Bool {
        let words = words(tool.name + " " + tool.description.prefix(600))
        return words.contains { isWriting($0) || $0 == "select" || $0 == "database" }
            && words.contains { running.contains($0) }
    }

    private static let running: Set<String> = [
        "run", "runs", "execute", "executes", "query", "queries", "select", "evaluate", "evaluates",
    ]

    private static let writing: Set<String> = [
        "statement", "statements", "cypher", "graphql", "gql", "mutation", "sparql", "gremlin", "aql", "dml", "ddl",
        "flux", "mongosh",
    ]
    private static let onlyReading: Set<String> = ["esql", "cosql"]

    /// In lower case, `camelCase` cut.
    private static func words(_ text: String) -> [String] {
        var (words, isLower) = ([""], false)
        for scalar in text.unicodeScalars.prefix(700) {
            let isLetter = scalar.properties.isAlphabetic
            if !isLetter || isLower && scalar.properties.isUppercase { words.append("") }
            if isLetter { words[words.count - 1] += scalar.properties.lowercaseMapping }
            isLower = scalar.properties.isLowercase
        }
        return words.filter { !$0.isEmpty }
    }

    /// From where to where something is moved or copied; what that is, the tool says.
    private static func isEndOfAMove(_ argument: Argument) -> Bool {
        guard argument.schema["type"]?.string ?? "string" == "string" else { return false }
        let name = argument.name.lowercased().filter { $0 != "_" && $0 != "-" }
        return [
            "source", "destination", "src", "dst", "dest", "from", "to", "target", "local", "remote", "output", "input",
            "outputdir", "inputdir",
        ].contains(name)
    }

    private static func speaksOfFiles(_ tool: ToolDefinition) -> Bool {
        (tool.name + " " + tool.description.prefix(400)).lowercased().split { !$0.isLetter }.contains {
            ["file", "files", "directory", "directories", "folder", "folders", "movefile", "copyfile"].contains($0)
        }
    }

    private static func isRepository(_ name: String) -> Bool {
        [
            "repo", "repository", "owner", "branch", "project_id", "projectid", "repo_name", "reponame", "commit_sha",
            "bucket", "bucket_name", "mount",
        ].contains(name.lowercased())
    }
}
