import JSON

/// Names that some servers take for others.
///
/// Some JSON libraries match members regardless of case and take the last one. A message with `name` and `Name` would be
/// judged by the one and carried out by the other, so such messages are refused. "Regardless of case" is wider than ASCII:
/// Go's encoding/json folds by `unicode.SimpleFold`, by which `ſ` is an `s` and the Kelvin sign a `k`.
package enum LookAlike {
    /// The text in the one case in which look-alikes are equal.
    package static func folded(_ text: String) -> [UInt8] {
        var folded: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 65...90: folded.append(UInt8(scalar.value) + 32)
            case 0x17F: folded.append(UInt8(ascii: "s"))
            case 0x212A: folded.append(UInt8(ascii: "k"))
            case 0x130, 0x131: folded.append(UInt8(ascii: "i"))
            case 0..<0x80: folded.append(UInt8(scalar.value))
            default: folded.append(contentsOf: String(scalar).lowercased().utf8)
            }
        }
        return folded
    }
}

extension JSONView {
    /// Whether this string is one of the names but for case.
    /// - Parameter names: of ASCII characters.
    package func looksLike(anyOf names: [StaticString]) -> Bool {
        let range = range
        for name in names where name.utf8CodeUnitCount == range.count - 2 {
            var isSame = true
            for i in 0..<name.utf8CodeUnitCount
            where document.bytes[range.lowerBound + 1 + i] | 0x20 != name.utf8Start[i] | 0x20 {
                isSame = false
                break
            }
            if isSame { return true }
        }
        // Escapes and other alphabets can hide a letter: compare what it says.
        guard plainStringRange == nil || document.bytes[range].contains(where: { $0 >= 0x80 }), let text = string
        else { return false }
        let folded = LookAlike.folded(text)
        return names.contains { name in folded.elementsEqual(LookAlike.folded(name.description)) }
    }

    /// Whether two members of this object differ only in case.
    // COST: objects of arguments are small: names of the same length are compared, and few have the same length.
    package var hasLookAlikeMembers: Bool {
        let object = cursor
        guard object.kind == .object, object.count > 1 else { return false }
        guard object.count <= 16, object.members.allSatisfy({ $0.key.isPlainASCII }) else {
            var seen: Set<[UInt8]> = []
            for (key, _) in members where !seen.insert(LookAlike.folded(key.string ?? "")).inserted { return true }
            return false
        }
        var rest = object.members
        while let (key, _) = rest.next() {
            let name = key.content
            for (other, _) in rest where other.content.count == name.count {
                let text = other.content
                if name.indices.allSatisfy({ Self.lower(name[$0]) == Self.lower(text[$0]) }) { return true }
            }
        }
        return false
    }

    @inline(__always)
    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}

extension JSONCursor {
    /// Whether a string or key is what it looks like: ASCII without escapes.
    fileprivate var isPlainASCII: Bool { content.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "\\") } }
}
