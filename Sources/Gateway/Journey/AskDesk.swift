import Base
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// What servers ask of clients: judged by the policy, recorded, and carried there and back like a call the other way.
struct AskDesk: Sendable {
    let judge: Judge
    let recorder: Recorder
    let metrics: GatewayMetrics
    /// The calls of modern clients that wait for answers.
    let lot = ParkingLot()

    /// Why the client is not asked: one sentence for the server.
    struct Refusal: Error, Sendable {
        let text: String
        var code = RPCErrorCode.methodNotFound

        static let unavailable = Refusal(
            text: "the gateway can't record decisions at the moment", code: .cannotRecord)
    }

    /// An allowed request to the client that has still to be settled in the ledger.
    struct Ticket: Sendable {
        fileprivate let decision: Int64
        fileprivate let reservations: [ReservationRecord]
        fileprivate let visit: Visit
    }

    // MARK: The decision

    /// Judges and records.
    /// - Parameter visit: the request during which the server asks.
    func admit(_ kind: InputKind, _ params: JSONView?, _ visit: Visit) async throws(Refusal) -> Ticket {
        guard kind.isDeclared(in: visit.profile.capabilities), visit.profile.version >= kind.since else {
            throw Refusal(text: "the client has not declared that it can be asked for \(kind.text)")
        }
        let errand = Errand(asking: kind, params)
        let now = EventLoop.wallNow
        let unavailable = Refusal.unavailable
        let judgement: Judgement
        do throws(UpstreamError) {
            judgement = try await judge.judge(errand, visit, clock: { EventLoop.wallNow })
        } catch {
            throw unavailable
        }
        switch consume judgement {
        case .permitted(let permit):
            do throws(StoreError) {
                let recorded = try await recorder.record(permit, errand, visit, now: now)
                metrics.allowed.add(1, ordering: .relaxed)
                return Self.ticket(recorded, visit)
            } catch {
                metrics.ledgerFailures.add(1, ordering: .relaxed)
                throw unavailable
            }
        case .refused(let refusal):
            throw await deny(errand, refusal, visit, now)
        case .undecided:
            throw unavailable
        }
    }

    /// Records that the client is not asked, for a reason that is not the policy's.
    /// - Returns: what the server, or the client, is told.
    func deny(_ kind: InputKind, _ params: JSONView?, _ refusal: CallRefusal, _ visit: Visit) async -> Refusal {
        await deny(Errand(asking: kind, params), refusal, visit, EventLoop.wallNow)
    }

    private func deny(_ errand: Errand, _ refusal: CallRefusal, _ visit: Visit, _ now: Instant) async -> Refusal {
        do throws(StoreError) { try await recorder.record(refusal, errand, visit, now: now) } catch {
            metrics.ledgerFailures.add(1, ordering: .relaxed)
            return .unavailable
        }
        metrics.denied.add(1, ordering: .relaxed)
        return Refusal(text: refusal.text)
    }

    private static func ticket(_ recorded: consuming RecordedPermit, _ visit: Visit) -> Ticket {
        Ticket(decision: recorded.decision, reservations: recorded.permit.reservations, visit: visit)
    }

    /// Records how it ended.
    /// - Parameter answer: nil if the client gave none.
    func settle(_ ticket: Ticket, _ answer: RPCMessage?) {
        var isReleased = false
        if let answer, case .response(_, isError: true) = answer.kind { isReleased = true }
        settle(ticket, answer, isReleased: isReleased)
    }

    /// Records that the client was asked by an answer; what it says will be another call's.
    func settleAsked(_ ticket: Ticket, by answer: RPCMessage) { settle(ticket, answer, isReleased: false) }

    private func settle(_ ticket: Ticket, _ answer: RPCMessage?, isReleased: Bool) {
        let failure =
            answer == nil ? UpstreamError(.lost, mayHaveRun: true, detail: "the client gave no answer") : nil
        recorder.settle(
            ForwardedCall(
                decision: ticket.decision, reservations: ticket.reservations, isReleased: isReleased, failure: failure,
                upstreamStatus: nil, answer: answer?.document.bytes),
            ticket.visit, now: EventLoop.wallNow)
    }

    // MARK: A legacy server's request to a legacy client

