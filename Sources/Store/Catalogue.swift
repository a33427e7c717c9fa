import Base

/// A tool as it goes into the catalogue: what its server said of it, and what we say.
package struct CatalogueToolEntry: Sendable {
    /// As the server lists it.
    package let name: String
    /// The name's words in lower case, with a space between two: `image background removal`.
    package let words: String
    /// What else it is found by: title, description, parameters, the server's name.
    package let text: String
    /// The category's word, such as `write`.
    package let category: String
    /// The severity's word, such as `high`.
    package let severity: String
    /// Codes of the signals.
    package let signals: [String]
    /// The first sentence or so of its description, made visible.
    package let summary: String
    /// About how many tokens the definition takes.
    package let contextTokens: Int
    /// The entry of `tools/list`, as JSON.
    package let definition: [UInt8]
    /// The judgement: the tool's object of a scan, as JSON.
    package let assessment: [UInt8]

    package init(
        name: String, words: String, text: String, category: String, severity: String, signals: [String],
        summary: String, contextTokens: Int, definition: [UInt8], assessment: [UInt8]
    ) {
        self.name = name
        self.words = words
        self.text = text
        self.category = category
        self.severity = severity
        self.signals = signals
        self.summary = summary
        self.contextTokens = contextTokens
        self.definition = definition
        self.assessment = assessment
    }
}

/// A server as it goes into the catalogue, with all its tools.
package struct CatalogueServerEntry: Sendable {
    /// Any visible text; servers of other people's have slashes and spaces in their names.
    package let name: String
    /// What the server calls its version; empty: not known.
    package let version: String
    /// Where it was found; empty: not known.
    package let source: String
    /// Where its code is kept; empty: not known.
    package let repository: String
    /// Its instructions or what a registry says of it.
    package let about: String
    /// The version of the rules that judged it.
    package let rules: String
    /// The recommended policy, as JSON.
    package let policy: [UInt8]
    /// Findings outside of tools, as a JSON array.
    package let findings: [UInt8]
    /// What of its lists could not be read, a sentence each.
    package let incomplete: [String]
    package let tools: [CatalogueToolEntry]

    package init(
        name: String, version: String, source: String, repository: String, about: String, rules: String,
        policy: [UInt8], findings: [UInt8], incomplete: [String], tools: [CatalogueToolEntry]
    ) {
        self.name = name
        self.version = version
        self.source = source
        self.repository = repository
        self.about = about
        self.rules = rules
        self.policy = policy
        self.findings = findings
        self.incomplete = incomplete
        self.tools = tools
    }
}

/// A server of the catalogue.
package struct CataloguedServer: Sendable, Hashable {
    package let id: Int64
    package let name: String
    package let version: String
    package let source: String
    package let repository: String
    package let about: String
    package let rules: String
    package let policy: [UInt8]
    package let findings: [UInt8]
    /// What of its lists could not be read, a sentence each.
    package let incomplete: [String]
    package let firstSeen: Instant
    package let lastSeen: Instant
    /// When a tool was added, changed or removed, or the instructions, last; equal to `firstSeen` if never.
    package let changed: Instant
    /// How many tools it has.
    package let tools: Int

    package init(
        id: Int64, name: String, version: String, source: String, repository: String, about: String, rules: String,
        policy: [UInt8], findings: [UInt8], incomplete: [String], firstSeen: Instant, lastSeen: Instant,
        changed: Instant, tools: Int
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.source = source
        self.repository = repository
        self.about = about
        self.rules = rules
        self.policy = policy
        self.findings = findings
        self.incomplete = incomplete
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.changed = changed
        self.tools = tools
    }
}

