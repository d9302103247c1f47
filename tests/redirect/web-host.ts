import { type IncomingHttpHeaders, type IncomingMessage, type Server, createServer } from "node:http"
import { type OAuthNode, apiToken, oauthNode } from "../oauth/oauth-node.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { WebSocketServer } from "ws"
import { gatewayGuard, sharedProofs } from "../../src/gateway-guard.ts"
import { once } from "node:events"
import { request } from "node:https"
import { resourceMetadata } from "../../src/edge/resource-metadata.ts"

/** A web application behind Gatehouse: backend, edge and authorization server of one node in this process, on a real Redis. */
export interface WebHost {
  readonly node: OAuthNode
  readonly edge: TestEdge
  /** Requests that reached the application. */
  readonly reached: Reached[]
  /** What the application answers besides its text. */
  answerWith(headers: Record<string, string | string[]>): void
  readonly alice: string
  readonly bob: string
  /** Makes or changes a protected host. */
  host(hostname: string, auth?: object): Promise<void>
  send(url: string, sending?: Sending): Promise<Page>
  /** @param headers of its every request */
  visitor(headers?: Record<string, string>): Visitor
  stop(): Promise<void>
}

export interface Reached {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface Sending {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly form?: Record<string, string>
  /** Host of the connection, when it is another than the URL's. */
  readonly secure?: boolean
}

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly location: URL | undefined
}

/** A browser: cookies by host, navigations that say that they are ones, redirects followed one by one. */
export interface Visitor {
  /** Cookies of one host. */
  jar(hostname: string): Map<string, string>
  /** One navigation, without following redirects. */
  open(url: string | URL, sending?: Sending): Promise<Page>
  /** A navigation with all its redirects. */
  follow(url: string | URL): Promise<Page[]>
  submit(page: Page, fields?: Record<string, string>): Promise<Page>
  /** Opens a page and signs in where that is asked. @returns every page on the way */
  signIn(url: string | URL, apiToken: string): Promise<Page[]>
}

/** Starts it. Host names end in `.localhost`; the port in URLs is 8443. */
export async function webHost(
  redisUrl: string,
  masterKey?: string,
  decides = true,
  env: Record<string, string> = {},
): Promise<WebHost> {
  const node = await oauthNode({ redisUrl, decides, env, ...(masterKey !== undefined && { masterKey }) })
  await node.ensureSigningKey()
  const reached: Reached[] = []
  let extra: Record<string, string | string[]> = {}
  const backend = createServer((req, res) => {
    reached.push({ method: req.method!, url: req.url!, headers: req.headers })
    drain(req)
    if (req.url === "/events")
      return void res.writeHead(200, { "content-type": "text/event-stream" }).write("data: hello\n\n")
    res.writeHead(200, { "content-type": "text/html", ...extra }).end("<h1>the application</h1>")
  })
  const sockets = new WebSocketServer({ server: backend })
  sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })))
  const backendPort = await listening(backend)
  const now = () => Date.now() + node.clock.offset
  const edge = await testEdge(
    { PUBLIC_HTTPS_PORT: "8443", ...env },
    {
      projections: node.projections,
      guard: gatewayGuard(node.config, node.projections, now),
      metadata: (proxy, method, path) => resourceMetadata(proxy, method, path, 8443),
      oauth: node.app.handler,
      hostLogin: node.app.hostLogin,
      renewCookie: node.app.renewCookie,
      claimProof: sharedProofs(node.config, node.ttl, node.log),
    },
  )
  const send = (url: string, sending: Sending = {}) => ask(edge, url, sending)
  return {
    node,
    edge,
    reached,
    answerWith: (headers) => void (extra = headers),
    alice: decides ? await apiToken(node, "alice") : "",
    bob: decides ? await apiToken(node, "bob") : "",
    async host(hostname, auth = {}) {
      if (!node.world.objects.proxy.has(hostname))
        await node.execute("CreateProxy", {
          hostname,
          target_url: `http://127.0.0.1:${backendPort}`,
          cert_email: "a@example.org",
          enable_https: true,
        })
      await node.execute("SetProxyAuth", {
        hostname,
        auth: { auth_proxy: "auth.localhost", auth_mode: "redirect", ...auth },
      })
    },
    send,
    visitor: (headers) =>
      visitor((url, sending) => send(url, { ...sending, headers: { ...headers, ...sending?.headers } })),
    async stop() {
      await edge.close(0)
      sockets.close()
      backend.close()
      backend.closeAllConnections()
      await node.stop()
    },
  }
}

