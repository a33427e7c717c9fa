/// Which connection to one origin a request gets: an idle one, a new one, its turn in the queue, or none. Pure: times
/// come from the caller (microseconds of a monotonic clock), connections are opaque.
package struct PoolMachine<Connection: AnyObject> {
    /// What a request gets.
    package enum Grant {
        /// This idle connection.
        case use(Connection)
        /// The right to open one; `lost()` gives it back.
        case connect
        /// A place in the queue; its number comes up in `release` or `lost`.
        case wait
        /// The queue is full.
        case full
    }

    /// What becomes of a connection that was handed back.
    package enum Return {
        /// This waiter gets it.
        case give(Int)
        /// It stays, idle.
        case keep
        /// There are enough idle ones: close it.
        case close
    }

    private let maxConnections: Int
    private let maxIdle: Int
    private let maxWaiting: Int
    private var idle: [(connection: Connection, until: Int64)] = []
    private var waiting: [Int] = []
    private var dead: [Connection] = []

    /// Connections that are in use or being opened.
    package private(set) var active = 0

    /// A pool without connections.
    package init(maxConnections: Int, maxIdle: Int, maxWaiting: Int) {
        self.maxConnections = maxConnections
        self.maxIdle = maxIdle
        self.maxWaiting = maxWaiting
    }

    /// Connections that wait for work.
    package var idleCount: Int { idle.count }

    /// Requests in the queue.
    package var waitingCount: Int { waiting.count }

    /// Nothing is held: the pool can be forgotten.
    package var isEmpty: Bool { active == 0 && idle.isEmpty && waiting.isEmpty && dead.isEmpty }

    /// A request wants a connection. The youngest idle one is taken: the older ones may then expire. `fresh`: an idle
    /// one will not do, since one of them was just found closed.
    package mutating func acquire(_ waiter: Int, now: Int64, fresh: Bool = false) -> Grant {
        if let last = idle.last {
            guard last.until <= now || fresh else {
                idle.removeLast()
                active += 1
                return .use(last.connection)
            }
            // A fresh connection takes the place of the oldest idle one.
            expire(now: fresh ? .max : now)
        }
        // Those who came before go first.
        if waiting.isEmpty, active < maxConnections {
            if active + idle.count >= maxConnections { dead.append(idle.removeFirst().connection) }
            active += 1
            return .connect
        }
        guard waiting.count < maxWaiting else { return .full }
        waiting.append(waiter)
        return .wait
    }

    /// The youngest idle connection, if it is still good; else nil, and nothing has changed.
    package mutating func acquireIdle(now: Int64, if isUsable: (Connection) -> Bool) -> Connection? {
        guard let last = idle.last, last.until > now, isUsable(last.connection) else { return nil }
        idle.removeLast()
        active += 1
        return last.connection
    }

    /// A connection in use is handed back in good order, to be kept until a time.
    package mutating func release(_ connection: Connection, until: Int64) -> Return {
        if !waiting.isEmpty { return .give(waiting.removeFirst()) }
        active -= 1
        guard idle.count < maxIdle else { return .close }
        idle.append((connection, until))
        return .keep
    }

    /// A connection in use, or the right to open one, is gone.
    /// - Returns: the waiter that may open one instead.
    package mutating func lost() -> Int? {
        guard waiting.isEmpty else { return waiting.removeFirst() }
        active -= 1
        return nil
    }

    /// An idle connection was closed by the server. False: it was not idle.
    package mutating func removeIdle(_ connection: Connection) -> Bool {
        guard let index = idle.firstIndex(where: { $0.connection === connection }) else { return false }
        idle.remove(at: index)
        return true
    }

    /// A waiter has given up. False: it had been served.
    package mutating func abandon(_ waiter: Int) -> Bool {
        guard let index = waiting.firstIndex(of: waiter) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Sorts out idle connections whose time is over; `takeDead()` gives them.
    package mutating func expire(now: Int64) {
        dead.append(contentsOf: idle.lazy.filter { $0.until <= now }.map(\.connection))
        idle.removeAll { $0.until <= now }
    }

    /// Connections the caller has to close now.
    package mutating func takeDead() -> [Connection] {
        guard !dead.isEmpty else { return [] }
        defer { dead = [] }
        return dead
    }
}
