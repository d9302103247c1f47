import { type Recipe, argument, optional, required } from "../recipe.ts"
import { audience, connect, readChallenge, resourceMetadata, type Learned } from "../../api/diagnose/resource-steps.ts"
import { oauthAuthority, publicCalls } from "../oauth-host.ts"
import { register, serverMetadata } from "../../api/diagnose/server-steps.ts"
import { CliFailure } from "../failure.ts"
import { Unreachable } from "../../api/diagnose/reach.ts"
import type { Reach } from "../../api/diagnose/reach.ts"
import type { Session } from "../session.ts"
import { signIn } from "../sign-in.ts"
import { words } from "../value.ts"

const group = "oauth"

/** Runs calls to public hosts; one that gets no answer ends the command. */
async function calling<T>(session: Session, work: (calls: Reach) => Promise<T>): Promise<T> {
  const calls = await publicCalls(session)
  try {
    return await work(calls)
  } catch (error) {
    if (error instanceof Unreachable) throw new CliFailure("unreachable", `unreachable: ${error.message}`)
    throw error
  } finally {
    await calls.close()
  }
}

const registerClient: Recipe = {
  name: "oauth-client-register",
  group,
  doc: "Register an OAuth client as MCP clients do, and print its id and secret",
  parameters: [
    required("name"),
    optional("redirect-uri", "http://localhost:8080/callback"),
    optional("scope", "mcp:read mcp:write"),
  ],
  async run(session, args) {
    const body = JSON.stringify({
      client_name: argument(args, "name"),
      redirect_uris: [argument(args, "redirect-uri")],
      scope: words(argument(args, "scope")).join(" "),
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    })
    const url = `https://${oauthAuthority(session)}/register`
    const headers = { "content-type": "application/json" }
    const answer = await calling(session, (calls) => calls.ask(url, { method: "POST", headers, body }))
    if (answer.status !== 201) throw new CliFailure("apiError", refusal(answer.json, answer.status))
    session.show({ body: answer.json!, text: answer.text })
  },
}

function refusal(json: Readonly<Record<string, unknown>> | undefined, status: number): string {
  const { error = `http_${status}`, error_description: detail = "the authorization server refuses" } = (json ??
    {}) as Record<string, string>
  return `${error}: ${detail}`
}

const testTokens: Recipe = {
  name: "oauth-test-tokens",
  group,
  doc: "Go the whole way of an MCP client to a server, signing in with the administrator's token, and print the tokens",
  parameters: [required("server-url")],
  async run(session, args) {
    const apiToken = await session.token(session.flag("token") ?? "")
    if (apiToken === undefined) throw new CliFailure("usage", "usage: ADMIN_TOKEN is not set, and no --token was given")
    const url = argument(args, "server-url")
    const body = await calling(session, async (calls) => {
      const challenge = found(readChallenge(found(await connect(calls, url))))
      if (challenge.open) throw new CliFailure("apiError", "not_protected: this server asks nobody for a token")
      const documents = found(await resourceMetadata(calls, url, challenge.metadata))
      const resource = found(audience(url, documents))
      const server = found(await serverMetadata(calls, documents[0]!.content["authorization_servers"] as unknown[]))
      const client = found(await register(calls, server))
      const tokens = await signIn(calls, server, client.client_id, resource, apiToken)
      return { client_id: client.client_id, resource, ...tokens, claims: claimsOf(tokens.access_token) }
    })
    session.show({ body, text: JSON.stringify(body) })
  },
}

/** What a step learned. @throws CliFailure with its words when it failed */
function found<T>({ finding, value }: Learned<T>): T {
  if (value !== undefined && finding.status !== "failed") return value
  throw new CliFailure("apiError", `broken: ${finding.words}`)
}

/** Claims of a token that is a JWT. */
function claimsOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
  } catch {
    return null
  }
}

const doctor: Recipe = {
  name: "mcp-doctor",
  group,
  doc: "Check an MCP server, ours or not, step by step as a client would, and name the first broken step",
  parameters: [required("url"), optional("access-token")],
  async run(session, args) {
    const accessToken = argument(args, "access-token")
    const body = { url: argument(args, "url"), ...(accessToken !== "" && { token: accessToken }) }
    const reply = await session.call("diagnoseConnector", {
      token: await session.token(session.flag("token") ?? ""),
      body,
    })
    const { steps, broken } = reply.body as {
      steps: { step: string; status: string; words: string }[]
      broken: { step: string; words: string } | null
    }
    session.show(session.format === "json" ? reply : { body: { steps }, text: "" })
    if (broken !== null) throw new CliFailure("apiError", `broken: ${broken.step}: ${broken.words}`)
  },
}

/** Recipes that go the way of a client. */
export const oauthFlowRecipes: readonly Recipe[] = [registerClient, testTokens, doctor]
