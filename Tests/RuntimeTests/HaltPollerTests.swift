import Testing

@testable import Runtime

@Suite struct RestraintTests {
    private let others: UInt64 = 20_000

    @Test func staysWhileClientAndServerHaveTheProcessorForAMoment() {
        var restraint = Restraint()
        for _ in 0..<10_000 { #expect(restraint.rest(afterAway: others) == nil) }
        #expect(restraint.rest(afterAway: Restraint.late - 1) == nil)
    }

    @Test func restsWhenSomebodyKeepsTheProcessor() {
        var restraint = Restraint()
        #expect(restraint.rest(afterAway: Restraint.late) == Restraint.shortest)
    }

    @Test func restsLongerTheMoreOftenItIsDisturbed() {
        var restraint = Restraint()
        let rests = (0..<12).map { _ in restraint.rest(afterAway: 3_000_000) }
        #expect(rests == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_024].map { $0 * 1_000_000 })
    }

    /// A few short absences between two long ones are no sign that the processor is free again.
    @Test func remembersDisturbancesUntilItWasCalmForAWhile() {
        var restraint = Restraint()
        _ = restraint.rest(afterAway: 3_000_000)
        for _ in 0..<10 { #expect(restraint.rest(afterAway: others) == nil) }
        #expect(restraint.rest(afterAway: 3_000_000) == 2 * Restraint.shortest)
        for _ in 0..<(Restraint.calm / others) { #expect(restraint.rest(afterAway: others) == nil) }
        #expect(restraint.rest(afterAway: 3_000_000) == Restraint.shortest)
    }
}

@Suite struct HaltPollerTests {
    @Test func endsWhetherItWasWantedOrNot() throws {
        for wanted in [false, true] {
            let poller = try HaltPoller()
            if wanted { poller.stayAwake(until: .max, at: 1) }
            poller.stop()
            poller.join()
        }
    }

    @Test(arguments: [EventLoopGroup.Polling.never, .ownProcessor, .bothProcessors])
    func groupsEndWithAllTheirThreads(_ polling: EventLoopGroup.Polling) async throws {
        let group = try EventLoopGroup(count: 1, polling: polling)
        for _ in 0..<100 { await group.next().run {} }
        #expect((group.haltPoller != nil) == (polling == .bothProcessors && EventLoopGroup.cores == 2))
        group.stop()
        group.join()
        group.haltPoller?.join()
    }

    @Test func isOnlyForOneLoopOnTwoProcessors() {
        for polling in [EventLoopGroup.Polling.never, .ownProcessor, .bothProcessors] {
            for loops in 1...4 {
                for processors in 1...8 {
                    let expected = polling == .bothProcessors && (loops, processors) == (1, 2)
                    #expect(EventLoopGroup.hasNeighbour(polling, loops: loops, processors: processors) == expected)
                }
            }
        }
    }
}
