import Base
import Glibc
import MCP
import Runtime
import Synchronization

@testable import Conversation
@testable import Gateway

/// A conversation, line by line. The first line's first character chooses the client's version, its second the server's
/// era. Each line after it begins with who speaks: `c` a legacy client, `m` a modern one, `s` the server (the rest is what
/// it says); `h` hangs up the latest request, `e` lets the events happen that its letters stand for.
///
/// Whatever comes in whatever order: each request has at most one answer, with its own id and progress token; servers get
/// no answer to what they have not asked, and nothing after their session's end; the sessions of others notice nothing; at
/// the end nothing is left, every request has its answer, and every decision in the ledger one outcome.
func fuzzSession(_ bytes: [UInt8]) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 48, omittingEmptySubsequences: false)
    guard let first = lines.first, let choice = first.first else { return }
    let version = ProtocolVersion.legacy[Int(choice) % ProtocolVersion.legacy.count]
    let era = first.dropFirst().first == UInt8(ascii: "m") ? Era.modern : .legacy
    let done = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(done, 0, 0)
    let waiter = Waiter(done: done)
    Task(executorPreference: world.stand.loop) {
        await converse(lines.dropFirst().map { Array($0) }, version, era)
        waiter.finish()
    }
    // libFuzzer's alarm, every few seconds, interrupts the wait: the next input must not begin before this one is over.
    while sem_wait(done) != 0 {}
    sem_destroy(done)
    done.deallocate()
}

// SAFETY: a semaphore may be posted from any thread.
private struct Waiter: @unchecked Sendable {
    let done: UnsafeMutablePointer<sem_t>
    func finish() { sem_post(done) }
}

/// One gateway for all inputs.
private final class World: Sendable {
    let group: EventLoopGroup
    let stand: Stand

    init() {
        guard let group = try? EventLoopGroup(count: 1), let stand = try? Stand(group) else { fail("no loop") }
        self.group = group
        self.stand = stand
    }
}

private let world = World()

private let events: [Character: String] = [
    "i": "initialize", "I": "bad initialize", "1": "call one", "2": "call two", "c": "cancel one", "C": "cancel two",
    "p": "progress one", "P": "progress two", "3": "result one", "4": "result two", "E": "error one", "a": "ask",
    "n": "withdraw", "A": "answer", "S": "stale answer", "B": "bystander's answer", "g": "get", "b": "come back",
    "R": "resume one", "o": "hang up one", "y": "hang up stream", "d": "delete", "D": "stranger's delete",
    "t": "stranger's call", "k": "die", "v": "revive", "w": "sweep", "l": "late sweep", "q": "grant ends",
    "z": "close streams", "L": "log", "T": "changed", "N": "roots notice",
]

private func converse(_ lines: [[UInt8]], _ version: ProtocolVersion, _ era: Era) async {
    let stand = world.stand
    do {
        let conversation = try await LegacyConversation(stand, version: version, server: era)
        var splitter = LineSplitter(limit: 2_048)
        for line in lines {
            guard let who = line.first else { continue }
            let rest = Array(line[1...])
            switch who {
            case UInt8(ascii: "c"), UInt8(ascii: "m"):
                await conversation.say(String(decoding: rest, as: UTF8.self), isModern: who == UInt8(ascii: "m"))
            case UInt8(ascii: "s"):
                // In two pieces, as a pipe would have it.
                let cut = rest.isEmpty ? 0 : Int(rest[rest.count / 2]) % rest.count
                var heard: [[UInt8]] = []
                for piece in [rest[..<cut], rest[cut...] + [UInt8(ascii: "\n")]] {
                    Array(piece).withUnsafeBytes { bytes in
                        splitter.feed(bytes) { if case .line(let line) = $0 { heard.append(line) } }
                    }
                }
                for line in heard { await conversation.hear(line) }
            case UInt8(ascii: "h"): await conversation.hangUpLatest()
            case UInt8(ascii: "e"):
                for letter in String(decoding: rest, as: UTF8.self).prefix(32) {
                    guard let event = events[letter] else { continue }
                    if event.hasPrefix("call"), conversation.isUnderWay(String(event.dropFirst(5))) { continue }
                    try await conversation.take(event)
                    check(conversation)
                }
            default: continue
            }
            check(conversation)
        }
        stand.endpoint.desk.lot.close()
        await conversation.clear()
        check(conversation)
        expect(conversation.requests.allSatisfy { !$0.isWaiting }, "a request has no answer")
        if let problem = stand.unsettled() { fail(problem) }
        expect(stand.endpoint.sessions.count == 0, "a session is left")
    } catch {
        fail("\(error)")
    }
}

private func check(_ conversation: LegacyConversation) {
    let faults = conversation.book.take().faults + conversation.faults
    expect(faults.isEmpty, "\(faults)")
    expect(conversation.isWithinCaps, "more than the caps")
}
