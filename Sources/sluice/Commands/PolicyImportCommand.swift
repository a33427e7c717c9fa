import Arguments
import JSON
import Policy
import PolicyImport

/// `sluice policy import`: translates another product's policy, or says why it can't be said here.
enum PolicyImportCommand {
    static let entry = Entry(
        command: Command(
            "policy", "import", summary: "translate a policy of Intercept (YAML) or PolicyLayer (JSON)",
            details: """
                The policy goes to standard output, and what became of each rule to standard error.
                Whatever can't be said exactly here is refused, with its place and what to do; then nothing is
                written and the exit code is 1.
                """,
            positionals: [Positional("FILE", "the document, '-' for standard input")],
            options: [
                .value(
                    "format", "NAME", "intercept or policylayer (default: JSON is PolicyLayer's, all else Intercept's)"),
                DataFolder.json,
            ],
            examples: [
                Example("sluice policy import intercept.yaml > shop.policy.json", "translates rule by rule"),
                Example(
                    "sluice policy import --json intercept.yaml", "the policy, the report and the problems as one JSON"),
            ])
    ) { arguments in
        let file = arguments.positionals[0]
        let names = PolicyImport.Format.allCases.map(\.rawValue)
        let name = try arguments.choice("format", among: names, default: "")
        let bytes = try Files.read(file, limit: PolicyCommands.limit)
        let result = PolicyImport.translate(bytes, format: PolicyImport.Format(rawValue: name))
        if arguments.has("json") {
            Output.json { write(result, of: file, to: &$0) }
            return result.policy == nil ? .failed : .done
        }
        guard let policy = result.policy else {
            for problem in result.problems { Output.note(problem.text(file: file)) }
            throw Failure(
                .failed, "\(file) can't be said exactly here, so nothing was written",
                mend: "mend what is named above, or leave it out of a copy and say it by hand")
        }
        for step in result.steps { Output.note(step.text(file: file)) }
        for remark in result.remarks { Output.note("\(file): \(remark)") }
        Output.write(policy)
        return .done
    }

    private static func write(_ result: ImportResult, of file: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("file", file)
        writer.member("format", result.format.rawValue)
        writer.member("imported", result.policy != nil)
        writer.key("policy")
        writer.value(result.policy.flatMap { try? JSONDocument.parse($0).root.value } ?? .null)
        writer.key("problems")
        writer.beginArray()
        for problem in result.problems { problem.write(to: &writer) }
        writer.endArray()
        writer.key("steps")
        writer.beginArray()
        // A report of what became of nothing would mislead.
        if result.policy != nil { for step in result.steps { step.write(to: &writer) } }
        writer.endArray()
        writer.key("remarks")
        writer.beginArray()
        for remark in result.remarks { writer.string(remark) }
        writer.endArray()
        writer.endObject()
    }
}
