/// Dates as HTTP writes them. SPEC: RFC 9110 §5.6.7.
package enum HTTPDate {
    /// IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT") of a time in whole seconds since the Unix epoch, years 1970–9999.
    package static func format(unixSeconds: Int64) -> [UInt8] {
        let seconds = max(0, min(unixSeconds, 253_402_300_799))
        let days = seconds / 86_400
        let time = Int(seconds % 86_400)
        // Civil date from days since the epoch (Howard Hinnant's algorithm).
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1)
        let month = Int(monthIndex < 10 ? monthIndex + 3 : monthIndex - 9)
        let year = Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0))
        var text: [UInt8] = []
        text.reserveCapacity(29)
        text.append(contentsOf: Array("ThuFriSatSunMonTueWed".utf8)[(Int(days % 7) * 3)...].prefix(3))
        text.append(contentsOf: ", ".utf8)
        appendTwo(day, to: &text)
        text.append(ASCII.space)
        text.append(contentsOf: Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)[((month - 1) * 3)...].prefix(3))
        text.append(ASCII.space)
        appendTwo(year / 100, to: &text)
        appendTwo(year % 100, to: &text)
        text.append(ASCII.space)
        appendTwo(time / 3600, to: &text)
        text.append(ASCII.colon)
        appendTwo(time / 60 % 60, to: &text)
        text.append(ASCII.colon)
        appendTwo(time % 60, to: &text)
        text.append(contentsOf: " GMT".utf8)
        return text
    }

    private static func appendTwo(_ value: Int, to text: inout [UInt8]) {
        text.append(0x30 + UInt8(value / 10 % 10))
        text.append(0x30 + UInt8(value % 10))
    }
}
