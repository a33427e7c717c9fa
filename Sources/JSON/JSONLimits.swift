/// What a document may cost before it is refused.
package struct JSONLimits: Sendable, Hashable {
    /// Bytes of the whole text.
    package var maxBytes: Int
    /// Arrays and objects inside each other.
    package var maxDepth: Int
    /// Values and keys together.
    package var maxTokens: Int

    package init(maxBytes: Int = 4 << 20, maxDepth: Int = 64, maxTokens: Int = 1_000_000) {
        self.maxBytes = maxBytes
        self.maxDepth = maxDepth
        self.maxTokens = maxTokens
    }

    /// 4 MiB, 64 levels, a million tokens.
    package static let standard = JSONLimits()
}
