import MCP
import Synchronization

/// The calls that wait for their clients' answers, under random names that travel in sealed `requestState` texts.
final class ParkingLot: Sendable {
    /// Over all sessions.
    private static let capacity = 256
    private static let capacityOfSession = 16

    private let calls = Mutex<[String: ParkedCall]>([:])

    /// The name that a retry brings; nil when there is no room.
    func add(_ call: ParkedCall) -> String? {
        let token = SessionTable.makeID()
        return calls.withLock { calls in
            guard calls.count < Self.capacity,
                calls.values.count(where: { $0.session === call.session }) < Self.capacityOfSession
            else { return nil }
            calls[token] = call
            return token
        }
    }

    func find(_ token: String) -> ParkedCall? { calls.withLock { $0[token] } }
    func remove(_ token: String) { _ = calls.withLock { $0.removeValue(forKey: token) } }

    /// Cancels all: nobody will come back for them.
    func close() {
        for call in calls.withLock({ Array($0.values) }) { call.close() }
    }

    var count: Int { calls.withLock { $0.count } }
}
