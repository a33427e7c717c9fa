import Base
import JSON

extension JSONValue {
    /// An object from pairs that are computed; literals serve where the keys are fixed.
    static func members(_ pairs: [(String, JSONValue)]) -> JSONValue {
        .object(pairs.map { JSONMember($0.0, $0.1) })
    }

    /// A finite double in its shortest form; null otherwise, which JSON can't express.
    static func real(_ value: Double) -> JSONValue {
        JSONNumber(shortest(value)).map(JSONValue.number) ?? .null
    }

    /// Money and the like, exactly.
    static func decimal(_ value: ExactDecimal) -> JSONValue {
        JSONNumber(value.description).map(JSONValue.number) ?? .null
    }

    /// `0`, `1`, `0.25`: without the `.0` that Swift prints for whole numbers.
    static func shortest(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
