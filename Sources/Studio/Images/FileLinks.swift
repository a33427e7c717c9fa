import Base
import Synchronization

/// The URLs under which results can be fetched for a while: a random token each, nothing to guess and nothing to list.
package final class FileLinks: Sendable {
    /// A file behind a token.
    package struct Target: Sendable, Equatable {
        /// Absolute.
        package let path: String
        /// What the file is served as.
        package let mimeType: String

        /// A file of our own folders.
        package init(path: String, mimeType: String) {
            self.path = path
            self.mimeType = mimeType
        }
    }

    private struct Entry {
        let target: Target
        let expires: TimeSpan
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Tokens in the order in which they were made, which is the order in which they expire.
        var order: [String] = []
    }

    /// Links kept at once; the oldest is dropped for a new one.
    private let capacity: Int
    private let lifetime: TimeSpan
    private let state = Mutex(State())

    /// - Parameter capacity: links kept at once; the oldest is dropped for a new one.
    package init(lifetime: TimeSpan, capacity: Int = 4096) {
        self.lifetime = lifetime
        self.capacity = max(1, capacity)
    }

    /// Makes a token for a file. `now` is monotonic time.
    package func add(_ target: Target, now: TimeSpan) -> String {
        let token = Base64.encodeURL(randomBytes(32))
        let expires = TimeSpan(microseconds: now.microseconds &+ lifetime.microseconds)
        state.withLock { state in
            var drop = 0
            while drop < state.order.count {
                let oldest = state.order[drop]
                let isExpired = (state.entries[oldest]?.expires ?? .zero) <= now
                guard isExpired || state.order.count - drop >= capacity else { break }
                state.entries[oldest] = nil
                drop += 1
            }
            state.order.removeFirst(drop)
            state.order.append(token)
            state.entries[token] = Entry(target: target, expires: expires)
        }
        return token
    }

    /// The file behind a token; nil when the token is unknown or has expired.
    package func target(_ token: String, now: TimeSpan) -> Target? {
        state.withLock { state in
            guard let entry = state.entries[token], entry.expires > now else { return nil }
            return entry.target
        }
    }
}
