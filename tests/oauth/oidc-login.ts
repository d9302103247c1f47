import { type Person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, authorizePath, verifier } from "./flow.ts"
import { afterAll, beforeAll } from "vitest"

export const application = { OIDC_CLIENT_ID: "gatehouse", OIDC_CLIENT_SECRET: "a secret: with & signs" }
export let redis: RedisServer

/** Allows a request; the answer leads to the provider, by the login page where there is a choice. */
export async function toProvider(
  client: TestClient,
  who: Person,
  resource: string,
  codeVerifier = verifier(),
  overrides = {},
): Promise<URL> {
  const consent = await who.visit(authorizePath(client, codeVerifier, { resource, ...overrides }))
  const allowed = await who.submit(consent, { decision: "allow" })
  if (allowed.location?.pathname !== "/login") return allowed.location!
  const transaction = allowed.location.searchParams.get("transaction")!
  return (await who.visit(`/login/oidc?transaction=${transaction}`)).location!
}

/** Starts Redis before the tests of a file, and stops it after. */
export function redisOfFile(): void {
  beforeAll(async () => {
    redis = await redisServer()
  })
  afterAll(async () => {
    await redis?.stop()
  })
}
