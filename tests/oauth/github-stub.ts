import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { once } from "node:events"

/** What the stub saw of one request. */
export interface Seen {
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly form: URLSearchParams
}

type Reply = (response: ServerResponse) => void

/** GitHub as far as a login sees it, with answers that can be replaced by failures. */
export interface GithubStub {
  readonly url: string
  readonly seen: Seen[]
  /** Replaces the answer of a path until `reset`. */
  answer(path: string, reply: Reply): void
  reset(): void
  stop(): Promise<void>
}

export const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Reply =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))

const usual: Readonly<Record<string, Reply>> = {
  "/login/oauth/access_token": json({ access_token: "gho_the_token", token_type: "bearer", scope: "" }),
  "/user": json({ id: 583231, login: "Octocat", name: "The Octocat" }),
  "/user/emails": json([
    { email: "old@example.org", primary: false, verified: true },
    { email: "octocat@example.org", primary: true, verified: true },
  ]),
  "/user/orgs": json([{ login: "acme" }]),
  "/user/teams": json([{ slug: "dev", organization: { login: "acme" } }]),
}

export async function githubStub(): Promise<GithubStub> {
  const replaced = new Map<string, Reply>()
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const path = (request.url ?? "").split("?")[0]!
      seen.push({ path, headers: request.headers, form: new URLSearchParams(Buffer.concat(chunks).toString()) })
      const reply = replaced.get(path) ?? usual[path] ?? json({ message: "Not Found" }, 404)
      reply(response)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen,
    answer: (path, reply) => void replaced.set(path, reply),
    reset: () => {
      replaced.clear()
      seen.length = 0
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
