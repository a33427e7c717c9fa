import HTTP
import Testing

@Suite struct PoolMachineTests {
    final class Link {}

    private func pool(_ connections: Int = 2, idle: Int = 2, waiting: Int = 2) -> PoolMachine<Link> {
        PoolMachine(maxConnections: connections, maxIdle: idle, maxWaiting: waiting)
    }

    private func text(_ grant: PoolMachine<Link>.Grant) -> String {
        switch grant {
        case .use: "use"
        case .connect: "connect"
        case .wait: "wait"
        case .full: "full"
        }
    }

    private func text(_ back: PoolMachine<Link>.Return) -> String {
        switch back {
        case .give(let waiter): "give \(waiter)"
        case .keep: "keep"
        case .close: "close"
        }
    }

    private func expect(_ found: String, _ wanted: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(found == wanted, sourceLocation: location)
    }

    @Test func opensUpToItsLimitThenQueuesThenRefuses() {
        var pool = pool()
        let grants = (1...5).map { text(pool.acquire($0, now: 0)) }
        #expect(grants == ["connect", "connect", "wait", "wait", "full"])
        #expect(pool.active == 2 && pool.waitingCount == 2)
        expect(text(pool.release(Link(), until: 9)), "give 3")
        let (first, second) = (pool.lost(), pool.lost())
        #expect(first == 4)
        #expect(second == nil)
        #expect(pool.active == 1)
    }

    @Test func theYoungestIdleIsTakenAndOldOnesExpire() throws {
        var pool = pool()
        let (old, young) = (Link(), Link())
        _ = (pool.acquire(1, now: 0), pool.acquire(2, now: 0))
        expect(text(pool.release(old, until: 10)), "keep")
        expect(text(pool.release(young, until: 20)), "keep")
        guard case .use(let got) = pool.acquire(3, now: 5) else {
            Issue.record("no idle connection")
            return
        }
        #expect(got === young)
        expect(text(pool.release(young, until: 30)), "keep")
        pool.expire(now: 15)
        let deadOld = pool.takeDead()
        #expect(deadOld.count == 1 && deadOld.first === old)
        expect(text(pool.acquire(4, now: 30)), "connect")
        let deadYoung = pool.takeDead()
        #expect(deadYoung.count == 1 && deadYoung.first === young)
        #expect(pool.idleCount == 0 && pool.active == 1)
    }

    @Test func anIdleOneCanBeHadAtOnceIfItIsGood() {
        var pool = pool()
        #expect(pool.acquireIdle(now: 0) { _ in true } == nil)
        let link = Link()
        _ = pool.acquire(1, now: 0)
        expect(text(pool.release(link, until: 10)), "keep")
        #expect(pool.acquireIdle(now: 10) { _ in true } == nil)
        #expect(pool.acquireIdle(now: 5) { _ in false } == nil)
        #expect(pool.idleCount == 1 && pool.active == 0)
        #expect(pool.acquireIdle(now: 5) { $0 === link } === link)
        #expect(pool.idleCount == 0 && pool.active == 1)
    }

    @Test func aFreshOneReplacesTheIdle() {
        var pool = pool(1)
        _ = pool.acquire(1, now: 0)
        expect(text(pool.release(Link(), until: 100)), "keep")
        expect(text(pool.acquire(2, now: 1, fresh: true)), "connect")
        let dead = pool.takeDead()
        #expect(dead.count == 1)
        let waiter = pool.lost()
        #expect(waiter == nil)
        #expect(pool.isEmpty)
    }

    @Test func idleOnesAreCapped() {
        var pool = pool(3, idle: 1)
        for waiter in 1...3 { _ = pool.acquire(waiter, now: 0) }
        expect(text(pool.release(Link(), until: 9)), "keep")
        expect(text(pool.release(Link(), until: 9)), "close")
        #expect(pool.active == 1)
    }

    @Test func theServerMayCloseAnIdleOneAndAWaiterMayGiveUp() {
        var pool = pool(1)
        let link = Link()
        _ = pool.acquire(1, now: 0)
        expect(text(pool.acquire(2, now: 0)), "wait")
        let abandoned = [pool.abandon(2), pool.abandon(2)]
        #expect(abandoned == [true, false])
        expect(text(pool.release(link, until: 9)), "keep")
        let removed = [pool.removeIdle(link), pool.removeIdle(link)]
        #expect(removed == [true, false])
        #expect(pool.isEmpty)
    }
}
