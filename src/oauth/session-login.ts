import { type Transaction, bindToBrowser, putTransaction } from "./transaction.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { H3Event } from "h3"
import type { ReturnTarget } from "../projections/return-url.ts"
import { limit } from "./limits.ts"
import { randomSecret } from "../platform/ids.ts"
import { startLogin } from "./login.ts"

/**
 * Starts a sign-in that serves no client: nobody else receives anything, so nothing is asked.
 * @param returnUrl checked by the caller
 * @param host that it leads to: groups are asked for where its rule needs them
 */
export async function startSessionLogin(
  server: AuthorizationServer,
  event: H3Event,
  returnUrl: string,
  host?: ReturnTarget,
): Promise<Response> {
  await limit(server, event, "authorize")
  const { browser, setCookie } = bindToBrowser(server, event)
  const transaction: Transaction = {
    id: randomSecret(),
    csrf: randomSecret(),
    client_id: "",
    answer: { via: "session", return_url: returnUrl, origin: host?.origin ?? null },
    document: null,
    code: null,
    resources: host?.proxy === undefined ? [] : [host.origin],
    scope: [],
    login_hint: null,
    fresh_login: false,
    browser,
  }
  await putTransaction(server, "login", transaction)
  const response = await startLogin(server, transaction)
  response.headers.append("set-cookie", setCookie)
  return response
}
