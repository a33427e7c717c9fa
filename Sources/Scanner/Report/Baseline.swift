import Base
import Catalogue
import JSON

/// An earlier scan, from a file that `--format json` has written; a saved list of tools will do.
package struct Baseline: Sendable {
    /// The most that is read of a file.
    package static let maxBytes = 256 << 20
    private let servers: [JSONView]

    /// - Throws: `ScanError` for a file that is no scan.
    package init(_ bytes: [UInt8], name: String) throws(ScanError) {
        let root: JSONView
        do throws(JSONError) {
            root = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: Self.maxBytes, maxTokens: 32_000_000))
                .root
        } catch {
            let place = error.position(in: bytes)
            throw ScanError(
                .unreadable, "\(name), line \(place.line), column \(place.column): \(error.message)",
                mend: "an earlier scan is a file that 'sluice scan … --format json' has written")
        }
        let all = root["servers"].map { Array($0.elements) } ?? [root]
        guard root.kind == .object, all.allSatisfy({ $0["tools"]?.kind == .array }) else {
            throw ScanError(
                .unknownShape, "\(name) is no earlier scan",
                mend: "it is a file that 'sluice scan … --format json' has written, or a saved tools/list result")
        }
        servers = all
    }

    /// What has changed since; nil when the server is not in it.
    /// - Parameter isOnly: there is one server on either side, so its name does not matter.
    package func changes(of material: ServerMaterial, isOnly: Bool) -> ScanChanges? {
        let known = servers.first { $0["server"]?.string == material.name }
        return (known ?? (isOnly && servers.count == 1 ? servers[0] : nil)).map { ScanChanges(from: $0, to: material) }
    }
}
