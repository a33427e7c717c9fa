import Base
import JSON
import MCP
import Policy
import Runtime
import Store

/// A permit whose decision is on disk. Made here only, and consumed by `Forwarder`.
struct RecordedPermit: ~Copyable, Sendable {
    /// The decision's `seq` in the ledger.
    let decision: Int64
    let permit: Permit

    fileprivate init(decision: Int64, permit: consuming Permit) {
        self.decision = decision
        self.permit = permit
    }
}

/// A call that failed on our side or upstream, in the ledger's words.
enum CallFailure: Sendable {
    case upstream(UpstreamError.Code)
    /// Neither the counters nor the configuration could be asked.
    case undecided
    case overload

    var text: String {
        switch self {
        case .upstream(let code): "upstream: \(code.rawValue)"
        case .undecided: "counters or configuration unavailable"
        case .overload: "too many calls in flight"
        }
    }
}

/// Third and last step: every decision and every outcome goes into the ledger.
struct Recorder: Sendable {
    let ledger: any Ledger
    let hasher: any KeyedHasher
    let quotas: Quotas

    /// Returns once the decision is on disk. If it can't be written, the quota is given back and nothing may be forwarded.
    func record(_ permit: consuming Permit, _ errand: Errand, _ visit: Visit, now: Instant)
        async throws(StoreError) -> RecordedPermit
    {
        var row = LedgerRow(
            time: now, requestID: visit.requestID, outcome: permit.shadow == nil ? .allowed : .shadowDenied)
        describe(errand, visit, in: &row)
        row.policy = permit.policyName
        row.policyVersion = permit.policyVersion
        if !permit.reservations.isEmpty { row.reservations = ReservationRecord.encode(permit.reservations) }
        if let shadow = permit.shadow {
            row.isShadow = true
            row.rule = shadow.rule
            row.ruleAlias = shadow.alias
            row.message = shadow.message
            row.evidence = shadow.evidence.isEmpty ? nil : shadow.evidence.json
        }
        do throws(StoreError) {
            return RecordedPermit(decision: try await ledger.append(row), permit: permit)
        } catch {
            quotas.release(permit.forwarded())
            throw error
        }
    }

    /// Records a call that does not go on.
    func record(_ refusal: CallRefusal, _ errand: Errand?, _ visit: Visit, now: Instant) async throws(StoreError) {
        var row = LedgerRow(time: now, requestID: visit.requestID, outcome: .denied)
        describe(errand, visit, in: &row)
        row.policy = refusal.policyName
        row.policyVersion = refusal.policyVersion
        row.rule = refusal.rule
        row.ruleAlias = refusal.alias
        row.message = refusal.message
        row.evidence = refusal.evidence
        _ = try await ledger.append(row)
    }

    /// Records a call of what no server of the grant has.
    func record(_ refusal: CallRefusal, _ errand: Errand, _ arrival: Arrival) async throws(StoreError) {
        var row = LedgerRow(time: EventLoop.wallNow, requestID: arrival.requestID, outcome: .denied)
        row.grantID = arrival.holder.grant.id
        row.grantLabel = arrival.holder.grant.label
        row.identity = arrival.holder.grant.identity
        row.method = errand.method
        row.tool = errand.selectorName
        row.rule = refusal.rule
        row.ruleAlias = refusal.alias
        row.message = refusal.message
        row.requestBytes = Int64(arrival.body.count)
        _ = try await ledger.append(row)
    }

    /// Records a call that failed on our side or upstream before there was a decision.
    func record(_ failure: CallFailure, _ errand: Errand, _ visit: Visit, now: Instant) async throws(StoreError) {
        var row = LedgerRow(time: now, requestID: visit.requestID, outcome: .error)
        describe(errand, visit, in: &row)
        row.message = failure.text
        _ = try await ledger.append(row)
    }

    /// Settles the reservations and records how the forwarded call ended. Nobody waits for this row: the decision is
    /// on disk, and a call without an outcome keeps its quota.
    func settle(_ forwarded: ForwardedCall, _ visit: Visit, now: Instant) {
        if forwarded.isReleased { quotas.release(forwarded.reservations) }
        var row = LedgerRow(
            time: now, requestID: visit.requestID, outcome: forwarded.failure == nil ? .allowed : .error)
        row.decision = forwarded.decision
        row.isReleased = forwarded.isReleased && !forwarded.reservations.isEmpty
        row.message = forwarded.failure.map { CallFailure.upstream($0.code).text }
        row.upstreamStatus = forwarded.upstreamStatus
        row.latencyMicroseconds = visit.loop.now.microseconds - visit.started.microseconds
        row.responseBytes = Int64(forwarded.responseBytes)
        ledger.append(row, completion: nil)
    }

    // COST: in place, since the compiler copies a row, all its texts retained, to return it.
    private func describe(_ errand: Errand?, _ visit: Visit, in row: inout LedgerRow) {
        let caller = visit.caller
        row.server = caller.server.name
        row.grantID = caller.grant.id
        row.grantLabel = caller.grant.label
        row.identity = caller.grant.identity
        row.sessionID = visit.session.scopeID
        row.method = errand?.method ?? visit.message.method
        row.tool = errand?.selectorName
        if let arguments = errand?.arguments {
            row.argumentKeys.reserveCapacity(arguments.count)
            for (key, _) in arguments.cursor.members { row.argumentKeys.append(key.string ?? "") }
            row.argumentDigest = arguments.document.bytes.withUnsafeBytes {
                hasher.argumentDigest(UnsafeRawBufferPointer(rebasing: $0[arguments.range]))
            }
        }
        row.requestBytes = Int64(visit.message.document.bytes.count)
    }
}
