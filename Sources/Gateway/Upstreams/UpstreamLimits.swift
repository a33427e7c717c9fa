import Base
import Store

/// Time limits that hold for every server that has none of its own.
struct StdioLimits: Sendable {
    var start: TimeSpan
    var call: TimeSpan
    /// Between closing a child's input and SIGTERM.
    var goodbye = TimeSpan.seconds(2)
    /// What children run first; without one they have no limits, and those that shall have some don't start.
    var launcher: ChildLauncher?
}

/// What one server is granted.
struct UpstreamLimits: Sendable {
    /// From its start, or from connecting, until it has introduced itself.
    let start: TimeSpan
    /// How long a new child may be silent when asked which era it speaks. What it answers later still counts.
    let probe: TimeSpan
    /// The silence after which a call is given up.
    let call: TimeSpan
    /// After this a call is given up whatever is heard of it.
    let longestCall: TimeSpan
    let goodbye: TimeSpan
    /// Bytes of one message.
    let maxMessage: Int

    init(_ usual: StdioLimits, _ settings: ServerSettings) {
        start = usual.start
        probe = min(.seconds(3), usual.start)
        call = settings.callTimeout ?? usual.call
        // Progress may extend a call, but not for ever.
        longestCall = settings.longestCall ?? max(.hours(1), TimeSpan(microseconds: 4 * call.microseconds))
        goodbye = usual.goodbye
        maxMessage = settings.maxResponse ?? ServerSettings.largestResponse
    }
}
