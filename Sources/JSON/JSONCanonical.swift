extension JSONView {
    /// The one text for this value, for hashing and signing: no white space, keys sorted by their UTF-8, strings with the
    /// fewest escapes, numbers exact (`JSONNumber.canonicalText`). Unlike RFC 8785 it never rounds a number to a double.
    package func canonical() -> [UInt8] {
        var writer = JSONWriter(capacity: range.count)
        writeCanonical(to: &writer)
        return writer.bytes
    }

    private func writeCanonical(to writer: inout JSONWriter) {
        switch kind {
        case .null, .boolean: writer.view(self)
        case .number: writer.raw((number?.canonicalText ?? "0").utf8)
        case .string: writer.string(string ?? "")
        case .array:
            writer.beginArray()
            for element in elements { element.writeCanonical(to: &writer) }
            writer.endArray()
        case .object:
            writer.beginObject()
            let sorted = members.map { (key: $0.key.string ?? "", value: $0.value) }
                .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (key, value) in sorted {
                writer.key(key)
                value.writeCanonical(to: &writer)
            }
            writer.endObject()
        }
    }
}
