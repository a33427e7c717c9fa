extension [UInt8] {
    /// Appends a number in decimal.
    ///
    /// COST: `String(number)` is a text in between, which is allocated from 16 digits on.
    package mutating func append(decimal number: Int64) {
        if 0..<10 ~= number { return append(UInt8(truncatingIfNeeded: number) | 0x30) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number.magnitude
            var start = digits.count
            // COST: a division for every two digits, since numbers are mostly times in microseconds.
            while rest >= 100 {
                let (left, pair) = rest.quotientAndRemainder(dividingBy: 100)
                start -= 2
                digits[start] = UInt8(truncatingIfNeeded: pair / 10) | 0x30
                digits[start + 1] = UInt8(truncatingIfNeeded: pair % 10) | 0x30
                rest = left
            }
            repeat {
                start -= 1
                digits[start] = UInt8(truncatingIfNeeded: rest % 10) | 0x30
                rest /= 10
            } while rest > 0
            if number < 0 {
                start -= 1
                digits[start] = UInt8(ascii: "-")
            }
            append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }
}
