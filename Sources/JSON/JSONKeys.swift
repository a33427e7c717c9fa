/// The keys of an object against each other, after decoding: `"a"` and `"\u0061"` are the same key.
enum JSONKeys {
    /// Refuses the second of two equal keys of the closed object at `object`.
    @inline(never)
    static func refuseDuplicates(
        inObject object: Int, _ tape: UnsafePointer<JSONToken>, _ text: UnsafeBufferPointer<UInt8>
    ) throws(JSONError) {
        let end = Int(tape[object].next)
        // COST: comparing pairs beats hashing for few keys; with many, an attacker could make it quadratic.
        if tape[object].count > 16 { return try refuseDuplicates(amongMany: object, tape, text) }
        // Most keys differ in their length or last letter, which takes one bit to see.
        var seen: UInt64 = 0
        var key = object + 1
        while key < end {
            let token = tape[key]
            let last = text[max(token.content.upperBound - 1, token.content.lowerBound)]
            let bit: UInt64 = 1 << UInt64(((token.end - token.start) &* 7 &+ UInt32(last)) & 63)
            if seen & bit != 0 || token.hasEscapes || seen & 1 != 0 {
                var other = object + 1
                while other < key {
                    if isSame(tape[other], token, text) { throw JSONError(.duplicateKey, at: Int(token.start)) }
                    other = Int(tape[other + 1].next)
                }
            }
            // An escaped spelling has another length; from then on every key is compared (bit 0).
            seen |= token.hasEscapes ? 1 : bit
            key = Int(tape[key + 1].next)
        }
    }

    private static func refuseDuplicates(
        amongMany object: Int, _ tape: UnsafePointer<JSONToken>, _ text: UnsafeBufferPointer<UInt8>
    ) throws(JSONError) {
        var seen = Set<[UInt8]>(minimumCapacity: tape[object].count)
        var key = object + 1
        while key < Int(tape[object].next) {
            guard seen.insert(decoded(tape[key], text)).inserted else {
                throw JSONError(.duplicateKey, at: Int(tape[key].start))
            }
            key = Int(tape[key + 1].next)
        }
    }

    private static func isSame(_ a: JSONToken, _ b: JSONToken, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        if a.hasEscapes || b.hasEscapes { return decoded(a, text) == decoded(b, text) }
        let count = Int(a.end - a.start)
        guard count == Int(b.end - b.start) else { return false }
        for i in 0..<count where text[Int(a.start) + i] != text[Int(b.start) + i] { return false }
        return true
    }

    private static func decoded(_ token: JSONToken, _ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let content = UnsafeBufferPointer(rebasing: text[token.content])
        return token.hasEscapes ? decodeEscapes(content) : Array(content)
    }
}
