import Base
import Glibc
import HTTP
import Imaging
import JSON
import Runtime
import Support
import Synchronization
import Testing

@testable import Studio

/// What services say, without a service.
@Suite struct ServiceTests {
    @Test(arguments: [
        ("invalidApiKey", "keyRefused"), ("missingApiKey", "keyRefused"), ("unauthorized", "keyRefused"),
        ("tokenInvalid", "keyRefused"), ("accountSuspended", "keyRefused"), ("insufficientCredits", "creditsExhausted"),
        ("quotaExceededQuota", "creditsExhausted"), ("invalidBalance", "creditsExhausted"),
        ("paymentRequired", "creditsExhausted"), ("requestRateLimited", "rateLimited"),
        ("rateLimitExceeded", "rateLimited"), ("promptBlocked", "contentRefused"),
        ("contentPolicyViolation", "contentRefused"), ("timeoutProvider", "serviceFailed"),
        ("inferenceTimeout", "serviceFailed"), ("modelNotFound", "serviceRefused"), ("imageExpired", "serviceRefused"),
        ("internalServerError", "serviceFailed"), ("providerBusy", "serviceFailed"), ("modelDisabled", "serviceFailed"),
        ("invalidWidth", "serviceRefused"), ("conflictTaskUUID", "serviceRefused"), ("somethingNew", "serviceRefused"),
    ])
    func codesOfRunwareFallIntoBuckets(_ code: String, _ expected: String) {
        let error = RunwareProblem(code: code, message: "m").error()
        #expect(error.code.rawValue == expected)
        #expect(error.service == ServiceFacts(engine: "runware", code: code))
    }