/// A tool of the catalogue, without what only its own page needs.
package struct CatalogueHit: Sendable, Hashable {
    package let id: Int64
    package let server: String
    package let name: String
    /// The name's words.
    package let words: String
    package let category: String
    package let severity: String
    package let signals: [String]
    package let summary: String

    package init(
        id: Int64, server: String, name: String, words: String, category: String, severity: String,
        signals: [String], summary: String
    ) {
        self.id = id
        self.server = server
        self.name = name
        self.words = words
        self.category = category
        self.severity = severity
        self.signals = signals
        self.summary = summary
    }
}

/// A tool of the catalogue, whole.
package struct CataloguedTool: Sendable, Hashable {
    package let hit: CatalogueHit
    package let contextTokens: Int
    package let firstSeen: Instant
    package let lastSeen: Instant
    /// When its definition last became another; equal to `firstSeen` if never.
    package let changed: Instant
    /// As `CatalogueToolEntry.definition`.
    package let definition: [UInt8]
    /// As `CatalogueToolEntry.assessment`.
    package let assessment: [UInt8]

    package init(
        hit: CatalogueHit, contextTokens: Int, firstSeen: Instant, lastSeen: Instant, changed: Instant,
        definition: [UInt8], assessment: [UInt8]
    ) {
        self.hit = hit
        self.contextTokens = contextTokens
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.changed = changed
        self.definition = definition
        self.assessment = assessment
    }
}

/// One thing that became another between two looks at a server.
package struct CatalogueChange: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        case added, changed, removed
        /// The server's instructions.
        case instructions
        /// What the server calls its version.
        case version
    }

    package let time: Instant
    package let kind: Kind
    /// Empty when it is about the server as a whole.
    package let tool: String
    /// Of a changed tool, JSON pointers to what differs; of a version, the old and the new one.
    package let members: [String]

    package init(time: Instant, kind: Kind, tool: String, members: [String]) {
        self.time = time
        self.kind = kind
        self.tool = tool
        self.members = members
    }
}

/// What to look for.
package struct CatalogueQuery: Sendable {
    /// In lower case, letters and digits only. All have to be there; if no tool has all, any.
    package var words: [String]
    /// One of these; empty: any.
    package var categories: [String] = []
    package var severities: [String] = []
    /// Signals that the tool has to have, all of them.
    package var signals: [String] = []
    /// The only server to look in.
    package var server: String?
    /// At most so many; 1 to 1,000.
    package var limit = 20

    package init(words: [String]) { self.words = words }
}

/// Servers and tools with their judgements, for people to look up. Calls block, on a file. Nothing is decided by it.
package protocol CatalogueStore: Sendable {
    /// Puts a server in, or brings it up to date; returns what differs from the last time, nothing for a new server.
    /// - Throws: `invalidValue` for a name or a number of tools that can't be kept.
    func recordInCatalogue(_ server: CatalogueServerEntry, at now: Instant) throws(StoreError) -> [CatalogueChange]
    /// Takes a server out, with all that is known of it. `notFound` when there is none.
    func removeFromCatalogue(_ server: String) throws(StoreError)
    /// By name.
    func cataloguedServers() throws(StoreError) -> [CataloguedServer]
    /// Nil when there is none.
    func cataloguedServer(_ name: String) throws(StoreError) -> CataloguedServer?
    /// In the server's order.
    func cataloguedTools(_ server: String) throws(StoreError) -> [CataloguedTool]
    /// The tools of that name: none, one, or more on a server that lists it again.
    func cataloguedTools(_ server: String, named name: String) throws(StoreError) -> [CataloguedTool]
    /// Newest first, at most 1,000.
    func catalogueChanges(_ server: String) throws(StoreError) -> [CatalogueChange]
    /// The best first: names that are just the words, then longer names with them, then texts.
    func searchCatalogue(_ query: CatalogueQuery) throws(StoreError) -> [CatalogueHit]
    /// Every tool without its texts, by server and in its order.
    func catalogueOverview() throws(StoreError) -> [CatalogueHit]
    /// Makes search as quick as it can be; worth it after many changes.
    func tidyCatalogue() throws(StoreError)
}
