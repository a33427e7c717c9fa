import Base
import Imaging
import JSON
import MCP
import Support
import Testing

@testable import Studio

@Suite struct SessionMachineTests {
    private let bench: TestBench

    init() throws {
        bench = try TestBench()
    }

    private func machine(_ version: String? = "2025-11-25") -> SessionMachine {
        var machine = SessionMachine(tools: bench.workshop.tools())
        if let version { _ = machine.receive(initialize(version)) }
        return machine
    }

    private func reply(_ action: SessionMachine.Action) throws -> JSONView {
        switch action {
        case .reply(let bytes), .reject(let bytes): return try JSONDocument.parse(bytes).root
        case .call, .cancel, .batch, .nothing: throw TestProblem("no reply: \(action)")
        }
    }

    private func send(_ machine: inout SessionMachine, _ text: String) -> SessionMachine.Action {
        machine.receive(Array(text.utf8))
    }

    @Test(arguments: [
        ("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"),
        ("2026-07-28", "2025-11-25"), ("2024-11-05", "2024-11-05"), ("nonsense", "2025-11-25"),
    ])
    func versionsAreNegotiated(_ asked: String, _ answered: String) throws {
        var machine = machine(nil)
        let answer = try reply(machine.receive(initialize(asked)))
        #expect(answer["id"]?.int == 0)
        #expect(answer["result"]?["protocolVersion"]?.string == answered)
        #expect(answer["result"]?["capabilities"]?["tools"]?.kind == .object)
        #expect(answer["result"]?["serverInfo"]?["name"]?.string == "sluice-studio")
        #expect(machine.version?.rawValue == answered)
    }

