import CUV
import Synchronization

/// Several loops, each on its own thread. Running when the initialiser returns.
package final class EventLoopGroup: Sendable {
    /// The loops, in the order of their numbers.
    package let loops: [EventLoop]
    private let turn = Atomic<Int>(0)
    let haltPoller: HaltPoller?

    /// What is kept awake while a loop's next event is near; see ADR 10.
    package enum Polling: Sendable {
        /// Nothing: loops sleep whenever they wait.
        case never
        /// The loop's own processor.
        case ownProcessor
        /// The other processor, too, if there is one loop for two.
        case bothProcessors
    }

    /// How many processors this process may use; at least 1.
    package static var cores: Int { max(1, Int(uv_available_parallelism())) }

    /// A loop for every two processors; at least 1.
    ///
    /// Who sends requests and who answers them run on the same machine often, and the kernel's share of the network always
    /// does. With a loop on each of two processors, a call cost a tenth more than with one, and no more calls were done.
    package static var usualCount: Int { max(1, cores / 2) }

    /// Makes and starts `count` loops, 1 to 1024.
    package init(
        count: Int = EventLoopGroup.usualCount, name: String = "loop", polling: Polling = .ownProcessor
    ) throws(RuntimeError) {
        guard (1...1024).contains(count) else { throw RuntimeError(.invalidArgument, "\(count) event loops") }
        let haltPoller = Self.hasNeighbour(polling, loops: count, processors: Self.cores) ? try HaltPoller() : nil
        var loops: [EventLoop] = []
        do throws(RuntimeError) {
            for index in 0..<count {
                let loop = try EventLoop(name: "\(name)-\(index)", polls: polling != .never, haltPoller: haltPoller)
                try loop.start()
                loops.append(loop)
            }
        } catch {
            for loop in loops { loop.stop() }
            haltPoller?.stop()
            throw error
        }
        self.loops = loops
        self.haltPoller = haltPoller
    }

    /// Whether there is just one other processor, which no loop keeps awake.
    static func hasNeighbour(_ polling: Polling, loops: Int, processors: Int) -> Bool {
        polling == .bothProcessors && loops == 1 && processors == 2
    }

    /// The loops in turn.
    package func next() -> EventLoop {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: turn) % UInt(loops.count))]
    }

    /// Stops every loop; see ``EventLoop/stop()``.
    package func stop() {
        for loop in loops { loop.stop() }
        haltPoller?.stop()
    }

    /// Blocks until every loop has ended. Not from one of them.
    package func join() {
        for loop in loops { loop.join() }
    }
}
