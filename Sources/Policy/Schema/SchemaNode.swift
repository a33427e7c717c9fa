internal import JSON

/// One compiled subschema. Nodes refer to each other by index, because schemas may be cyclic.
///
/// COST: what nearly every property of a tool has (`type`, `enum` of strings, bounds) is kept in plain fields and checked
/// without touching the list; a call with ten arguments was four times as dear before.
final class SchemaNode: Sendable {
    /// The resource (schema with its own address) that the node belongs to; dynamic references look through these.
    let resource: Int
    /// Bit `1 << kind` for each kind that `type` allows; all bits without `type`.
    let kinds: UInt8
    /// `type` allows integers without allowing all numbers.
    let allowsInteger: Bool
    /// `enum` of nothing but strings: their UTF-8.
    let words: [[UInt8]]?
    /// Bounds that are short numbers, for instances that are, too.
    let bounds: [(bound: ShortNumber, view: JSONView, keyword: String, order: Test.Order)]
    /// All the rest, and what the fields can't say.
    let checks: [SchemaCheck]
    /// The schema `false`: nothing passes.
    let isNever: Bool

    init(resource: Int, checks all: [SchemaCheck]) {
        self.resource = resource
        var kinds = UInt8.max
        var allowsInteger = false
        var words: [[UInt8]]?
        var bounds: [(bound: ShortNumber, view: JSONView, keyword: String, order: Test.Order)] = []
        var rest: [SchemaCheck] = []
        for check in all {
            switch check {
            case .type(let allowed, let integer):
                kinds = allowed.reduce(0) { $0 | $1.bit }
                allowsInteger = integer && !allowed.contains(.number)
            case .oneValue(let values, "enum") where words == nil && values.allSatisfy({ $0.kind == .string }):
                words = values.compactMap(\.stringBytes)
            case .bound(let view, let keyword, let order):
                if let short = view.shortNumber {
                    bounds.append((short, view, keyword, order))
                } else {
                    rest.append(check)
                }
            default: rest.append(check)
            }
        }
        self.kinds = kinds
        self.allowsInteger = allowsInteger
        self.words = words
        self.bounds = bounds
        checks = rest
        if case .never("false")? = all.first { isNever = true } else { isNever = false }
    }
}

extension JSONKind {
    var bit: UInt8 { 1 << rawValue }
}

/// What one keyword, or a group of keywords that need each other, asks of an instance.
enum SchemaCheck: Sendable {
    /// The schema `false`, or one that could not be compiled.
    case never(keyword: String)
    case type(Set<JSONKind>, integer: Bool)
    case oneValue([JSONView], keyword: String)
    case multiple(ExactNumber)
    case bound(JSONView, keyword: String, Test.Order)
    case length(min: Int, max: Int)
    case pattern(SchemaPattern)
    case itemCount(min: Int, max: Int)
    case uniqueItems
    case memberCount(min: Int, max: Int)
    case required([String])
    case dependentRequired([(name: String, needs: [String])])
    case members(SchemaMembers)
    case memberNames(Int)
    case dependentSchemas([(name: String, node: Int)])
    case items(prefix: [Int], rest: Int?, keyword: String)
    case contains(Int, min: Int, max: Int)
    case all([Int])
    case any([Int])
    case one([Int])
    case not(Int)
    case branch(condition: Int, then: Int?, otherwise: Int?)
    case reference(Int)
    /// A reference whose target may be replaced by an outer resource's anchor of the same name.
    case dynamicReference(Int, anchor: String)
    case unevaluatedItems(Int)
    case unevaluatedMembers(Int)
}

/// `properties`, `patternProperties` and `additionalProperties`.
final class SchemaMembers: Sendable {
    private let named: [(name: [UInt8], node: Int)]
    private let many: [ExactName: Int]
    let patterns: [(pattern: SchemaPattern, node: Int)]
    let rest: Int?

