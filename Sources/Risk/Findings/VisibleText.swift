internal import MCP

/// Texts of others as people may look at them.
package enum VisibleText {
    /// At most this many characters of a quote.
    static let maximumQuote = 200

    /// The text with everything that can't be seen, or that a terminal would obey, written out as `<U+200B>`; line ends and
    /// tabs become spaces.
    package static func shown(_ text: some StringProtocol) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n", "\r", "\t": shown.append(" ")
            case _ where LookAlikeNames.isHidden(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                let padding = String(repeating: "0", count: max(0, 4 - digits.count))
                shown.append(contentsOf: "<U+\(padding)\(digits)>".unicodeScalars)
            default: shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// A piece of the text around a place (in scalars), made visible, with `…` where something is left out.
    static func quote(_ text: String, around place: Range<Int>) -> String {
        // COST: only what is shown is looked at character for character.
        let scalars = text.unicodeScalars
        let slack = max(0, maximumQuote - place.count) / 2
        let start = max(0, place.lowerBound - slack)
        let end = max(start, min(place.upperBound, place.lowerBound + maximumQuote)) + slack
        let from = scalars.index(scalars.startIndex, offsetBy: start, limitedBy: scalars.endIndex) ?? scalars.endIndex
        let to = scalars.index(from, offsetBy: end - start, limitedBy: scalars.endIndex) ?? scalars.endIndex
        let piece = text[from..<to]
        return (start > 0 ? "…" : "") + shown(piece) + (to < scalars.endIndex ? "…" : "")
    }
}
