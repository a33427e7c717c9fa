import Base
import JSON

/// A JSON-RPC id exactly as its owner wrote it: `1` and `"1"` are different ids.
package struct RequestID: Sendable, Hashable {
    /// The JSON text, quotes included.
    package let raw: [UInt8]

    /// The longest id that is accepted, in bytes. Ids are held while a call is in flight.
    package static let maxBytes = 512

    /// Nil unless the value is a string or an integer (MCP forbids null and fractions) of reasonable length.
    package init?(_ view: JSONView) {
        guard view.range.count <= Self.maxBytes else { return nil }
        switch view.kind {
        case .string: break
        case .number where view.int != nil: break
        default: return nil
        }
        raw = Array(view.rawBytes)
    }

    package init(_ number: Int64) {
        var raw: [UInt8] = []
        raw.append(decimal: number)
        self.raw = raw
    }

    /// The number, if this is the plain integer that `init(_:)` wrote.
    package var int: Int64? { Int64(String(decoding: raw, as: UTF8.self)) }
}