    init(named: [(name: [UInt8], node: Int)], patterns: [(pattern: SchemaPattern, node: Int)], rest: Int?) {
        // COST: below some tens of names a walk over their lengths beats hashing.
        let isMany = named.count > 32
        self.named = isMany ? [] : named
        many =
            isMany
            ? Dictionary(named.map { (ExactName(String(decoding: $0.name, as: UTF8.self)), $0.node) }) { first, _ in
                first
            }
            : [:]
        self.patterns = patterns
        self.rest = rest
    }

    var names: [ExactName] {
        many.isEmpty ? named.map { ExactName(String(decoding: $0.name, as: UTF8.self)) } : Array(many.keys)
    }

    /// The schema that `properties` has for a member, if any.
    func node(for key: JSONView) -> Int? {
        if !many.isEmpty { return many[ExactName(key.string ?? "")] }
        guard !named.isEmpty else { return nil }
        return key.withText { text in
            for (name, node) in named where name.count == text.count {
                if name.withUnsafeBufferPointer({ ByteText.same($0, text) }) { return node }
            }
            return nil
        } ?? nil
    }
}

/// A JSON number as `digits × 10^exponent` without zeros at either end: for divisibility.
struct ExactNumber: Sendable {
    private let digits: [UInt8]
    private let exponent: Int

    /// Nil if the exponent is beyond all use.
    init?(_ view: JSONView) {
        guard let text = view.numberText else { return nil }
        var digits: [UInt8] = []
        var fraction = 0
        var isFraction = false
        var bytes = Array(text.utf8)[...]
        if bytes.first == UInt8(ascii: "-") { bytes.removeFirst() }
        var written: Int? = 0
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if byte | 0x20 == UInt8(ascii: "e") {
                let isNegative = bytes.first == UInt8(ascii: "-")
                if isNegative || bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
                // However it is spelled: zeros in front say nothing.
                bytes = bytes.drop { $0 == UInt8(ascii: "0") }
                written = bytes.count <= 15 ? bytes.reduce(0) { $0 * 10 + Int($1 - 48) } : nil
                if isNegative { written = written.map { -$0 } }
                break
            } else {
                digits.append(byte - 48)
                if isFraction { fraction += 1 }
            }
        }
        var exponent = written.map { $0 - fraction } ?? .max
        while digits.last == 0 {
            digits.removeLast()
            if exponent < .max { exponent += 1 }
        }
        self.digits = Array(digits.drop { $0 == 0 })
        self.exponent = self.digits.isEmpty ? 0 : exponent
        // The value, not its spelling, is what may be too much.
        guard abs(self.exponent) <= 1_000_000_000 else { return nil }
    }

    var isInteger: Bool { exponent >= 0 }
    var isZero: Bool { digits.isEmpty }

    /// The digits as a number, if they fit.
    private var coefficient: UInt128? {
        guard digits.count <= 37 else { return nil }
        return digits.reduce(0) { $0 * 10 + UInt128($1) }
    }

    /// Whether the quotient is an integer, exactly. Nil if the divisor has more than 37 digits, or more than 18 and the
    /// exponents are absurd.
    func isMultiple(of divisor: ExactNumber) -> Bool? {
        guard !isZero else { return true }
        guard let m = divisor.coefficient, m > 0 else { return nil }
        // The last digit is not 0, so a divisor with a higher power of ten can't go in.
        guard exponent >= divisor.exponent else { return false }
        let zeros = exponent - divisor.exponent
        var remainder: UInt128 = 0
        for digit in digits { remainder = (remainder * 10 + UInt128(digit)) % m }
        if m <= UInt64.max {
            // COST: by squaring; a list of 1e99999 took seconds for each kilobyte when the zeros were gone through.
            var (power, rest) = (UInt128(10) % m, zeros)
            while rest > 0, remainder != 0 {
                if rest & 1 == 1 { remainder = remainder * power % m }
                power = power * power % m
                rest >>= 1
            }
            return remainder == 0
        }
        guard zeros <= 400 else { return nil }
        for _ in 0..<zeros {
            guard remainder != 0 else { return true }
            remainder = remainder * 10 % m
        }
        return remainder == 0
    }
}
