import Glibc

/// Where one field stands in the bytes of a `Fields`.
struct FieldEntry: Sendable, Hashable {
    var name: UInt32
    var nameCount: UInt32
    var value: UInt32
    var valueCount: UInt32
}

/// The fields of a message: in their order, bytes kept as they came, names matched ignoring ASCII case. Received fields
/// share the storage of their head; built fields are kept in wire form, so that writing them is one copy.
package struct Fields: Sendable {
    private(set) var bytes: [UInt8]
    private(set) var entries: [FieldEntry]
    /// Whether `bytes` is exactly "name: value CRLF" for each entry.
    private let isWire: Bool

    /// No fields.
    package init() {
        bytes = []
        entries = []
        isWire = true
    }

    /// Fields from pairs, in this order.
    package init(_ pairs: (FieldName, String)...) {
        self.init()
        for (name, value) in pairs { append(name, value) }
    }

    /// Fields over the bytes of a received head.
    init(bytes: [UInt8], entries: [FieldEntry]) {
        self.bytes = bytes
        self.entries = entries
        isWire = false
    }

    /// No fields; costs nothing.
    package static let none = Fields()

    /// The number of fields.
    package var count: Int { entries.count }

    /// Whether there are none.
    package var isEmpty: Bool { entries.isEmpty }

    /// The name of a field, as it was written; 0 ≤ `index` < `count`.
    package func name(at index: Int) -> ByteText {
        let entry = entries[index]
        return ByteText(bytes[Int(entry.name)..<Int(entry.name + entry.nameCount)])
    }

    /// The value of a field, without blanks around it; 0 ≤ `index` < `count`.
    package func value(at index: Int) -> ByteText {
        let entry = entries[index]
        return ByteText(bytes[Int(entry.value)..<Int(entry.value + entry.valueCount)])
    }

    /// The first value of a name.
    package subscript(_ name: FieldName) -> ByteText? {
        guard let index = firstIndex(name.text.utf8Start, name.text.utf8CodeUnitCount, from: 0) else { return nil }
        return value(at: index)
    }

    /// The first value of a name that is only known at run time.
    package func first(_ name: String) -> ByteText? {
        var name = name
        return name.withUTF8 { utf8 in
            guard let base = utf8.baseAddress, let index = firstIndex(base, utf8.count, from: 0) else { return nil }
            return value(at: index)
        }
    }

    /// All values of a name, in order.
    package func all(_ name: FieldName) -> [ByteText] {
        var found: [ByteText] = []
        var from = 0
        while let index = firstIndex(name.text.utf8Start, name.text.utf8CodeUnitCount, from: from) {
            found.append(value(at: index))
            from = index + 1
        }
        return found
    }

    /// How many fields have a name.
    package func count(of name: FieldName) -> Int {
        var found = 0
        var from = 0
        while let index = firstIndex(name.text.utf8Start, name.text.utf8CodeUnitCount, from: from) {
            found += 1
            from = index + 1
        }
        return found
    }

    /// Whether a field has this name.
    package func contains(_ name: FieldName) -> Bool {
        firstIndex(name.text.utf8Start, name.text.utf8CodeUnitCount, from: 0) != nil
    }

    private func firstIndex(_ name: UnsafePointer<UInt8>, _ count: Int, from: Int) -> Int? {
        entries.withUnsafeBufferPointer { entries in
            bytes.withUnsafeBufferPointer { bytes in
                var index = from
                search: while index < entries.count {
                    let entry = entries[index]
                    index += 1
                    guard Int(entry.nameCount) == count, let base = bytes.baseAddress else { continue }
                    let start = base + Int(entry.name)
                    // COST: names of one length mostly differ in their last byte but one, and equal ones are mostly
                    // written in the same case: few are compared byte by byte.
                    if count > 1, (start[count - 2] ^ name[count - 2]) & 0xDF != 0 { continue }
                    if memcmp(start, name, count) == 0 { return index - 1 }
                    for offset in 0..<count where ASCII.lower(start[offset]) != ASCII.lower(name[offset]) {
                        continue search
                    }
                    return index - 1
                }
                return nil
            }
        }
    }
}

