/// What a parser reads at most.
package struct HTTPLimits: Sendable {
    /// Bytes of a request or status line, without its line end. Default 8 KiB; above: 414.
    package var requestLine = 8 * 1024
    /// Bytes of all field lines, line ends included. Default 32 KiB; above: 431. At most 1 GiB.
    package var headerSection = 32 * 1024
    /// Number of fields. Default 100; above: 431.
    package var fields = 100
    /// Bytes of a body if the service says nothing else. Default 4 MiB; above: 413.
    package var maxBody = 4 * 1024 * 1024
    /// Bytes of all chunk extensions of one body. Default 4 KiB; above: 400.
    package var chunkExtensions = 4 * 1024
    /// Bytes of a trailer section. Default 8 KiB; above: 400.
    package var trailers = 8 * 1024

    /// The defaults.
    package init() {}
}
