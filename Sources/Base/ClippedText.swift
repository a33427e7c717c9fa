/// Untrusted text for a message: at most 80 Unicode scalars, and nothing that moves a cursor.
package func clipped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for (i, scalar) in text.unicodeScalars.enumerated() {
        guard i < 80 else {
            result.append("…")
            break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: result.append("?")
        default: result.append(scalar)
        }
    }
    return String(result)
}
