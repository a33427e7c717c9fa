import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// The way of one `tools/call` through the house: judge, record, forward, record. Every path ends in the ledger.
struct ToolCallJourney: Sendable {
    let judge: Judge
    let recorder: Recorder
    let forwarder = Forwarder()
    let metrics: GatewayMetrics
    let maxInFlight: Int
    let log: Log

    func run(_ visit: Visit, _ reply: ReplyChannel) async {
        let inFlight = metrics.callsInFlight.add(1, ordering: .relaxed).newValue
        defer { metrics.callsInFlight.subtract(1, ordering: .relaxed) }
        let now = EventLoop.wallNow
        let call: ToolCall
        do throws(ToolCallFault) {
            call = try ToolCall(visit.message)
        } catch {
            let refusal = CallRefusal(rule: "(bad parameters)", message: error.rawValue)
            return await refuse(refusal, nil, visit, reply, now) {
                RPCWriter.error(id: visit.id, code: .invalidParams, message: error.rawValue)
            }
        }
        guard inFlight <= maxInFlight else {
            try? await recorder.record(.overload, call, visit, now: now)
            return await unavailable(visit, reply, isOverload: true)
        }
        let handle = CallHandle()
        visit.session.began(visit.id, handle)
        defer { visit.session.finished(visit.id, handle) }
        do throws(UpstreamError) {
            switch try await judge.judge(call, visit, clock: { EventLoop.wallNow }) {
            case .permitted(let permit):
                await carry(permit, call, visit, handle, reply)
            case .refused(let refusal):
                await refuse(refusal, call, visit, reply, now) {
                    ToolAnswer.failure(
                        id: visit.id, text: refusal.text, metaKey: CallRefusal.metaKey,
                        meta: refusal.meta(requestID: visit.requestID))
                }
            case .undecided:
                try? await recorder.record(.undecided, call, visit, now: now)
                await unavailable(visit, reply, isOverload: false)
            }
        } catch {
            await failed(error, call, visit, reply, now)
        }
    }

    private func carry(
        _ permit: consuming Permit, _ call: ToolCall, _ visit: Visit, _ handle: CallHandle, _ reply: ReplyChannel
    ) async {
        let isShadowed = permit.shadow != nil
        let recorded: RecordedPermit
        do throws(StoreError) {
            recorded = try await recorder.record(permit, call, visit, now: EventLoop.wallNow)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        if isShadowed {
            metrics.shadowDenied.add(1, ordering: .relaxed)
        } else {
            metrics.allowed.add(1, ordering: .relaxed)
        }
        let forwarded = await forwarder.forward(recorded, visit, handle: handle) { await reply.notify($0) }
        recorder.settle(forwarded, visit, now: EventLoop.wallNow)
        if let answer = forwarded.answer { return await reply.answer(answer) }
        guard let failure = forwarded.failure else { return }
        await answer(failure, visit, reply)
    }

    private func refuse(
        _ refusal: CallRefusal, _ call: ToolCall?, _ visit: Visit, _ reply: ReplyChannel, _ now: Instant,
        answer: () -> [UInt8]
    ) async {
        do throws(StoreError) {
            try await recorder.record(refusal, call, visit, now: now)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        metrics.denied.add(1, ordering: .relaxed)
        await reply.answer(answer())
    }

    private func failed(
        _ error: UpstreamError, _ call: ToolCall, _ visit: Visit, _ reply: ReplyChannel, _ now: Instant
    ) async {
        do throws(StoreError) {
            try await recorder.record(.upstream(error.code), call, visit, now: now)
        } catch {
            return await unrecorded(error, visit, reply)
        }
        await answer(error, visit, reply)
    }

    private func answer(_ failure: UpstreamError, _ visit: Visit, _ reply: ReplyChannel) async {
        if failure.code == .cancelled { return reply.silence() }
        metrics.upstreamFailures.add(1, ordering: .relaxed)
        log(
            .warning, "call failed", ("request", visit.requestID), ("server", visit.caller.server.name),
            ("reason", failure.code.rawValue), ("detail", failure.detail))
        let (message, status) = UpstreamAnswer.error(failure, id: visit.id, requestID: visit.requestID)
        await reply.answer(message, status: status)
    }

    private func unrecorded(_ error: StoreError, _ visit: Visit, _ reply: ReplyChannel) async {
        metrics.ledgerFailures.add(1, ordering: .relaxed)
        log(.error, "a decision could not be recorded, so the call is refused", ("reason", error.message))
        await unavailable(visit, reply, isOverload: error.code == .queueFull)
    }

    private func unavailable(_ visit: Visit, _ reply: ReplyChannel, isOverload: Bool) async {
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
