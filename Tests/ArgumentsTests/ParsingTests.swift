import Arguments
import Testing

private let program = Program(
    name: "tool", summary: "a program for tests",
    commands: [
        Command(
            "serve", summary: "runs",
            options: [
                .value("listen", "HOST:PORT", "where"), .value("limit", "SIZE", "how much"),
                .flag("json", "as JSON"),
                .value("root", "DIR", "may be repeated", repeats: true),
                .value("file", "FILE", "a file", short: "f"),
            ],
            examples: [Example("tool serve", "runs it")]),
        Command(
            "server", "add", summary: "adds", positionals: [Positional("NAME", "its name")],
            options: [.value("url", "URL", "address")], trailing: "COMMAND ARG…",
            examples: [Example("tool server add x -- y", "adds it")]),
        Command("server", "list", summary: "lists", examples: [Example("tool server list", "lists")]),
        Command(
            "policy", "test", summary: "tests",
            positionals: [Positional("FILE", "tests", count: .oneOrMore)],
            examples: [Example("tool policy test a b", "runs both")]),
    ])

private func run(_ line: String...) throws -> (Command, Arguments) {
    guard case .run(let command, let arguments) = try program.parse(line) else { throw NotACommand() }
    return (command, arguments)
}

private struct NotACommand: Error {}

private func failure(_ line: [String]) -> UsageError? {
    do {
        _ = try program.parse(line)
        return nil
    } catch {
        return error
    }
}

@Suite struct ParsingTests {
    @Test func readsEveryFormOfAnOption() throws {
        let (command, arguments) = try run(
            "serve", "--listen=127.0.0.1:0", "--root", "a", "--json", "--root=b", "-f", "-",
            "--limit=--odd")
        #expect(command.name == "serve")
        #expect(arguments.value("listen") == "127.0.0.1:0")
        #expect(arguments.all("root") == ["a", "b"])
        #expect(arguments.has("json"))
        #expect(arguments.value("file") == "-")
        #expect(arguments.value("limit") == "--odd")
        #expect(!arguments.has("nothing"))
    }

    @Test func keepsEverythingAfterTwoDashes() throws {
        let (command, arguments) = try run("server", "add", "studio", "--", "prog", "--json", "--", "x")
        #expect(command.words == ["server", "add"])
        #expect(arguments.positionals == ["studio"])
        #expect(arguments.trailing == ["prog", "--json", "--", "x"])
    }

    @Test func takesSeveralPlaces() throws {
        #expect(try run("policy", "test", "a", "b", "c").1.positionals == ["a", "b", "c"])
    }

    @Test(arguments: [
        (["serv"], UsageError.Code.unknownCommand, "did you mean 'tool serve'?"),
        (["frobnicate"], .unknownCommand, "'tool help' lists them"),
        (["server"], .incompleteCommand, "'tool help server' explains them"),
        (["server", "ad"], .unknownCommand, "did you mean 'tool server add'?"),
        (["server", "frobnicate"], .unknownCommand, "there are: add, list"),
        (["serve", "--lisen", "x"], .unknownOption, "did you mean --listen?"),
        (["serve", "--frobnicate"], .unknownOption, "'tool serve --help' lists its options"),
        (["serve", "-x"], .unknownOption, "'tool serve --help' lists its options"),
        (["serve", "--listen"], .missingValue, ""),
        (
            ["serve", "--listen", "--json"], .missingValue,
            "if '--json' is the value, write --listen=--json"
        ),
        (["serve", "--json=yes"], .unexpectedValue, ""),
        (["serve", "--json", "--json"], .repeatedOption, ""),
        (["serve", "extra"], .unexpectedArgument, "usage: tool serve [OPTION…]"),
        (["serve", "--", "extra"], .unexpectedArgument, ""),
        (
            ["server", "add"], .missingArgument, "usage: tool server add NAME [OPTION…] [-- COMMAND ARG…]"
        ),
        (["policy", "test"], .missingArgument, "usage: tool policy test FILE…"),
    ])
    func refusesAndSaysHowToMend(line: [String], code: UsageError.Code, mend: String) {
        let error = failure(line)
        #expect(error?.code == code)
        #expect(error.map { $0.mend ?? "" } == mend)
    }

    @Test(arguments: [[], ["help"], ["--help"], ["-h"]])
    func listsEveryCommand(line: [String]) throws {
        guard case .help(let text) = try program.parse(line) else {
            Issue.record("no help for \(line)")
            return
        }
        for name in ["serve", "server add", "server list", "policy test"] {
            #expect(text.contains("  \(name)"))
        }
    }

    @Test(arguments: [
        ["help", "server", "add"], ["server", "add", "--help"], ["server", "add", "x", "-h"],
    ])
    func showsOneCommand(line: [String]) throws {
        guard case .help(let text) = try program.parse(line) else {
            Issue.record("no help for \(line)")
            return
        }
        #expect(
            text == """
                tool server add: adds

                Usage: tool server add NAME [OPTION…] [-- COMMAND ARG…]

                Arguments:
                  NAME  its name

                Options:
                  --url URL   address
                  -h, --help  print this page

                Examples:
                  # adds it
                  tool server add x -- y

                """)
    }

    @Test func showsAGroup() throws {
        guard case .help(let text) = try program.parse(["help", "server"]) else {
            Issue.record("no help for the group")
            return
        }
        #expect(text.contains("tool server add: adds") && text.contains("tool server list: lists"))
        #expect(failure(["help", "sever"])?.mend == "did you mean 'tool server'?")
    }

    @Test func knowsVersion() throws {
        guard case .version = try program.parse(["--version"]) else {
            Issue.record("--version is not understood")
            return
        }
    }
}
