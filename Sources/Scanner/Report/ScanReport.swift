import Catalogue
import Risk

/// A server that was not looked into, or that could not be.
package struct SkippedServer: Sendable {
    package let name: String
    /// How it would be reached, without secrets.
    package let source: String
    package let why: String
    /// It was asked and gave no usable answer.
    package let isFailure: Bool
    /// Where it stands in its file.
    package let line: Int?

    package init(name: String, source: String, why: String, isFailure: Bool, line: Int?) {
        self.name = name
        self.source = source
        self.why = why
        self.isFailure = isFailure
        self.line = line
    }
}

/// What a scan has come to.
package struct ScanReport: Sendable {
    package var servers: [ScannedServer]
    package var skipped: [SkippedServer] = []
    /// About several servers together.
    package var findings: [MetadataFinding] = []
    /// The configuration file that named the servers, as the user named it.
    package var file: String?
    /// Whether the form for several servers is used even for one.
    package var isOfMany = false

    package init(servers: [ScannedServer]) { self.servers = servers }

    /// The worst finding; nil without any.
    package var worstFinding: Severity? {
        (servers.flatMap(\.allFindings) + findings).map(\.severity).max()
    }

    /// The worst that a tool can do; nil without tools.
    package var worstRisk: Severity? { servers.flatMap { $0.tools.map(\.assessment.risk) }.max() }

    /// Something could not be read, so a good verdict would be about a part only.
    package var isIncomplete: Bool { servers.contains { !$0.material.incomplete.isEmpty } }

    /// Something is other than in the earlier scan.
    package var hasChanged: Bool { servers.contains { $0.changes?.isEmpty == false } }
}
