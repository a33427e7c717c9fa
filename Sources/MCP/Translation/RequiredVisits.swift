import JSON

/// Error -32042 ("URL elicitation required"): it sends the client to pages.
package enum RequiredVisits {
    private static let code = -32_042.0

    /// The pages that an error sends some client to; nil if it sends none anywhere.
    ///
    /// JSON-RPC wants an integer for a code, but clients are lenient: some read the number in a text, and most know no number but
    /// the nearest double. So what is no number may be this one to somebody, and so may what a double can't tell from it.
    package static func pages(of error: JSONView) -> JSONView? {
        if let code = error["code"], code.kind == .number, code.double != Self.code { return nil }
        guard let pages = error["data"]?["elicitations"], pages.kind == .array else { return nil }
        return pages
    }
}
