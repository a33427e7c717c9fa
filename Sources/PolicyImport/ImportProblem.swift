internal import Base
package import JSON

/// Everything that keeps a document of another product from being imported. The texts are stable: users and scripts rely
/// on them, none is reused.
enum ImportCode: String, Sendable, CaseIterable {
    // The text
    case tooLarge = "import.too_large"
    case tooDeep = "import.too_deep"
    case notYAML = "import.not_yaml"
    case notJSON = "import.not_json"
    case duplicateKey = "import.duplicate_key"
    case alias = "import.alias"
    case tag = "import.tag"
    case manyDocuments = "import.many_documents"
    // The shape
    case wrongType = "import.wrong_type"
    case unknownField = "import.unknown_field"
    case missingField = "import.missing_field"
    case conflictingFields = "import.conflicting_fields"
    // The words
    case unknownVersion = "import.unknown_version"
    case unknownValue = "import.unknown_value"
    case unknownOperator = "import.unknown_operator"
    case badName = "import.bad_name"
    case badPath = "import.bad_path"
    case badValue = "import.bad_value"
    case badLimit = "import.bad_limit"
    case duplicateCounter = "import.duplicate_counter"
    // What means something there that can't be said here
    case ambiguousValue = "import.ambiguous_value"
    case inexactNumber = "import.inexact_number"
    case inexactText = "import.inexact_text"
    case counterRead = "import.counter_read"
    case counterUnused = "import.counter_unused"
    case notSayable = "import.not_sayable"
    /// The translation would be no valid policy: a regular expression, a size, a counter defined twice.
    case refused = "import.refused"
}

/// What became of one part of the document: a rule, a limit, a tool that has none.
package struct ImportStep: Sendable, Hashable {
    /// From 1.
    package let line: Int
    /// RFC 6901, into the document that is imported.
    package let source: String
    /// The rule's own name, where it has one.
    package let name: String?
    /// RFC 6901, into the policy: everything that the part became.
    package internal(set) var targets: [String]
    /// What is worth knowing about it, one sentence each.
    package internal(set) var remarks: [String]

    /// `file:line: /source "name" -> /target, /target; remark`
    package func text(file: String) -> String {
        let title = name.map { " \"\(clipped($0))\"" } ?? ""
        let became = targets.isEmpty ? "" : " -> \(targets.joined(separator: ", "))"
        return "\(file):\(line): \(source)\(title)\(became)" + remarks.map { "; \($0)" }.joined()
    }

    /// Appends the step as one JSON object.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("line", line)
        writer.member("source", source)
        writer.memberIfPresent("name", name)
        for (key, texts) in [("targets", targets), ("remarks", remarks)] {
            writer.key(key)
            writer.beginArray()
            for text in texts { writer.string(text) }
            writer.endArray()
        }
        writer.endObject()
    }
}
