import Glibc
import Support

/// A value of a policy or of a call's arguments.
indirect enum TwinValue {
    case null
    case bool(Bool)
    /// A number and how it is written; `isWhole`: Go reads it as an integer, which only policies have.
    case number(String, isWhole: Bool)
    case string(String)
    case list([TwinValue])
    case object([(String, TwinValue)])

    var double: Double? {
        guard case .number(let text, _) = self else { return nil }
        return Double(text)
    }

    /// As JSON, and as YAML, of which this is a part.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .number(let text, _): text
        case .string(let text): "\"\(text)\""
        case .list(let elements): "[\(elements.map(\.text).joined(separator: ", "))]"
        case .object(let members): "{\(members.map { "\"\($0.0)\": \($0.1.text)" }.joined(separator: ", "))}"
        }
    }

    /// As Go's `%v` prints it.
    var printed: String {
        switch self {
        case .null: return "<nil>"
        case .bool(let flag): return flag ? "true" : "false"
        case .number(let text, let isWhole): return isWhole ? text : Self.printed(Double(text) ?? .nan)
        case .string(let text): return text
        case .list(let elements): return "[\(elements.map(\.printed).joined(separator: " "))]"
        case .object(let members):
            let parts = members.sorted { $0.0 < $1.0 }.map { "\($0.0):\($0.1.printed)" }
            return "map[\(parts.joined(separator: " "))]"
        }
    }

    /// By the C library: the fewest digits that read back, with an exponent below 10^-4 and from 10^6 on.
    private static func printed(_ number: Double) -> String {
        for digits in 0..<17 {
            let long = format("%.*e", digits, number)
            guard strtod(long, nil) == number else { continue }
            let exponent = Int(long.split(separator: "e")[1]) ?? 0
            if exponent < -4 || exponent >= 6 { return long }
            return format("%.*f", max(0, digits - exponent), number)
        }
        return "NaN"
    }

    private static func format(_ form: String, _ digits: Int, _ number: Double) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        _ = withVaList([Int32(digits), number]) { vsnprintf(&buffer, buffer.count, form, $0) }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

struct TwinCondition {
    var path: String
    var op: String
    var value: TwinValue

    var text: String { "{\"path\": \"args.\(path)\", \"op\": \"\(op)\", \"value\": \(value.text)}" }
}

/// How an engine compares: as Intercept does, or without converting anything.
enum TwinReading {
    case converting, strict
}

/// What Intercept makes of conditions, written from the study of its source alone.
enum InterceptTwin {
    static func holds(_ condition: TwinCondition, _ arguments: TwinValue, _ reading: TwinReading = .converting) -> Bool
    {
        var found: TwinValue? = arguments
        for key in condition.path.split(separator: ".") {
            guard case .object(let members)? = found else {
                found = nil
                break
            }
            found = members.first { $0.0 == key }?.1
        }
        if condition.op == "exists" {
            guard case .bool(let wanted) = condition.value else { return false }
            var isThere = found != nil
            if case .null? = found, reading == .converting { isThere = false }
            return isThere == wanted
        }
        guard let found else { return false }
        switch condition.op {
        case "eq": return equal(found, condition.value, reading)
        case "neq": return !equal(found, condition.value, reading)
        case "in": return isMember(found, condition.value, reading)
        case "not_in": return !isMember(found, condition.value, reading)
        case "lt", "lte", "gt", "gte":
            guard let a = found.double, let b = condition.value.double else { return false }
            return condition.op == "lt" ? a < b : condition.op == "lte" ? a <= b : condition.op == "gt" ? a > b : a >= b
        case "contains":
            if case .string(let text) = found {
                guard case .string(let part) = condition.value else { return false }
                return part.isEmpty || text.contains(part)
            }
            guard case .list(let elements) = found else { return false }
            return elements.contains { equal($0, condition.value, reading) }
        case "regex":
            // Of the patterns that are tried, only these two exist.
            guard case .string(let text) = found, case .string(let pattern) = condition.value else { return false }
            return pattern == "^ma" ? text.hasPrefix("ma") : text.contains("5")
        default: return false
        }
    }

    static func equal(_ a: TwinValue, _ b: TwinValue, _ reading: TwinReading) -> Bool {
        if let x = a.double, let y = b.double { return x == y }
        if reading == .converting { return a.printed == b.printed }
        switch (a, b) {
        case (.null, .null): return true
        case (.bool(let x), .bool(let y)): return x == y
        case (.string(let x), .string(let y)): return x == y
        default: return false
        }
    }

    private static func isMember(_ value: TwinValue, _ list: TwinValue, _ reading: TwinReading) -> Bool {
        guard case .list(let elements) = list else { return false }
        return elements.contains { equal(value, $0, reading) }
    }
}

/// Random conditions and arguments, of values that meet often.
struct TwinGenerator {
    var random: SeededGenerator

    private static let shared: [TwinValue] = [
        .null, .bool(true), .bool(false), .string("true"), .string("false"), .string("<nil>"), .string("main"),
        .string("ma"), .string(""), .string("5"), .string("x5"), .string("5.5"), .string("2500000"), .string("2.5e+06"),
        .string("0.00001"), .string("1e-05"), .number("5.5", isWhole: false), .number("2500000.0", isWhole: false),
        .number("0.00001", isWhole: false), .number("-0.5", isWhole: false),
    ]
    private static let wholes = ["5", "0", "-1", "2500000", "9007199254740992"]
    private static let written = [
        "5", "5.0", "5e0", "0", "-0", "-1", "2500000", "2.5e6", "0.55e1", "6", "9007199254740992",
    ]
    private static let paths = ["a", "b", "a.b", "a.b.c", "c"]

    mutating func policyScalar() -> TwinValue {
        random.oneIn(3) ? .number(random.pick(Self.wholes), isWhole: true) : random.pick(Self.shared)
    }

    mutating func condition() -> TwinCondition {
        let path = random.pick(Self.paths)
        let op = random.pick(["eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "contains", "exists", "regex"])
        let value: TwinValue
        switch op {
        case "in", "not_in": value = .list((0..<random.below(4)).map { _ in policyScalar() })
        case "exists": value = .bool(random.oneIn(2))
        case "regex": value = .string(random.pick(["^ma", "5"]))
        case "lt", "lte", "gt", "gte":
            value = random.oneIn(2) ? .number(random.pick(Self.wholes), isWhole: true) : .number("5.5", isWhole: false)
        default: value = policyScalar()
        }
        return TwinCondition(path: path, op: op, value: value)
    }

    mutating func conditions() -> [TwinCondition] { (0..<(1 + random.below(3))).map { _ in condition() } }

    private mutating func scalar() -> TwinValue {
        random.oneIn(3) ? .number(random.pick(Self.written), isWhole: false) : random.pick(Self.shared)
    }

    private mutating func value(_ depth: Int) -> TwinValue {
        switch random.below(depth > 0 ? 8 : 5) {
        case 5: return .list((0..<random.below(3)).map { _ in value(depth - 1) })
        case 6, 7: return object(depth - 1)
        default: return scalar()
        }
    }

    private mutating func object(_ depth: Int) -> TwinValue {
        .object(["a", "b", "c"].filter { _ in !random.oneIn(4) }.map { ($0, value(depth)) })
    }

    mutating func arguments() -> TwinValue { object(3) }
}
