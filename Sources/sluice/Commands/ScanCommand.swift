import Arguments
import Base
import Catalogue
import Gateway
import Risk
import Runtime
import Scanner
import Store

/// `sluice scan`: what a server offers, how dangerous that is, and what is hidden in its texts.
enum ScanCommand {
    static let entry = Entry(
        command: Command(
            "scan", summary: "list a server's tools, judge their risk, look for poisoned metadata, recommend a policy",
            details: """
                Lists tools, resources, prompts and instructions of one server (a command after '--', --url, a saved list with
                --tools, a page of the registry with --registry) or of all servers of a client's configuration file. It never
                calls a tool, and refuses whatever a server asks. Of a configuration file or the registry no process is started
                and no variable of yours is used unless you say --start; servers that were left out are named.

                Exit code 1: a finding at or above --fail-on, a tool at or above --fail-on-risk, a change with --fail-on-change;
                with any of these also lists that could not be read whole. 3: a server can't be reached.
                """,
            options: sources + access + judging + output, trailing: "COMMAND ARG…",
            examples: [
                Example("sluice scan -- npx -y @modelcontextprotocol/server-filesystem /srv", "starts a command"),
                Example("sluice scan --url https://mcp.example.com/mcp --fail-on high", "for CI: fails on findings"),
                Example("sluice scan --config-file ~/.cursor/mcp.json", "asks the remote servers, names the commands"),
                Example(
                    "sluice scan --config-file .mcp.json --start --format sarif > scan.sarif",
                    "starts the commands, too"),
                Example("sluice scan --save -- npx -y some-server", "and keeps what it found in the catalogue"),
                Example("sluice scan --tools saved.json --policy-out my.policy.json", "the policy for a saved list"),
            ])
    ) { arguments in try await run(arguments) }

    private static let sources: [Option] = [
        .value("url", "URL", "a server's address: Streamable HTTP or HTTP+SSE, any protocol version"),
        .value("config-file", "FILE", "a client's configuration: every server in it"),
        .value(
            "tools", "FILE", "a saved tools/list result, or {\"server\": …, \"tools\": […]}; '-' for standard input"),
        .value("registry", "FILE", "the official registry's server.json"),
    ]

    private static let access: [Option] = [
        .flag("start", "with --config-file or --registry: start commands, and put in variables of the environment"),
        .flag("offline", "with --config-file or --registry: ask nobody, only name the servers"),
        .value("only", "NAME", "with --config-file: this server only; may be repeated", repeats: true),
        .value("name", "NAME", "what the server is called in the report (default: what it calls itself)"),
        .value("header", "'N: V'", "with --url: send this header with every request; may be repeated", repeats: true),
        .value("ca", "FILE", "trust the authorities in this PEM file instead of the system's; for https:// URLs"),
        .value("client-cert", "FILE", "the certificate to show to a server that asks for one, PEM"),
        .value("client-key", "FILE", "the key of --client-cert, PEM, without a password"),
        .value("env", "NAME=VALUE", "set this for the command; may be repeated", repeats: true),
        .value("inherit", "NAME", "pass this variable on to the command; may be repeated", repeats: true),
        .value("directory", "DIR", "where the command starts (default: here)"),
        .value("timeout", "SPAN", "longest wait for one answer (default: 30s); four times that for a server"),
    ]

    private static let judging: [Option] = [
        .value("fail-on", "LEVEL", "exit 1 for a finding of this severity or worse: low, medium, high, critical"),
        .value("fail-on-risk", "LEVEL", "exit 1 for a tool of this severity or worse"),
        .value("baseline", "FILE", "an earlier scan, of --format json: show what has changed since"),
        .value("data-dir", "DIR", "keep this scan there, and show what has changed since the one before"),
        .flag("save", "put the servers into the catalogue of --data-dir (default: ./sluice-data)"),
        .flag("fail-on-change", "exit 1 when something has changed"),
    ]

    private static let output: [Option] = [
        .value("format", "NAME", "table, json, html or sarif (default: table)"),
        .flag("json", "the same as --format json"),
        .value("policy-out", "FILE", "write the recommended policy there; a folder, for several servers"),
        .value("policytest-out", "FILE", "write the test that the policy passes there; a folder, for several servers"),
        .flag("quiet", "no progress on standard error"),
    ]

