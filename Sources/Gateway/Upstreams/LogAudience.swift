import MCP

/// Who may read what a server logs that several clients share.
///
/// Such a message says nothing of whose call it is about, and work that a call has left behind may log at any time. So what
/// one grant's calls have caused can only be kept from another's if the child has never worked for a second: as long as it
/// serves one grant alone its log is that grant's, and from then on, until the child is started anew, nobody's.
struct LogAudience {
    private enum Users {
        case none
        case one(CallBook.Sender)
        case several
    }

    private var users = Users.none

    /// A new child: it has worked for nobody.
    mutating func begin() { users = .none }

    /// The child gets something to do.
    mutating func uses(_ sender: CallBook.Sender) {
        switch users {
        case .one(let known) where known.grant != sender.grant: users = .several
        case .none, .one: users = .one(sender)
        case .several: break
        }
    }

    var isOne: Bool { if case .one = users { true } else { false } }

    /// The session that a message outside of a single call goes to: the one whose calls are under way, or, if none is, the
    /// one that has called last. Nil if nobody may read it.
    func session(among underWay: Set<CallBook.Sender>) -> String? {
        guard case .one(let last) = users else { return nil }
        let sessions = Set(underWay.map(\.session))
        guard sessions.count <= 1 else { return nil }
        return sessions.first ?? last.session
    }
}
