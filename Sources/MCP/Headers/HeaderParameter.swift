import JSON

/// An argument of a tool that Streamable HTTP mirrors into a header: a schema property with `"x-mcp-header"`.
package struct HeaderParameter: Sendable, Hashable {
    /// The types such a property may have.
    package enum Kind: String, Sendable { case string, integer, boolean }

    /// What follows `Mcp-Param-`, as the schema writes it.
    package let name: String
    /// The names that lead to the argument, outermost first.
    package let path: [String]
    package let kind: Kind

    package init(name: String, path: [String], kind: Kind) {
        self.name = name
        self.path = path
        self.kind = kind
    }

    /// The whole header's name.
    package var headerName: String { "Mcp-Param-" + name }

    /// The argument, or nil when it is absent or null: then there is no header.
    package func argument(in arguments: JSONView?) -> JSONView? {
        var view = arguments
        for key in path { view = view?[key] }
        return view.flatMap { $0.isNull ? nil : $0 }
    }

    /// The value's text in a header before encoding. Nil for arrays and objects, which have none.
    package static func text(of argument: JSONView) -> String? {
        switch argument.kind {
        case .string: argument.string
        case .boolean: argument.bool == true ? "true" : "false"
        case .number: argument.int.map { String($0) } ?? argument.numberText
        case .null, .array, .object: nil
        }
    }

    /// Whether a header's decoded text says the same as the argument. Integers are compared by value, at any size, if the
    /// schema wants an integer; a power of ten is not, as other readers would not take it for a number.
    package func agrees(_ text: String, with argument: JSONView) -> Bool {
        if let own = Self.text(of: argument), own.utf8.elementsEqual(text.utf8) { return true }
        guard kind == .integer, !text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }),
            let number = argument.number, let other = JSONNumber(text)
        else { return false }
        return number.compare(to: other) == 0
    }
}

/// Why a tool's `x-mcp-header` breaks the rules. A Streamable HTTP client must drop such a tool from its list.
package struct HeaderSchemaFault: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        case notAString, notAToken, duplicate, wrongType, unreachable
    }

    package let code: Code
    /// Where in the schema.
    package let place: JSONPointer

    /// One sentence for the log.
    package var message: String {
        let rule =
            switch code {
            case .notAString: "x-mcp-header must be a string"
            case .notAToken: "x-mcp-header must be a non-empty HTTP token"
            case .duplicate: "another property has the same x-mcp-header; case does not count"
            case .wrongType: "x-mcp-header is for properties of type string, integer or boolean"
            case .unreachable: "x-mcp-header is only for what `properties` alone leads to from the root"
            }
        return "\(rule) (at \(place))"
    }
}

extension HeaderParameter {
    /// The header parameters of a tool, in the order of its schema. Nothing is fetched and no `$ref` followed.
    /// - Throws: the first rule of SPEC 2026-07-28, transports, "Custom headers" that the schema breaks.
    package static func all(in inputSchema: JSONView) throws(HeaderSchemaFault) -> [HeaderParameter] {
        var walk = SchemaWalk()
        try walk.visit(inputSchema, path: [], at: JSONPointer())
        return walk.found
    }
}

/// Visits every place of a schema where a schema may stand. Data (`default`, `const`, `enum`, `examples`) is none.
private struct SchemaWalk {
    var found: [HeaderParameter] = []
    private var names: Set<String> = []

    private static let single: Set<String> = [
        "items", "additionalItems", "contains", "unevaluatedItems", "additionalProperties", "propertyNames",
        "unevaluatedProperties", "not", "if", "then", "else", "contentSchema",
    ]
    private static let lists: Set<String> = ["allOf", "anyOf", "oneOf", "prefixItems", "items"]
    private static let maps: Set<String> = [
        "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions",
    ]

    /// - Parameter path: the properties that lead here; nil where other keywords were crossed.
    mutating func visit(_ schema: JSONView, path: [String]?, at place: JSONPointer) throws(HeaderSchemaFault) {
        // JSONLimits bounds the depth of the document, so of this recursion.
        for (key, value) in schema.members {
            guard let key = key.string else { continue }
            if key == "x-mcp-header" {
                try take(value, of: schema, path: path, at: place)
            } else if key == "properties" {
                for (name, property) in value.members {
                    guard let name = name.string else { continue }
                    let at = place.appending(key).appending(name)
                    try visit(property, path: path.map { $0 + [name] }, at: at)
                }
            } else if Self.single.contains(key), value.kind == .object {
                try visit(value, path: nil, at: place.appending(key))
            } else if Self.lists.contains(key), value.kind == .array {
                for (index, element) in value.elements.enumerated() {
                    try visit(element, path: nil, at: place.appending(key).appending(index))
                }
            } else if Self.maps.contains(key) {
                for (name, element) in value.members {
                    try visit(element, path: nil, at: place.appending(key).appending(name.string ?? ""))
                }
            }
        }
    }

    private mutating func take(
        _ value: JSONView, of schema: JSONView, path: [String]?, at place: JSONPointer
    ) throws(HeaderSchemaFault) {
        func fault(_ code: HeaderSchemaFault.Code) -> HeaderSchemaFault { HeaderSchemaFault(code: code, place: place) }
        guard let path, !path.isEmpty else { throw fault(.unreachable) }
        guard let name = value.string else { throw fault(.notAString) }
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else { throw fault(.notAToken) }
        guard let kind = schema["type"]?.string.flatMap(HeaderParameter.Kind.init(rawValue:)) else {
            throw fault(.wrongType)
        }
        guard names.insert(name.lowercased()).inserted else { throw fault(.duplicate) }
        found.append(HeaderParameter(name: name, path: path, kind: kind))
    }
}

/// RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122: true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
        UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}
