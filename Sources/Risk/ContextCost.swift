internal import JSON

/// What definitions cost a model on every turn.
package enum ContextCost {
    /// About how many tokens the JSON takes.
    ///
    /// An estimate, without any model's vocabulary: a run of letters is a token up to 8 letters (with the space before it),
    /// and one more for every further 5; digits go three to a token, signs two, spaces in a row one, characters beyond ASCII
    /// one each. Byte-pair vocabularies of some 200,000 entries behave much like it on English and JSON.
    package static func tokens(in json: ArraySlice<UInt8>) -> Int {
        json.withUnsafeBufferPointer { bytes in
            var (tokens, at) = (0, 0)
            while at < bytes.count {
                let kind = Kind(bytes[at])
                let start = at
                repeat { at += 1 } while at < bytes.count && Kind(bytes[at]) == kind
                tokens += kind.tokens(at - start)
            }
            return tokens
        }
    }

    private enum Kind {
        case letters, digits, space, sign, beyond, inside

        init(_ byte: UInt8) {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A: self = .letters
            case 0x30...0x39: self = .digits
            case 0x20, 0x09, 0x0A, 0x0D: self = .space
            case 0x80...0xBF: self = .inside
            case 0xC0...0xFF: self = .beyond
            default: self = .sign
            }
        }

        func tokens(_ count: Int) -> Int {
            switch self {
            case .letters: count <= 8 ? 1 : 1 + (count - 4) / 5
            case .digits: (count + 2) / 3
            case .space: count > 1 ? 1 : 0
            case .sign: (count + 1) / 2
            case .beyond: count
            case .inside: 0
            }
        }
    }
}
