import Base
import Gateway
import JSON
import Runtime
import Store
import Synchronization

extension AdminService {
    /// `GET /api/v1/status`.
    func status(_ visit: AdminVisit, lastSequence: Int64) -> [UInt8] {
        let (metrics, configuration, now) = (subject.metrics, visit.configuration, visit.now)
        return jsonBytes { writer in
            writer.beginObject()
            writer.member("version", options.version)
            writer.member("started", started)
            writer.member("uptime_seconds", max(0, (now - started).microseconds / 1_000_000))
            writer.member("listen", options.dataPlane)
            writer.member("generation", configuration.generation)
            writer.key("ledger")
            writer.beginObject()
            writer.member("healthy", subject.ledger.isHealthy)
            writer.member("last_seq", lastSequence)
            writer.endObject()
            writer.member("sessions", metrics.sessions.load(ordering: .relaxed))
            writer.member("calls_in_flight", metrics.callsInFlight.load(ordering: .relaxed))
            writer.key("since_start")
            writer.beginObject()
            writer.member("allowed", metrics.allowed.load(ordering: .relaxed))
            writer.member("denied", metrics.denied.load(ordering: .relaxed))
            writer.member("shadow_denied", metrics.shadowDenied.load(ordering: .relaxed))
            writer.member("unauthenticated", metrics.unauthenticated.load(ordering: .relaxed))
            writer.member("upstream_failures", metrics.upstreamFailures.load(ordering: .relaxed))
            writer.member("ledger_failures", metrics.ledgerFailures.load(ordering: .relaxed))
            writer.endObject()
            writer.member("servers", configuration.servers.count)
            writer.member("policies", configuration.policies.count)
            writer.member("active_grants", Self.activeGrants(configuration, now))
            writer.endObject()
        }
    }

    /// The data plane's counters and our own. SPEC: Prometheus text exposition format 0.0.4.
    func prometheus(_ configuration: Configuration) -> String {
        var text = subject.metrics.prometheus
        func put(_ name: String, _ kind: String, _ help: String, _ value: String) {
            text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) \(kind)\n"
            text += "sluice_\(name)\(value)\n"
        }
        put("build_info", "gauge", "The version that runs.", "{version=\"\(options.version)\"} 1")
        put(
            "start_time_seconds", "gauge", "When the admin plane started, in seconds since 1970.",
            " \(started.microseconds / 1_000_000)")
        put("ledger_healthy", "gauge", "Whether decisions can be recorded.", subject.ledger.isHealthy ? " 1" : " 0")
        put(
            "configuration_generation", "counter", "Committed changes of the configuration.",
            " \(configuration.generation)")
        put("admin_requests_total", "counter", "Requests on the admin plane.", " \(requests.load(ordering: .relaxed))")
        put(
            "admin_refused_requests_total", "counter", "Requests on the admin plane that were refused.",
            " \(refused.load(ordering: .relaxed))")
        let fares = configuration.servers.values.sorted { $0.name < $1.name }.map { ($0.name, subject.health($0)) }
        func each(_ name: String, _ help: String, _ value: (UpstreamHealth) -> Int) {
            text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) gauge\n"
            for (server, health) in fares { text += "sluice_\(name){server=\"\(server)\"} \(value(health))\n" }
        }
        each("server_ready", "Whether the server answers.") { $0.state == .ready ? 1 : 0 }
        each("server_failures_in_a_row", "Failures since the server last worked.") { $0.failuresInARow }
        each("server_calls_in_flight", "Requests to the server under way.") { $0.callsInFlight }
        each("server_calls_waiting", "Requests that wait for their turn at the server.") { $0.callsWaiting }
        put("admin_sessions", "gauge", "Open console sessions.", " \(sessions.count)")
        return text
    }

    private static func activeGrants(_ configuration: Configuration, _ now: Instant) -> Int {
        configuration.grants.values.count { $0.standing(at: now) == .active }
    }
}