extension Fields {
    /// Adds a field. Bytes that could end the value early (CR, LF, NUL) become spaces: no response splitting. Literals
    /// take the variant for `StaticString`.
    @_disfavoredOverload
    package mutating func append(_ name: FieldName, _ value: String) {
        var value = value
        value.withUTF8 {
            append(UnsafeBufferPointer(start: name.text.utf8Start, count: name.text.utf8CodeUnitCount), $0)
        }
    }

    /// Adds a field; see the variant for strings.
    package mutating func append(_ name: FieldName, _ value: StaticString) {
        append(
            UnsafeBufferPointer(start: name.text.utf8Start, count: name.text.utf8CodeUnitCount),
            UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount), isClean: true)
    }

    /// Adds a field; see the variant for strings.
    package mutating func append(_ name: FieldName, _ value: [UInt8]) {
        value.withUnsafeBufferPointer {
            append(UnsafeBufferPointer(start: name.text.utf8Start, count: name.text.utf8CodeUnitCount), $0)
        }
    }

    /// Adds a field; see the variant for strings.
    package mutating func append(_ name: FieldName, _ value: ByteText) {
        value.withUnsafeBytes {
            append(UnsafeBufferPointer(start: name.text.utf8Start, count: name.text.utf8CodeUnitCount), $0)
        }
    }

    /// Adds all fields of another.
    package mutating func append(contentsOf other: Fields) {
        for index in 0..<other.count {
            let name = other.name(at: index)
            let value = other.value(at: index)
            name.withUnsafeBytes { name in value.withUnsafeBytes { append(name, $0) } }
        }
    }

    /// Adds a field whose name or value comes from configuration.
    /// - Throws: `badField` if the name is no token or the value holds control bytes.
    package mutating func append(checking name: String, _ value: String) throws(HTTPError) {
        guard !name.isEmpty, name.utf8.count <= 256, name.utf8.allSatisfy(ASCII.isToken) else {
            throw HTTPError(.badField, "`\(name.prefix(64))` is no field name; use letters, digits and hyphens")
        }
        guard value.utf8.count <= 16_384, value.utf8.allSatisfy(ASCII.isFieldValue) else {
            throw HTTPError(
                .badField, "the value of `\(name)` holds control bytes or is over 16 KiB; remove line breaks")
        }
        // What frames a message or belongs to one connection is never the configuration's to set.
        let reserved: [StaticString] = [
            "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
            "Transfer-Encoding", "Upgrade",
        ]
        let bytes = ByteText(name)
        guard !reserved.contains(where: { bytes.equalsIgnoringCase($0) }) else {
            throw HTTPError(.badField, "`\(name)` is set by the HTTP layer itself; leave it out")
        }
        var name = name
        var value = value
        name.withUTF8 { name in value.withUTF8 { append(name, $0) } }
    }

    /// - Parameter isClean: the value is known to have no control bytes.
    private mutating func append(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, isClean: Bool = false
    ) {
        if !isWire { self = rebuilt() }
        if bytes.isEmpty {
            bytes.reserveCapacity(192)
            entries.reserveCapacity(6)
        }
        let start = bytes.count
        bytes.append(contentsOf: name)
        bytes.append(ASCII.colon)
        bytes.append(ASCII.space)
        bytes.append(contentsOf: value)
        if !isClean, !value.allSatisfy(ASCII.isFieldValue) {
            for index in (start + name.count + 2)..<bytes.count where !ASCII.isFieldValue(bytes[index]) {
                bytes[index] = ASCII.space
            }
        }
        entries.append(
            FieldEntry(
                name: UInt32(start), nameCount: UInt32(name.count),
                value: UInt32(start + name.count + 2), valueCount: UInt32(value.count)))
        bytes.append(ASCII.carriageReturn)
        bytes.append(ASCII.lineFeed)
    }

    /// The same fields in wire form.
    private func rebuilt() -> Fields {
        var copy = Fields()
        copy.append(contentsOf: self)
        return copy
    }

    /// Writes "name: value CRLF" for each field.
    func write(into output: inout [UInt8]) {
        if isWire {
            output.append(contentsOf: bytes)
            return
        }
        for entry in entries {
            output.append(contentsOf: bytes[Int(entry.name)..<Int(entry.name + entry.nameCount)])
            output.append(ASCII.colon)
            output.append(ASCII.space)
            output.append(contentsOf: bytes[Int(entry.value)..<Int(entry.value + entry.valueCount)])
            output.append(ASCII.carriageReturn)
            output.append(ASCII.lineFeed)
        }
    }
}
