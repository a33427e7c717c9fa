import Base
import JSON
import MCP
import Policy

/// How a forwarded call ended.
struct ForwardedCall: Sendable {
    let decision: Int64
    let reservations: [ReservationRecord]
    /// The call certainly had no effect, so its quota is given back.
    let isReleased: Bool
    let failure: UpstreamError?
    let upstreamStatus: Int?
    /// The answer for the client; nil if there is none (`failure` says why).
    let answer: [UInt8]?

    var responseBytes: Int { answer?.count ?? 0 }
}

/// Fourth step: carries a permitted call to its server and the answer back. Without a recorded permit it does nothing,
/// and one permit carries one call.
struct Forwarder: Sendable {
    /// The member of `_meta` that an allowed call's result carries if it took quota.
    static let metaKey = "sluice/limits"

    /// - Parameter notify: takes progress that comes before the answer, with the client's own token.
    func forward(
        _ permit: consuming RecordedPermit, _ visit: Visit, handle: CallHandle, notify: ([UInt8]) async -> Void
    ) async -> ForwardedCall {
        let decision = permit.decision
        let meta = Self.limits(permit.permit)
        let reservations = permit.permit.reservations
        guard !handle.isCancelled else {
            let error = UpstreamError(.cancelled, mayHaveRun: false, detail: "cancelled before it was sent")
            return ForwardedCall(
                decision: decision, reservations: reservations, isReleased: true, failure: error, upstreamStatus: nil,
                answer: nil)
        }
        let id = visit.session.link.mintID()
        let message = Relay.request(visit.message, upstreamID: id)
        do throws(UpstreamError) {
            let (response, status) = try await exchange(message, id, visit, handle, notify)
            var isError = false
            if case .response(_, isError: true) = response.kind { isError = true }
            // SPEC: policy.md, "Settlement": a JSON-RPC error had no effect; a result had one, `isError` or not.
            return ForwardedCall(
                decision: decision, reservations: reservations, isReleased: isError, failure: nil,
                upstreamStatus: status,
                answer: Relay.response(response, clientID: visit.id, meta: isError ? nil : meta))
        } catch {
            return ForwardedCall(
                decision: decision, reservations: reservations, isReleased: !error.mayHaveRun, failure: error,
                upstreamStatus: error.status, answer: nil)
        }
    }

    private func exchange(
        _ message: [UInt8], _ id: Int64, _ visit: Visit, _ handle: CallHandle, _ notify: ([UInt8]) async -> Void
    ) async throws(UpstreamError) -> (RPCMessage, Int?) {
        let link = visit.session.link
        switch try await link.send(message, id: id, on: visit.loop, handle: handle) {
        case .response(let response, let status):
            return (response, status)
        case .stream(let stream):
            let token = visit.message.progressToken.map { Array($0.rawBytes) }
            while true {
                let next = try await stream.next()
                switch next.kind {
                case .response(let answered, let isError):
                    guard answered?.int == id || (isError && answered?.int == nil) else {
                        throw UpstreamError(
                            .broken, mayHaveRun: true, detail: "the answer has the id of another request")
                    }
                    return (next, stream.status)
                case .notification:
                    // Only progress of this very call: other notifications have no place in it.
                    guard next.method == "notifications/progress", let token,
                        next.params?["progressToken"]?.int == id,
                        let relayed = Relay.progress(next, clientToken: token)
                    else { continue }
                    await notify(relayed)
                case .request(let asked):
                    link.post(ServerRequest.answer(next.method, id: asked), on: visit.loop)
                }
            }
        }
    }

    private static func limits(_ permit: borrowing Permit) -> MetaMember? {
        guard permit.tookQuota else { return nil }
        var json: [UInt8] = []
        json.reserveCapacity(160)
        permit.writeStandings(to: &json)
        return MetaMember(key: metaKey, value: json)
    }
}
