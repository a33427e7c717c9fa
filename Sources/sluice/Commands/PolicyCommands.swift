import Arguments
import Base
import JSON
import Policy
import Store

/// `sluice policy …`: checking, storing and showing policies.
enum PolicyCommands {
    static let entries = [put, validate, test, explain, list, show]

    /// The language's own bound is 256 KiB; the loader names it when a document is larger than that.
    private static let limit = 1 << 20

    private static let put = Entry(
        command: Command(
            "policy", "put", summary: "store a policy, or its next version; it judges from the next request on",
            positionals: [
                Positional("NAME", "the policy's name"), Positional("FILE", "the document, '-' for standard input"),
            ],
            options: [.value("server", "NAME", "the server it is for (required)"), DataFolder.option, DataFolder.json],
            examples: [
                Example("sluice policy put studio studio.policy.json --server studio", "stores version 1, 2, …")
            ])
    ) { arguments in
        let (name, file) = (arguments.positionals[0], arguments.positionals[1])
        let server = try arguments.required("server")
        let bytes = try Files.read(file, limit: limit)
        let load = PolicyDocument.load(bytes, name: name, version: 1)
        for problem in load.problems { Output.note(problem.text(file: file)) }
        guard load.policy != nil else {
            throw Failure(
                .failed, "\(file) is not valid, so nothing was stored", mend: "the policy in force stays as it is")
        }
        let folder = try DataFolder.open(arguments)
        let before = try? folder.configuration.policy(name)
        let stored = try folder.configuration.putPolicy(name, server: server, bytes: bytes)
        let isNew = before?.version != stored.version
        if arguments.has("json") {
            Output.json { writer in
                writer.beginObject()
                writer.member("name", stored.name)
                writer.member("server", stored.server)
                writer.member("version", stored.version)
                writer.member("changed", isNew)
                writer.endObject()
            }
        } else if isNew {
            Output.print("policy \(stored.name) version \(stored.version) stored for server \(stored.server)")
        } else {
            Output.print("policy \(stored.name) version \(stored.version) has these very bytes already")
        }
        return .done
    }

