import Arguments
import Base
import Glibc
import Studio

/// Flags and wiring; what the studio does is in the module `Studio`.
let studio = Program(
    name: "sluice-studio",
    summary: "image tools for agents, as an MCP server on this machine",
    footer: """
        Without --http it speaks MCP over standard input and output; logs go to standard error. Pictures stay on this
        machine unless a service with a key is asked. The models come with scripts/setup.
        """,
    commands: [
        Command(
            summary: "serve image tools over MCP",
            options: [
                .value("profile", "NAME", "whose tools to offer: runware, flux or all (default all)"),
                .value("data-dir", "DIR", "uploads and results (default ./sluice-data/studio)"),
                .value("allow-root", "DIR", "let agents name pictures in this folder by path", repeats: true),
                .value(
                    "models", "DIR",
                    "folder with OpenVINO and the models (default: SLUICE_VENDOR or the nearest vendor/)"),
                .flag("substitute", "use a local model that covers the same thing when the one asked for is not here"),
                .value("runware-key-file", "FILE", "use Runware with this key (or RUNWARE_API_KEY in the environment)"),
                .value("runware-url", "URL", "where Runware is (default https://api.runware.ai/v1)"),
                .value("bfl-key-file", "FILE", "use Black Forest Labs with this key (or BFL_API_KEY)"),
                .value("bfl-url", "URL", "where Black Forest Labs is (default https://api.bfl.ai)"),
                .value("service-deadline", "SPAN", "how long a call to a service may take (default 5m)"),
                .value("video-deadline", "SPAN", "the same for a video (default 20m)"),
                .value("service-pace", "MS", "first wait before a service is asked again; grows (default 1000)"),
                .value("route", "OPERATION=ENGINE", "let only this engine do an operation", repeats: true),
                .value("prices", "FILE", "what services charge, as JSON; comes before what is built in"),
                .flag("no-fetch", "read no URLs that agents give"),
                .value(
                    "fetch-host", "HOST", "read pictures of this host over http and at private addresses", repeats: true
                ),
                .value("http", "HOST:PORT", "serve Streamable HTTP at /mcp of this loopback address; port 0: any"),
                .value("upload-host", "HOST", "let results be sent by PUT to this host or host:port", repeats: true),
                .value("max-message", "BYTES", "largest message (default 32MiB)"),
                .value("max-image", "BYTES", "largest picture file (default 32MiB)"),
                .value("store-limit", "BYTES", "size of all uploads, and of all results (default 1GiB)"),
                .value("link-lifetime", "SPAN", "how long the URL of a result works (default 1h)"),
                .value("threads", "N", "calls that are worked on at once (default 2)"),
                .value("queue", "N", "calls that may wait before others are told `busy` (default 32)"),
            ],
            examples: [
                Example("sluice-studio --allow-root ~/Pictures", "stdio server that may read pictures in one folder"),
                Example("sluice-studio --http 127.0.0.1:7430", "Streamable HTTP at http://127.0.0.1:7430/mcp"),
                Example(
                    "sluice server add studio -- sluice-studio --allow-root ~/Pictures",
                    "behind the gateway, with policies"),
            ])
    ])

func options(_ arguments: Arguments) throws(UsageError) -> StudioOptions {
    var options = StudioOptions()
    options.vendorFolder = arguments.value("models") ?? StudioProgram.defaultVendorFolder()
    if let folder = arguments.value("data-dir") { options.dataFolder = folder }
    if let name = arguments.value("profile"), name != "all" {
        guard let profile = StudioProfile(rawValue: name) else {
            throw UsageError(.invalidValue, "--profile \(name) is unknown", mend: "give runware, flux or all")
        }
        options.profiles = [profile]
    }
    options.allowedFolders = arguments.all("allow-root")
    options.substitutesModels = arguments.has("substitute")
    options.uploadHosts = arguments.all("upload-host")
    options.fetches = !arguments.has("no-fetch")
    options.fetchHosts = arguments.all("fetch-host")
    try services(arguments, &options)
    options.messageLimit = try arguments.bytes("max-message", in: 4096...(1 << 30), default: options.messageLimit)
    options.imageLimit = try arguments.bytes("max-image", in: 1024...(1 << 30), default: options.imageLimit)
    options.storeLimit = try arguments.bytes("store-limit", in: (1 << 20)...(1 << 50), default: options.storeLimit)
    options.linkLifetime = .seconds(
        Int64(try arguments.seconds("link-lifetime", in: 1...(30 * 86_400), default: 3_600)))
    options.threads = try arguments.number("threads", in: 1...64, default: options.threads)
    options.queue = try arguments.number("queue", in: 1...10_000, default: options.queue)
    if arguments.value("http") != nil {
        let address = try arguments.address("http", default: ListenAddress(host: "127.0.0.1", port: 0))
        options.http = StudioOptions.Endpoint(
            ip: address.host == "localhost" ? "127.0.0.1" : address.host, port: address.port)
    }
    return options
}

/// Keys come from files or the environment, never from the command line, where every process can read them.
func services(_ arguments: Arguments, _ options: inout StudioOptions) throws(UsageError) {
    if let url = arguments.value("runware-url") { options.runware.url = url }
    if let url = arguments.value("bfl-url") { options.bfl.url = url }
    options.runware.key = try key(arguments.value("runware-key-file"), "RUNWARE_API_KEY")
    options.bfl.key = try key(arguments.value("bfl-key-file"), "BFL_API_KEY")
    let deadline = TimeSpan.seconds(Int64(try arguments.seconds("service-deadline", in: 1...3600, default: 300)))
    let video = TimeSpan.seconds(Int64(try arguments.seconds("video-deadline", in: 1...14_400, default: 1200)))
    let pace = TimeSpan.milliseconds(Int64(try arguments.number("service-pace", in: 1...60_000, default: 1000)))
    options.runware.deadline = deadline
    options.runware.videoDeadline = video
    options.runware.pace = pace
    options.bfl.deadline = deadline
    options.bfl.pace = pace
    for text in arguments.all("route") {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let operation = Operation(rawValue: parts[0]),
            ["local", "runware", "bfl"].contains(parts[1])
        else {
            throw UsageError(
                .invalidValue, "--route \(text) is none",
                mend:
                    "give one of \(Operation.allCases.map(\.rawValue).joined(separator: ", ")), = and local, runware or bfl"
            )
        }
        options.routes[operation] = parts[1]
    }
    if let file = arguments.value("prices") {
        do throws(StudioError) {
            options.prices = try PriceTable(file: file)
        } catch {
            throw UsageError(.invalidValue, "--prices \(file): \(error.message)")
        }
    }
}

func key(_ file: String?, _ variable: String) throws(UsageError) -> ServiceKey? {
    do throws(StudioError) {
        if let file { return try ServiceKey(file: file) }
        guard let text = getenv(variable), text.pointee != 0 else { return nil }
        return try ServiceKey(String(cString: text))
    } catch {
        throw UsageError(.invalidValue, file == nil ? "\(variable): \(error.message)" : error.message)
    }
}

func say(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
}

do throws(UsageError) {
    switch try studio.parse(Array(CommandLine.arguments.dropFirst())) {
    case .help(let text): say(text, to: STDOUT_FILENO)
    case .version: say("sluice-studio \(Greeting.version)\n", to: STDOUT_FILENO)
    case .run(_, let arguments): exit(StudioProgram.run(try options(arguments)))
    }
} catch {
    say("sluice-studio: \(error.message)\n" + (error.mend.map { "\($0)\n" } ?? ""), to: STDERR_FILENO)
    exit(2)
}
