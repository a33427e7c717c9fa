internal import Base
internal import JSON

/// Finds every repeated key of a text, not only the first, and a text without them in which everything else keeps its place.
///
/// Only for reporting: a document with repeated keys is refused whatever else is right in it.
struct DuplicateKeys {
    private(set) var bytes: [UInt8]
    /// Byte offsets of the keys that stand a second time.
    private(set) var offsets: [Int] = []

    static let most = 50

    /// Parses the text, blanking repeated members one after the other.
    static func parse(
        _ bytes: [UInt8], limits: JSONLimits
    ) -> (document: Result<JSONDocument, JSONError>, duplicates: [Int]) {
        var text = DuplicateKeys(bytes: bytes)
        while true {
            do throws(JSONError) {
                return (.success(try JSONDocument.parse(text.bytes, limits: limits)), text.offsets)
            } catch {
                guard error.code == .duplicateKey, text.offsets.count < most, text.blank(from: error.offset) else {
                    return (.failure(error), text.offsets)
                }
            }
        }
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Replaces the member whose key starts here, and the comma before it, by spaces. The scanner has read past the end of
    /// this member's object, so quotes and brackets are known to match.
    private mutating func blank(from offset: Int) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { return false }
        var start = offset - 1
        while start >= 0, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[start]) { start -= 1 }
        guard start >= 0, bytes[start] == UInt8(ascii: ",") else { return false }
        var end = offset
        var depth = 0
        scan: while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "\""):
                end += 1
                while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
                    end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
                }
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ","): if depth == 0 { break scan }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { break scan }
                depth -= 1
            default: break
            }
            end += 1
        }
        // Line ends stay, so that the lines of what follows keep their numbers.
        for i in start..<min(end, bytes.count) where bytes[i] != UInt8(ascii: "\n") { bytes[i] = UInt8(ascii: " ") }
        offsets.append(offset)
        return true
    }
}

extension JSONView {
    /// The pointer of the innermost object or array that holds the byte.
    func pointer(around offset: Int, _ pointer: JSONPointer = JSONPointer()) -> JSONPointer {
        for (key, value) in members where value.range.contains(offset) {
            return value.pointer(around: offset, pointer.appending(key.string ?? ""))
        }
        for (i, element) in elements.enumerated() where element.range.contains(offset) {
            return element.pointer(around: offset, pointer.appending(i))
        }
        return pointer
    }
}
