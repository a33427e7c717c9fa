import Base
import Gateway
import HTTP
import JSON
import Runtime
import Store
import Synchronization

/// The admin plane's answers. Nothing that blocks runs on a loop.
final class AdminService: HTTPService {
    /// No request here has a body worth reading.
    static let maxBody = 4_096

    let subject: AdminSubject
    let options: ConsoleOptions
    let started: Instant
    let requests = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let sessions: ConsoleSessions
    private let hosts: HostRules
    private let doorkeeper: Doorkeeper
    private let configuration: ConfigurationView
    private let pages: DecisionPages
    private let names = RequestNames()
    private let pool: BlockingPool
    private let log: Log
    private let clock: @Sendable () -> Instant
    private let isVerifying = Atomic<Bool>(false)
    private static let description = OpenAPI.document(of: Route.table)

    init(
        _ options: ConsoleOptions, _ subject: AdminSubject, pool: BlockingPool, log: Log,
        clock: @escaping @Sendable () -> Instant = { EventLoop.wallNow }
    ) {
        self.options = options
        self.subject = subject
        self.pool = pool
        self.log = log
        self.clock = clock
        started = clock()
        hosts = HostRules(listen: options.listen, hosts: options.allowedHosts, origins: [])
        sessions = ConsoleSessions(
            hasher: subject.hasher, idle: options.sessionIdle, lifetime: options.sessionLifetime,
            capacity: options.maxSessions)
        doorkeeper = Doorkeeper(
            hasher: subject.hasher, sessions: sessions, localToken: subject.localToken, started: started)
        configuration = ConfigurationView(subject.store)
        pages = DecisionPages(reader: subject.reader)
    }

    func makeRequestID() -> String { names.next() }

    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission { .accept(maxBody: Self.maxBody) }

    func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String) {
        requests.add(1, ordering: .relaxed)
        refused.add(1, ordering: .relaxed)
    }

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        let response = await answer(request.head)
        writer.send(response)
    }

    /// The whole way of one request. On whatever loop it is called; only waits for the threads.
    func answer(_ head: RequestHead) async -> Response {
        requests.add(1, ordering: .relaxed)
        let requestID = names.next()
        var response: Response
        do throws(AdminProblem) {
            response = try await respond(to: head, requestID)
            response.fields.append(.xRequestID, requestID)
        } catch {
            refused.add(1, ordering: .relaxed)
            response = error.response(requestID: requestID)
        }
        response.fields.append(.xContentTypeOptions, "nosniff")
        response.fields.append(.referrerPolicy, "no-referrer")
        response.fields.append(FieldName("Cross-Origin-Resource-Policy"), "same-origin")
        return response
    }

    private func respond(to head: RequestHead, _ requestID: String) async throws(AdminProblem) -> Response {
        // Probes come with whatever host name they like, and learn nothing.
        if head.target.path.equals("/healthz"), head.method == .get || head.method == .head {
            return Self.text("ok\n")
        }
        do throws(HostRules.Problem) {
            try hosts.check(head)
        } catch {
            switch error {
            case .foreignHost: throw .foreignHost
            case .foreignOrigin where Doorkeeper.isOwnOrigin(head): break
            case .foreignOrigin: throw .foreignOrigin
            }
        }
        let (route, path) = try Route.find(head)
        if route.access == .everyone { return Self.publicAnswer(route) }
        let now = clock()
        let configuration = try await currentConfiguration(requestID)
        let speaker = try doorkeeper.authenticate(head, for: route, in: configuration, now: now)
        let query = try QueryReader(head.target, for: route.query)
        let visit = AdminVisit(
            head: head, route: route, path: path, query: query, speaker: speaker, configuration: configuration,
            requestID: requestID, now: now)
        return try await perform(visit)
    }

    private func currentConfiguration(_ requestID: String) async throws(AdminProblem) -> Configuration {
        if let current = configuration.current { return current }
        let configuration = configuration
        return try await blocking(requestID) { () throws(StoreError) in try configuration.load() }
    }

    /// Runs work that blocks on the admin plane's own threads.
    private func blocking<T: Sendable>(
        _ requestID: String, _ body: @escaping @Sendable () throws(StoreError) -> T
    ) async throws(AdminProblem) -> T {
        let result: Result<T, StoreError>
        do throws(RuntimeError) {
            result = try await pool.run { () -> Result<T, StoreError> in
                do throws(StoreError) { return .success(try body()) } catch { return .failure(error) }
            }
        } catch {
            throw .overloaded
        }
        do throws(StoreError) {
            return try result.get()
        } catch {
            let problem = AdminProblem(error)
            if problem == .storeUnavailable {
                log(.error, "the admin plane can't use the store", ("request", requestID), ("reason", error.message))
            }
            throw problem
        }
    }
}

