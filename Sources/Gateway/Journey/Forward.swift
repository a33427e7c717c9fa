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

    let exchange: Exchange

    /// - Parameter notify: takes what comes before the answer, ready for the client.
    func forward(
        _ permit: consuming RecordedPermit, _ errand: Errand, _ visit: Visit, handle: CallHandle,
        notify: ([UInt8]) async -> Bool
    ) async -> ForwardedCall {
        let decision = permit.decision
        let reservations = permit.permit.reservations
        guard !handle.isCancelled else {
            let error = UpstreamError(.cancelled, mayHaveRun: false, detail: "cancelled before it was sent")
            return ForwardedCall(
                decision: decision, reservations: reservations, isReleased: true, failure: error, upstreamStatus: nil,
                answer: nil)
        }
        do throws(UpstreamError) {
            let end = try await exchange.run(visit, errand, handle: handle, notify: notify)
            // SPEC: policy.md, "Settlement": a JSON-RPC error had no effect; a result had one, `isError` or not.
            switch end {
            case .response(let response, let status):
                var isError = false
                if case .response(_, isError: true) = response.kind { isError = true }
                let meta = isError ? nil : Self.limits(permit.permit)
                return ForwardedCall(
                    decision: decision, reservations: reservations, isReleased: isError, failure: nil,
                    upstreamStatus: status,
                    answer: visit.crossing.response(
                        response, clientID: visit.id, meta: meta, introduction: visit.introduction))
            case .answer(let bytes, let status, let hadEffect):
                return ForwardedCall(
                    decision: decision, reservations: reservations, isReleased: !hadEffect, failure: nil,
                    upstreamStatus: status, answer: bytes)
            }
        } catch {
            return ForwardedCall(
                decision: decision, reservations: reservations, isReleased: !error.mayHaveRun, failure: error,
                upstreamStatus: error.status, answer: nil)
        }
    }

    private static func limits(_ permit: borrowing Permit) -> MetaMember? {
        guard permit.tookQuota else { return nil }
        return MetaMember(key: metaKey) { permit.writeStandings(to: &$0) }
    }
}
