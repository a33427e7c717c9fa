import MCP
import Testing

@testable import Gateway

@Suite struct PageTrailTests {
    private let trail = PageTrail()

    /// Follows the cursors that `next` gives, from the first page; how many pages it took, and the error if there was one.
    private func walk(_ kind: ListKind = .tools, limit: Int = 5_000, next: (String?) -> String?) -> (
        Int, UpstreamError?
    ) {
        var cursor: String?
        for page in 1...limit {
            let following = next(cursor)
            do throws(UpstreamError) { try trail.follow(kind, from: cursor, to: following) } catch {
                return (page, error)
            }
            guard let following else { return (page, nil) }
            cursor = following
        }
        return (limit, nil)
    }

    @Test func aCursorThatLeadsToItselfEndsWithTheSecondPage() {
        let (pages, error) = walk { _ in "again" }
        #expect(pages == 2)
        #expect(error?.code == .endless)
        #expect(error?.detail.contains("leads back") == true)
    }

    @Test(arguments: 2...7) func aCircleEndsAfterOneRound(length: Int) {
        let (pages, error) = walk { cursor in String(((cursor.flatMap { Int($0) } ?? -1) + 1) % length) }
        #expect(pages == length + 1)
        #expect(error?.code == .endless)
    }

    @Test func aLongTailBeforeACircleEndsToo() {
        let (pages, error) = walk { cursor in
            let number = (cursor.flatMap { Int($0) } ?? 0) + 1
            return String(number == 30 ? 20 : number)
        }
        #expect(pages == 30)
        #expect(error?.code == .endless)
    }

    @Test func pagesWithoutEndEnd() {
        let (pages, error) = walk { cursor in String((cursor.flatMap { Int($0) } ?? 0) + 1) }
        #expect(pages == PageTrail.maxPages)
        #expect(error?.detail.contains("more than") == true)
    }

    @Test func aListCanBeReadAgainAndAgain() {
        for _ in 0..<100 {
            let (pages, error) = walk { cursor in cursor == "9" ? nil : String((cursor.flatMap { Int($0) } ?? 0) + 1) }
            #expect(pages == 10)
            #expect(error == nil)
        }
    }

    @Test func twoMayReadAtOnceAndPagesMayChangeTheirSize() throws {
        for page in 0..<50 {
            for step in [10, 20] {
                try trail.follow(.tools, from: page == 0 ? nil : String(page * step), to: String((page + 1) * step))
            }
        }
    }

    @Test func listsAreApart() throws {
        try trail.follow(.tools, from: nil, to: "a")
        try trail.follow(.prompts, from: "a", to: "b")
        try trail.follow(.tools, from: "b", to: "c")
        #expect(throws: UpstreamError.self) { try trail.follow(.tools, from: "c", to: "b") }
        // Whoever begins again is not held to it.
        try trail.follow(.tools, from: "c", to: "b")
    }

    @Test func anEmptyCursorIsOneLikeAnyOther() throws {
        try trail.follow(.tools, from: nil, to: "")
        #expect(throws: UpstreamError.self) { try trail.follow(.tools, from: "", to: "") }
    }
}
