package import JSON
package import MCP

/// All that is known of one server, before it is judged.
package struct ServerMaterial: Sendable {
    package var name: String
    /// How it was reached, for people.
    package var source = ""
    /// Where its code is kept; empty: not known.
    package var repository = ""
    /// What the server calls its version; empty: not known.
    package var release = ""
    /// The protocol version that was spoken; nil for files.
    package var version: String?
    /// What a registry says of it.
    package var description = ""
    /// What it tells the model before anything else.
    package var instructions: String?
    /// The entries of its lists, all of which have something to be called by.
    package var lists: [ListKind: [JSONView]] = [:]
    /// What could not be read: a verdict on the rest is not one on the whole.
    package var incomplete: [String] = []
    /// The file that it comes from, as it was named.
    package var file: String?
    /// Where the server stands in that file, when its tools do not.
    package var line: Int?
    /// The lines of that file, when the tools stand in it.
    package var lines: LineIndex?

    /// A server of which nothing is known yet.
    package init(name: String) {
        self.name = name
    }

    /// The entries of a list in the server's order.
    package func entries(_ kind: ListKind) -> [JSONView] { lists[kind] ?? [] }
}
