import type * as z from "zod"
import { type Diagnosis, type Finding, StepName, skipped } from "./finding.ts"
import { type Learned, audience, connect, readChallenge, resourceMetadata } from "./resource-steps.ts"
import { authorize, keys, pkce, register, serverMetadata } from "./server-steps.ts"
import { cors, mcpCall, rejection } from "./call-steps.ts"
import type { Reach } from "./reach.ts"

type StepName = z.infer<typeof StepName>

/**
 * Walks the way of an MCP client that knows nothing but an address: challenge, metadata, registration, the page that a person
 * would see, and one call. Whatever it registers it takes back.
 * @param token access token for the call at the end; without it that call is left out where one is needed
 * @param now milliseconds since the epoch
 */
export async function diagnose(
  reach: Reach,
  url: string,
  token: string | undefined,
  now: number,
): Promise<z.infer<typeof Diagnosis>> {
  const findings = new Map<StepName, Finding>()
  const note = <T>(step: StepName, { finding, value }: Learned<T>): T | undefined => {
    findings.set(step, finding)
    return finding.status === "failed" ? undefined : value
  }
  await walk({ reach, url, token, now, note })
  const steps = StepName.options.map((step) => ({
    step,
    ...(findings.get(step) ?? skipped("An earlier step failed.")),
  }))
  const broken = steps.find(({ status }) => status === "failed")
  return {
    url,
    ok: broken === undefined,
    broken: broken === undefined ? null : { step: broken.step, words: broken.words },
    steps,
  }
}

type Note = <T>(step: StepName, learned: Learned<T>) => T | undefined

interface Walk {
  readonly reach: Reach
  readonly url: string
  readonly token: string | undefined
  readonly now: number
  readonly note: Note
}

async function walk({ reach, url, token, now, note }: Walk): Promise<void> {
  const answer = note("connection", await connect(reach, url))
  if (answer === undefined) return
  const challenge = note("challenge", readChallenge(answer))
  if (challenge === undefined) return
  if (challenge.open) return openServer({ reach, url, now, note })
  const documents = note("resource_metadata", await resourceMetadata(reach, url, challenge.metadata))
  const resource = documents && note("audience", audience(url, documents))
  const servers = documents?.[0]?.content["authorization_servers"] as readonly unknown[] | undefined
  const server = servers && note("server_metadata", await serverMetadata(reach, servers))
  if (documents !== undefined && server !== undefined) {
    note("pkce", pkce(server))
    note("keys", await keys(reach, server))
    const client = note("registration", await register(reach, server))
    if (client === undefined) note("authorization", { finding: skipped("No client could be registered for it.") })
    else if (resource !== undefined) note("authorization", await authorize(reach, server, client, resource))
    await client?.remove()
    note("cors", await cors(reach, documents, server))
  }
  note("rejection", await rejection(reach, url))
  if (token === undefined) return void note("call", { finding: skipped("No access token was given.") })
  const expected = {
    now,
    ...(resource !== undefined && { resource }),
    ...(server !== undefined && { issuer: server.issuer }),
  }
  note("call", await mcpCall(reach, url, token, expected))
}

async function openServer({ reach, url, now, note }: Omit<Walk, "token">): Promise<void> {
  const unneeded = { finding: skipped("Nobody has to sign in.") }
  for (const step of StepName.options.slice(2, -1)) note(step, unneeded)
  note("call", await mcpCall(reach, url, undefined, { now }))
}
