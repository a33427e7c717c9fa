/// What a JSON value is.
package enum JSONKind: UInt8, Sendable {
    case null, boolean, number, string, array, object
}

extension JSONKind {
    /// With its article, for sentences.
    package var phrase: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// As JSON Schema, and most people, call it.
    package var word: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
