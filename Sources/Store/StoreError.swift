/// What went wrong with something stored. Both texts are safe to print: neither ever holds a token, a key or a header.
package struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed list of causes; metrics and exit codes map from it by an exhaustive `switch`.
    package enum Code: String, Sendable, CaseIterable {
        /// A name that breaks the naming rule.
        case invalidName
        /// A value other than a name that can't be stored.
        case invalidValue
        /// Something of that name is there already.
        case alreadyExists
        /// Nothing of that name is there.
        case notFound
        /// Others still refer to it.
        case inUse
        /// The data folder can't be made, isn't a folder, or can't be written.
        case directory
        /// `secret.key` is missing, too open, or not 32 bytes.
        case secretKey
        /// Another process held the database for longer than we wait.
        case locked
        /// The file is no database, or a damaged one.
        case corrupt
        /// A newer version of this program has written the database.
        case newerSchema
        /// Another gateway serves from this folder.
        case alreadyServing
        /// The disk, or the room given to the database, is full.
        case full
        /// The database can't be written.
        case readOnly
        /// More rows wait for the disk than the queue may hold.
        case queueFull
        /// The store was closed.
        case closed
        /// Reading or writing failed.
        case io
    }

    /// Which of the causes.
    package let code: Code
    /// What happened and where: lower case, one line.
    package let message: String
    /// How to mend it.
    package let help: String

    package init(_ code: Code, _ message: String, help: String) {
        self.code = code
        self.message = message
        self.help = help
    }

    package var description: String { help.isEmpty ? message : "\(message); \(help)" }
}
