import Arguments
import Base
import Gateway
import JSON
import Store

/// `sluice server findings`: what a person should look at, over all servers.
enum FindingsCommand {
    static let entry = Entry(
        command: Command(
            "server", "findings", summary: "list what a person should look at: changed tools, look-alike names",
            details: """
                Of pinned servers: changed definitions and instructions, new and removed tools. Of all servers together: names
                that several have, names that look alike, that come twice, or that have characters which can't be seen. It goes by
                what servers said when the gateway or a command last asked them; --refresh asks them now, which starts commands.
                --fail-on makes the exit code 1 when there is a finding of that severity or worse.
                """,
            positionals: [Positional("NAME", "only findings that have to do with this server", count: .optional)],
            options: [
                .flag("refresh", "ask the servers first"), ServerTools.timeout,
                .value("fail-on", "LEVEL", "info, low, medium, high or critical"), DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice server findings", "all"),
                Example("sluice server findings files --refresh --fail-on high", "for a nightly job"),
            ])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let limit = try arguments.value("fail-on").map { _ in
            try arguments.choice("fail-on", among: Finding.Severity.allCases.map(\.name), default: "info")
        }
        let names = arguments.positionals
        for name in names { _ = try folder.configuration.server(name) }
        var silent: [String] = []
        if arguments.has("refresh") { silent = try await refresh(names, folder, arguments) }
        let servers = try folder.observations.observations()
        let findings = Findings.all(servers).filter { finding in
            names.isEmpty || names.contains { finding.concerns($0) }
        }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for finding in findings { finding.write(to: &writer) }
                writer.endArray()
            }
        } else {
            tell(findings, servers.filter { names.isEmpty || names.contains($0.name) })
        }
        if !silent.isEmpty { throw Failure(.unable, "not asked: \(silent.joined(separator: ", "))") }
        let isTooBad = limit.flatMap(Finding.Severity.init(name:)).map { worst in
            findings.contains { $0.severity >= worst }
        }
        return isTooBad == true ? .failed : .done
    }

    /// Asks servers what they say now. Returns those that did not answer.
    private static func refresh(_ names: [String], _ folder: Stored, _ arguments: Arguments) async throws -> [String] {
        var silent: [String] = []
        for server in try folder.configuration.servers() where names.isEmpty || names.contains(server.name) {
            do {
                let report = try await ServerTools.report(of: server, arguments)
                try folder.observations.observe(server.name, report.seen(folder.hasher), at: Clock.now)
            } catch let failure as Failure {
                Output.note("sluice: \(failure.message)")
                silent.append(server.name)
            }
        }
        return silent
    }

    private static func tell(_ findings: [Finding], _ servers: [ObservedServer]) {
        if findings.isEmpty {
            Output.print("no findings")
        } else {
            Output.table(
                ["SEVERITY", "SERVER", "TOOL", "FINDING", "SINCE", "EFFECT"],
                findings.map { finding in
                    [
                        finding.severity.name, finding.server, finding.tool.map(Finding.visible) ?? "–", finding.text,
                        finding.since.short, finding.effect.rawValue,
                    ]
                })
            for mend in findings.map(\.mend).uniqued { Output.note(mend) }
        }
        let never = servers.filter { $0.seen == nil }.map(\.name)
        if !never.isEmpty {
            Output.note("never asked what they offer (--refresh asks): \(never.joined(separator: ", "))")
        }
    }
}

extension [String] {
    /// Each once, in the order of their first place.
    fileprivate var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
