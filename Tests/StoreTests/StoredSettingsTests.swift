import Base
import Store
import Support
import Testing

@testable import StoreSQLite

/// A server's settings in their column.
@Suite struct StoredSettingsTests {
    @Test func allSettingsComeBack() {
        var settings = ServerSettings()
        #expect(StoredSettings.encode(settings) == "{}")
        settings.perSession = true
        settings.callTimeout = .seconds(7)
        settings.longestCall = .hours(2)
        settings.maxResponse = 4_096
        settings.maxCalls = 3
        settings.maxWaiting = 0
        settings.memory = 1 << 40
        settings.cpuSeconds = 5
        settings.openFiles = 64
        settings.processes = 9
        let text = StoredSettings.encode(settings)
        #expect(StoredSettings.decode(text) == settings)
        #expect(Mirror(reflecting: settings).children.count == 10, "a new setting needs its line above")
    }

    @Test(arguments: 0..<64)
    func someSettingsComeBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func number() -> Int? { Bool.random(using: &random) ? Int.random(in: 0...1 << 50, using: &random) : nil }
        var settings = ServerSettings()
        settings.perSession = Bool.random(using: &random)
        settings.callTimeout = number().map { TimeSpan(microseconds: Int64($0)) }
        settings.longestCall = number().map { TimeSpan(microseconds: Int64($0)) }
        settings.maxResponse = number()
        settings.maxCalls = number()
        settings.maxWaiting = number()
        settings.memory = number()
        settings.cpuSeconds = number()
        settings.openFiles = number()
        settings.processes = number()
        #expect(StoredSettings.decode(StoredSettings.encode(settings)) == settings)
    }

    @Test func aRowFromBeforeThereWereSettingsHasNone() {
        #expect(StoredSettings.decode(nil) == ServerSettings())
        #expect(StoredSettings.decode("{}") == ServerSettings())
        #expect(StoredSettings.decode(#" { "per_session" : false } "#) == ServerSettings())
    }

    /// Half a setting is none: whoever wrote it meant a limit that we would not keep.
    @Test(arguments: [
        "", "null", "[]", "7", "{", #"{"max_calls":}"#, #"{"max_calls":"3"}"#, #"{"max_calls":null}"#,
        #"{"max_calls":1.5}"#, #"{"max_calls":99999999999999999999}"#, #"{"per_session":1}"#,
        #"{"per_session":"true"}"#, #"{"max_call":3}"#, #"{"Max_calls":3}"#, #"{"":1}"#,
        #"{"max_calls":3,"unknown":1}"#, #"{"max_calls":3,"max_calls":4}"#, #"{"max_calls":3} x"#,
    ])
    func whatCannotBeReadIsNoSettings(text: String) {
        #expect(StoredSettings.decode(text) == nil)
    }
}
