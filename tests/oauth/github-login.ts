import { type Person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, authorizePath, verifier } from "./flow.ts"
import { afterAll, beforeAll } from "vitest"

export const application = { GITHUB_CLIENT_ID: "gh-id", GITHUB_CLIENT_SECRET: "gh-secret" }
export let redis: RedisServer

/** Allows a request; the answer leads to GitHub. */
export async function toGithub(
  client: TestClient,
  who: Person,
  resource: string,
  codeVerifier = verifier(),
): Promise<URL> {
  const consent = await who.visit(authorizePath(client, codeVerifier, { resource }))
  const allowed = await who.submit(consent, { decision: "allow" })
  if (allowed.location === undefined) throw new Error(allowed.text)
  return allowed.location
}

export const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as Record<string, unknown>

/** Starts Redis before the tests of a file, and stops it after. */
export function redisOfFile(): void {
  beforeAll(async () => {
    redis = await redisServer()
  })
  afterAll(async () => {
    await redis?.stop()
  })
}
