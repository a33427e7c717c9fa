import Synchronization

/// Names for requests, unique over restarts: eight characters drawn at start and seven that count.
///
/// COST: fifteen characters are the longest text that Swift keeps without an allocation.
package final class RequestNames: Sendable {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private let prefix: [UInt8]
    private let counter = Atomic<UInt64>(0)

    package init() {
        prefix = (0..<8).map { _ in Self.alphabet[Int.random(in: 0..<32)] }
    }

    package func next() -> String {
        var rest = counter.add(1, ordering: .relaxed).newValue
        return String(unsafeUninitializedCapacity: 15) { text in
            for i in 0..<8 { text[i] = prefix[i] }
            for i in (8..<15).reversed() {
                text[i] = Self.alphabet[Int(rest & 31)]
                rest >>= 5
            }
            return 15
        }
    }
}
