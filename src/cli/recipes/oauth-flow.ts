import { type Recipe, argument, optional, required } from "../recipe.ts"
import { calling, mcpAccess } from "../mcp-access.ts"
import { CliFailure } from "../failure.ts"
import { oauthAuthority } from "../oauth-host.ts"
import { words } from "../value.ts"

const group = "oauth"

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
    const { client_id, resource, ...tokens } = await calling(session, (calls) => mcpAccess(calls, url, apiToken))
    const body = { client_id, resource, ...tokens, claims: claimsOf(tokens.access_token) }
    session.show({ body, text: JSON.stringify(body) })
  },
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