    /// Every kind of message in both phases.
    @Test(
        arguments: [
            (#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, nil, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#, -32601, -32601),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, -32600, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":""}}"#, -32600, -32602),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nothing"}}"#, -32600, -32602),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, -32600, -32602),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32600, -32602),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"imageUpload","arguments":[]}}"#,
                -32600, -32602
            ),
            (#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#, -32600, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"resources/templates/list"}"#, -32600, nil),
            (#"{"jsonrpc":"2.0","id":1,"method":"resources/read"}"#, -32600, -32602),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}"#, -32600,
                -32002
            ),
            (#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe"}"#, -32600, -32601),
            (#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#, -32602, -32600),
            (#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, -32600),
            (#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, -32600),
            (#"{"jsonrpc":"2.0","id":1}"#, -32600, -32600),
            (#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, -32600),
            (#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32700, -32700),
            ("not json", -32700, -32700),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\u{1}\"}", -32700, -32700),
        ] as [(String, Int64?, Int64?)])
    func answersInEachPhase(_ text: String, _ before: Int64?, _ after: Int64?) throws {
        var fresh = machine(nil)
        let first = try reply(send(&fresh, text))
        #expect(first["error"]?["code"]?.int == before)
        #expect((first["result"] == nil) == (before != nil))
        var ready = machine()
        let second = try reply(send(&ready, text))
        #expect(second["error"]?["code"]?.int == after)
        #expect((second["result"] == nil) == (after != nil))
    }

    @Test func notificationsAndResponsesAreNotAnswered() {
        for text in [
            #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
            #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            #"{"jsonrpc":"2.0","method":"anything/else","params":{"a":1}}"#,
            #"{"jsonrpc":"2.0","id":5,"result":{}}"#,
            #"{"jsonrpc":"2.0","id":5,"error":{"code":1,"message":"x"}}"#,
        ] {
            for version in [nil, "2025-11-25"] {
                var machine = machine(version)
                guard case .nothing = send(&machine, text) else {
                    Issue.record("\(text) was answered")
                    continue
                }
            }
        }
    }

    @Test func idsKeepTheirType() throws {
        var machine = machine()
        for id in ["1", "\"1\"", "\"a b\"", "-7", "12345678901234567"] {
            let action = send(&machine, #"{"jsonrpc":"2.0","id":\#(id),"method":"ping"}"#)
            guard case .reply(let bytes) = action else {
                Issue.record("no reply")
                continue
            }
            #expect(String(decoding: bytes, as: UTF8.self).contains("\"id\":\(id),"))
        }
    }

    @Test func aCallEndsOnceOrIsCancelled() throws {
        var machine = machine()
        let text =
            #"{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"imageUpload","arguments":{"file_path":"x"}}}"#
        guard case .call(let call) = send(&machine, text) else { throw TestProblem("no call") }
        #expect(machine.runningCount == 1)
        let repeated = try reply(send(&machine, text))
        #expect(repeated["error"]?["code"]?.int == -32600, "the id is in use")
        let ends = [machine.finish(call.id), machine.finish(call.id)]
        #expect(ends == [true, false])
        guard case .call(let second) = send(&machine, text) else { throw TestProblem("no call") }
        guard
            case .cancel(let id) = send(
                &machine, #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}"#)
        else { throw TestProblem("no cancel") }
        #expect(id == second.id)
        let mayAnswer = machine.finish(second.id)
        #expect(!mayAnswer, "a cancelled call gets no response")
    }

    @Test func whatASessionMadeIsListedTheNewestFirst() throws {
        var limits = SessionMachine.Limits()
        limits.resources = 3
        var machine = SessionMachine(tools: bench.workshop.tools(), limits: limits)
        _ = machine.receive(initialize())
        for name in ["a", "b", "a", "c", "d"] {
            machine.remember([ResourceLink(uri: name, name: name, description: "", mimeType: "image/png", size: 1)])
        }
        let answer = try reply(send(&machine, #"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#))
        let listed = try #require(answer["result"]?["resources"])
        #expect(listed.elements.map { $0["uri"]?.string } == ["d", "c", "a"])
        #expect(listed[0]?["type"] == nil && listed[0]?["mimeType"]?.string == "image/png")
    }

    @Test func aResourceIsReadOnce() async throws {
        let session = bench.session()
        _ = session.receive(initialize()) { _ in }
        let file = try picture()
        let image = try bench.workshop.store.put(file, format: .png, width: 40, height: 30, durable: false)
        func read(_ uri: String, cancelled: Bool = false) async throws -> JSONView? {
            let message: JSONValue = [
                "jsonrpc": "2.0", "id": 5, "method": "resources/read", "params": ["uri": .string(uri)],
            ]
            guard case .call(let call) = session.receive(message.bytes, progress: { _ in }) else {
                throw TestProblem("no call")
            }
            let again = session.receive(message.bytes) { _ in }
            guard case .reply(let refused) = again else { throw TestProblem("the id is in use") }
            #expect(try JSONDocument.parse(refused).root["error"]?["code"]?.int == -32600)
            if cancelled {
                _ = session.receive(
                    Array(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#.utf8)
                ) { _ in }
            }
            return try await session.perform(call).map { try JSONDocument.parse($0).root }
        }
        let uri = ResourceURI.picture(image.id).text
        let content = try #require(try await read(uri)?["result"]?["contents"]?[0])
        #expect(content["uri"]?.string == uri && content["mimeType"]?.string == "image/png")
        #expect(Base64.decode(content["blob"]?.string ?? "") == file)
        let unknown = try #require(try await read(ResourceURI.picture(.random()).text))
        #expect(unknown["error"]?["code"]?.int == -32002 && unknown["error"]?["data"]?["uri"]?.string != nil)
        #expect(try await read(uri, cancelled: true) == nil)
        #expect(session.runningCount == 0)
    }

    @Test func theInstructionsNameEveryCode() throws {
        var machine = machine(nil)
        let answer = try reply(machine.receive(initialize()))
        let text = try #require(answer["result"]?["instructions"]?.string)
        for code in StudioError.Code.allCases { #expect(text.contains(code.rawValue)) }
        #expect(answer["result"]?["capabilities"]?["resources"]?.kind == .object)
        let list = try reply(send(&machine, #"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#))
        #expect(
            list["result"].map { $0.rawBytes.count } ?? .max < 80_000, "it is read at the start of every conversation")
    }

    @Test func progressGrowsAndEndsWithTheCall() throws {
        var machine = machine()
        let text =
            #"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"imageUpload","arguments":{},"_meta":{"progressToken":"t"}}}"#
        guard case .call(let call) = send(&machine, text) else { throw TestProblem("no call") }
        #expect(call.wantsProgress)
        var values: [Int64] = []
        for progress in [1, 1, 3, 2, 4] {
            if let bytes = machine.progress(call.id, ProgressReport(progress: progress, total: 5, message: "m")) {
                let params = try JSONDocument.parse(bytes).root["params"]
                #expect(params?["progressToken"]?.string == "t")
                values.append(params?["progress"]?.int ?? -1)
            }
        }
        #expect(values == [1, 3, 4])
        _ = machine.finish(call.id)
        let late = machine.progress(call.id, ProgressReport(progress: 5, total: 5, message: "late"))
        #expect(late == nil)
    }

    @Test func callsHaveALimit() throws {
        var limits = SessionMachine.Limits()
        limits.running = 2
        var machine = SessionMachine(tools: bench.workshop.tools(), limits: limits)
        _ = machine.receive(initialize())
        for id in 1...3 {
            let action = send(
                &machine, #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"imageUpload"}}"#)
            if id < 3 {
                guard case .call = action else { throw TestProblem("no call") }
            } else {
                #expect(try failure(#require(try reply(action)["result"]))["code"]?.string == "busy")
            }
        }
    }

    @Test func theListSaysWhatTheVersionKnows() throws {
        for (version, isNew) in [("2025-11-25", true), ("2025-06-18", true), ("2025-03-26", false)] {
            var machine = machine(version)
            let tools = try #require(
                try reply(send(&machine, #"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#))["result"]?["tools"])
            #expect(
                tools.elements.map { $0["name"]?.string } == [
                    "imageInference", "photoMaker", "imageUpscale", "imageBackgroundRemoval", "imageCaption",
                    "imageMasking",
                    "modelSearch", "videoInference", "listVideoModels", "getVideoModelInfo", "imageUpload", "generate",
                    "img2img", "inpaint", "control",
                ])
            for tool in tools.elements {
                #expect((tool["outputSchema"] != nil) == isNew)
                #expect(tool["inputSchema"]?["additionalProperties"]?.bool == false)
                #expect(tool["annotations"]?["destructiveHint"]?.bool == false)
                #expect((tool["description"]?.string?.count ?? 0) > 60)
            }
        }
    }

    @Test func batchesBelongToOneVersion() async throws {
        let upload =
            #"{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"imageUpload","arguments":{"file_path":"face.png"}}}"#
        let text =
            #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},\#(upload),7,{"jsonrpc":"2.0","id":2,"method":"initialize"}]"#
        let session = bench.session()
        _ = session.receive(initialize("2025-03-26")) { _ in }
        guard case .batch(let batch) = session.receive(Array(text.utf8), progress: { _ in }) else {
            throw TestProblem("no batch")
        }
        let answers = try JSONDocument.parse(#require(await session.perform(batch: batch))).root
        #expect(answers.count == 4)
        #expect(answers.elements.compactMap { $0["id"]?.value } == [1, 2, "c"])
        #expect(answers[1]?["error"]?["code"]?.int == -32600, "7 is no message")
        #expect(answers[2]?["error"]?["code"]?.int == -32600, "no second initialize")
        #expect(session.runningCount == 0)
        for odd in ["[]", "[" + Array(repeating: "7", count: 65).joined(separator: ",") + "]"] {
            guard case .reject = session.receive(Array(odd.utf8), progress: { _ in }) else {
                throw TestProblem("was accepted")
            }
        }
        guard case .accepted = session.receive(Array(#"[{"jsonrpc":"2.0","method":"x"}]"#.utf8), progress: { _ in })
        else {
            throw TestProblem("notifications are not answered")
        }
    }

    @Test func anUnknownToolGetsAHint() throws {
        var machine = machine()
        let answer = try reply(
            send(&machine, #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"imageMaskin"}}"#))
        #expect(answer["error"]?["message"]?.string == "unknown tool `imageMaskin`; did you mean `imageMasking`?")
    }

    /// Damaged messages in any order: every request gets one answer at most, and nothing breaks.
    @Test func damagedMessagesBreakNothing() throws {
        var random = SeededGenerator(seed: 20_260_728)
        let samples = [
            String(decoding: initialize("2025-03-26"), as: UTF8.self),
            #"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#,
            #"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"imageMasking","arguments":{"inputImage":"face.png","model":"runware:35@6","maskBlur":3},"_meta":{"progressToken":5}}}"#,
            #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#,
            #"[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"ping"}]"#,
        ].map { Array($0.utf8) }
        var machine = machine(nil)
        var counts: [String: Int] = [:]
        for _ in 0..<20_000 {
            var bytes = random.pick(samples)
            for _ in 0..<random.below(4) {
                let at = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(random.pick(Array(#""{}[],:\0"#.utf8)), at: at)
                default: bytes.removeSubrange(at...)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            switch machine.receive(bytes) {
            case .reply(let answer), .reject(let answer):
                let root = try JSONDocument.parse(answer).root
                #expect((root["result"] == nil) != (root["error"] == nil))
                counts["answered", default: 0] += 1
            case .call(let call):
                counts["calls", default: 0] += 1
                if random.oneIn(2) { _ = machine.finish(call.id) }
            case .cancel: counts["cancelled", default: 0] += 1
            case .batch: counts["batches", default: 0] += 1
            case .nothing: counts["nothing", default: 0] += 1
            }
            #expect(machine.runningCount <= 64)
            if machine.version == nil, random.oneIn(50) { _ = machine.receive(initialize("2025-03-26")) }
        }
        #expect(counts.count == 5, "every kind of outcome was seen: \(counts)")
    }
}
