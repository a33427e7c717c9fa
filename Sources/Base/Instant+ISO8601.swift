/// The proleptic Gregorian calendar in UTC, as far as ISO 8601 texts and calendar windows need it.
package struct CivilTime: Sendable, Hashable {
    package var year: Int
    /// 1–12
    package var month: Int
    /// 1–31
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var microsecond: Int

    package init(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
    ) {
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second, self.microsecond) = (hour, minute, second, microsecond)
    }

    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days).
    package init(_ instant: Instant) {
        let (seconds, microsecond) = floorDivide(instant.microseconds, 1_000_000)
        let (days, secondOfDay) = floorDivide(seconds, 86_400)
        let shifted = days + 719_468
        let (era, dayOfEra) = floorDivide(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        self.year = Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0))
        self.month = Int(month)
        self.day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        self.hour = Int(secondOfDay / 3_600)
        self.minute = Int(secondOfDay / 60 % 60)
        self.second = Int(secondOfDay % 60)
        self.microsecond = Int(microsecond)
    }

    /// Days since 1970-01-01.
    package var dayNumber: Int {
        let y = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(y, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// 1 (Monday) to 7 (Sunday).
    package var weekday: Int { floorDivide(dayNumber + 3, 7).remainder + 1 }

    package var instant: Instant {
        let seconds = dayNumber * 86_400 + hour * 3_600 + minute * 60 + second
        return Instant(microseconds: Int64(seconds) * 1_000_000 + Int64(microsecond))
    }
}

private func floorDivide<I: BinaryInteger>(_ a: I, _ b: I) -> (quotient: I, remainder: I) {
    let (q, r) = a.quotientAndRemainder(dividingBy: b)
    return r < 0 ? (q - 1, r + b) : (q, r)
}

extension Instant {
    /// RFC 3339 in UTC with six decimals, for example `2026-01-05T10:00:00.000000Z`. The format has years 0 to 9999;
    /// times outside them are written as its first or last.
    package var iso8601: String {
        let c = CivilTime(min(max(self, Self.firstWritable), Self.lastWritable))
        var text: [UInt8] = []
        text.reserveCapacity(27)
        func digits(_ n: Int, _ width: Int) {
            var rest = n
            let start = text.count
            for _ in 0..<width {
                text.insert(UInt8(48 + rest % 10), at: start)
                rest /= 10
            }
        }
        digits(c.year, 4)
        text.append(UInt8(ascii: "-"))
        digits(c.month, 2)
        text.append(UInt8(ascii: "-"))
        digits(c.day, 2)
        text.append(UInt8(ascii: "T"))
        digits(c.hour, 2)
        text.append(UInt8(ascii: ":"))
        digits(c.minute, 2)
        text.append(UInt8(ascii: ":"))
        digits(c.second, 2)
        text.append(UInt8(ascii: "."))
        digits(c.microsecond, 6)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    private static let firstWritable = Instant(microseconds: -62_167_219_200_000_000)
    private static let lastWritable = Instant(microseconds: 253_402_300_799_999_999)

    /// Reads RFC 3339 in UTC (`Z`), with none to six decimals. Nil for anything else, also for dates that don't exist.
    package init?(iso8601 text: some StringProtocol) {
        let b = Array(text.utf8)
        guard b.count >= 20, b[b.count - 1] == UInt8(ascii: "Z") else { return nil }
        func number(_ from: Int, _ width: Int) -> Int? {
            var n = 0
            for i in from..<(from + width) {
                guard b[i] >= 48, b[i] <= 57 else { return nil }
                n = n * 10 + Int(b[i] - 48)
            }
            return n
        }
        guard b[4] == UInt8(ascii: "-"), b[7] == UInt8(ascii: "-"), b[10] == UInt8(ascii: "T"),
            b[13] == UInt8(ascii: ":"), b[16] == UInt8(ascii: ":"),
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var microsecond = 0
        if b.count > 20 {
            let width = b.count - 21
            guard b[19] == UInt8(ascii: "."), (1...6).contains(width), let fraction = number(20, width) else {
                return nil
            }
            microsecond = (width..<6).reduce(fraction) { value, _ in value * 10 }
        }
        let civil = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second, microsecond: microsecond)
        self = civil.instant
        guard CivilTime(self) == civil else { return nil }
    }
}
