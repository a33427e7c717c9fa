import Base

/// What the gateway does when a pinned server says something else than was approved.
package enum OnChange: String, Sendable, CaseIterable {
    /// Lets it pass, logs it and puts it on record.
    case warn
    /// A changed or new tool is neither listed nor callable, changed instructions are not passed on.
    case hide
    /// No call of the server passes until everything is approved again.
    case refuse
}

/// One approved text of a server.
package struct Pin: Sendable, Hashable {
    /// The name of a tool; nil for the server's instructions.
    package let tool: String?
    /// The keyed hash of what was approved.
    package let hash: ArgumentDigest
    /// What was approved, as JSON: to say later what has changed.
    package let definition: [UInt8]

    package init(tool: String?, hash: ArgumentDigest, definition: [UInt8]) {
        self.tool = tool
        self.hash = hash
        self.definition = definition
    }
}

/// The hashes that a person has approved of one server: part of the configuration that calls are judged by.
package struct ServerPins: Sendable, Hashable {
    package let server: String
    package let onChange: OnChange
    /// By the tool's name.
    package let tools: [String: ArgumentDigest]
    /// Nil only when the stored state is damaged, which nothing matches.
    package let instructions: ArgumentDigest?
    /// Grows with every approval.
    package let stamp: Int64

    package init(
        server: String, onChange: OnChange, tools: [String: ArgumentDigest], instructions: ArgumentDigest?, stamp: Int64
    ) {
        self.server = server
        self.onChange = onChange
        self.tools = tools
        self.instructions = instructions
        self.stamp = stamp
    }
}

/// What was approved of servers, for the commands that show and change it. Calls block, on a file.
package protocol PinStore: Sendable {
    /// What was approved of a server; nil when it is not pinned.
    func pins(of server: String) throws(StoreError) -> (onChange: OnChange, pins: [Pin])?
    /// Pins a server to exactly these texts, in place of any before. `notFound` when there is no such server.
    func pin(_ server: String, onChange: OnChange, _ pins: [Pin]) throws(StoreError)
    /// Ends it; false when it was not pinned.
    func unpin(_ server: String) throws(StoreError) -> Bool
}
