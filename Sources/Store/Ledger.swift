import Base

/// Which rows of the ledger are wanted; every condition that is set must hold.
package struct LedgerQuery: Sendable, Hashable {
    /// The order of the answer, and from which end `limit` counts.
    package enum Order: Sendable, Hashable {
        case oldestFirst, newestFirst
    }

    /// Rows with a greater `seq`.
    package var after: Int64?
    /// Rows with a smaller `seq`.
    package var before: Int64?
    /// Rows of this moment or later.
    package var since: Instant?
    /// Rows before this moment.
    package var until: Instant?
    /// Also matches the outcome rows of decisions about the server.
    package var server: String?
    /// Also matches the outcome rows of decisions about the tool.
    package var tool: String?
    /// A grant's id or label; also matches the outcome rows of its decisions.
    package var grant: String?
    /// The `X-Request-Id` that the caller was given.
    package var requestID: String?
    /// Rows of this outcome.
    package var outcome: Outcome?
    /// Oldest first unless said.
    package var order: Order
    /// At most this many rows; `Int.max` for all.
    package var limit: Int

    package init(after: Int64? = nil, order: Order = .oldestFirst, limit: Int = 100) {
        self.after = after
        self.order = order
        self.limit = limit
    }
}

/// Quota that a decision took and that nothing gave back.
package struct LedgerReservation: Sendable, Hashable {
    /// The decision's row.
    package let seq: Int64
    /// When the decision was taken.
    package let time: Instant
    /// The `X-Request-Id` that the caller was given.
    package let requestID: String
    /// The server that was called.
    package let server: String?
    /// The grant that called.
    package let grantID: String?
    /// The grant's identity.
    package let identity: String?
    /// The MCP session of the call.
    package let sessionID: String?
    /// The tool that was called.
    package let tool: String?
    /// The policy that decided.
    package let policy: String?
    /// That policy's version then.
    package let policyVersion: Int?
    /// The policy engine's own text.
    package let reservations: String

    package init(
        seq: Int64, time: Instant, requestID: String, server: String?, grantID: String?, identity: String?,
        sessionID: String?, tool: String?, policy: String?, policyVersion: Int?, reservations: String
    ) {
        self.seq = seq
        self.time = time
        self.requestID = requestID
        self.server = server
        self.grantID = grantID
        self.identity = identity
        self.sessionID = sessionID
        self.tool = tool
        self.policy = policy
        self.policyVersion = policyVersion
        self.reservations = reservations
    }
}

/// What a walk along the chain found.
package struct LedgerVerdict: Sendable, Hashable {
    /// The first place where the ledger is not as it was written.
    package struct Breach: Sendable, Hashable {
        /// What was done to it, as far as one can tell.
        package enum Kind: String, Sendable, CaseIterable {
            /// The row's content, or its hash, is not what was written.
            case changed
            /// The row is gone, or its number was changed.
            case missing
            /// The last rows are gone.
            case truncated
            /// The rows agree with each other, but not with the seal that only the holder of `secret.key` can make.
            case rebuilt
            /// A seal is gone or was not made with this folder's key.
            case seal
        }

        /// The row's number.
        package let seq: Int64
        /// What was done to the row.
        package let kind: Kind
        /// One sentence for people.
        package let text: String

        package init(seq: Int64, kind: Kind, text: String) {
            self.seq = seq
            self.kind = kind
            self.text = text
        }
    }

    /// Rows whose hash was recomputed.
    package let checked: Int64
    /// The last good row; 0 when there is none. Keep it and `headHash` elsewhere to notice a rollback of the whole file.
    package let headSequence: Int64
    /// That row's hash, 32 bytes.
    package let headHash: [UInt8]
    /// Nil when all is well.
    package var breach: Breach?
    /// Rows that were recorded and could not be checked; nil as a rule.
    package var untaken: UntakenRows?

    package init(
        checked: Int64, headSequence: Int64, headHash: [UInt8], breach: Breach?, untaken: UntakenRows? = nil
    ) {
        self.checked = checked
        self.headSequence = headSequence
        self.headHash = headHash
        self.breach = breach
        self.untaken = untaken
    }

    /// Whether nothing was found in what could be checked.
    package var isIntact: Bool { breach == nil }
}

/// The ledger as those see it who only look. Calls block, on a file.
package protocol LedgerReader: Sendable {
    /// Calls `body` with each row until it returns false.
    func forEachRow(_ query: LedgerQuery, _ body: (LedgerRow) -> Bool) throws(StoreError)
    /// The last row's `seq`, 0 when there is none.
    func lastSequence() throws(StoreError) -> Int64
    /// Rows that were recorded and can't be looked at; nil as a rule.
    func untaken() throws(StoreError) -> UntakenRows?
    /// Quota taken since `since` and not given back, oldest first: what running windows are rebuilt from.
    func reservations(since: Instant) throws(StoreError) -> [LedgerReservation]
    /// Walks the chain from row `from` to its end. Row `from - 1` is believed, so only 1 proves all.
    func verify(from: Int64) throws(StoreError) -> LedgerVerdict
}

extension LedgerReader {
    /// The rows as an array.
    package func rows(_ query: LedgerQuery) throws(StoreError) -> [LedgerRow] {
        var rows: [LedgerRow] = []
        try forEachRow(query) { row in
            rows.append(row)
            return true
        }
        return rows
    }

    package func untaken() throws(StoreError) -> UntakenRows? { nil }

    /// Walks the whole chain.
    package func verify() throws(StoreError) -> LedgerVerdict { try verify(from: 1) }
}

/// What a finished append hands over: the row's `seq`, or why it was not written.
package typealias LedgerCompletion = @Sendable (Result<Int64, StoreError>) -> Void

/// The ledger as the gateway uses it.
package protocol Ledger: LedgerReader {
    /// False after a write failed, until one succeeds. Cheap, any thread. While false, nothing may be forwarded.
    var isHealthy: Bool { get }
    /// Appends a row without ever blocking. `completion` runs on the thread that committed the row's transaction or
    /// failed to; when the queue is full or the ledger closed, at once on the calling thread. It is called exactly once.
    /// A row without it is written with the next one that has it, or some milliseconds later.
    func append(_ row: LedgerRow, completion: LedgerCompletion?)
    /// Stops taking rows, writes those that wait, and returns when they are on disk. Blocks.
    func close()
}

extension Ledger {
    /// Appends and waits for the commit: the row's `seq`.
    package func append(_ row: LedgerRow) async throws(StoreError) -> Int64 {
        // Unsafe only in that nobody counts: `completion` is called once, whatever happens.
        let result: Result<Int64, StoreError> = await withUnsafeContinuation { continuation in
            append(row) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
