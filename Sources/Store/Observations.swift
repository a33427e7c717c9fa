import Base

/// One text of a server, as it was just seen: a tool's definition, or the server's instructions.
package struct SeenText: Sendable, Hashable {
    /// The name of a tool; nil for the instructions.
    package let tool: String?
    /// The keyed hash by which pins are held against it.
    package let hash: ArgumentDigest
    /// The text as JSON.
    package let definition: [UInt8]
    /// Whether the server lists the name more than once.
    package let isRepeated: Bool

    package init(tool: String?, hash: ArgumentDigest, definition: [UInt8], isRepeated: Bool = false) {
        self.tool = tool
        self.hash = hash
        self.definition = definition
        self.isRepeated = isRepeated
    }
}

/// What is known of one text of a server, and what a person has approved of it.
package struct ObservedText: Sendable, Hashable {
    package enum Approval: Sendable, Hashable {
        /// Nobody has approved it.
        case none
        case same
        /// Something else was approved; both as JSON, the new one empty if it is too long to be kept.
        case other(approved: [UInt8], now: [UInt8])
    }

    /// The name of a tool; nil for the instructions.
    package let tool: String?
    /// Since when there is a text of this name.
    package let since: Instant
    /// Since when it is as it is.
    package let changed: Instant
    /// Since when it is no longer there, although it was approved.
    package let gone: Instant?
    package let isRepeated: Bool
    package let approval: Approval

    package init(
        tool: String?, since: Instant, changed: Instant, gone: Instant?, isRepeated: Bool, approval: Approval
    ) {
        self.tool = tool
        self.since = since
        self.changed = changed
        self.gone = gone
        self.isRepeated = isRepeated
        self.approval = approval
    }
}

/// What is known of what a server says, whether it runs or not.
package struct ObservedServer: Sendable, Hashable {
    package let name: String
    /// When it was last asked, to within ten minutes; nil: never.
    package let seen: Instant?
    /// What follows from a change; nil when the server is not pinned.
    package let onChange: OnChange?
    /// Sorted by name. Of a server that was never asked, what was approved.
    package let texts: [ObservedText]

    package init(name: String, seen: Instant?, onChange: OnChange?, texts: [ObservedText]) {
        self.name = name
        self.seen = seen
        self.onChange = onChange
        self.texts = texts
    }
}

/// What servers were seen to say, for findings over all of them. Calls block, on a file. Nothing is decided by it.
package protocol ObservationStore: Sendable {
    /// Notes all that a server says now. Only what differs is written.
    /// - Throws: `notFound` when there is no such server.
    func observe(_ server: String, _ texts: [SeenText], at now: Instant) throws(StoreError)
    /// All servers, by name.
    func observations() throws(StoreError) -> [ObservedServer]
}
