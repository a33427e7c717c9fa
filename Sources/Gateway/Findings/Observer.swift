import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// Writes down what running servers say, for findings over all of them. Nothing waits for it, and nothing is decided by it.
final class Observer: Sendable {
    /// All that a server says now.
    struct Words: Sendable {
        var instructions: String?
        /// By name.
        var tools: [String: JSONView]
        var repeated: Set<String> = []
    }

    private let store: any ObservationStore
    private let hasher: any KeyedHasher
    private let log: Log
    private let pool: BlockingPool
    /// The newest of each server that is not written yet.
    private let waiting = Mutex<[String: Words]>([:])

    init(_ store: any ObservationStore, hasher: any KeyedHasher, log: Log) throws(RuntimeError) {
        self.store = store
        self.hasher = hasher
        self.log = log
        pool = try BlockingPool(threads: 1, name: "observer", maxQueued: 1_024)
    }

    func stop() { pool.stop() }

    /// Returns at once.
    func saw(_ words: Words, of server: String, on loop: EventLoop) {
        // Who comes before the last one is written replaces it.
        guard waiting.withLock({ $0.updateValue(words, forKey: server) == nil }) else { return }
        Task(executorPreference: loop) { [self] in
            do throws(RuntimeError) { try await pool.run { self.write(server) } } catch {
                _ = waiting.withLock { $0.removeValue(forKey: server) }
            }
        }
    }

    /// On the pool's thread.
    private func write(_ server: String) {
        guard let words = waiting.withLock({ $0.removeValue(forKey: server) }) else { return }
        do throws(StoreError) {
            try store.observe(server, words.texts(hasher), at: EventLoop.wallNow)
        } catch {
            // A server that was removed meanwhile has nothing to be noted of.
            guard error.code != .notFound else { return }
            log(.warning, "what a server says could not be noted", ("server", server), ("reason", error.message))
        }
    }
}

extension Observer.Words {
    func texts(_ hasher: any KeyedHasher) -> [SeenText] {
        var texts = [
            SeenText(
                tool: nil, hash: PinDesk.hash(instructions: instructions, hasher),
                definition: (instructions.map(JSONValue.string) ?? .null).bytes)
        ]
        for (name, definition) in tools {
            texts.append(
                SeenText(
                    tool: name, hash: PinDesk.hash(tool: definition, hasher), definition: Array(definition.rawBytes),
                    isRepeated: repeated.contains(name)))
        }
        return texts
    }
}

extension ServerReport {
    /// What the server says, to be noted.
    package func seen(_ hasher: any KeyedHasher) -> [SeenText] {
        var words = Observer.Words(instructions: instructions, tools: [:])
        for tool in tools {
            guard case .string(let name)? = tool["name"],
                let view = try? JSONDocument.parse(tool.bytes, limits: .upstream).root
            else { continue }
            // The first of a name is what `pins` takes.
            if words.tools[name] == nil { words.tools[name] = view } else { words.repeated.insert(name) }
        }
        return words.texts(hasher)
    }
}
