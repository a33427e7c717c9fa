import Gateway
import JSON
import Store

/// `GET /api/v1/findings`. Everything here blocks.
enum FindingPages {
    /// A server that changes all its tools at once has more findings than anybody reads.
    private static let most = 1_000

    static func page(_ servers: [ObservedServer], _ asked: QueryReader) -> [UInt8] {
        let code = asked.text("code").flatMap(Finding.Code.init(rawValue:))
        let severity = asked.text("severity").flatMap(Finding.Severity.init(name:)) ?? .info
        let server = asked.text("server")
        let findings = Findings.all(servers).filter { finding in
            finding.severity >= severity && (code.map { finding.code == $0 } ?? true)
                && (server.map { finding.concerns($0) } ?? true)
        }
        return jsonBytes { writer in
            writer.beginObject()
            writer.key("findings")
            writer.beginArray()
            for finding in findings.prefix(most) { finding.write(to: &writer) }
            writer.endArray()
            writer.member("total", findings.count)
            writer.key("servers")
            writer.beginArray()
            for known in servers where server.map({ known.name == $0 }) ?? true {
                writer.beginObject()
                writer.member("name", known.name)
                writer.member("pinned", known.onChange != nil)
                writer.member("seen", known.seen)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }
}
