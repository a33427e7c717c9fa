/// Rows that were recorded and can't be looked at: they are in the journal, and the table has not taken them.
package struct UntakenRows: Sendable, Hashable {
    /// What keeps the table from taking them.
    package enum Cause: Sendable, Hashable {
        /// They can't be written: the disk is full, or another process holds the database.
        case refused
        /// The journal goes on behind these: they are lost, and what is behind them can't be chained.
        case gap(ClosedRange<Int64>)
        /// They have a form that this version of the program does not know.
        case otherForm
    }

    /// Their numbers, from the table's end on.
    package let rows: ClosedRange<Int64>
    /// Why.
    package let cause: Cause

    package init(_ rows: ClosedRange<Int64>, _ cause: Cause) {
        self.rows = rows
        self.cause = cause
    }

    /// A word for programs.
    package var word: String {
        switch cause {
        case .refused: "refused"
        case .gap: "gap"
        case .otherForm: "other_form"
        }
    }

    /// One sentence for people.
    package var text: String {
        let these = "\(Self.name(rows)) in the ledger's journal only and not looked at"
        return switch cause {
        case .refused: "\(these): the database does not take them"
        case .gap(let lost): "\(these): \(Self.name(lost)) lost, and the ledger can't go on without them"
        case .otherForm: "\(these): another version of sluice has written them"
        }
    }

    /// How to mend it.
    package var mend: String {
        switch cause {
        case .refused: "free some disk space, or end the process that holds the database; then look again"
        case .gap:
            "restore the sluice.db and sluice.db-wal that belong to the journal; 'sluice serve' begins anew without them"
        case .otherForm:
            "look at the ledger once with the version of sluice that wrote them: it puts them in their place"
        }
    }

    private static func name(_ rows: ClosedRange<Int64>) -> String {
        rows.count == 1 ? "row \(rows.lowerBound) is" : "rows \(rows.lowerBound) to \(rows.upperBound) are"
    }
}
