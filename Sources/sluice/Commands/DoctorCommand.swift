import Arguments
import Glibc
import JSON
import Policy
import Store

/// `sluice doctor`: looks at everything that a gateway needs and says how to mend what is not right.
enum DoctorCommand {
    static let entry = Entry(
        command: Command(
            "doctor", summary: "check the installation and say how to mend it",
            details: "Changes nothing. Exit code 1 if something is broken.",
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice doctor", "the folder, its key, servers, policies, grants and ledger")])
    ) { arguments in
        var findings: [Finding] = []
        do {
            let folder = try DataFolder.open(arguments)
            findings.append(Finding(.good, "data folder", "\(folder.path) can be read and written"))
            findings.append(secretKey(in: folder.path))
            try findings.append(contentsOf: check(folder))
        } catch {
            let failure = Failure(error)
            findings.append(Finding(.broken, "data folder", failure.message, mend: failure.mend))
        }
        report(findings, asJSON: arguments.has("json"))
        return findings.contains { $0.state == .broken } ? .failed : .done
    }

    /// What was looked at, how it is, and how to mend it.
    private struct Finding {
        enum State: String {
            case good, warning, broken
        }

        let state: State
        let subject: String
        let text: String
        let mend: String?

        init(_ state: State, _ subject: String, _ text: String, mend: String? = nil) {
            (self.state, self.subject, self.text, self.mend) = (state, subject, text, mend)
        }
    }

    private static func secretKey(in path: String) -> Finding {
        var status = stat()
        let file = "\(path)/secret.key"
        guard stat(file, &status) == 0 else {
            return Finding(
                .broken, "secret.key", "\(file) is missing",
                mend: "restore it from your backup: nothing else opens the stored credentials")
        }
        let mode = status.st_mode & 0o777
        guard mode & 0o077 == 0 else {
            return Finding(.broken, "secret.key", "others may read it", mend: "chmod 600 '\(file)'")
        }
        return Finding(.good, "secret.key", "only its owner may read it")
    }

    private static func check(_ folder: Stored) throws -> [Finding] {
        var findings: [Finding] = []
        let servers = try folder.configuration.servers()
        if servers.isEmpty {
            findings.append(Finding(.warning, "servers", "none is registered", mend: "sluice server add --help"))
        }
        findings += servers.map(check)
        for policy in try folder.configuration.policies() {
            let load = PolicyDocument.load(policy.bytes, name: policy.name, version: policy.version)
            if let error = load.errors.first {
                findings.append(
                    Finding(
                        .broken, "policy \(policy.name)", error.text(file: "version \(policy.version)"),
                        mend: "calls under it are denied; store a valid one with 'sluice policy put'"))
            } else {
                findings.append(Finding(.good, "policy \(policy.name)", "version \(policy.version) is valid"))
            }
        }
        let grants = try folder.configuration.grants().filter { $0.standing(at: Clock.now) == .active }
        findings.append(
            grants.isEmpty
                ? Finding(.warning, "grants", "none is active: nobody can call", mend: "sluice grant create --help")
                : Finding(.good, "grants", "\(grants.count) active"))

        let reader = try folder.ledgerReader()
        let from = max(1, try reader.lastSequence() - 10_000)
        let verdict = try reader.verify(from: from)
        if let breach = verdict.breach {
            findings.append(
                Finding(
                    .broken, "ledger", "row \(breach.seq): \(breach.text)",
                    mend: "keep a copy of the folder as it is and find out who could write to it"))
        } else {
            findings.append(Finding(.good, "ledger", "the last \(verdict.checked) rows are intact"))
        }
        if let untaken = verdict.untaken {
            findings.append(Finding(.broken, "ledger's journal", untaken.text, mend: untaken.mend))
        }
        return findings
    }

    private static func check(_ server: Server) -> Finding {
        let subject = "server \(server.name)"
        switch server.transport {
        case .http(let url, _):
            return Finding(.good, subject, url)
        case .stdio(let command, _, _, let directory):
            if let directory, access(directory, X_OK) != 0 {
                return Finding(
                    .broken, subject, "its folder \(directory) is not there", mend: "sluice server add --replace")
            }
            guard let program = command.first, let place = find(program) else {
                return Finding(
                    .broken, subject, "its command \(command.first ?? "") can't be run",
                    mend: "install or build it, or register the right one with 'sluice server add --replace'")
            }
            return Finding(.good, subject, place)
        }
    }

    /// Where a program is, as the system would find it.
    private static func find(_ program: String) -> String? {
        if program.contains("/") { return Files.isExecutable(program) ? program : nil }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }.first(where: Files.isExecutable)
    }

    private static func report(_ findings: [Finding], asJSON: Bool) {
        if asJSON {
            Output.json { writer in
                writer.beginArray()
                for finding in findings {
                    writer.beginObject()
                    writer.member("state", finding.state.rawValue)
                    writer.member("subject", finding.subject)
                    writer.member("text", finding.text)
                    writer.memberIfPresent("mend", finding.mend)
                    writer.endObject()
                }
                writer.endArray()
            }
            return
        }
        for finding in findings {
            Output.print("\(finding.state.rawValue.padding(to: 8)) \(finding.subject): \(finding.text)")
            if finding.state != .good, let mend = finding.mend { Output.print("         \(mend)") }
        }
    }
}

extension String {
    /// Filled up with spaces.
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
