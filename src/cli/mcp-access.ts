import { type Issued, signIn } from "./sign-in.ts"
import { type Learned, audience, connect, readChallenge, resourceMetadata } from "../api/diagnose/resource-steps.ts"
import { register, serverMetadata } from "../api/diagnose/server-steps.ts"
import { CliFailure } from "./failure.ts"
import { Unreachable } from "../api/diagnose/reach.ts"
import type { Reach } from "../api/diagnose/reach.ts"
import type { Session } from "./session.ts"
import { publicCalls } from "./oauth-host.ts"

/** Runs calls to public hosts; one that gets no answer ends the command. @throws CliFailure unreachable */
export async function calling<T>(session: Session, work: (calls: Reach) => Promise<T>): Promise<T> {
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

/** Tokens for an MCP server, and what they were issued for. */
export interface McpAccess extends Issued {
  readonly client_id: string
  readonly resource: string
}

/**
 * Goes the whole way of an MCP client: challenge, metadata, registration, sign-in with an API token.
 * @throws CliFailure with the words of the first step that fails
 */
export async function mcpAccess(calls: Reach, url: string, apiToken: string): Promise<McpAccess> {
  const challenge = found(readChallenge(found(await connect(calls, url))))
  if (challenge.open) throw new CliFailure("apiError", "not_protected: this server asks nobody for a token")
  const documents = found(await resourceMetadata(calls, url, challenge.metadata))
  const resource = found(audience(url, documents))
  const server = found(await serverMetadata(calls, documents[0]!.content["authorization_servers"] as unknown[]))
  const { client_id } = found(await register(calls, server))
  return { client_id, resource, ...(await signIn(calls, server, client_id, resource, apiToken)) }
}

/** What a step learned. @throws CliFailure with its words when it failed */
function found<T>({ finding, value }: Learned<T>): T {
  if (value !== undefined && finding.status !== "failed") return value
  throw new CliFailure("apiError", `broken: ${finding.words}`)
}
