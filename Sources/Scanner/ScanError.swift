/// Why an input can't be scanned.
package struct ScanError: Error, Sendable, Hashable {
    package enum Code: String, Sendable, CaseIterable {
        /// The file is no JSON, or no TOML.
        case unreadable
        /// It can be read, but is nothing that is known here.
        case unknownShape
    }

    package let code: Code
    /// One sentence: what is wrong, with the line where there is one.
    package let message: String
    /// One sentence: how to mend it.
    package let mend: String

    init(_ code: Code, _ message: String, mend: String) {
        self.code = code
        self.message = message
        self.mend = mend
    }
}
