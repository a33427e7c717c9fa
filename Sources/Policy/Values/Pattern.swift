internal import CRE2

/// A compiled RE2 regular expression. Search takes time linear in the text, whatever the pattern.
///
/// SAFETY: `@unchecked Sendable` because the handle is never changed after `init`, and RE2 documents matching on a const
/// object as safe from any number of threads; `deinit` runs when no one else holds the object.
final class Pattern: @unchecked Sendable {
    private let handle: OpaquePointer
    let text: String

    /// Bytes of RE2 program and cache that one pattern may take.
    static let maxMemory = 1 << 20

    private init(handle: OpaquePointer, text: String) {
        self.handle = handle
        self.text = text
    }

    deinit {
        cre2_free(handle)
    }

    enum Compilation {
        case pattern(Pattern)
        /// RE2's own sentence.
        case refused(String)
    }

    static func compile(_ text: String) -> Compilation {
        var text = text
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { error in
            guard let message = error.baseAddress else { return .refused("out of memory") }
            let handle = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { chars in
                    // An empty Swift buffer has no address; any will do for zero bytes.
                    cre2_compile(chars.baseAddress ?? UnsafePointer(message), chars.count, maxMemory, message, 256)
                }
            }
            guard let handle else { return .refused(String(cString: message)) }
            return .pattern(Pattern(handle: handle, text: text))
        }
    }

    /// Whether the pattern matches anywhere in the UTF-8 text.
    func matches(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        bytes.withMemoryRebound(to: CChar.self) { cre2_matches(handle, $0.baseAddress, $0.count) }
    }

    func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }
}
