import Base
import Glibc
import Imaging
import Studio
import Support
import Testing

@Suite struct StoreTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func store(_ limits: ObjectStore.Limits = ObjectStore.Limits()) -> ObjectStore {
        ObjectStore(folder: "\(folder.path)/data", limits: limits)
    }

    private func put(_ store: ObjectStore, _ bytes: [UInt8]) throws -> StoredImage {
        try store.put(bytes, ImageProbe(bytes), durable: true)
    }

    @Test func handlesSurviveARestart() throws {
        let bytes = try picture(width: 21, height: 13)
        let image = try put(store(), bytes)
        let again = store()
        #expect(again.image(image.id) == image)
        #expect(try again.read(image) == bytes)
        #expect((image.width, image.height, image.format, image.bytes) == (21, 13, .png, bytes.count))
        #expect(again.totalBytes == bytes.count)
    }

    @Test func theSameContentKeepsItsHandle() throws {
        let first = store()
        let image = try put(first, picture())
        #expect(try put(first, picture()) == image)
        #expect(try put(store(), picture()) == image)
        #expect(try put(first, picture(seed: 1)).id != image.id)
    }

    @Test func unknownAndDamagedHandlesAreNone() throws {
        let store = store()
        #expect(store.image(.random()) == nil)
        let image = try put(store, picture())
        try place("\(folder.path)/data/index/\(image.id.text.prefix(2))/\(image.id.text)", Array("{}".utf8))
        #expect(store.image(image.id) == nil)
    }

    @Test func aCutFileIsNotHandedOut() throws {
        let store = store()
        let image = try put(store, picture())
        try place(store.path(of: image), [1, 2, 3])
        #expect(store.image(image.id) == nil)
        // The same picture can be put again and is whole then.
        let bytes = try picture()
        let mended = try put(store, bytes)
        #expect(try store.read(mended) == bytes)
    }

    @Test func whatLostItsContentHealsWithTheNextUpload() throws {
        let store = store()
        let bytes = try picture()
        let image = try put(store, bytes)
        try place(store.path(of: image), [UInt8](repeating: 0, count: bytes.count))
        #expect(try put(store, bytes) == image)
        #expect(try store.read(image) == bytes)
    }

    @Test func aFullStoreDropsWhatWasUnusedForLongest() throws {
        let pictures = try (0..<12).map { try picture(width: 60, height: 60, seed: UInt8($0)) }
        var limits = ObjectStore.Limits()
        limits.totalBytes = pictures.prefix(10).reduce(0) { $0 + $1.count }
        limits.minimumAge = 100
        let store = store(limits)
        let images = try pictures.prefix(10).map { try put(store, $0) }
        // All are fresh, so none may go.
        do throws(StudioError) {
            _ = try store.put(pictures[10], format: .png, width: 60, height: 60, durable: false)
            Issue.record("was accepted")
        } catch {
            #expect(error.code == .storageFull)
        }
        for (i, image) in images.enumerated() { age(store.path(of: image), seconds: 2000 - i * 100) }
        let kept = try put(store, pictures[11])
        #expect(store.image(kept.id) == kept)
        #expect(store.image(images[0].id) == nil)
        #expect(store.image(images[9].id) != nil)
        #expect(store.totalBytes <= limits.totalBytes)
    }

    @Test func picturesGoThirtyDaysAfterTheirLastUse() throws {
        var limits = ObjectStore.Limits()
        limits.sweepInterval = 0
        let store = store(limits)
        let images = try (0..<3).map { try put(store, picture(seed: UInt8($0))) }
        age(store.path(of: images[0]), seconds: 31 * 86_400)
        age(store.path(of: images[1]), seconds: 29 * 86_400)
        #expect(store.image(images[0].id) == nil)
        _ = try put(store, picture(seed: 9))
        #expect(access(store.path(of: images[0]), F_OK) != 0)
        #expect(access(store.path(of: images[1]), F_OK) == 0)
        // Reading is a use.
        let bytes = try store.read(images[1])
        age(store.path(of: images[2]), seconds: 40 * 86_400)
        _ = try put(store, picture(seed: 10))
        #expect(try store.read(#require(store.image(images[1].id))) == bytes)
        // The same content is welcome again, under a new handle.
        #expect(try put(store, picture(seed: 0)).id != images[0].id)
    }

    @Test func whatACrashLeavesIsNoPictureAndGoes() throws {
        let first = store()
        let image = try put(first, picture())
        let part = "\(folder.path)/data/objects/aa/x.part"
        try place(part, [1, 2, 3])
        age(part, seconds: 7200)
        // Died after the file and before the handle.
        unlink("\(first.path(of: image)).id")
        let second = store()
        let again = try put(second, picture())
        #expect(second.image(again.id) == again && access(part, F_OK) != 0)
        #expect(second.totalBytes == image.bytes, "counted once")
        // A count that is nonsense is made anew at the next start.
        try place("\(folder.path)/data/usage", Array("-1 what".utf8))
        var limits = ObjectStore.Limits()
        limits.totalBytes = image.bytes + 10
        #expect(throws: StudioError.self) { try put(store(limits), picture(seed: 3)) }
    }

    @Test func recordsOfPicturesThatNeverCameGo() throws {
        let first = store()
        let image = try put(first, picture())
        let index = "\(folder.path)/data/index"
        let record = try readFile("\(index)/\(image.id.text.prefix(2))/\(image.id.text)")
        // Died after the record and before the handle: another record of the same picture, or of none.
        let orphans = (0..<3).map { _ in UUIDText.random().text }
        for (i, id) in orphans.enumerated() {
            let path = "\(index)/\(id.prefix(2))/\(id)"
            try place(path, i == 0 ? record : Array("{}".utf8))
            if i < 2 { age(path, seconds: 7200) }
        }
        let second = store()
        _ = try put(second, picture(seed: 1))
        #expect(second.image(image.id) == image)
        let left = orphans.map { access("\(index)/\($0.prefix(2))/\($0)", F_OK) == 0 }
        #expect(left == [false, false, true], "a young one may be about to be complete")
    }

    @Test func severalOutputFoldersShareALimit() throws {
        let folders = (0..<3).map { _ in OutputFolder(folder: "\(folder.path)/out", totalBytes: 1000) }
        for i in 0..<60 {
            _ = try folders[i % 3].write([UInt8](repeating: 7, count: 90), kind: "mask", id: .random(), format: .png)
            #expect(try listFolder("\(folder.path)/out").count { !$0.hasPrefix(".") } <= 11)
        }
        // The same name again is not counted twice.
        let id = UUIDText.random()
        for _ in 0..<30 { _ = try folders[0].write([UInt8](repeating: 7, count: 90), kind: "x", id: id, format: .png) }
        #expect(try listFolder("\(folder.path)/out").count { !$0.hasPrefix(".") } >= 9)
    }

    @Test func severalStoresShareAFolder() throws {
        let pictures = try (0..<24).map { try picture(width: 40, height: 40, seed: UInt8($0)) }
        var limits = ObjectStore.Limits()
        limits.totalBytes = pictures.prefix(8).reduce(0) { $0 + $1.count }
        limits.minimumAge = -1
        let stores = (0..<3).map { _ in store(limits) }
        for (i, bytes) in pictures.enumerated() {
            let image = try put(stores[i % 3], bytes)
            #expect(stores[(i + 1) % 3].image(image.id) == image, "seen by the others at once")
            #expect(stores[0].totalBytes <= limits.totalBytes, "the limit is for all of them together")
        }
        #expect(try put(stores[0], pictures[23]) == put(stores[1], pictures[23]))
    }

    @Test func aNameOfTheCallersStaysInTheFolder() throws {
        let outputs = OutputFolder(folder: "\(folder.path)/out", totalBytes: 1 << 20)
        let first = try outputs.write([1], named: "boats/one.jpg", format: .png)
        #expect(first.hasSuffix("/out/boats/one.png"), "the suffix tells the truth")
        #expect(try outputs.write([2], named: "boats/one.png", format: .png).hasSuffix("/out/boats/one-2.png"))
        #expect(try readFile(first) == [1])
        for name in [
            "", String(repeating: "x", count: 201), "/etc/x.png", "../x.png", "a/../../x.png", "a//b.png", ".hidden",
            "a/.b/c.png", "a\u{0}b", "a\nb",
        ] {
            do throws(StudioError) {
                _ = try outputs.write([1], named: name, format: .png)
                Issue.record("\(name) was accepted")
            } catch {
                #expect(error.code == .pathNotAllowed && error.parameter == "output")
            }
        }
    }

    @Test func manyAtOnceUnderOneNameAreManyFiles() async throws {
        // Two folders in one place are two processes.
        let folders = (0..<2).map { _ in OutputFolder(folder: "\(folder.path)/out", totalBytes: 1 << 20) }
        let longest = String(repeating: "x", count: 196) + ".png"
        let written = try await withThrowingTaskGroup(of: (String, UInt8).self) { group in
            for i in UInt8(0)..<64 {
                group.addTask {
                    (try folders[Int(i) % 2].write([UInt8](repeating: i, count: 999), named: longest, format: .png), i)
                }
            }
            return try await group.reduce(into: [String: UInt8]()) { $0[$1.0] = $1.1 }
        }
        #expect(written.count == 64, "no name was given twice")
        for (path, i) in written { #expect(try readFile(path) == [UInt8](repeating: i, count: 999)) }
        #expect(try listFolder("\(folder.path)/out").count { !$0.hasPrefix(".") } == 64, "nothing else is left")
    }

    @Test func outputsHaveNamesForPeopleAndALimit() throws {
        let outputs = OutputFolder(folder: "\(folder.path)/out", totalBytes: 1000)
        var paths: [String] = []
        for i in 0..<20 {
            let path = try outputs.write([UInt8](repeating: 7, count: 90), kind: "mask", id: .random(), format: .jpeg)
            age(path, seconds: 1000 - i)
            paths.append(path)
        }
        #expect(paths[0].hasSuffix(".jpg") && paths[0].contains("/out/mask-"))
        let names = try listFolder("\(folder.path)/out")
        #expect(names.count <= 11 && names.contains { paths[19].hasSuffix($0) })
    }

    @Test func anUnwritableFolderIsSaid() throws {
        try place("\(folder.path)/data", [1])
        do throws(StudioError) {
            _ = try store().put([1], format: .png, width: 1, height: 1, durable: false)
            Issue.record("was accepted")
        } catch {
            #expect(error.code == .storageFailed)
        }
    }

    @Test func linksExpireAndAreMany() {
        let links = FileLinks(lifetime: .seconds(10), capacity: 3)
        let target = FileLinks.Target(path: "/x", mimeType: "image/png")
        let first = links.add(target, now: .seconds(0))
        #expect(first.utf8.count == 43)
        #expect(links.target(first, now: .seconds(9)) == target)
        #expect(links.target(first, now: .seconds(10)) == nil)
        #expect(links.target("guess", now: .seconds(0)) == nil)
        let others = (0..<3).map { _ in links.add(target, now: .seconds(1)) }
        #expect(links.target(first, now: .seconds(1)) == nil, "the oldest makes room")
        #expect(Set(others).count == 3)
        #expect(others.allSatisfy { links.target($0, now: .seconds(2)) == target })
    }

    private func age(_ path: String, seconds: Int) {
        let then = timespec(tv_sec: time(nil) - seconds, tv_nsec: 0)
        utimensat(AT_FDCWD, path, [then, then], 0)
    }
}