const drain = (req: IncomingMessage) => void req.resume()

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as { port: number }).port
}

function ask(edge: TestEdge, url: string, { method, headers, form }: Sending): Promise<Page> {
  const target = new URL(url)
  const body = form === undefined ? undefined : new URLSearchParams(form).toString()
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: edge.httpsPort,
        servername: target.hostname,
        rejectUnauthorized: false,
        method: method ?? (body === undefined ? "GET" : "POST"),
        path: target.pathname + target.search,
        headers: {
          host: target.host,
          ...(body !== undefined && {
            "content-type": "application/x-www-form-urlencoded",
            "content-length": String(Buffer.byteLength(body)),
          }),
          ...headers,
        },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("end", () => {
          const { location } = incoming.headers
          resolve({
            url: target,
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(chunks).toString(),
            location: location === undefined ? undefined : new URL(location, target),
          })
        })
      },
    )
    outgoing.on("error", reject)
    outgoing.end(body)
  })
}

function visitor(send: WebHost["send"]): Visitor {
  const jars = new Map<string, Map<string, string>>()
  const jar = (hostname: string) => {
    const known = jars.get(hostname) ?? new Map<string, string>()
    jars.set(hostname, known)
    return known
  }
  const open = async (url: string | URL, sending: Sending = {}): Promise<Page> => {
    const { hostname, href } = new URL(url)
    const cookie = [...jar(hostname)].map(([name, value]) => `${name}=${value}`).join("; ")
    const page = await send(href, {
      ...sending,
      headers: { "sec-fetch-mode": "navigate", ...(cookie !== "" && { cookie }), ...sending.headers },
    })
    for (const line of page.headers["set-cookie"] ?? []) {
      const [pair = ""] = line.split(";")
      const name = pair.slice(0, pair.indexOf("="))
      if (/max-age=0\b/i.test(line)) jar(hostname).delete(name)
      else jar(hostname).set(name, pair.slice(name.length + 1))
    }
    return page
  }
  const follow = async (url: string | URL): Promise<Page[]> => {
    const pages = [await open(url)]
    for (let last = pages[0]!; last.location !== undefined; pages.push(last)) {
      if (pages.length > 15) throw new Error(`a loop: ${pages.map(({ url: at }) => at.href).join(" → ")}`)
      last = await open(last.location)
    }
    return pages
  }
  const submit = (page: Page, fields: Record<string, string> = {}) => {
    const action = /<form method="post" action="([^"]+)">/.exec(page.text)?.[1]
    if (action === undefined) throw new Error(`no form on ${page.url.href} (${page.status}): ${page.text}`)
    const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)]
    const form = Object.fromEntries(hidden.map(([, name, value]) => [name!, value!.replaceAll("&amp;", "&")]))
    return open(new URL(action, page.url), {
      form: { ...form, ...fields },
      headers: { origin: page.url.origin, "sec-fetch-site": "same-origin" },
    })
  }
  return {
    jar,
    open,
    follow,
    submit,
    async signIn(url, apiToken) {
      const way = await follow(url)
      const login = way.at(-1)!
      if (login.url.pathname !== "/login") return way
      const done = await submit(login, { token: apiToken })
      return [...way, done, ...(done.location === undefined ? [] : await follow(done.location))]
    },
  }
}