    @Test(arguments: [
        (#"{"data":[{"a":1},{"b":2}]}"#, 2, 0), (#"{"data":{"a":1}}"#, 1, 0), (#"{"data":[1,null,{"a":1}]}"#, 1, 0),
        (#"{"data":[{}],"errors":[{"code":"x"}]}"#, 1, 1), (#"{"errors":{"code":"x"}}"#, 0, 1),
        (#"{"error":{"code":"x"}}"#, 0, 1), (#"{"error":true,"errorId":3,"errorMessage":"m"}"#, 0, 1),
        (#"{"errors":[]}"#, 0, 0), (#"{"data":[]}"#, 0, 0), (#"{"errors":[null,5]}"#, 0, 2),
    ])
    func repliesOfRunwareComeInManyForms(_ text: String, _ items: Int, _ problems: Int) throws {
        let reply = try #require(RunwareReply(Array(text.utf8)))
        #expect((reply.items.count, reply.problems.count) == (items, problems))
    }

    @Test(arguments: ["", "[]", "{}", "null", "{\"data\":", "<html>", "{\"other\":1}"])
    func whatIsNoReplyIsNone(_ text: String) {
        #expect(RunwareReply(Array(text.utf8)) == nil)
    }

    @Test(arguments: [
        ("api.bfl.ai", true), ("api.eu.bfl.ai", true), ("api.us1.bfl.ml", true), ("bfl.ai", false),
        ("api.bfl.ai.evil.example", false), ("api.a.b.bfl.ai", false), ("apibfl.ai", false), ("api.evilbfl.ai", false),
        ("delivery.bfl.ai", false), ("api.-.bfl.ai", false),
    ])
    func onlyBFLsHostsGetItsKey(_ host: String, _ isOwn: Bool) {
        #expect(BFLEndpoint.isOwnHost(host) == isOwn)
    }

    @Test func keysDoNotShow() throws {
        let key = try ServiceKey("  secret-key-123\n")
        #expect(key.secret == "secret-key-123")
        #expect("\(key) \(String(reflecting: key)) \(String(describing: key))".contains("secret") == false)
        for bad in [
            "", "short", "two words here", "line\nbreak-key", String(repeating: "k", count: 600), "schlüssel-123",
        ] {
            #expect(throws: StudioError.self) { try ServiceKey(bad) }
        }
    }

    @Test(arguments: [
        ("https://api.example/v1", true), ("http://127.0.0.1:9/", true), ("http://localhost:9", true),
        ("http://api.example/v1", false), ("ftp://x", false), ("https://u@x/", false), ("", false),
    ])
    func keysTravelEncrypted(_ url: String, _ isGood: Bool) {
        #expect(((try? ServiceOptions(url: url).base()) != nil) == isGood)
    }

    @Test func pricesAreExact() throws {
        #expect(PriceTable.embedded == (try readFile(Places.packageRoot + "/Assets/studio/prices.json")))
        let table = try PriceTable.standard()
        let arguments = ToolArguments(values: ["numberResults": .integer(7)])
        let estimate = table.estimate(
            engine: "runware", operation: .imageInference, model: "civitai:1@2", arguments)
        #expect(estimate?.description == "0.0091")
        #expect(table.price(engine: "local", operation: .upscale, model: nil) == .zero)
        #expect(table.price(engine: "runware", operation: .video, model: "google:9@9") == nil)
        #expect(
            table.estimate(engine: "bfl", operation: .generate, model: "flux.1.1-ultra", arguments)?.description
                == "0.42")
        #expect(
            table.estimate(engine: "bfl", operation: .generate, model: "flux.1-pro", ToolArguments(values: [:]))?
                .description == "0.04", "its successor's")
        let own = try PriceTable(
            json: Array(#"[{"engine":"runware","model":"google:*","operation":"video","each":0.25}]"#.utf8)
        ).before(table)
        #expect(own.price(engine: "runware", operation: .video, model: "google:9@9")?.description == "0.25")
        for bad in [
            "{}", "[1]", #"[{"engine":"x"}]"#, #"[{"engine":"x","each":-1}]"#,
            #"[{"engine":"x","each":1,"operation":"y"}]"#,
        ] {
            #expect(throws: StudioError.self) { try PriceTable(json: Array(bad.utf8)) }
        }
    }

    @Test(arguments: ImageFormat.allCases)
    func metadataGoesAndPixelsStay(_ format: ImageFormat) throws {
        let bytes = try picture(width: 33, height: 21, format)
        #expect(Metadata.stripped(bytes, format).count <= bytes.count)
        let marked = try withComment(bytes, format)
        #expect(String(decoding: marked, as: UTF8.self).contains("taken at home"))
        let stripped = Metadata.stripped(marked, format)
        #expect(!String(decoding: stripped, as: UTF8.self).contains("taken at home"))
        #expect(try PixelImage.decode(stripped) == PixelImage.decode(bytes))
        #expect(Metadata.stripped(bytes + Array("taken at home".utf8), format).count <= bytes.count, "behind the end")
        #expect(Metadata.stripped([0] + bytes, format).isEmpty)
        // What is cut or garbled is a picture without metadata, or none.
        for end in stride(from: 0, to: marked.count, by: 7) { _ = Metadata.stripped(Array(marked[..<end]), format) }
        for i in 0..<min(marked.count, 200) {
            var garbled = marked
            garbled[i] ^= 0xFF
            _ = Metadata.stripped(garbled, format)
        }
    }

    @Test func segmentsOfJPEGThatCouldSayAnything() throws {
        let bytes = try picture(width: 33, height: 21, .jpeg)
        func segment(_ marker: UInt8, _ text: String) -> [UInt8] {
            [0xFF, marker, 0, UInt8(text.utf8.count + 2)] + Array(text.utf8)
        }
        let after = Array(bytes[2...])
        for (kind, text) in [(UInt8(0xE2), "MPF\0home"), (0xE1, "Exif\0\0home"), (0xE0, "JFXX\0home"), (0xEE, "home")] {
            let marked = Array(bytes[..<2]) + segment(kind, text) + after
            #expect(try PixelImage.decode(marked) == PixelImage.decode(bytes))
            #expect(Metadata.stripped(marked, .jpeg) == Metadata.stripped(bytes, .jpeg))
        }
        let profile = segment(0xE2, "ICC_PROFILE\0\u{1}\u{1}colours")
        let coloured = Metadata.stripped(Array(bytes[..<2]) + profile + after, .jpeg)
        #expect(coloured.count == Metadata.stripped(bytes, .jpeg).count + profile.count, "colours stay")
        // A decoder forgives stray bytes between segments; what follows them can't be told apart.
        #expect(Metadata.stripped(Array(bytes[..<2]) + [0, 0] + segment(0xE1, "Exif\0\0home") + after, .jpeg).isEmpty)
    }

    @Test func chunksOfPNGThatNobodyKnowsGo() throws {
        let bytes = try picture()
        let chunk: [UInt8] = [0, 0, 0, 4] + Array("prVthome".utf8) + [0, 0, 0, 0]
        #expect(Metadata.stripped(Array(bytes[..<33]) + chunk + Array(bytes[33...]), .png) == bytes)
        #expect(Metadata.stripped(Array(bytes.dropLast(12)), .png).isEmpty, "without an end")
    }

    @Test(arguments: [ImageFormat.jpeg, .png])
    func picturesOfUnexpectedFormLeaveEncodedAnew(_ format: ImageFormat) throws {
        let bytes = try picture(width: 33, height: 21, format)
        let note = Array("taken at home".utf8)
        let marked: [UInt8]
        if format == .png {
            marked = try Array(withComment(bytes, format).dropLast(12))
        } else {
            marked = try Array(bytes[..<2]) + [0, 0] + Array(withComment(bytes, format)[2...])
        }
        // A decoder that refuses it is as good.
        guard let outgoing = try? RemotePictures.outgoing(marked, limits: .standard) else { return }
        #expect(outgoing.format == format && outgoing.file.firstRange(of: note) == nil)
        #expect(try PixelImage.decode(outgoing.file).width == 33)
    }

    @Test func repeatsThatPayAgainAreNotAdvised() {
        let failed = StudioError(.serviceFailed, "it failed", service: ServiceFacts(engine: "x", taskUUID: "upload"))
        let known = failed.after(ServiceFacts(engine: "runware", taskUUID: "task"))
        #expect(
            known.isRetryable && known.service?.taskUUID == "task" && known.message.contains("without paying twice"))
        let spent = failed.after(ServiceFacts(engine: "bfl", serviceTaskID: "f00d", wouldPayAgain: true))
        #expect(!spent.isRetryable && spent.service?.serviceTaskID == "f00d" && spent.service?.taskUUID == nil)
        let full = StudioError(.storageFull, "full").after(ServiceFacts(engine: "runware", taskUUID: "task"))
        #expect(full.service?.taskUUID == "task" && full.message == "full")
        let cancelled = StudioError(.cancelled, "cancelled")
        #expect(cancelled.after(known.service) == cancelled)
    }

    @Test(
        arguments: [
            ("bytes=0-0", 10, 0..<1), ("bytes=3-", 10, 3..<10), ("bytes=-4", 10, 6..<10), ("bytes=-40", 10, 0..<10),
            ("bytes=9-99", 10, 9..<10), ("bytes=10-", 10, nil), ("bytes=-0", 10, nil), ("bytes=0-", 0, nil),
        ] as [(String, Int, Range<Int>?)])
    func rangesOfBytes(_ text: String, _ size: Int, _ wanted: Range<Int>?) throws {
        #expect(try #require(ByteRange(text)).within(size) == wanted)
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=9-5", "bytes=0-1,3-4", "Bytes=0-1", "bytes=0x1-2",
        "bytes=1--2", "bytes=99999999999999999999-", "items=0-1",
    ])
    func whatIsNoRangeIsTheWholeFile(_ text: String) { #expect(ByteRange(text) == nil) }

    @Test func argumentsWithoutEffectAreNamedOnce() {
        let given: [String: ArgumentValue] = [
            "image": .image("a.png"), "steps": .integer(9), "seed": .integer(0), "prompt": .text("  "),
            "checkNSFW": .boolean(false), "raw": .boolean(true), "numberResults": .integer(1), "output": .text("x.png"),
            "estimatedCost": .number(1),
        ]
        let all = ToolArguments(values: given)
        #expect(all.unusedWarning("local:x", reads: ["image"]) == "`raw`, `seed`, `steps` have no effect with local:x")
        #expect(
            ToolArguments(values: given, given: ["seed"]).unusedWarning("local:x", reads: [])
                == "`seed` has no effect with local:x", "defaults are nobody's wish")
        #expect(all.unusedWarning("local:x", reads: ["image", "raw", "seed", "steps"]) == nil)
    }

    @Test func keysThatAreEchoedAreHidden() throws {
        let key = try ServiceKey("secret/key-123")
        let body = Array(#"{"a":"Bearer secret/key-123 secret\/key-123","b":"secret/key-12"}"#.utf8)
        let hidden = key.hidden(in: body)
        #expect(hidden.count == body.count)
        #expect(
            String(decoding: hidden, as: UTF8.self)
                == #"{"a":"Bearer ************** ***************","b":"secret/key-12"}"#)
    }

    @Test(arguments: [
        (#"{"m":"key \u0073ecret/k+ey-1"}"#, #"{"m":"key ******************"}"#),
        (
            #"{"m":"secret\/k\u002Bey-1 secret\u002fk\u002bey-1"}"#,
            #"{"m":"******************* ***********************"}"#
        ),
        (#"{"m":"\\secret/k+ey-1\\u0073ecret/k+ey-1"}"#, #"{"m":"\\*************\\u0073ecret/k+ey-1"}"#),
        (#"{"m":"\u0073ecret/k+ey-2","n":"\u00"}"#, #"{"m":"\u0073ecret/k+ey-2","n":"\u00"}"#),
    ])
    func keysAreHiddenHoweverTheyAreSpelled(_ body: String, _ shown: String) throws {
        let key = try ServiceKey("secret/k+ey-1")
        #expect(String(decoding: key.hidden(in: Array(body.utf8)), as: UTF8.self) == shown)
    }

    @Test(arguments: [1e-39, 1e-300, Double.leastNonzeroMagnitude, 1e-20, 0])
    func noEstimateIsTooSmallToCount(_ expected: Double) throws {
        let price = ExactDecimal(4, scale: 2)
        let arguments = ToolArguments(values: ["estimatedCost": .number(expected)])
        let error = #expect(throws: StudioError.self) { try EngineTool.refuseIfDearer(price, arguments) }
        #expect(error?.code == .costTooHigh)
        try EngineTool.refuseIfDearer(.zero, arguments)
        try EngineTool.refuseIfDearer(price, ToolArguments(values: ["estimatedCost": .number(0.04)]))
        // What was paid for is brought at any price.
        try EngineTool.refuseIfDearer(
            price,
            ToolArguments(
                values: ["estimatedCost": .number(expected), "serviceTaskID": .text("x")], given: ["serviceTaskID"]))
    }

    @Test func whatServicesSayFitsOurSchemas() throws {
        let item = try json(
            #"{"results":[{"air":5,"name":"n","x":[1]},7,{"air":"a:1@2","name":null}],"totalResults":-1,"cost":-1}"#)
        #expect(
            RunwareEngine.members(item, .modelSearch) == [
                JSONMember("results", [["name": "n", "x": [1]], ["air": "a:1@2"]])
            ])
        #expect(RunwareEngine.cost(item) == nil)
        #expect(RunwareEngine.cost(try json(#"{"cost":0.0013}"#))?.description == "0.0013")
    }

    @Test func whatServicesSayIsCut() throws {
        let long = String(repeating: "p", count: 100_000)
        let error = RunwareProblem(
            try json(#"{"code":"\#(long)","message":"\#(long)","parameter":"\#(long)","taskUUID":"\#(long)"}"#)
        ).error()
        #expect(error.message.utf8.count < 700)
        #expect(error.parameter?.utf8.count == 80)
        #expect(error.service?.code?.utf8.count == 80)
        #expect(error.service?.taskUUID == nil)
        // One character, to a reader.
        #expect(("a" + String(repeating: "\u{301}", count: 900)).cut(to: 80).unicodeScalars.count == 80)
    }

    @Test(arguments: [
        ("ok.png", "https://x.example:443/a/b/ok.png"), ("../c/./d?e=/f", "https://x.example:443/a/c/d?e=/f"),
        ("?x=1", "https://x.example:443/a/b/page?x=1"), ("/y", "https://x.example:443/y"),
        ("../../../..", "https://x.example:443/"), ("", "https://x.example:443/a/b/page?q=/r"),
        ("//y.example/z", "https://y.example/z"), ("http://y.example", "http://y.example"), ("file:/x", "file:/x"),
    ])
    func redirectsMayBeRelative(_ place: String, _ target: String) throws {
        let from = try HTTPURL("https://x.example/a/b/page?q=/r")
        #expect(HTTPPictureFetcher.absolute(place, from) == target)
    }

    @Test(arguments: [ENOSPC, EDQUOT, EFBIG])
    func aLimitOfTheSystemsIsAFullStore(_ number: Int32) {
        #expect(StudioError(storage: Files.Failure(number)).code == .storageFull)
    }

    @Test func errorsAreShortWhateverTheyAreAbout() {
        let long = String(repeating: "9", count: 1 << 20)
        let error = StudioError(.invalidParameter, parameter: long, "is \(long)")
        #expect(error.parameter?.utf8.count == 200)
        #expect(error.message.utf8.count == 4_000)
        #expect(error.about("x").message == error.message)
    }

    /// Counts how many pictures are on their way at once.
    private final class SlowHost: PictureFetcher {
        let state = Mutex((now: 0, most: 0))
        let file: [UInt8]

        init(_ file: [UInt8]) {
            self.file = file
        }

        func fetch(_ url: String, maxBytes: Int, _ call: CallContext) async throws(StudioError) -> [UInt8] {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
            for _ in 0..<20 { await Task.yield() }
            state.withLock { $0.now -= 1 }
            return file
        }
    }

    @Test func fewFetchedPicturesAreInMemoryAtOnce() async throws {
        let host = SlowHost(try picture())
        let bench = try TestBench(fetcher: host)
        let workshop = bench.workshop
        let handles = try await withThrowingTaskGroup(of: UUIDText?.self) { group in
            for i in 0..<60 {
                group.addTask {
                    let call = CallContext(workers: InlineWorkers())
                    return try await workshop.fetched("https://x.example/\(i)", "image", durable: false, call)?.id
                }
            }
            return try await group.reduce(into: Set<UUIDText?>()) { $0.insert($1) }
        }
        #expect(handles.count == 1 && handles.first != .some(nil))
        #expect((1...Workshop.mostFetches).contains(host.state.withLock { $0.most }))
    }

    @Test func aTaskOfBFLTellsItsCostOnce() throws {
        let book = TicketBook()
        book.keep(
            BFLTicket(id: "f00d", poll: try HTTPURL("https://api.bfl.ai/x"), cost: ExactDecimal(4, scale: 2)))
        #expect(book.ticket("f00d")?.isPaid == false, "the call that paid has told nobody")
        book.delivered("f00d")
        #expect(book.ticket("f00d")?.isPaid == true)
    }

    @Test func whatWasNotSentIsPaidByNobody() {
        #expect(Web.Failure.overdue.isNotSent && Web.Failure.overdue.isLate)
        #expect(!Web.Failure.late.isNotSent && Web.Failure.late.isLate)
        #expect(!Web.Failure.cancelled.isNotSent)
        #expect(Web.error(.overdue, "BFL's answer", Service.bfl.facts).isRetryable)
    }

    @Test func aFileThatComesInPartsCanBeginAnew() throws {
        let folder = try TemporaryFolder()
        let file = try IncomingFile(path: "\(folder.path)/video.mp4")
        try file.append([1, 2, 3, 4])
        try file.restart()
        try file.append([5, 6])
        try file.finish()
        #expect(file.count == 2)
        #expect(try readFile("\(folder.path)/video.mp4") == [5, 6])
    }

    @Test func videosLiveFromTheirLastUse() throws {
        let folder = try TemporaryFolder()
        let outputs = OutputFolder(folder: folder.path, totalBytes: 1 << 20)
        for (age, isThere) in [(31, false), (29, true)] {
            let id = UUIDText.random()
            let path = "\(folder.path)/video-\(id.text).mp4"
            try writeFile(path, [1])
            let then = timespec(tv_sec: time(nil) - age * 86_400, tv_nsec: 0)
            #expect(utimensat(AT_FDCWD, path, [then, then], 0) == 0)
            #expect((outputs.video(id)?.path == path) == isThere)
            let changed = try #require(Files.information(path)?.changed)
            #expect((time(nil) - changed < 3_600) == isThere)
        }
    }

    @Test(arguments: [
        (#"{"images":["http://10.0.0.1/secret"]}"#, "extra.images[0]"),
        (#"{"a":{"b":" HTTPS://x.example"}}"#, "extra.a.b"),
        (#"{"a":"//x.example/y"}"#, "extra.a"), (#"{"a":"file:///etc/passwd"}"#, "extra.a"),
        (#"{"a":"16:9","b":["a/b","see https://x.example/y",4,null],"c":{"d":true}}"#, nil),
    ])
    func whatGoesOnAsItIsHoldsNoURLs(_ members: String, _ place: String?) throws {
        let value = try json(members).value
        var found: String?
        do throws(StudioError) { try ToolDefinition.refuseURLs(in: value, "extra") } catch {
            #expect(error.code == .urlNotAllowed)
            found = error.parameter
        }
        #expect(found == place)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.0.0.1:7430", true), ("[::1]:80", true), ("LOCALHOST:", true),
        ("127.0.0.1:1@evil.example", false), ("[::1]evil.example", false), ("[::1]:1@evil.example", false),
        ("localhost.evil.example", false), ("", false),
    ])
    func onlyThisMachineIsServed(_ authority: String, _ isOwn: Bool) {
        #expect(StudioService.isLoopbackName(Array(authority.utf8)[...]) == isOwn)
    }

    /// The picture with a note where its format has room for one.
    private func withComment(_ bytes: [UInt8], _ format: ImageFormat) throws -> [UInt8] {
        let note = Array("taken at home".utf8)
        switch format {
        case .jpeg:
            let length = note.count + 2
            return Array(bytes[..<2]) + [0xFF, 0xFE, UInt8(length >> 8), UInt8(length & 255)] + note
                + Array(bytes[2...])
        case .png:
            let chunk: [UInt8] = [0, 0, 0, UInt8(note.count)] + Array("tEXt".utf8) + note + [0, 0, 0, 0]
            return Array(bytes[..<33]) + chunk + Array(bytes[33...])
        case .webp:
            var chunk: [UInt8] = Array("XMP ".utf8) + [UInt8(note.count), 0, 0, 0] + note
            if note.count % 2 == 1 { chunk.append(0) }
            let size = bytes.count - 8 + chunk.count
            let head = Array("RIFF".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
            return head + Array(bytes[8...]) + chunk
        }
    }

    @Test func regionsAreTheOriginals() throws {
        for (width, height) in [(5, 7), (1, 1), (4000, 3), (3, 4000), (64, 64)] {
            for (shape, position) in [("circle", "center"), ("rectangle", "center"), ("circle", "ground")] {
                let mask = try RegionMask.draw(shape: shape, position: position, width: width, height: height)
                #expect((mask.width, mask.height) == (width, height))
                for y in 0..<height {
                    for x in 0..<width {
                        let isIn =
                            switch (shape, position) {
                            case (_, "ground"): Double(y) >= 0.6 * Double(height)
                            case ("rectangle", _):
                                Double(x) >= 0.25 * Double(width) && Double(x) < 0.75 * Double(width)
                                    && Double(y) >= 0.25 * Double(height) && Double(y) < 0.75 * Double(height)
                            default:
                                (x - width / 2) * (x - width / 2) + (y - height / 2) * (y - height / 2)
                                    <= (min(width, height) / 4) * (min(width, height) / 4)
                            }
                        if mask.bytes[y * width + x] != (isIn ? 255 : 0) {
                            Issue.record("\(shape) \(position) \(width)×\(height) at \(x),\(y)")
                            return
                        }
                    }
                }
            }
        }
    }
}

@Suite struct TaskGateTests {
    private final class Inside: Sendable {
        let state = Mutex((now: 0, most: 0, done: 0))

        func enter() {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }

        func leave() {
            state.withLock { state in
                state.now -= 1
                state.done += 1
            }
        }
    }

    /// Calls come and go, some cancelled while they wait: never more than the limit inside, and nobody is left in line.
    @Test func neverMoreThanTheLimitAndNobodyIsLeft() async throws {
        let gate = TaskGate(limit: 3)
        let inside = Inside()
        let calls = (0..<200).map { _ in CallContext(workers: InlineWorkers()) }
        await withTaskGroup(of: Void.self) { group in
            for call in calls {
                group.addTask {
                    try? await gate.run(call) { () async throws(StudioError) in
                        inside.enter()
                        for _ in 0..<3 { await Task.yield() }
                        inside.leave()
                    }
                }
            }
            for call in calls.enumerated() where call.offset % 5 == 0 { call.element.cancel() }
        }
        let (now, most, done) = inside.state.withLock { $0 }
        #expect(now == 0 && (1...3).contains(most) && done >= 160)
        // All places are free again.
        for _ in 0..<3 { try await gate.run(calls[1]) { () async throws(StudioError) in } }
    }

    @Test func whoseTimeIsUpLeavesTheLine() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.next()
        let gate = TaskGate(limit: 1)
        let call = CallContext(workers: InlineWorkers())
        let patience = TaskGate.Patience(
            loop: loop, deadline: .zero, error: StudioError(.timeout, "others took all the time"))
        try await gate.run(call) { () async throws(StudioError) in
            let waiting = Task(executorPreference: loop) { () async -> StudioError? in
                do throws(StudioError) {
                    try await gate.run(call, patience) { () async throws(StudioError) in }
                    return nil
                } catch { return error }
            }
            #expect(await waiting.value == patience.error)
        }
        try await gate.run(call, nil) { () async throws(StudioError) in }
    }
}
