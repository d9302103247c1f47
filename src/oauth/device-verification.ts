import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { type DeviceRequest, readUserCode, waitingDevice } from "./device-code.ts"
import { enteredUserCodes, enteredUserCodesOf } from "./limits.ts"
import { formParameters, queryParameters } from "./parameters.ts"
import type { H3Event } from "h3"
import type { Transaction } from "./transaction.ts"
import { askConsent } from "./consent-page.ts"
import { clientOf, putTransaction, requireOwnOrigin } from "./transaction.ts"
import { currentSession } from "./session.ts"
import { randomSecret } from "../platform/ids.ts"
import { userCodePage } from "./device-page.ts"

/** `GET /device`: where a person types the code that a device shows (RFC 8628 §3.3). */
export const showDevice: Handler = (_server, event) => {
  const code = queryParameters(event).get("user_code")?.slice(0, 20) ?? ""
  return userCodePage(code)
}

/**
 * `POST /device`: the code leads to the consent page, whatever the browser's session allowed before: nobody but this person knows
 * whether it is their device. What is entered is counted by address and by account.
 */
export const enterUserCode: Handler = async (server, event) => {
  requireOwnOrigin(server, event)
  const form = await formParameters(event)
  form.requireSingle()
  const session = await currentSession(server, event)
  // Counted before the look, right ones too: many guesses at the same moment would all pass a count of those that failed.
  for (const bucket of enteredUserCodesOf(event, session?.user.subject))
    await server.limiter.hit(bucket, enteredUserCodes)
  const typed = form.get("user_code") ?? ""
  const code = readUserCode(typed)
  const waiting = code === undefined ? undefined : await waitingDevice(server, code)
  if (waiting === undefined)
    return userCodePage(typed.slice(0, 20), "No device waits under this code. It may have expired.")
  return askForDevice(server, event, waiting.device, waiting.request)
}

async function askForDevice(
  server: AuthorizationServer,
  event: H3Event,
  device: string,
  request: DeviceRequest,
): Promise<Response> {
  const { client_id, scope, resources } = request
  const transaction: Transaction = {
    id: randomSecret(),
    csrf: randomSecret(),
    client_id,
    answer: { via: "device", device },
    document: null,
    code: null,
    resources,
    scope,
    login_hint: null,
    fresh_login: false,
    browser: null,
  }
  const client = clientOf(server, transaction)
  const session = await currentSession(server, event)
  await putTransaction(server, "consent", transaction)
  return askConsent(server, client, transaction, session?.user, request)
}
