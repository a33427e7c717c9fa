import MCP
import Synchronization

/// How many messages that get no answer are on their way to a server, each on a connection: one that asks and asks, or does
/// not read, must not take those that calls need. More are dropped.
final class Posts: Sendable {
    enum Kind { case notification, answer }

    private static let maxNotifications = 16
    /// A person may have given it, and it is waited for. A client has fewer questions before it, but refusals go this way, too.
    private static let maxAnswers = 256

    private let notifications = Atomic<Int>(0)
    private let answers = Atomic<Int>(0)

    /// Nil if there is no room for it. Each place is given back by ``end(_:)``.
    func begin(_ message: RPCMessage?) -> Kind? {
        if case .response = message?.kind {
            return Self.enter(answers, Self.maxAnswers) ? .answer : nil
        }
        return Self.enter(notifications, Self.maxNotifications) ? .notification : nil
    }

    func end(_ kind: Kind) {
        switch kind {
        case .notification: notifications.subtract(1, ordering: .relaxed)
        case .answer: answers.subtract(1, ordering: .relaxed)
        }
    }

    private static func enter(_ count: borrowing Atomic<Int>, _ most: Int) -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= most { return true }
        count.subtract(1, ordering: .relaxed)
        return false
    }
}
