import Base
import Synchronization

/// Counters since the start, for the admin plane. Names and labels are bounded.
package final class GatewayMetrics: Sendable {
    package let requests = Atomic<Int>(0)
    package let allowed = Atomic<Int>(0)
    package let denied = Atomic<Int>(0)
    package let shadowDenied = Atomic<Int>(0)
    package let unauthenticated = Atomic<Int>(0)
    package let refusedRequests = Atomic<Int>(0)
    package let upstreamFailures = Atomic<Int>(0)
    package let ledgerFailures = Atomic<Int>(0)
    package let callsInFlight = Atomic<Int>(0)
    package let sessions = Atomic<Int>(0)
    package let historyBytes = Atomic<Int>(0)
    package let forgottenEvents = Atomic<Int>(0)
    package let keptBytes = Atomic<Int>(0)
    package let requestBytes = Atomic<Int>(0)
    package let droppedLogs = Atomic<Int>(0)

    package init() {}

    /// Prometheus text exposition format 0.0.4.
    package var prometheus: String {
        var text = ""
        func put(_ name: String, _ kind: String, _ help: String, _ values: [(labels: String, value: Int)]) {
            text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) \(kind)\n"
            for (labels, value) in values { text += "sluice_\(name)\(labels) \(value)\n" }
        }
        func read(_ value: borrowing Atomic<Int>) -> Int { value.load(ordering: .relaxed) }
        put("requests_total", "counter", "HTTP requests on the data plane.", [("", read(requests))])
        put(
            "decisions_total", "counter", "Decisions about tool calls.",
            [
                ("{outcome=\"allowed\"}", read(allowed)), ("{outcome=\"denied\"}", read(denied)),
                ("{outcome=\"shadow_denied\"}", read(shadowDenied)),
            ])
        put("unauthenticated_total", "counter", "Requests without a valid token.", [("", read(unauthenticated))])
        put(
            "refused_requests_total", "counter", "Requests refused before a decision.", [("", read(refusedRequests))])
        put(
            "upstream_failures_total", "counter", "Calls that an upstream did not answer.",
            [("", read(upstreamFailures))])
        put("ledger_failures_total", "counter", "Decisions that could not be recorded.", [("", read(ledgerFailures))])
        put(
            "dropped_log_messages_total", "counter", "Log messages of shared servers that could be anybody's.",
            [("", read(droppedLogs))])
        put("calls_in_flight", "gauge", "Calls between decision and answer.", [("", read(callsInFlight))])
        put("sessions", "gauge", "Open client sessions.", [("", read(sessions))])
        put(
            "event_history_bytes", "gauge", "What is kept of streams for clients that come back.",
            [("", read(historyBytes))])
        put(
            "forgotten_events_total", "counter", "Events of streams that were forgotten for want of room.",
            [("", read(forgottenEvents))])
        put(
            "kept_results_bytes", "gauge", "Results that are kept for clients that wanted a task.",
            [("", read(keptBytes))])
        put(
            "request_bytes", "gauge",
            "What requests under way hold: their bodies twice, 16 bytes for each value in them, and 32 KiB each.",
            [("", read(requestBytes))])
        return text
    }
}
