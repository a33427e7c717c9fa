import Base
import Support
import Testing

@Suite struct InstantTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_767_607_200_000_000, "2026-01-05T10:00:00.000000Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
        (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ])
    func textAndBack(_ microseconds: Int64, _ text: String) {
        #expect(Instant(microseconds: microseconds).iso8601 == text)
        #expect(Instant(iso8601: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        ("2026-01-05T10:00:00Z", 0), ("2026-01-05T10:00:00.5Z", 500_000), ("2026-01-05T10:00:00.05Z", 50_000),
        ("2026-01-05T10:00:00.000001Z", 1), ("2026-01-05T10:00:00.123456Z", 123_456),
    ])
    func readsNoneToSixDecimals(_ text: String, _ fraction: Int64) {
        #expect(Instant(iso8601: text)?.microseconds == 1_767_607_200_000_000 + fraction)
    }

    @Test(arguments: [
        "", "Z", "2026-01-05", "2026-01-05T10:00:00", "2026-01-05T10:00:00+00:00", "2026-01-05 10:00:00Z",
        "2026-01-05t10:00:00z", "2026-1-5T10:00:00Z", "2026-01-05T10:00Z", "2026-01-05T10:00:00.Z",
        "2026-01-05T10:00:00.1234567Z", "2026-01-05T10:00:00,5Z", "2026-01-05T24:00:00Z", "2026-01-05T10:60:00Z",
        "2026-01-05T10:00:60Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
        "-026-01-05T10:00:00Z", "+2026-01-05T10:00:00Z", "12026-01-05T10:00:00Z", "2026-01-05T10:00:00Z ",
        " 2026-01-05T10:00:00Z", "2026-01-05T10:00:00.5 Z", "2026-01-05T10:00:00.-5Z", "\u{662}026-01-05T10:00:00Z",
    ])
    func refusesEverythingElse(_ text: String) {
        #expect(Instant(iso8601: text) == nil)
    }

    @Test func everyTruncationIsRefused() {
        let text = "2026-01-05T10:00:00.123456Z"
        for length in 0..<text.utf8.count { #expect(Instant(iso8601: String(text.prefix(length))) == nil) }
    }

    @Test func everyDayOfFourHundredYearsRoundTripsAndAdvancesTheWeekday() {
        var civil = CivilTime(Instant(microseconds: 946_684_800_000_000))
        #expect(civil.weekday == 6)  // 2000-01-01 was a Saturday
        var weekday = civil.weekday
        for day in 1...146_097 {
            let next = CivilTime(Instant(microseconds: 946_684_800_000_000 + Int64(day) * 86_400_000_000))
            guard next.instant.microseconds == 946_684_800_000_000 + Int64(day) * 86_400_000_000 else {
                Issue.record("day \(day) does not round trip")
                return
            }
            weekday = weekday % 7 + 1
            #expect(next.weekday == weekday)
            #expect((next.year, next.month, next.day) > (civil.year, civil.month, civil.day))
            civil = next
        }
    }

    @Test func textSortsLikeTime() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            let a = Instant(microseconds: Int64(random.below(253_402_300_799_999_999)))
            let b = Instant(microseconds: Int64(random.below(253_402_300_799_999_999)))
            #expect((a < b) == (a.iso8601 < b.iso8601))
            #expect(Instant(iso8601: a.iso8601) == a)
        }
    }

    @Test func yearsBeyondFourDigitsAreHeldAtTheEnds() {
        #expect(Instant(microseconds: .max).iso8601 == "9999-12-31T23:59:59.999999Z")
        #expect(Instant(microseconds: .min).iso8601 == "0000-01-01T00:00:00.000000Z")
    }

    @Test func arithmeticSaturates() {
        let (first, last) = (Instant(microseconds: .min), Instant(microseconds: .max))
        #expect(last + .seconds(1) == last)
        #expect(first + .seconds(-1) == first)
        #expect(first - .seconds(1) == first)
        #expect(last - .seconds(-1) == last)
        #expect(last - first == TimeSpan(microseconds: .max))
        #expect(first - last == TimeSpan(microseconds: .min))
        #expect(TimeSpan.days(.max) == TimeSpan(microseconds: .max))
        #expect(TimeSpan.days(.min) == TimeSpan(microseconds: .min))
        #expect(Instant(microseconds: 5) + .milliseconds(2) - Instant(microseconds: 5) == .microseconds(2_000))
        #expect(TimeSpan.hours(2) == .minutes(120))
        #expect(TimeSpan.days(1) == .hours(24))
    }

    @Test(arguments: [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (-1, 0), (-1_000, -1), (-1_001, -1)])
    func waitsRoundUp(_ microseconds: Int64, _ milliseconds: Int64) {
        #expect(TimeSpan(microseconds: microseconds).millisecondsRoundedUp == milliseconds)
    }
}
