import Base
import Testing

@testable import Policy

/// Counters are found by a digest; two keys may have the same one, and must not notice.
@Suite struct CounterCollisionTests {
    private static let window = QuotaWindow(span: .seconds(60), algorithm: .sliding)
    private static let start = Instant(microseconds: 1_767_607_200_000_000)

    private static func key(_ owner: String) -> CounterKey {
        CounterKey(scope: .session, owner: owner, server: "s", counter: "c", isNamed: true, window: window)
    }

    private static func request(_ key: CounterKey) -> QuotaRequest {
        QuotaRequest(key: key, amount: .one, max: ExactDecimal(2))
    }

    /// Owners of 16 bytes made to have the digest of an owner of 8: the digest reads eight bytes at a time, and each step
    /// can be undone. Bytes that are no UTF-8 are passed over.
    private static let colliding: [CounterKey] = {
        let first = "owner-01"
        let seed = ByteText.digest(
            "s", ByteText.digest("c", UInt64(bitPattern: window.span.microseconds)))
        func word(_ text: String) -> UInt64 {
            text.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func mix(_ value: UInt64) -> UInt64 { ByteText.digest("", value) }
        var keys = [key(first)]
        for i in 0..<1_000_000 where keys.count < 4 {
            let digits = String(10_000_000 + i)
            let rest = seed ^ 8 ^ word(first) ^ mix(seed ^ 16 ^ word(digits))
            let bytes = (0..<8).map { UInt8(truncatingIfNeeded: rest >> (8 * UInt64($0))) }
            guard bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { continue }
            keys.append(key(digits + String(decoding: bytes, as: UTF8.self)))
        }
        return keys
    }()

    @Test func theKeysDifferAndTheirDigestsDoNot() {
        #expect(Self.colliding.count == 4)
        #expect(Set(Self.colliding).count == 4)
        #expect(Set(Self.colliding.map(\.digest)).count == 1)
    }

    @Test func eachKeyHasItsOwnCount() throws {
        var windows = QuotaWindows()
        var taken: [ReservationRecord] = []
        for round in 0..<2 {
            for key in Self.colliding {
                guard case .reserved(let records, let remaining) = windows.reserve([Self.request(key)], at: Self.start)
                else {
                    Issue.record("\(key.owner) is full in round \(round)")
                    return
                }
                #expect(records.map(\.key) == [key])
                #expect(remaining == [ExactDecimal(Int64(1 - round))])
                taken += records
            }
        }
        #expect(windows.counterCount == 4)
        for key in Self.colliding {
            guard case .full = windows.reserve([Self.request(key)], at: Self.start) else {
                Issue.record("\(key.owner) counted too little")
                return
            }
        }
        // One gives back, the others stay full.
        windows.release([try #require(taken.first { $0.key == Self.colliding[2] })])
        for key in Self.colliding {
            let answer = windows.reserve([Self.request(key)], at: Self.start)
            if case .full = answer { #expect(key != Self.colliding[2]) } else { #expect(key == Self.colliding[2]) }
        }
    }

    /// Any of them may be the first to idle; the rest is still found.
    @Test(arguments: 0..<4) func oneOfThemLeaves(_ leaving: Int) {
        var windows = QuotaWindows()
        for key in Self.colliding { _ = windows.reserve([Self.request(key)], at: Self.start) }
        for (i, key) in Self.colliding.enumerated() where i != leaving {
            _ = windows.reserve([Self.request(key)], at: Self.start + .seconds(1))
        }
        // Entries of the first moment are gone everywhere; only the one that leaves has no other.
        let later = Self.start + .seconds(60)
        windows.prune(at: later)
        #expect(windows.counterCount == 3)
        for (i, key) in Self.colliding.enumerated() {
            guard case .reserved(_, let remaining) = windows.reserve([Self.request(key)], at: later) else {
                Issue.record("\(key.owner) is full")
                return
            }
            #expect(remaining == [ExactDecimal(i == leaving ? 1 : 0)])
        }
        #expect(windows.counterCount == 4)
    }
}