/// A request that may be answered: who asks, for what.
struct AdminVisit: Sendable {
    let head: RequestHead
    let route: Route
    /// What stands in the path's placeholders.
    let path: [String]
    let query: QueryReader
    let speaker: Operator
    let configuration: Configuration
    let requestID: String
    let now: Instant
}

// MARK: - The operations

extension AdminService {
    private static func publicAnswer(_ route: Route) -> Response {
        switch route.operation {
        case .page: file(Page.html, "text/html; charset=utf-8")
        case .style: file(Page.css, "text/css; charset=utf-8")
        case .script: file(Page.script, "text/javascript; charset=utf-8")
        case .icon: file(Page.icon, "image/svg+xml")
        case .openapi: json(description)
        default: text("ok\n")
        }
    }

    private func perform(_ visit: AdminVisit) async throws(AdminProblem) -> Response {
        let configuration = visit.configuration
        switch visit.route.operation {
        case .page, .style, .script, .icon, .openapi, .health:
            return Self.publicAnswer(visit.route)
        case .openSession: return try openSession(visit)
        case .session:
            return Self.json(jsonBytes { $0.session(visit.speaker, expires: visit.speaker.sessionExpires) })
        case .closeSession: return closeSession(visit)
        case .metrics: return Self.text(prometheus(configuration), "text/plain; version=0.0.4; charset=utf-8")
        case .status:
            let reader = subject.reader
            let last = try await blocking(visit.requestID) { () throws(StoreError) in try reader.lastSequence() }
            return Self.json(status(visit, lastSequence: last))
        case .servers:
            let servers = configuration.servers.values.sorted { $0.name < $1.name }
            return Self.json(jsonBytes { $0.list("servers", servers) { $0.server($1, subject.health($1)) } })
        case .findings:
            let (observations, query) = (subject.observations, visit.query)
            return Self.json(
                try await blocking(visit.requestID) { () throws(StoreError) in
                    FindingPages.page(try observations.observations(), query)
                })
        case .policies:
            let policies = configuration.policies.values.sorted { $0.name < $1.name }
            return Self.json(jsonBytes { $0.list("policies", policies) { $0.policy($1) } })
        case .policy: return try await policy(visit)
        case .identities:
            let identities = configuration.identities.values.sorted { $0.name < $1.name }
            return Self.json(jsonBytes { $0.list("identities", identities) { $0.identity($1) } })
        case .grants:
            let grants = configuration.grants.values.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
            return Self.json(jsonBytes { $0.list("grants", grants) { $0.grant($1, now: visit.now) } })
        case .revokeGrant: return try await revokeGrant(visit)
        case .decisions:
            let (pages, query) = (pages, DecisionPages.query(visit.query))
            return Self.json(
                try await blocking(visit.requestID) { () throws(StoreError) in try pages.page(query) })
        case .decision: return try await decision(visit)
        case .verifyLedger: return try await verifyLedger(visit)
        }
    }

    private func openSession(_ visit: AdminVisit) throws(AdminProblem) -> Response {
        // The token proves who asks; the page that asks has to be ours all the same.
        let hasOrigin = visit.head.fields.contains(.origin)
        guard !hasOrigin || Doorkeeper.isOwnOrigin(visit.head) else { throw .foreignOrigin }
        let (value, session) = sessions.open(for: visit.speaker.hash, now: visit.now)
        let isSecure =
            options.tls != nil || visit.head.fields[.origin]?.hasPrefixIgnoringCase("https://") ?? false
        var response = Self.json(jsonBytes { $0.session(visit.speaker, expires: session.expires) })
        response.status = .created
        response.fields.append(
            .setCookie,
            ConsoleSessions.setCookie(value, lifetime: options.sessionLifetime, isSecure: isSecure))
        log(.info, "signed in to the console", ("token", visit.speaker.token.id), ("request", visit.requestID))
        return response
    }

