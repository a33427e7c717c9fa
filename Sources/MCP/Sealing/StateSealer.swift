import Base
import JSON

/// Makes texts that we give away and get back: whoever holds one can neither read nor change it.
///
/// The cryptography lives on a higher floor; what is sealed and what it is bound to is decided here.
package protocol StateSealer: Sendable {
    /// Authenticated encryption of `plain`; `context` is authenticated and not contained.
    func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8]
    /// The plain bytes. Nil if anything was changed, the context differs, or the key is another.
    func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]?
}

/// Fields one after another, each with its length: the encoding of what is sealed.
struct FieldWriter {
    private(set) var bytes: [UInt8]

    init(version: UInt8) {
        bytes = [version]
    }

    mutating func field(_ value: [UInt8]) {
        integer(UInt64(value.count), size: 4)
        bytes += value
    }

    mutating func field(_ text: String) { field(Array(text.utf8)) }

    mutating func field(_ text: String?) {
        bytes.append(text == nil ? 0 : 1)
        if let text { field(text) }
    }

    mutating func integer(_ value: UInt64, size: Int = 8) {
        for byte in (0..<size).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))) }
    }
}

/// Reads what `FieldWriter` wrote. Every question after the first failure fails too.
struct FieldReader {
    private var rest: ArraySlice<UInt8>

    /// Nil if the bytes have another version.
    init?(_ bytes: [UInt8], version: UInt8) {
        guard bytes.first == version else { return nil }
        rest = bytes.dropFirst()
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func field() -> [UInt8]? {
        guard let count = integer(size: 4), count <= UInt64(rest.count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }

    mutating func text() -> String? { field().flatMap { String(validating: $0, as: UTF8.self) } }

    /// Outer nil: unreadable. Inner nil: there is none.
    mutating func optionalText() -> String?? {
        guard let flag = rest.popFirst() else { return nil }
        switch flag {
        case 0: return .some(nil)
        case 1: return text().map { .some($0) }
        default: return nil
        }
    }

    mutating func integer(size: Int = 8) -> UInt64? {
        guard rest.count >= size else { return nil }
        defer { rest = rest.dropFirst(size) }
        return rest.prefix(size).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
