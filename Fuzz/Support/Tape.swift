/// Stands in for the tests' generator of random choices: the choices are the fuzzer's bytes, so that it can learn which
/// of them lead somewhere new. When the bytes are used up, a number sequence that depends on them goes on.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    // SAFETY: libFuzzer calls its target on one thread, and nothing else runs in the program.
    nonisolated(unsafe) package static var tape: [UInt8] = []
    nonisolated(unsafe) package static var position = 0

    /// Whether choices still come from the tape.
    package static var hasMore: Bool { position < tape.count }

    private var state: UInt64

    /// The seed is not looked at: the tape is the seed.
    package init(seed: UInt64) {
        state = UInt64(Self.tape.count)
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15 &+ UInt64(Self.byte() ?? 0)
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static func byte() -> UInt8? {
        guard position < tape.count else { return nil }
        defer { position += 1 }
        return tape[position]
    }

    /// A number from 0 up to but not including `bound`, which must be positive and at most 256.
    package mutating func below(_ bound: Int) -> Int {
        if let byte = Self.byte() { return Int(byte) % bound }
        return Int(next() % UInt64(bound))
    }

    /// True once in `n` times.
    package mutating func oneIn(_ n: Int) -> Bool { below(n) == 0 }

    /// One of the choices, which must not be empty.
    package mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