    private static let validate = Entry(
        command: Command(
            "policy", "validate", summary: "check policy files; says every problem with its place",
            positionals: [Positional("FILE", "documents, '-' for standard input", count: .oneOrMore)],
            options: [DataFolder.json],
            examples: [
                Example("sluice policy validate studio.policy.json", "exit code 1 if it has errors"),
                Example("sluice policy validate --json *.policy.json", "the problems as JSON"),
            ])
    ) { arguments in
        var errors = 0
        var results: [(file: String, problems: [PolicyProblem])] = []
        for file in arguments.positionals {
            let load = PolicyDocument.load(try Files.read(file, limit: limit), name: file, version: 1)
            errors += load.errors.count
            results.append((file, load.problems))
        }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for result in results {
                    writer.beginObject()
                    writer.member("file", result.file)
                    writer.member("valid", !result.problems.contains { $0.severity == .error })
                    writer.key("problems")
                    writer.beginArray()
                    for problem in result.problems { problem.write(to: &writer) }
                    writer.endArray()
                    writer.endObject()
                }
                writer.endArray()
            }
        } else {
            for result in results {
                for problem in result.problems { Output.print(problem.text(file: result.file)) }
                let isValid = !result.problems.contains { $0.severity == .error }
                if isValid { Output.print("\(result.file): valid") }
            }
        }
        return errors == 0 ? .done : .failed
    }

    private static let list = Entry(
        command: Command(
            "policy", "list", summary: "list the stored policies", options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice policy list", "each policy, its server and newest version")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let policies = try folder.configuration.policies()
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for policy in policies {
                    writer.beginObject()
                    writer.member("name", policy.name)
                    writer.member("server", policy.server)
                    writer.member("version", policy.version)
                    writer.member("created", policy.created.iso8601)
                    writer.endObject()
                }
                writer.endArray()
            }
        } else {
            Output.table(
                ["NAME", "SERVER", "VERSION", "SINCE"],
                policies.map { [$0.name, $0.server, "\($0.version)", $0.created.short] })
        }
        return .done
    }

    private static let show = Entry(
        command: Command(
            "policy", "show", summary: "print a stored policy exactly as it was put",
            positionals: [Positional("NAME", "the policy's name")],
            options: [.value("version", "N", "an older version (default: the newest)"), DataFolder.option],
            examples: [
                Example("sluice policy show studio", "the document in force"),
                Example("sluice policy show studio --version 1", "the first one"),
            ])
    ) { arguments in
        let version = try arguments.value("version").map { _ in
            try arguments.number("version", in: 1...Int(Int32.max), default: 1)
        }
        let folder = try DataFolder.open(arguments)
        Output.write(try folder.configuration.policy(arguments.positionals[0], version: version).bytes)
        return .done
    }

    // MARK: Trying a policy without a gateway

    private static let test = Entry(
        command: Command(
            "policy", "test", summary: "run policy tests (*.policytest.json)",
            positionals: [Positional("FILE", "policy test files", count: .oneOrMore)],
            options: [DataFolder.json],
            examples: [
                Example("sluice policy test *.policytest.json", "exit code 1 if a call is not judged as expected")
            ])
    ) { arguments in
        var isGood = true
        var reports: [(file: String, report: PolicyTestReport)] = []
        for file in arguments.positionals {
            let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let report = PolicyTest.run(try Files.read(file, limit: 16 << 20), name: file) { path in
                let place = path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
                return try? Files.read(place, limit: limit)
            }
            isGood = isGood && report.isGood
            reports.append((file, report))
        }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for (file, report) in reports { write(report, of: file, to: &writer) }
                writer.endArray()
            }
        } else {
            for (file, report) in reports {
                for problem in report.problems { Output.print(problem.text(file: file)) }
                for failure in report.failures { Output.print("\(file): \(failure)") }
                for rule in report.unused { Output.print("\(file): no call was decided by \(rule)") }
                Output.print("\(file): \(report.passed) passed, \(report.failed) failed")
            }
        }
        return isGood ? .done : .failed
    }

    private static func write(_ report: PolicyTestReport, of file: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("file", file)
        writer.member("good", report.isGood)
        writer.member("passed", report.passed)
        writer.member("failed", report.failed)
        for (key, texts) in [("failures", report.failures), ("unused", report.unused)] {
            writer.key(key)
            writer.beginArray()
            for text in texts { writer.string(text) }
            writer.endArray()
        }
        writer.key("problems")
        writer.beginArray()
        for problem in report.problems { problem.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    private static let explain = Entry(
        command: Command(
            "policy", "explain", summary: "say how a policy file would judge one call, and why",
            positionals: [Positional("FILE", "the document, '-' for standard input")],
            options: [
                .value("tool", "NAME", "the tool that is called (required)"),
                .value("args", "JSON", "the call's arguments (default: {})"),
                .value("server", "NAME", "the server's name (default: server)"),
                .value("label", "TEXT", "the grant's label (default: grant)"),
                .value("identity", "NAME", "the grant's identity"),
                DataFolder.json,
            ],
            examples: [
                Example(
                    "sluice policy explain studio.policy.json --tool imageMasking --args '{\"model\":\"runware:35@8\"}'",
                    "a first call: counters start at zero")
            ])
    ) { arguments in
        let file = arguments.positionals[0]
        let tool = try arguments.required("tool")
        let load = PolicyDocument.load(try Files.read(file, limit: limit), name: file, version: 1)
        guard let policy = load.policy else {
            for problem in load.problems { Output.note(problem.text(file: file)) }
            throw Failure(.failed, "\(file) is not valid, so it would not be in force")
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(Array((arguments.value("args") ?? "{}").utf8))
        } catch {
            throw Failure(.usage, "--args is not JSON: \(error.message)")
        }
        let call = CallFacts(
            tool: tool, arguments: document.root, facts: nil, server: arguments.value("server") ?? "server",
            grant: GrantFacts(
                id: "explain", label: arguments.value("label") ?? "grant", identity: arguments.value("identity")),
            client: nil, session: "s1", ip: nil, now: Clock.now)
        Explanation(of: call, under: policy).print(asJSON: arguments.has("json"))
        return .done
    }
}
