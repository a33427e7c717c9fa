import Base

/// Where a page of a merged list goes on: a server, and that server's own cursor.
///
/// Clients get it sealed and bound to the list and the grant, so nobody can have a server see a cursor that it did not make.
package struct MergedCursor: Sendable, Hashable {
    package let server: String
    /// Nil: that server's first page.
    package let cursor: String?

    package init(server: String, cursor: String?) {
        self.server = server
        self.cursor = cursor
    }

    /// The longest cursor of a server's, in bytes. A server with longer ones is not paged any further.
    package static let maximumCursor = 4 << 10

    /// The text for `nextCursor`. Nil if the server's cursor is too long.
    package func sealed(_ kind: ListKind, grant: String, by sealer: some StateSealer) -> String? {
        guard cursor?.utf8.count ?? 0 <= Self.maximumCursor else { return nil }
        var writer = FieldWriter(version: 1)
        writer.field(server)
        writer.field(cursor)
        return Base64.encodeURL(sealer.seal(writer.bytes, context: Self.context(kind, grant)))
    }

    /// - Throws: `badParams` (-32602) unless the text is one that `sealed` made for the same list and grant.
    package init(
        _ text: String, _ kind: ListKind, grant: String, openedBy sealer: some StateSealer
    ) throws(ProtocolFault) {
        guard text.utf8.count <= 2 * Self.maximumCursor, let bytes = Base64.decodeURL(text),
            let plain = sealer.open(bytes, context: Self.context(kind, grant)),
            var reader = FieldReader(plain, version: 1), let server = reader.text(),
            let cursor = reader.optionalText(), reader.isAtEnd
        else {
            throw ProtocolFault(.badParams, "params.cursor is not one that \(kind.method) gave to this grant")
        }
        self.init(server: server, cursor: cursor)
    }

    private static func context(_ kind: ListKind, _ grant: String) -> [UInt8] {
        var writer = FieldWriter(version: 1)
        writer.field("sluice cursor")
        writer.field(kind.rawValue)
        writer.field(grant)
        return writer.bytes
    }
}
