import Base
import JSON
import Testing

@testable import Policy

/// The defects that reading Intercept's source has shown, as far as they concern the engine. The numbers are those of the
/// study; the table of all nineteen and the tests of the rest are in Tests/EndToEnd/test_intercept_defects.py.
@Suite struct InterceptDefectTests {
    @Test func d01_argumentsThatDoNotDecodeAreDenied() throws {
        let policy = try policy(#"{"version":"1","default":"allow"}"#)
        #expect(outcome(policy, try call("t", "[1]")).word == "deny")
        #expect(outcome(policy, try call("t", "\"x\"")).word == "deny")
    }

    @Test func d02_namesAreCaseSensitive() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"args.mode","op":"eq","value":"safe"}]}}}"#
        )
        #expect(outcome(policy, try call("t", #"{"Mode":"safe"}"#)).word == "deny")
        #expect(outcome(policy, try call("t", #"{"mode":"safe","Mode":"wild"}"#)) == .allow)
        #expect(outcome(policy, try call("T", #"{"mode":"safe"}"#)) == .deny("(default deny)"))
        #expect(
            PolicyDocument.load(Array(#"{"version":"1","Default":"deny","default":"deny"}"#.utf8), name: "", version: 1)
                .policy == nil)
    }

    /// 4 is the scanner's: what is not JSON, or has a key twice, never becomes a view.
    @Test func d04_duplicateKeysNeverReachTheEngine() {
        #expect(throws: JSONError.self) { try JSONDocument.parse(Array(#"{"a":1,"a":2}"#.utf8)) }
    }

    @Test func d05_negativeAndFractionalCosts() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"counter":"c","window":"day","max":1,"cost":"args.n"}]}}}"#
        )
        var quotas = QuotaWindows()
        for wrong in ["-1", "-0.01", "\"1\"", "null", "true", "[1]", "1e99"] {
            #expect(
                outcome(policy, try call("t", "{\"n\":\(wrong)}"), &quotas) == .deny("/tools/t/limits/0"), "\(wrong)")
        }
        #expect(outcome(policy, try call("t", "{}"), &quotas) == .deny("/tools/t/limits/0"))
        // Nine tenths cost nine tenths, exactly.
        #expect(outcome(policy, try call("t", #"{"n":0.9}"#), &quotas) == .allow)
        #expect(outcome(policy, try call("t", #"{"n":0.2}"#), &quotas).word == "deny")
        #expect(outcome(policy, try call("t", #"{"n":0.1}"#), &quotas) == .allow)
        #expect(outcome(policy, try call("t", #"{"n":0.000001}"#), &quotas).word == "deny")
        #expect(outcome(policy, try call("t", #"{"n":0}"#), &quotas) == .allow)
    }

    @Test func d06_d07_releaseIsExactAndStaysInItsWindow() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"counter":"c","window":"minute","max":1,"algorithm":"calendar"}]}}}"#
        )
        var quotas = QuotaWindows()
        var late: [ReservationRecord] = []
        switch decide(try call("t", at: .seconds(59)), policy: policy, quotas: &quotas) {
        case .permit(let permit): late = permit.forwarded()
        case .denial: Issue.record("denied")
        case .ask: Issue.record("asked")
        }
        #expect(outcome(policy, try call("t", at: .seconds(60)), &quotas) == .allow)
        quotas.release(late)
        #expect(outcome(policy, try call("t", at: .seconds(61)), &quotas).word == "deny")
    }

    @Test func d10_hiddenToolsAreNotListed() throws {
        let policy = try policy(#"{"version":"1","default":"allow","list":"all","hide":["secret_*"]}"#)
        #expect(!policy.lists(try call("secret_x")))
        #expect(policy.lists(try call("open")))
    }

    @Test func d15_quotaDenialsNameTheirRule() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"window":"minute","max":1}]}}}"#)
        var quotas = QuotaWindows()
        #expect(outcome(policy, try call("t"), &quotas) == .allow)
        #expect(outcome(policy, try call("t"), &quotas) == .deny("/tools/t/limits/0"))
    }

    @Test func d18_numbersAreExact() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"args.n","op":"lt","value":10.5}],"deny_if":[{"path":"args.id","op":"eq","value":9007199254740993}]}}}"#
        )
        #expect(outcome(policy, try call("t", #"{"n":10}"#)) == .allow)
        #expect(outcome(policy, try call("t", #"{"n":10.5}"#)).word == "deny")
        #expect(outcome(policy, try call("t", #"{"n":1,"id":9007199254740992}"#)) == .allow)
        #expect(outcome(policy, try call("t", #"{"n":1,"id":9007199254740993}"#)).word == "deny")
    }

    @Test func d19_toolNamesCanNotReachOtherCounters() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"allow","all_tools":{"limits":[{"window":"minute","max":2}]},
             "tools":{"all_tools":{"limits":[{"window":"minute","max":1}]},"_global":{"limits":[{"window":"minute","max":1}]},
                      "x":{"limits":[{"counter":"_global/0","window":"minute","max":1}]}}}
            """#)
        var quotas = QuotaWindows()
        #expect(outcome(policy, try call("all_tools"), &quotas) == .allow)
        #expect(outcome(policy, try call("_global"), &quotas) == .allow)
        #expect(outcome(policy, try call("x"), &quotas) == .deny("/all_tools/limits/0"))
        var fresh = QuotaWindows()
        #expect(outcome(policy, try call("_global"), &fresh) == .allow)
        #expect(outcome(policy, try call("x"), &fresh) == .allow)
    }
}