    private func closeSession(_ visit: AdminVisit) -> Response {
        if let cookie = ConsoleSessions.cookie(in: visit.head) { sessions.close(cookie) }
        return Response(
            .noContent, fields: Fields((.setCookie, ConsoleSessions.clearCookie), (.cacheControl, "no-store")))
    }

    private func policy(_ visit: AdminVisit) async throws(AdminProblem) -> Response {
        let name = visit.path[0]
        let found: PolicyVersion
        if visit.query.count("version") == nil, let newest = visit.configuration.policies[name] {
            found = newest
        } else {
            let (store, version) = (subject.store, visit.query.count("version"))
            found = try await blocking(visit.requestID) { () throws(StoreError) in
                try store.policy(name, version: version)
            }
        }
        var response = Self.json(found.bytes)
        response.fields.append(FieldName("Sluice-Policy-Version"), String(found.version))
        return response
    }

    private func revokeGrant(_ visit: AdminVisit) async throws(AdminProblem) -> Response {
        let (store, id) = (subject.store, visit.path[0])
        // The store takes labels too; here only the id will do, since labels can be used again.
        guard visit.configuration.grants.values.contains(where: { $0.id == id }) else {
            throw .notFound("there is no grant with the id \(Name.quoted(id)); /api/v1/grants lists them")
        }
        let grant = try await blocking(visit.requestID) { () throws(StoreError) in try store.revokeGrant(id) }
        log(
            .info, "a grant was revoked over the admin plane", ("grant", grant.id), ("by", visit.speaker.token.id),
            ("request", visit.requestID))
        return Self.json(jsonBytes { $0.grant(grant, now: clock()) })
    }

    private func decision(_ visit: AdminVisit) async throws(AdminProblem) -> Response {
        let text = visit.path[0]
        guard let seq = Int64(text), seq > 0, String(seq) == text else {
            throw .notFound("\(Name.quoted(text)) is no row's number")
        }
        let pages = pages
        let found = try await blocking(visit.requestID) { () throws(StoreError) in try pages.row(seq) }
        guard let found else { throw .notFound("the ledger has no row \(seq)") }
        return Self.json(found)
    }

    private func verifyLedger(_ visit: AdminVisit) async throws(AdminProblem) -> Response {
        guard !isVerifying.exchange(true, ordering: .acquiringAndReleasing) else { throw .verificationRunning }
        defer { isVerifying.store(false, ordering: .releasing) }
        let verifier = subject.verifier
        let verdict = try await blocking(visit.requestID) { () throws(StoreError) in try verifier.verify() }
        if let breach = verdict.breach {
            log(.error, "the ledger is not as it was written", ("row", String(breach.seq)), ("what", breach.text))
        }
        return Self.json(jsonBytes { $0.verdict(verdict) })
    }

    // MARK: Kinds of answers

    private static func json(_ bytes: [UInt8]) -> Response {
        Response(.ok, fields: Fields((.contentType, "application/json"), (.cacheControl, "no-store")), body: bytes)
    }

    private static func text(_ text: String, _ type: String = "text/plain; charset=utf-8") -> Response {
        Response(.ok, fields: Fields((.contentType, type), (.cacheControl, "no-store")), body: Array(text.utf8))
    }

    private static func file(_ bytes: [UInt8], _ type: String) -> Response {
        var fields = Fields((.contentType, type), (.cacheControl, "no-cache"))
        fields.append(.contentSecurityPolicy, Page.contentSecurityPolicy)
        fields.append(.xFrameOptions, "DENY")
        fields.append(FieldName("Cross-Origin-Opener-Policy"), "same-origin")
        return Response(.ok, fields: fields, body: bytes)
    }
}
