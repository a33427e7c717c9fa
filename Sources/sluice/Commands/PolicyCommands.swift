import Arguments
import Base
import JSON
import Policy
import Store

/// `sluice policy …`: checking, storing and showing policies.
enum PolicyCommands {
    static let entries = [put, validate, schema] + PolicyTrials.entries + [list, show]

    /// The language's own bound is 256 KiB; the loader names it when a document is larger than that.
    static let limit = 1 << 20

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
            options: [PolicyTrials.toolsOption, DataFolder.json],
            examples: [
                Example("sluice policy validate studio.policy.json", "exit code 1 if it has errors"),
                Example(
                    "sluice policy validate studio.policy.json --tools studio.tools.json",
                    "also warns of names that the server does not have"),
                Example("sluice policy validate --json *.policy.json", "the problems as JSON"),
            ])
    ) { arguments in
        var errors = 0
        var results: [(file: String, problems: [PolicyProblem])] = []
        let tools = arguments.has("tools") ? try PolicyTrials.toolFacts(arguments) : nil
        for file in arguments.positionals {
            let bytes = try Files.read(file, limit: limit)
            let load = PolicyDocument.load(bytes, name: file, version: 1)
            errors += load.errors.count
            let strangers = tools.flatMap { load.policy?.problems(against: $0, in: bytes) } ?? []
            results.append((file, load.problems + strangers))
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

    private static let schema = Entry(
        command: Command(
            "policy", "schema", summary: "print the JSON Schema of policies, for editors",
            details: "It is made from what this very program accepts.",
            examples: [
                Example("sluice policy schema > policy.schema.json", "an editor then completes and checks policies")
            ])
    ) { _ in
        Output.print(PolicySchema.text, terminator: "")
        return .done
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
}
