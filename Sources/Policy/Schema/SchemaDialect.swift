internal import Base
internal import JSON

/// Which JSON Schema a schema is written in.
struct SchemaDialect: Hashable, Sendable {
    enum Version: Hashable, Sendable {
        case draft7, draft2020
    }

    var version: Version
    /// A meta-schema may leave the validation vocabulary out; then `type`, `minimum` and so on say nothing.
    var hasValidation = true

    static let draft7 = SchemaDialect(version: .draft7)
    static let draft2020 = SchemaDialect(version: .draft2020)

    /// Without `format-assertion`: no format is asserted, so a dialect that insists on it is reported.
    static let draft2020Vocabularies: Set<String> = Set(
        ["core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"]
            .map { "https://json-schema.org/draft/2020-12/vocab/" + $0 })

    enum Reading {
        case dialect(SchemaDialect)
        case refused(String)
    }

    /// Reads `$schema`. Other meta-schemas have to be among the documents handed in.
    static func read(_ uri: String, documents: [String: JSONView]) -> Reading {
        let address = SchemaURI.withoutFragment(uri)
        switch address {
        case "http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema",
            "http://json-schema.org/draft-06/schema", "http://json-schema.org/schema":
            return .dialect(.draft7)
        case "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft/2020-12/schema":
            return .dialect(.draft2020)
        default:
            guard let meta = documents[address], let vocabulary = meta["$vocabulary"] else {
                return .refused("the dialect `\(clipped(uri))` is not known; 2020-12 and draft-07 are")
            }
            var dialect = SchemaDialect(version: .draft2020, hasValidation: false)
            for (key, required) in vocabulary.members {
                let name = key.string ?? ""
                if name == "https://json-schema.org/draft/2020-12/vocab/validation" { dialect.hasValidation = true }
                if required.bool == true, !draft2020Vocabularies.contains(name) {
                    return .refused("the dialect `\(clipped(uri))` needs the unknown vocabulary `\(clipped(name))`")
                }
            }
            return .dialect(dialect)
        }
    }

    // MARK: Where schemas lie inside schemas

    /// Keywords whose value is a schema.
    var schemaKeywords: [String] {
        switch version {
        case .draft7:
            [
                "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames",
                "then",
            ]
        case .draft2020:
            [
                "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames",
                "then",
                "unevaluatedItems", "unevaluatedProperties",
            ]
        }
    }

    /// Keywords whose value is a list of schemas.
    var listKeywords: [String] {
        version == .draft7 ? ["allOf", "anyOf", "items", "oneOf"] : ["allOf", "anyOf", "oneOf", "prefixItems"]
    }

    /// Keywords whose value is an object of schemas.
    var mapKeywords: [String] {
        version == .draft7
            ? ["definitions", "dependencies", "patternProperties", "properties"]
            : ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"]
    }
}

/// As much of RFC 3986 as references between schemas need.
enum SchemaURI {
    static func withoutFragment(_ uri: String) -> String {
        String(decoding: uri.utf8.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
    }

    /// What follows `#`, percent-decoded; nil without `#` or if it is no text.
    static func fragment(_ uri: String) -> String? {
        guard let hash = uri.utf8.firstIndex(of: UInt8(ascii: "#")) else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(uri.utf8[uri.utf8.index(after: hash)...])[...]
        while let byte = rest.popFirst() {
            let digits = Array(rest.prefix(2))
            if byte == UInt8(ascii: "%"), digits.count == 2, let high = hexValue(digits[0]),
                let low = hexValue(digits[1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private struct Parts {
        var scheme: Substring?
        var authority: Substring?
        var path: Substring
        var query: Substring?

        init(_ uri: Substring) {
            var rest = uri
            if let colon = rest.firstIndex(where: { ":/?".contains($0) }), rest[colon] == ":", colon != rest.startIndex,
                rest.first?.isLetter == true
            {
                scheme = rest[..<colon]
                rest = rest[rest.index(after: colon)...]
            }
            if rest.hasPrefix("//") {
                rest = rest.dropFirst(2)
                let end = rest.firstIndex { "/?".contains($0) } ?? rest.endIndex
                authority = rest[..<end]
                rest = rest[end...]
            }
            if let mark = rest.firstIndex(of: "?") {
                query = rest[rest.index(after: mark)...]
                rest = rest[..<mark]
            }
            path = rest
        }

        func text(path: String) -> String {
            (scheme.map { $0 + ":" } ?? "") + (authority.map { "//" + $0 } ?? "") + path
                + (query.map { "?" + $0 } ?? "")
        }
    }

    /// The absolute address, without fragment, of a reference inside a schema with this base (RFC 3986, 5.2).
    static func resolve(_ reference: String, base: String) -> String {
        let reference = withoutFragment(reference)
        guard !reference.isEmpty else { return base }
        var target = Parts(reference[...])
        if target.scheme != nil { return target.text(path: withoutDots(target.path)) }
        let from = Parts(base[...])
        target.scheme = from.scheme
        if target.authority != nil { return target.text(path: withoutDots(target.path)) }
        target.authority = from.authority
        if target.path.isEmpty {
            if target.query == nil { target.query = from.query }
            return target.text(path: String(from.path))
        }
        if target.path.hasPrefix("/") { return target.text(path: withoutDots(target.path)) }
        let folder: Substring
        if from.authority != nil, from.path.isEmpty {
            folder = "/"
        } else {
            folder = from.path.lastIndex(of: "/").map { from.path[...$0] } ?? ""
        }
        return target.text(path: withoutDots(folder + target.path))
    }

    private static func withoutDots(_ path: Substring) -> String {
        guard path.contains(".") else { return String(path) }
        var parts: [Substring] = []
        let all = path.split(separator: "/", omittingEmptySubsequences: false)
        for (i, part) in all.enumerated() {
            let isLast = i == all.count - 1
            switch part {
            case ".": if isLast { parts.append("") }
            case "..":
                if parts.count > 1 || parts.first?.isEmpty == false { parts.removeLast() }
                if isLast { parts.append("") }
            default: parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }
}