    private static func run(_ arguments: Arguments) async throws -> ExitCode {
        let format = try format(arguments)
        let limits = try levels(arguments)
        let input = try ScanInput.read(arguments)
        let policies = try ScanFiles.policies(arguments, many: input.isOfMany)
        let baselines = try ScanFiles.baselines(arguments)
        let judge = try ServerJudge()
        let (materials, failed) = try await ask(input, arguments)
        if !input.isOfMany, let failure = failed.first {
            throw Failure(.unable, "server \(Visible.name(failure.name)) can't be scanned: \(failure.why)")
        }
        var servers = materials.map { judge.judge($0) }
        for index in servers.indices {
            servers[index].changes = try baselines.changes(of: servers[index], isOnly: servers.count == 1)
        }
        var report = ScanReport(servers: servers)
        report.skipped = failed + input.skipped
        report.findings = judge.across(servers)
        report.file = input.file
        report.isOfMany = input.isOfMany

        switch format {
        case "json": Output.write(ScanJSON.bytes(report))
        case "sarif": Output.write(ScanSARIF(report, version: Version.text, risk: limits.risk).bytes)
        case "html": Output.print(ScanHTML.text(report, version: Version.text), terminator: "")
        default: ScanTable.print(report, withPolicy: arguments.value("policy-out") == nil)
        }
        try policies.write(servers)
        try baselines.keep(servers)
        if arguments.has("save") { try save(servers, arguments) }
        return verdict(report, limits, arguments)
    }

    private static func save(_ servers: [ScannedServer], _ arguments: Arguments) throws {
        let catalogue = try DataFolder.open(arguments, create: true).catalogue
        for server in servers {
            let changes = try catalogue.recordInCatalogue(CatalogueServerEntry(server), at: Clock.now)
            Output.note("sluice: \(Visible.name(server.name)) is in the catalogue")
            for change in changes { Output.note("        \(CatalogueCommands.line(change))") }
        }
    }

    private static func format(_ arguments: Arguments) throws -> String {
        let format = try arguments.choice(
            "format", among: ["table", "json", "html", "sarif"], default: arguments.has("json") ? "json" : "table")
        guard !arguments.has("json") || format == "json" else {
            throw Failure(.usage, "--json and --format \(format) exclude each other")
        }
        return format
    }

    private struct Levels {
        let finding: Severity?
        let risk: Severity?
    }

    private static func levels(_ arguments: Arguments) throws -> Levels {
        func level(_ name: String) throws -> Severity? {
            guard arguments.value(name) != nil else { return nil }
            return Severity(
                rawValue: try arguments.choice(name, among: Severity.allCases.map(\.rawValue), default: "low"))
        }
        return Levels(finding: try level("fail-on"), risk: try level("fail-on-risk"))
    }

    private static func ask(_ input: ScanInput, _ arguments: Arguments) async throws
        -> ([ServerMaterial], [SkippedServer])
    {
        guard !input.asked.isEmpty else { return (input.materials, []) }
        let timeout = Int64(try arguments.seconds("timeout", in: 1...3_600, default: 30))
        let group = try EventLoopGroup(count: 1)
        defer {
            group.stop()
            group.join()
        }
        let isQuiet = arguments.has("quiet")
        let asking = Asking(
            on: group, limits: SurveyLimits(answer: .seconds(timeout), whole: .seconds(4 * timeout)),
            launcher: LaunchedChild.launcher, now: Clock.now
        ) { line in if !isQuiet { Output.note("sluice: \(line)") } }
        var (materials, failed) = (input.materials, [SkippedServer]())
        for answer in await asking.ask(input.asked) {
            switch answer {
            case .success(let material): materials.append(material)
            case .failure(let skipped): failed.append(skipped)
            }
        }
        return (materials, failed)
    }

    private static func verdict(_ report: ScanReport, _ limits: Levels, _ arguments: Arguments) -> ExitCode {
        var why: [String] = []
        if let limit = limits.finding, let worst = report.worstFinding, worst >= limit {
            why.append("there are findings at or above \(limit.rawValue)")
        }
        if let limit = limits.risk, let worst = report.worstRisk, worst >= limit {
            why.append("there are tools at or above \(limit.rawValue)")
        }
        if arguments.has("fail-on-change"), report.hasChanged { why.append("something has changed") }
        let isChecked = limits.finding != nil || limits.risk != nil || arguments.has("fail-on-change")
        // What was not seen can't have been found good.
        if isChecked, report.isIncomplete { why.append("a list could not be read whole") }
        if !why.isEmpty {
            Output.note("sluice: \(why.joined(separator: "; "))")
            return .failed
        }
        return report.skipped.contains(where: \.isFailure) ? .unable : .done
    }
}
