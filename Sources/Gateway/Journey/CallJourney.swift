import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// The way of one `tools/call`, `resources/read` or `prompts/get` through the house: judge, record, forward, record. Every
/// path ends in the ledger.
struct CallJourney: Sendable {
    let judge: Judge
    let recorder: Recorder
    let forwarder: Forwarder
    let metrics: GatewayMetrics
    let maxInFlight: Int
    let log: Log

    func run(_ visit: Visit, _ reply: any ReplyChannel) async {
        let inFlight = metrics.callsInFlight.add(1, ordering: .relaxed).newValue
        defer { metrics.callsInFlight.subtract(1, ordering: .relaxed) }
        let now = EventLoop.wallNow
        let errand: Errand
        do throws(ErrandFault) {
            guard let known = try Errand(visit.message) else { return }
            errand = known
        } catch {
            let refusal = CallRefusal(rule: "(bad parameters)", message: error.text)
            return await refuse(refusal, nil, visit, reply, now) {
                RPCWriter.error(id: visit.id, code: .invalidParams, message: error.text)
            }
        }
        guard inFlight <= maxInFlight else {
            try? await recorder.record(.overload, errand, visit, now: now)
            return await unavailable(visit, reply, isOverload: true)
        }
        let handle = CallHandle()
        visit.begin(handle, reply)
        defer { visit.finish(handle) }
        do throws(UpstreamError) {
            switch try await judge.judge(errand, visit, clock: { EventLoop.wallNow }) {
            case .permitted(let permit):
                await carry(permit, errand, visit, handle, reply)
            case .refused(let refusal):
                await refuse(refusal, errand, visit, reply, now) { refusal.answer(to: errand, visit) }
            case .undecided:
                try? await recorder.record(.undecided, errand, visit, now: now)
                await unavailable(visit, reply, isOverload: false)
            }
        } catch {
            await failed(error, errand, visit, reply, now)
        }
    }

    private func carry(
        _ permit: consuming Permit, _ errand: Errand, _ visit: Visit, _ handle: CallHandle, _ reply: any ReplyChannel
    ) async {
        let isShadowed = permit.shadow != nil
        let recorded: RecordedPermit
        do throws(StoreError) {
            recorded = try await recorder.record(permit, errand, visit, now: EventLoop.wallNow)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        if isShadowed {
            metrics.shadowDenied.add(1, ordering: .relaxed)
        } else {
            metrics.allowed.add(1, ordering: .relaxed)
        }
        let forwarded = await forwarder.forward(recorded, errand, visit, handle: handle) { message in
            await reply.notify(message)
            return !reply.isGone
        }
        // COST: nobody waits for the outcome's row, but the client for its answer. Quota that comes back, comes back first.
        if let answer = forwarded.answer, !forwarded.isReleased, reply.answersAtOnce {
            await reply.answer(answer, status: visit.status(of: answer))
            return recorder.settle(forwarded, visit, now: EventLoop.wallNow)
        }
        recorder.settle(forwarded, visit, now: EventLoop.wallNow)
        if let answer = forwarded.answer { return await reply.answer(answer, status: visit.status(of: answer)) }
        guard let failure = forwarded.failure else { return }
        await answer(failure, visit, reply)
    }

    private func refuse(
        _ refusal: CallRefusal, _ errand: Errand?, _ visit: Visit, _ reply: any ReplyChannel, _ now: Instant,
        answer: () -> [UInt8]
    ) async {
        do throws(StoreError) {
            try await recorder.record(refusal, errand, visit, now: now)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        metrics.denied.add(1, ordering: .relaxed)
        await reply.answer(answer())
    }

    private func failed(
        _ error: UpstreamError, _ errand: Errand, _ visit: Visit, _ reply: any ReplyChannel, _ now: Instant
    ) async {
        do throws(StoreError) {
            try await recorder.record(.upstream(error.code), errand, visit, now: now)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        await answer(error, visit, reply)
    }

    private func answer(_ failure: UpstreamError, _ visit: Visit, _ reply: any ReplyChannel) async {
        if visit.staysSilent(failure, reply) { return reply.silence() }
        if failure.code != .cancelled {
            metrics.upstreamFailures.add(1, ordering: .relaxed)
            visit.session.server.noted(failure)
            log(
                .warning, "call failed", ("request", visit.requestID), ("server", visit.caller.server.name),
                ("reason", failure.code.rawValue), ("detail", failure.detail))
        }
        let (message, status) = UpstreamAnswer.error(failure, id: visit.id, requestID: visit.requestID)
        await reply.answer(message, status: status)
    }

    private func unrecorded(_ error: StoreError, _ visit: Visit, _ reply: any ReplyChannel) async {
        metrics.ledgerFailures.add(1, ordering: .relaxed)
        log(.error, "a decision could not be recorded, so the call is refused", ("reason", error.message))
        await unavailable(visit, reply, isOverload: error.code == .queueFull)
    }

    private func unavailable(_ visit: Visit, _ reply: any ReplyChannel, isOverload: Bool) async {
        let text =
            isOverload
            ? "The gateway has too many calls in flight. Try again later."
            : "The gateway can't record decisions at the moment, so it refuses calls."
        let message = RPCWriter.error(
            id: visit.id, code: isOverload ? .overloaded : .cannotRecord, message: text,
            data: ["reason": isOverload ? "overloaded" : "ledger", "requestId": .string(visit.requestID)])
        await reply.answer(message, status: HTTPStatus(503))
    }
}
