internal import JSON

/// One compiled subschema. Nodes refer to each other by index, because schemas may be cyclic.
struct SchemaNode: Sendable {
    /// The resource (schema with its own address) that the node belongs to; dynamic references look through these.
    var resource: Int
    var checks: [SchemaCheck] = []
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
struct SchemaMembers: Sendable {
    var named: [ExactName: Int] = [:]
    var patterns: [(pattern: SchemaPattern, node: Int)] = []
    var rest: Int?
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
        var written = 0
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if byte | 0x20 == UInt8(ascii: "e") {
                if bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
                guard bytes.count <= 9, let number = Int(String(decoding: bytes, as: UTF8.self)) else { return nil }
                written = number
                break
            } else {
                digits.append(byte - 48)
                if isFraction { fraction += 1 }
            }
        }
        var exponent = written - fraction
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        self.digits = Array(digits.drop { $0 == 0 })
        self.exponent = self.digits.isEmpty ? 0 : exponent
    }

    var isInteger: Bool { exponent >= 0 }
    var isZero: Bool { digits.isEmpty }

    /// The digits as a number, if they fit.
    private var coefficient: UInt128? {
        guard digits.count <= 37 else { return nil }
        return digits.reduce(0) { $0 * 10 + UInt128($1) }
    }

    /// Whether the quotient is an integer, exactly. Nil if the divisor has more than 37 digits or the exponents are absurd.
    func isMultiple(of divisor: ExactNumber) -> Bool? {
        guard !isZero else { return true }
        guard let m = divisor.coefficient, m > 0 else { return nil }
        // The last digit is not 0, so a divisor with a higher power of ten can't go in.
        guard exponent >= divisor.exponent else { return false }
        let zeros = exponent - divisor.exponent
        guard zeros <= 100_000 else { return nil }
        var remainder: UInt128 = 0
        for digit in digits { remainder = (remainder * 10 + UInt128(digit)) % m }
        for _ in 0..<zeros {
            guard remainder != 0 else { return true }
            remainder = remainder * 10 % m
        }
        return remainder == 0
    }
}
