/// Writes chunks. SPEC: RFC 9112 §7.1.
package enum ChunkEncoder {
    /// Appends "size CRLF data CRLF"; nothing for no data, since an empty chunk would end the body.
    package static func append(_ data: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        guard !data.isEmpty else { return }
        appendHex(data.count, to: &output)
        output.append(ASCII.carriageReturn)
        output.append(ASCII.lineFeed)
        output.append(contentsOf: data)
        output.append(ASCII.carriageReturn)
        output.append(ASCII.lineFeed)
    }

    /// Bytes to leave in front of data whose size is not known yet: 8 digits and CRLF.
    static let prefix = 10

    /// Makes a chunk of a buffer that is `prefix` free bytes and data: adds the line end, puts the size in front of the
    /// data. Gives the offset where the chunk begins; the buffer's end if there is no data (an empty chunk would end
    /// the body). Data up to 4 GiB.
    static func close(_ buffer: inout [UInt8]) -> Int {
        var left = buffer.count - prefix
        guard left > 0 else { return buffer.count }
        buffer.append(ASCII.carriageReturn)
        buffer.append(ASCII.lineFeed)
        buffer[prefix - 1] = ASCII.lineFeed
        buffer[prefix - 2] = ASCII.carriageReturn
        var start = prefix - 2
        while left > 0, start > 0 {
            start -= 1
            let digit = UInt8(left & 15)
            buffer[start] = digit < 10 ? 0x30 + digit : 0x57 + digit
            left >>= 4
        }
        return start
    }

    /// Appends the last chunk and an empty trailer section.
    package static func appendEnd(to output: inout [UInt8]) {
        output.append(contentsOf: [0x30, 0x0D, 0x0A, 0x0D, 0x0A])
    }

    private static func appendHex(_ value: Int, to output: inout [UInt8]) {
        var shift = (Int.bitWidth - max(1, value).leadingZeroBitCount - 1) / 4 * 4
        while shift >= 0 {
            let digit = UInt8((value >> shift) & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }
}
