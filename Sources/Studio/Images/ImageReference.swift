import Base
import Imaging

/// What the text of an image argument is. Told apart in a fixed order, so that one text never means two things.
package enum ImageReference: Sendable, Equatable {
    /// The decoded bytes of a data URI or of bare base64.
    case bytes([UInt8])
    case handle(UUIDText)
    case url(String)
    case path(AllowedRoots.Found)

    /// The forms that are accepted, for messages and descriptions.
    package static let acceptedForms =
        "the UUID of an uploaded picture, a local path inside an allowed folder, an https URL, a `data:image/…;base64,…` URI, or base64"

    /// Classifies `text`. Looks whether a local file exists, but opens none.
    /// - Parameter maxBytes: limit of the decoded bytes.
    package init(_ text: String, roots: AllowedRoots, maxBytes: Int) throws(StudioError) {
        if Self.hasPrefix(text, "data:") {
            self = .bytes(try Self.dataURI(text, maxBytes))
        } else if let id = UUIDText(text) {
            self = .handle(id)
        } else if case .picture(let id)? = ResourceURI(text) {
            self = .handle(id)
        } else if Self.isURL(text) {
            self = .url(text)
        } else {
            // Path before base64: `/9j/4AAQ…` is how every JPEG begins in base64, and could be a path too.
            var pathError = StudioError(
                .invalidParameter, "\(quoted(text)) is no picture this tool can take; give \(Self.acceptedForms)")
            if text.utf8.count < 4096 {
                do throws(StudioError) {
                    self = .path(try roots.find(text))
                    return
                } catch {
                    if Self.looksLikePath(text) { pathError = error }
                }
            }
            guard let bytes = try Self.bareBase64(text, maxBytes) else { throw pathError }
            self = .bytes(bytes)
        }
    }

    /// Whether it begins as a URL of the web does.
    static func isURL(_ text: String) -> Bool { hasPrefix(text, "http://") || hasPrefix(text, "https://") }

    private static func dataURI(_ text: String, _ maxBytes: Int) throws(StudioError) -> [UInt8] {
        let utf8 = text.utf8
        guard let comma = utf8.prefix(256).firstIndex(of: UInt8(ascii: ",")) else {
            throw StudioError(.invalidImage, "the data URI has no comma; it must look like `data:image/png;base64,…`")
        }
        let head = String(text[..<comma]).lowercased()
        guard head.hasPrefix("data:image/"), head.hasSuffix(";base64") else {
            throw StudioError(
                .invalidImage,
                "\(quoted(head)) is not supported; a data URI must begin `data:image/png;base64,` (or jpeg, webp)")
        }
        let payload = text[utf8.index(after: comma)...]
        try checkSize(payload.utf8.count, maxBytes)
        guard let bytes = Base64.decode(payload) else {
            throw StudioError(.invalidImage, "the data URI's text after the comma is no valid base64")
        }
        return bytes
    }

    /// Nil when the text is no base64 of a picture.
    private static func bareBase64(_ text: String, _ maxBytes: Int) throws(StudioError) -> [UInt8]? {
        guard text.utf8.count >= 16, text.utf8.count.isMultiple(of: 4) else { return nil }
        // The first bytes decide; decoding all of a long text that is none would be wasted.
        guard let start = Base64.decode(String(text.prefix(16))), ImageFormat(magic: start) != nil else { return nil }
        try checkSize(text.utf8.count, maxBytes)
        return Base64.decode(text)
    }

    private static func checkSize(_ base64Bytes: Int, _ maxBytes: Int) throws(StudioError) {
        guard base64Bytes / 4 <= maxBytes / 3 + 1 else {
            throw StudioError(
                .imageTooLarge, "the picture has about \(base64Bytes / 4 * 3) bytes; at most \(maxBytes) are accepted")
        }
    }

    private static func looksLikePath(_ text: String) -> Bool {
        if hasPrefix(text, "file:") || hasPrefix(text, "~") { return true }
        if text.utf8.contains(0) { return true }
        guard text.utf8.count < 1024 else { return false }
        if text.utf8.contains(UInt8(ascii: "/")) || text.utf8.contains(UInt8(ascii: "\\")) { return true }
        return text.utf8.suffix(6).contains(UInt8(ascii: "."))
    }

    /// Compares ASCII without regard to case.
    private static func hasPrefix(_ text: String, _ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { wanted in
            text.utf8.count >= wanted.count
                && zip(text.utf8, wanted).allSatisfy { byte, want in
                    byte == want || (byte >= 0x41 && byte <= 0x5A && byte | 0x20 == want)
                }
        }
    }
}
