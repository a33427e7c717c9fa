import Base
import HTTP
import MCP
import Synchronization
import Testing

@testable import Gateway

@Suite struct TaskBookTests {
    private static let start = Instant(microseconds: 1_800_000_000_000_000)

    private func kept(_ size: Int, until: Instant = start + .minutes(1)) -> TaskBook.Kept {
        TaskBook.Kept(task: [], result: [UInt8](repeating: 32, count: size - 512), until: until)
    }

    @Test func aNameThatIsGivenTwiceLeavesNothingBehind() throws {
        let budget = FairBudget(capacity: 1 << 20)
        let book = TaskBook(budget: budget.share(of: "g"))
        for token in 1...5_000 as ClosedRange<Int64> {
            book.expect(progress: token, as: Array("\"p\(token)\"".utf8))
            book.began("same", token: token)
        }
        #expect(book.clientToken(for: 4_999) == nil)
        #expect(book.clientToken(for: 5_000) == Array("\"p5000\"".utf8), "there is still room")
        let questions = try #require(book.questions(of: "same") { TaskQuestions() })
        let ended = Mutex(0)
        #expect(questions.add(.init(1), .form, "elicitation/create", nil) { _ in ended.withLock { $0 += 1 } })
        book.began("same")
        #expect(ended.withLock { $0 } == 1, "whoever asked is told that there will be no answer")
        #expect(book.clientToken(for: 5_000) == nil)
        #expect(book.keep(kept(1_000), as: "k", now: Self.start))
        book.began("k")
        #expect(budget.size == 0)
    }

    @Test func whatIsKeptIsGivenBack() {
        let budget = FairBudget(capacity: 1 << 20)
        let book = TaskBook(budget: budget.share(of: "g"))
        let soon = Self.start + .seconds(1)
        #expect(book.keep(kept(1_000, until: soon), as: "a", now: Self.start))
        #expect(book.keep(kept(1_000), as: "b", now: Self.start))
        #expect(budget.size == 2_000)
        book.forgetExpired(now: soon)
        #expect(budget.size == 1_000 && !book.owns("a") && book.owns("b"))
        #expect(book.kept("b", now: Self.start + .minutes(2)) == nil)
        #expect(budget.size == 0)
        #expect(book.keep(kept(1_000), as: "c", now: Self.start))
        book.close()
        #expect(budget.size == 0)
        #expect(!book.keep(kept(1_000), as: "d", now: Self.start))
        do {
            let book = TaskBook(budget: budget.share(of: "g"))
            #expect(book.keep(kept(1_000), as: "e", now: Self.start))
        }
        #expect(budget.size == 0, "also by a session that nobody has ended")
    }

    @Test func oneGrantLeavesRoomForOthers() {
        let budget = FairBudget(capacity: 12_000)
        func fill(_ grant: String) -> Int {
            let share = budget.share(of: grant)
            return (0..<20).filter { _ in share.take(1_000) }.count
        }
        #expect(["one", "two", "three", "four"].map(fill) == [6, 3, 1, 1])
        #expect(fill("one") == 0)
        #expect(budget.size == 11_000)
        budget.share(of: "two").give(3_000)
        #expect(fill("five") == 2 && budget.size == 10_000)
        budget.share(of: "two").place(of: 1_000)?.leave()
        #expect(budget.size == 10_000)
    }

    @Test func aSessionKeepsFourMebibytes() {
        let book = TaskBook(budget: FairBudget(capacity: 1 << 30).share(of: "g"))
        let answers = (0..<5).map { book.keep(kept(1 << 20), as: "\($0)", now: Self.start) }
        #expect(answers == [true, true, true, true, false])
    }

    @Test func onlySoManyWaitAtOnce() {
        let book = TaskBook()
        for _ in 0..<TaskBook.maxWaits { #expect(book.beginWait()) }
        #expect(!book.beginWait())
        book.endWait()
        #expect(book.beginWait())
    }
}
