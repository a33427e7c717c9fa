/// Why a file can't go into the catalogue, or pages can't be written.
package struct CatalogueError: Error, Sendable, Equatable {
    package enum Code: String, Sendable, CaseIterable {
        /// Not JSON.
        case unreadable
        /// JSON, but no list of tools.
        case unknownShape
        /// More than the catalogue keeps.
        case tooLarge
        /// A page or a folder can't be written.
        case unwritable
        /// The rules or the attacks that the program carries are damaged.
        case broken
    }

    package let code: Code
    /// One line: what and where.
    package let message: String
    /// How to mend it.
    package let mend: String

    /// An error with a line for each.
    init(_ code: Code, _ message: String, mend: String) {
        self.code = code
        self.message = message
        self.mend = mend
    }
}
