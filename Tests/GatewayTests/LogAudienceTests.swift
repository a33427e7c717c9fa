import Testing

@testable import Gateway

@Suite struct LogAudienceTests {
    private let one = CallBook.Sender(grant: "g1", session: "a")
    private let same = CallBook.Sender(grant: "g1", session: "b")
    private let other = CallBook.Sender(grant: "g2", session: "c")

    @Test func nobodyReadsWhatNobodyHasCaused() {
        let audience = LogAudience()
        #expect(!audience.isOne)
        #expect(audience.session(among: []) == nil)
    }

    @Test func oneGrantReadsItsOwn() {
        var audience = LogAudience()
        audience.uses(one)
        #expect(audience.isOne)
        #expect(audience.session(among: [one]) == "a")
        // Of a call that is over: for who has called last.
        #expect(audience.session(among: []) == "a")
        audience.uses(same)
        #expect(audience.session(among: []) == "b")
        #expect(audience.session(among: [one]) == "a")
        #expect(audience.session(among: [one, same]) == nil)
    }

    @Test func aSecondGrantEndsItUntilTheChildIsStartedAnew() {
        var audience = LogAudience()
        audience.uses(one)
        audience.uses(other)
        audience.uses(other)
        #expect(!audience.isOne)
        #expect(audience.session(among: [other]) == nil)
        audience.begin()
        audience.uses(other)
        #expect(audience.session(among: []) == "c")
    }
}
