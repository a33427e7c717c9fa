/// The words of identifiers and texts, as the catalogue is searched by them.
package enum NameWords {
    /// Longer pieces are no words.
    private static let longest = 64

    /// In lower case: `imageBackgroundRemoval`, `image_background-removal` and `Image background removal` give the same.
    package static func split(_ text: some StringProtocol, most: Int = 64) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        let scalars = Array(text.unicodeScalars)
        func close() {
            if !word.isEmpty, words.count < most { words.append(String(String(word).lowercased().prefix(longest))) }
            word.removeAll(keepingCapacity: true)
        }
        for (at, scalar) in scalars.enumerated() {
            guard scalar.properties.isAlphabetic || scalar.properties.numericType != nil else {
                close()
                continue
            }
            if at > 0, isUpper(scalar) {
                let before = scalars[at - 1]
                let isBeforeLower = at + 1 < scalars.count && isLower(scalars[at + 1])
                // `maskImage` and, of an acronym before a word, `HTTPServer`.
                if isLower(before) || isDigit(before) || (isUpper(before) && isBeforeLower) { close() }
            }
            word.append(scalar)
            if words.count >= most { break }
        }
        close()
        return words
    }

    /// The words of identifiers that stand in a text: `use imageUpload first` gives `image upload`.
    static func inner(_ text: some StringProtocol) -> [String] {
        var words: [String] = []
        for piece in text.split(whereSeparator: { !$0.isASCII || !($0.isLetter || $0.isNumber) })
        where words.count < 128 {
            let parts = split(piece)
            if parts.count > 1 { words += parts }
        }
        return words
    }

    private static func isUpper(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? (0x41...0x5A).contains(scalar.value) : scalar.properties.isUppercase
    }

    private static func isLower(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? (0x61...0x7A).contains(scalar.value) : scalar.properties.isLowercase
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }
}
