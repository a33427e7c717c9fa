import Base
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// How many calls of a server run, and how many wait for their turn.
@Suite struct CallGateTests {
    /// Who tries to enter, and what became of it.
    private final class Guest: Sendable {
        enum Fate: Equatable { case waiting, inside, refused(UpstreamError.Code), gone }
        private let state = Mutex<(fate: Fate, pass: GatePass?)>((.waiting, nil))
        let handle = CallHandle()
        var fate: Fate { state.withLock { $0.fate } }

        func enter(_ gate: CallGate, _ loop: EventLoop) {
            Task(executorPreference: loop) { [self] in
                do throws(UpstreamError) {
                    let pass = try await gate.enter(handle, on: loop)
                    state.withLock { $0 = (.inside, pass) }
                } catch {
                    state.withLock { $0 = (.refused(error.code), nil) }
                }
            }
        }

        func leave() {
            let pass = state.withLock { state in
                defer { state = (.gone, nil) }
                return state.pass
            }
            // Let go of outside the lock.
            _ = consume pass
        }
    }

    /// Lets what was started run: nothing here waits for anything but the gate.
    private static func settle() async { for _ in 0..<32 { await Task.yield() } }

    private static func guests(_ count: Int, _ gate: CallGate, _ loop: EventLoop) async -> [Guest] {
        let guests = (0..<count).map { _ in Guest() }
        for guest in guests { guest.enter(gate, loop) }
        await settle()
        return guests
    }

    private func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
        try await withLoop { loop in try await Task(executorPreference: loop) { try await body(loop) }.value }
    }

    @Test func limitQueueAndTurn() async throws {
        try await onLoop { loop in
            let gate = CallGate(limit: 2, queue: 3, patience: .seconds(600))
            let guests = await Self.guests(6, gate, loop)
            #expect(
                guests.map(\.fate) == [.inside, .inside, .waiting, .waiting, .waiting, .refused(.overloaded)])
            #expect(gate.counts == (2, 3))
            guests[1].leave()
            await Self.settle()
            #expect(guests[2].fate == .inside, "the first that waits")
            #expect(guests[3].fate == .waiting)
            // Who waits can give up; the place goes to the next.
            guests[3].handle.cancel()
            guests[0].leave()
            await Self.settle()
            #expect(guests[3].fate == .refused(.cancelled))
            #expect(guests[4].fate == .inside)
            for guest in guests { guest.leave() }
            #expect(gate.counts == (0, 0))
            #expect(await Self.guests(2, gate, loop).map(\.fate) == [.inside, .inside])
        }
    }

    @Test func noQueue() async throws {
        try await onLoop { loop in
            let gate = CallGate(limit: 1, queue: 0, patience: .seconds(600))
            let guests = await Self.guests(2, gate, loop)
            #expect(guests.map(\.fate) == [.inside, .refused(.overloaded)])
        }
    }

    @Test func withoutALimitItCounts() async throws {
        try await onLoop { loop in
            let gate = CallGate(limit: nil, queue: 0, patience: .seconds(600))
            let guests = await Self.guests(50, gate, loop)
            #expect(guests.allSatisfy { $0.fate == .inside })
            #expect(gate.counts == (50, 0))
            for guest in guests { guest.leave() }
            #expect(gate.counts == (0, 0))
        }
    }

    @Test func patienceEndsAndWhoWasCancelledBeforeNeverWaits() async throws {
        try await onLoop { loop in
            let gate = CallGate(limit: 1, queue: 5, patience: .milliseconds(1))
            let inside = await Self.guests(1, gate, loop)
            let late = Guest()
            late.handle.cancel()
            late.enter(gate, loop)
            await Self.settle()
            #expect(late.fate == .refused(.cancelled))
            await #expect(throws: UpstreamError.self) { _ = try await gate.enter(CallHandle(), on: loop) }
            #expect(gate.counts == (1, 0), "nobody is left in the queue")
            #expect(inside[0].fate == .inside)
        }
    }

    /// A pass that is handed on is counted once, whoever leaves in whatever order.
    @Test func placesAreNeverLostNorDoubled() async throws {
        try await onLoop { loop in
            let gate = CallGate(limit: 3, queue: 100, patience: .seconds(600))
            var guests = await Self.guests(40, gate, loop)
            var order = 7
            while !guests.isEmpty {
                #expect(guests.count { $0.fate == .inside } == min(3, guests.count))
                order = (order * 31 + 11) % 1_009
                let guest = guests.remove(at: order % guests.count)
                if guest.fate == .inside { guest.leave() } else { guest.handle.cancel() }
                await Self.settle()
            }
            #expect(gate.counts == (0, 0))
        }
    }
}
