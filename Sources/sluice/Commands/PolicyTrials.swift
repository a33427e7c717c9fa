import Arguments
import Base
import Glibc
import JSON
import Policy

/// `sluice policy test`, `explain`, `diff`: trying policy files without a gateway.
enum PolicyTrials {
    static let entries = [test, explain, diff]

    static let toolsOption = Option.value(
        "tools", "FILE", "the server's tools with their schemas, as 'sluice server tools NAME --json' prints them")

    private static let test = Entry(
        command: Command(
            "policy", "test", summary: "run policy tests (*.policytest.json)",
            positionals: [Positional("FILE", "policy test files", count: .oneOrMore)],
            options: [DataFolder.json],
            examples: [
                Example("sluice policy test *.policytest.json", "exit code 1 if a call is not judged as expected")
            ])
    ) { arguments in
        var reports: [(file: String, report: PolicyTestReport)] = []
        for file in arguments.positionals {
            let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let report = PolicyTest.run(try Files.read(file, limit: 16 << 20), name: file) { path in
                let place = path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
                do throws(Failure) {
                    return .text(try Files.read(place, limit: PolicyCommands.limit), file: place)
                } catch {
                    return .unreadable(error.message)
                }
            }
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
                for problem in report.problems { Output.print(problem.text(file: report.policyFile ?? file)) }
                for failure in report.failures { Output.print(failure.text(file: file)) }
                for rule in report.unused { Output.print("\(file): no call was decided by \(rule)") }
                let used = report.rules - report.unused.count
                let coverage = report.rules == 0 ? "" : "; \(used) of \(report.rules) rules decided a call"
                Output.print("\(file): \(report.passed) passed, \(report.failed) failed\(coverage)")
            }
            if reports.count > 1 {
                let (passed, failed) = reports.reduce((0, 0)) { ($0.0 + $1.report.passed, $0.1 + $1.report.failed) }
                Output.print("\(reports.count) files: \(passed) passed, \(failed) failed")
            }
        }
        return reports.allSatisfy(\.report.isGood) ? .done : .failed
    }

    private static func write(_ report: PolicyTestReport, of file: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("file", file)
        writer.member("policy", report.policyFile ?? file)
        writer.member("good", report.isGood)
        writer.member("passed", report.passed)
        writer.member("failed", report.failed)
        writer.member("rules", report.rules)
        for (key, texts) in [("failures", report.failures.map(\.description)), ("unused", report.unused)] {
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
            "policy", "explain", summary: "say how a policy file would judge one call, step by step",
            details: "Counters start at zero. With --tools, arguments are checked against the tool's schema too.",
            positionals: [Positional("FILE", "the document, '-' for standard input")],
            options: [
                .value("tool", "NAME", "the tool that is called, or resource:URI, prompt:NAME (required)"),
                .value("args", "JSON", "the call's arguments (default: {})"), toolsOption,
                .value("server", "NAME", "the server's name (default: server)"),
                .value("label", "TEXT", "the grant's label (default: grant)"),
                .value("identity", "NAME", "the grant's identity"),
                .value("at", "TIME", "when the call is made, such as 2026-01-05T10:00:00Z (default: now)"),
                .value("ip", "ADDRESS", "where it comes from"), DataFolder.json,
            ],
            examples: [
                Example(
                    "sluice policy explain studio.policy.json --tool imageMasking --args '{\"model\":\"runware:35@8\"}'",
                    "every rule that was asked, and the one that decided")
            ])
    ) { arguments in
        let name = try arguments.required("tool")
        guard !name.isEmpty else { throw Failure(.usage, "--tool is empty; it is the name of a tool") }
        let ip = try arguments.value("ip").map(address)
        let policy = try load(arguments.positionals[0])
        let tools = try toolFacts(arguments)
        let names = tools.map(\.name)
        if arguments.has("tools"), Subject(of: name) == .tool, !names.contains(name) {
            let hint = nearest(name, among: names).map { "; did you mean `\($0)`?" } ?? ""
            Output.note("the list of --tools has no `\(name)`, so it is judged without a schema\(hint)")
        }
        if Subject(of: name) == .resource, !policy.canJudge(resource: String(name.dropFirst("resource:".count))) {
            Output.note("this URI is not in its normal form; the gateway refuses it under a policy about resources")
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(Array((arguments.value("args") ?? "{}").utf8))
        } catch {
            let bytes = Array((arguments.value("args") ?? "").utf8)
            throw Failure(
                .usage, "--args is not JSON: at \(error.position(in: bytes)), \(error.sentence(in: bytes))",
                mend: "write it like --args '{\"model\": \"a\"}'")
        }
        let now = try arguments.value("at").map { text in
            guard let time = Instant(iso8601: text) else {
                throw Failure(.usage, "--at is no time: \(text)", mend: "write it in UTC, like 2026-01-05T10:00:00Z")
            }
            return time
        }
        let call = CallFacts(
            subject: Subject(of: name), tool: name, arguments: document.root, facts: tools.first { $0.name == name },
            server: arguments.value("server") ?? "server",
            grant: GrantFacts(
                id: "explain", label: arguments.value("label") ?? "grant", identity: arguments.value("identity")),
            session: "s1", ip: ip, now: now ?? Clock.now)
        let explanation = Policy.explain(call, policy: policy)
        if arguments.has("json") {
            Output.json { explanation.write(to: &$0) }
        } else {
            Output.print(explanation.text, terminator: "")
        }
        return .done
    }

    private static let diff = Entry(
        command: Command(
            "policy", "diff", summary: "say what changes for an agent between two policy files",
            details:
                "+ becomes possible, - no longer is, ~ changes otherwise. Tools that neither names come from --tools,\n"
                + "calls to try on both from --calls: a file in the form of policy tests, of which only the calls count.",
            positionals: [
                Positional("BEFORE", "a policy document"), Positional("AFTER", "the document that would replace it"),
            ],
            options: [
                toolsOption, .value("calls", "FILE", "calls to try on both, in the form of *.policytest.json"),
                DataFolder.json,
            ],
            examples: [
                Example("sluice policy diff old.policy.json new.policy.json", "tool by tool"),
                Example(
                    "sluice policy diff old.policy.json new.policy.json --calls monday.policytest.json",
                    "and which of these calls gain or lose"),
                Example(
                    "sluice policy show studio | sluice policy diff - studio.policy.json",
                    "what 'policy put' would change"),
            ])
    ) { arguments in
        guard arguments.positionals != ["-", "-"] else {
            throw Failure(.usage, "only one of the two policies can come from standard input")
        }
        let (before, after) = (try load(arguments.positionals[0]), try load(arguments.positionals[1]))
        let difference = PolicyDiff.between(
            before, after, tools: try toolFacts(arguments), calls: try recordedCalls(arguments))
        if arguments.has("json") {
            Output.json { difference.write(to: &$0) }
        } else {
            Output.print(difference.text, terminator: "")
        }
        return .done
    }

    /// The gateway only ever hands in addresses, so an explanation with anything else would be one of nothing.
    private static func address(_ text: String) throws -> String {
        var room = in6_addr()
        guard inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1 else {
            throw Failure(
                .usage, "--ip is no address: \(text)",
                mend: "write an IPv4 or IPv6 address, like 10.0.0.7 or 2001:db8::7")
        }
        return text
    }

    private static func recordedCalls(_ arguments: Arguments) throws -> [RecordedCall] {
        guard let file = arguments.value("calls") else { return [] }
        let (calls, faults) = RecordedCall.read(try Files.read(file, limit: 16 << 20))
        guard faults.isEmpty else {
            for fault in faults { Output.note(fault.text(file: file)) }
            throw Failure(
                .usage, "\(file) holds no calls that can be tried",
                mend: "it has the form of a policy test: docs/policy.md describes it")
        }
        return calls
    }

    private static func load(_ file: String) throws -> CompiledPolicy {
        let load = PolicyDocument.load(try Files.read(file, limit: PolicyCommands.limit), name: file, version: 1)
        guard let policy = load.policy else {
            for problem in load.problems { Output.note(problem.text(file: file)) }
            throw Failure(.failed, "\(file) is not valid, so it would not be in force")
        }
        return policy
    }

    /// The tools of a saved list: a `tools/list` result, with or without its JSON-RPC message, or what we print.
    static func toolFacts(_ arguments: Arguments) throws -> [ToolFacts] {
        guard let file = arguments.value("tools") else { return [] }
        let bytes = try Files.read(file, limit: 4 << 20)
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes)
        } catch {
            throw Failure(
                .usage, "\(file) is not JSON: at \(error.position(in: bytes)), \(error.sentence(in: bytes))")
        }
        let root = document.root
        guard let tools = root.kind == .array ? root : root["tools"] ?? root["result"]?["tools"], tools.kind == .array
        else {
            throw Failure(
                .usage, "\(file) has no list of tools: it is neither an array nor an object with an array `tools`",
                mend: "'sluice server tools NAME --json' prints one")
        }
        return try tools.elements.enumerated().map { i, tool in
            guard let name = tool["name"]?.string, !name.isEmpty else {
                let place = SourcePosition(offset: tool.range.lowerBound, in: bytes)
                throw Failure(
                    .usage, "\(file):\(place): tools[\(i)] has no name", mend: "each tool is an object with a `name`")
            }
            let schema = tool["inputSchema"].map { CompiledSchema.compile($0) }
            for problem in schema?.problems ?? [] { Output.note("\(file): warning: tool `\(name)`: \(problem)") }
            return ToolFacts(name: name, annotations: tool["annotations"], schema: schema)
        }
    }
}
