internal import Base
internal import JSON

/// What a path leads to in one call.
enum Operand {
    /// In a document that the call, or the policy's literal, keeps.
    case json(JSONCursor)
    case text(String)
    case integer(Int64)
    case absent
    /// A step or a function met a value of a type that it can't work on.
    case wrong

    /// Runs the body on the UTF-8 of a text; nil if the operand is none. Copies only JSON strings with escapes.
    @inline(__always)
    func withText<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        switch self {
        case .json(let place):
            if let text = place.plainText { return body(text) }
            return place.stringBytes.map { $0.withUnsafeBufferPointer(body) }
        case .text(let text): return ByteText.with(text, body)
        case .integer, .absent, .wrong: return nil
        }
    }

    /// Nil for `absent` and `wrong`.
    var kind: JSONKind? {
        switch self {
        case .json(let place): place.kind
        case .text: .string
        case .integer: .number
        case .absent, .wrong: nil
        }
    }
}

/// A number of at most 18 digits without exponent, `coefficient × 10^-scale`: what nearly all numbers in calls are.
struct ShortNumber: Sendable {
    let coefficient: Int64
    /// 0 to 18
    let scale: Int

    private static let powers: [Int128] = (0...18).map { (0..<$0).reduce(1) { power, _ in power * 10 } }

    /// -1, 0 or 1, exactly.
    func compare(to other: ShortNumber) -> Int {
        if scale == other.scale {
            return coefficient < other.coefficient ? -1 : coefficient == other.coefficient ? 0 : 1
        }
        let common = max(scale, other.scale)
        let a = Int128(coefficient) * Self.powers[common - scale]
        let b = Int128(other.coefficient) * Self.powers[common - other.scale]
        return a < b ? -1 : a == b ? 0 : 1
    }
}

extension ShortNumber {
    /// Reads the text of a JSON number; nil for longer ones and those with an exponent.
    init?(_ text: UnsafeBufferPointer<UInt8>) {
        guard text.count <= 20 else { return nil }
        let isNegative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        var digits = 0
        var point: Int?
        for i in (isNegative ? 1 : 0)..<text.count {
            let digit = text[i] &- 48
            if digit < 10 {
                value = value &* 10 &+ Int64(digit)
                digits += 1
            } else if text[i] == UInt8(ascii: "."), point == nil {
                point = digits
            } else {
                return nil
            }
        }
        guard digits <= 18 else { return nil }
        self.init(coefficient: isNegative ? -value : value, scale: point.map { digits - $0 } ?? 0)
    }
}

extension JSONCursor {
    /// No text, no allocation; nil for longer numbers and those with an exponent.
    var shortNumber: ShortNumber? { kind == .number ? ShortNumber(rawText) : nil }

    /// The number as an exact decimal of at most 38 digits; nil for longer ones and other kinds.
    var exactDecimal: ExactDecimal? {
        shortNumber.map { ExactDecimal($0.coefficient, scale: $0.scale) } ?? view.decimal
    }
}

extension JSONView {
    /// As for a cursor.
    var shortNumber: ShortNumber? { withExtendedLifetime(document) { cursor.shortNumber } }

    /// A number written as an integer of at most 18 digits.
    var plainInteger: Int64? { shortNumber.flatMap { $0.scale == 0 ? $0.coefficient : nil } }

    /// Runs the body on the UTF-8 of a text; nil if this is none. Copies only strings with escapes.
    @inline(__always)
    func withText<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        withExtendedLifetime(document) { Operand.json(cursor).withText(body) }
    }
}

/// -1, 0 or 1 in the order of Unicode scalars, which is that of UTF-8's bytes.
func compareBytes(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
    for i in 0..<min(a.count, b.count) where a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
    return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
}

/// Whether the text holds the part, and how many bytes were compared for it; nil beyond `maxWork` comparisons, which only
/// texts made for that purpose reach.
func findBytes(
    _ part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, maxWork: Int
) -> (found: Bool?, work: Int) {
    guard let first = part.first else { return (true, 0) }
    guard text.count >= part.count else { return (false, 0) }
    var work = text.count
    for start in 0...(text.count - part.count) where text[start] == first {
        var i = 1
        while i < part.count, text[start + i] == part[i] { i += 1 }
        if i == part.count { return (true, work) }
        work += i
        if work > maxWork { return (nil, work) }
    }
    return (false, work)
}
