internal import Base

/// Tells the same thing in two runs. It protects nothing.
package enum Fingerprint {
    /// FNV-1a of the parts, 16 hexadecimal digits.
    package static func of(_ parts: [String]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in parts.joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Hex.encode((0..<8).map { UInt8(truncatingIfNeeded: hash >> (56 - 8 * UInt64($0))) })
    }
}

extension ScannedServer {
    /// The same for every scan of a server that is reached in the same way.
    package var fingerprint: String { Fingerprint.of([name, material.source]) }
}
