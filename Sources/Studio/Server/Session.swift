import JSON
import MCP
import Synchronization

/// A session machine with its running calls; both transports use it, from any thread.
package final class Session: Sendable {
    /// What came of a message.
    package enum Received: Sendable {
        case reply([UInt8])
        /// The message could not be read.
        case reject([UInt8])
        /// Carry it out with ``Session/perform(_:)``.
        case call(Call)
        /// Carry its calls out with ``Session/perform(batch:)``.
        case batch(Batch)
        /// A notification or a response: nothing is sent.
        case accepted
    }

    /// An accepted call with its cancellation and progress.
    package struct Call: Sendable {
        /// What was asked.
        package let pending: SessionMachine.PendingCall
        let context: CallContext

        /// Whether the caller gave a progress token.
        package var wantsProgress: Bool { pending.wantsProgress }
    }

    /// A batch of messages: what is answered already, and what has to be carried out.
    package struct Batch: Sendable {
        var answers: [[UInt8]] = []
        var calls: [Call] = []
    }

    private struct State {
        var machine: SessionMachine
        var contexts: [RequestID: CallContext] = [:]
    }

    private let workers: any Workers
    private let state: Mutex<State>

    /// A session before its `initialize`.
    package init(tools: ToolRegistry, workers: any Workers, limits: SessionMachine.Limits = SessionMachine.Limits()) {
        self.workers = workers
        state = Mutex(State(machine: SessionMachine(tools: tools, limits: limits)))
    }

    /// Calls in flight.
    package var runningCount: Int { state.withLock { $0.machine.runningCount } }

    /// What was agreed in `initialize`; nil before it.
    package var version: ProtocolVersion? { state.withLock { $0.machine.version } }

    /// Takes one message.
    /// - Parameter progress: gets the progress notifications of the call that this message may be; from any thread,
    ///   always before ``perform(_:)`` returns.
    package func receive(_ bytes: [UInt8], progress: @escaping @Sendable ([UInt8]) -> Void) -> Received {
        var cancelled: [CallContext] = []
        let received = state.withLock { state -> Received in
            let action = state.machine.receive(bytes)
            guard case .batch(let actions) = action else { return carry(action, &state, &cancelled, progress) }
            var batch = Batch()
            for action in actions {
                switch carry(action, &state, &cancelled, progress) {
                case .reply(let answer), .reject(let answer): batch.answers.append(answer)
                case .call(let call): batch.calls.append(call)
                case .batch, .accepted: break
                }
            }
            return batch.answers.isEmpty && batch.calls.isEmpty ? .accepted : .batch(batch)
        }
        for context in cancelled { context.cancel() }
        return received
    }

    /// Does what a single action asks for, under the lock.
    private func carry(
        _ action: SessionMachine.Action, _ state: inout State, _ cancelled: inout [CallContext],
        _ progress: @escaping @Sendable ([UInt8]) -> Void
    ) -> Received {
        switch action {
        case .reply(let bytes): return .reply(bytes)
        case .reject(let bytes): return .reject(bytes)
        case .nothing, .batch: return .accepted
        case .cancel(let id):
            if let context = state.contexts.removeValue(forKey: id) { cancelled.append(context) }
            return .accepted
        case .call(let pending):
            let context = makeContext(pending, progress)
            state.contexts[pending.id] = context
            return .call(Call(pending: pending, context: context))
        }
    }

    private func makeContext(
        _ pending: SessionMachine.PendingCall, _ progress: @escaping @Sendable ([UInt8]) -> Void
    ) -> CallContext {
        guard pending.wantsProgress else { return CallContext(workers: workers) }
        return CallContext(workers: workers) { [weak self] report in
            guard let self else { return }
            if let bytes = self.state.withLock({ $0.machine.progress(pending.id, report) }) { progress(bytes) }
        }
    }

    /// Carries out a call. Nil: it was cancelled, and nothing may be sent.
    package func perform(_ call: Call) async -> [UInt8]? {
        let result = await Self.run(call)
        let id = call.pending.id
        let mayAnswer = state.withLock { state in
            guard state.contexts[id] === call.context else { return false }
            state.contexts[id] = nil
            return state.machine.finish(id)
        }
        return mayAnswer ? RPCWriter.result(id: id, result) : nil
    }

    /// Carries out the calls of a batch at the same time. Nil: all that would be answered was cancelled.
    package func perform(batch: Batch) async -> [UInt8]? {
        var answers = batch.answers
        await withTaskGroup(of: [UInt8]?.self) { group in
            for call in batch.calls { group.addTask { await self.perform(call) } }
            for await answer in group { if let answer { answers.append(answer) } }
        }
        guard !answers.isEmpty else { return nil }
        return Array(
            [[UInt8(ascii: "[")], Array(answers.joined(separator: [UInt8(ascii: ",")])), [UInt8(ascii: "]")]].joined())
    }

    private static func run(_ call: Call) async -> JSONValue {
        let pending = call.pending
        let arguments: ToolArguments
        do throws(ArgumentProblems) {
            arguments = try pending.tool.parameters.decode(pending.arguments)
        } catch {
            return Envelope.failure(error.first, others: error.rest, pending.dialect)
        }
        do throws(StudioError) {
            return Envelope.success(try await pending.tool.call(arguments, call.context), pending.dialect)
        } catch {
            return Envelope.failure(error, pending.dialect)
        }
    }

    /// Ends all calls at their next step; their answers are not sent.
    package func cancelAll() {
        let contexts = state.withLock { state in
            let contexts = Array(state.contexts.values)
            for id in state.contexts.keys { _ = state.machine.finish(id) }
            state.contexts = [:]
            return contexts
        }
        for context in contexts { context.cancel() }
    }
}