    /// Passes a server's request on to the client, or answers it. Returns at once: the client's answer finds its own way.
    /// - Parameter send: brings a message to the client; false if there is no way.
    func relay(_ request: RPCMessage, _ id: RequestID, _ visit: Visit, send: ([UInt8]) async -> Bool) async {
        let link = visit.session.link
        // Before the first wait: a server that begins anew meanwhile has not asked this.
        let life = link.life
        if request.method == "ping" { return link.post(RPCWriter.result(id: id, [:]), on: visit.loop) }
        guard let kind = InputKind(method: request.method, params: request.params) else {
            return refuse(id, Refusal(text: "the gateway does not relay `\(request.method.prefix(64))`"), visit)
        }
        guard !link.isShared else {
            let text = "this server is shared by several clients, so nobody knows whom it asks"
            return refuse(id, Refusal(text: text), visit)
        }
        guard visit.profile.era == .legacy else { return await park(request, id, kind, visit) }
        let ticket: Ticket
        do throws(Refusal) { ticket = try await admit(kind, request.params, visit) } catch {
            return refuse(id, error, visit)
        }
        let (loop, session) = (visit.loop, visit.session)
        let alarm = Alarm(on: loop)
        let ask = ServerAsk(link: link, upstreamID: id, life: life) { answer in
            alarm.stop()
            if let answer { link.post(Relay.renumbered(answer, id), on: loop) }
            settle(ticket, answer)
        }
        guard let number = visit.session.asks.add(ask) else {
            settle(ticket, nil)
            return refuse(id, Refusal(text: "too many requests wait for the client", code: .overloaded), visit)
        }
        alarm.set(after: visit.patience) {
            guard let late = session.asks.take(number) else { return }
            late.ended(nil)
            let text = "the client did not answer within \(visit.patience.microseconds / 1_000_000) s"
            refuse(id, Refusal(text: text, code: .upstreamTimeout), visit)
            session.push(Self.withdrawal(of: number, "no answer in time"))
        }
        guard await send(Relay.renumbered(request, RequestID(number))) else {
            // Somebody else may have ended it meanwhile.
            guard let unsent = session.asks.take(number) else { return }
            unsent.ended(nil)
            return refuse(id, Refusal(text: "the client can't be reached", code: .internalError), visit)
        }
    }

    /// A modern client is asked by the answer to its request, never on a stream: the call waits until it comes back.
    private func park(_ request: RPCMessage, _ id: RequestID, _ kind: InputKind, _ visit: Visit) async {
        let link = visit.session.link
        do throws(Untranslatable) {
            let input = try ModernFront.inputRequest(request, capabilities: visit.profile.capabilities)
            guard MethodTable.mayRequireInput.contains(visit.message.method) else {
                throw .inputDuring(visit.message.method)
            }
            let ticket: Ticket
            do throws(Refusal) { ticket = try await admit(kind, request.params, visit) } catch {
                return refuse(id, error, visit)
            }
            guard visit.parked?.ask(id, kind, input.method, input.params, ticket) == true else {
                settle(ticket, nil)
                return refuse(id, Refusal(text: "too many calls wait for the client", code: .overloaded), visit)
            }
        } catch {
            link.post(ModernFront.refusal(of: id, error), on: visit.loop)
        }
    }

    /// The same for a request that came outside of any call: it goes on the session's own stream.
    func relayOutside(_ request: RPCMessage, _ id: RequestID, _ visit: Visit) async {
        if visit.session.profile.era == .modern, request.method != "ping" {
            return refuse(id, Refusal(text: Untranslatable.inputOutsideCall(request.method).text), visit)
        }
        await relay(request, id, visit) { visit.session.push($0) }
    }

    func refuse(_ id: RequestID, _ refusal: Refusal, _ visit: Visit) {
        visit.session.link.post(RPCWriter.error(id: id, code: refusal.code, message: refusal.text), on: visit.loop)
    }

    /// SPEC: who gives up a request says so.
    private static func withdrawal(of number: Int64, _ reason: String) -> [UInt8] {
        RPCWriter.notification(
            method: "notifications/cancelled",
            params: ["requestId": .number(JSONNumber(number)), "reason": .string(reason)])
    }

    // MARK: A modern server's input request to a legacy client

    /// Sends a request to the client and waits for the answer; nil if there will be none.
    /// - Parameter handle: of the call in which the server asks; with it the question is taken back.
    func ask(
        _ request: LegacyFront.ServerRequest, _ visit: Visit, _ handle: CallHandle, notify: ([UInt8]) async -> Void
    ) async -> RPCMessage? {
        let session = visit.session
        let inbox = Inbox()
        let id = RequestID(0)
        let ask = ServerAsk(link: session.link, upstreamID: id, life: nil) { answer in
            if let answer {
                inbox.put(answer)
            } else {
                inbox.fail(UpstreamError(.lost, mayHaveRun: true, detail: "the client gave no answer"))
            }
        }
        guard let number = session.asks.add(ask) else { return nil }
        let timeout = SilenceTimer(visit.patience, on: visit.loop) { _ = session.asks.take(number)?.ended(nil) }
        handle.onCancel { _ = session.asks.take(number)?.ended(nil) }
        defer {
            timeout.stop()
            handle.finish()
        }
        // Nobody is asked for a call that was taken back.
        guard !handle.isCancelled else { return nil }
        await notify(RPCWriter.request(id: number, method: request.method, paramsBytes: request.params))
        if let answer = try? await inbox.next() { return answer }
        // The end of a session takes everything back.
        guard !session.isEnded else { return nil }
        await notify(Self.withdrawal(of: number, handle.isCancelled ? "the call was cancelled" : "no answer in time"))
        return nil
    }
}
