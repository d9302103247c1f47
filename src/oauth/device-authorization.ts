import { type Handler, clientAddress } from "./authorization-server.ts"
import { deviceLife, openDeviceRequest, pollInterval, shownUserCode } from "./device-code.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { deviceGrant } from "../events/oauth-client.ts"
import { formParameters } from "./parameters.ts"
import { grantedScope } from "./granted-scope.ts"
import { limit } from "./limits.ts"
import { requestedResources } from "./requested-resource.ts"
import { about } from "./outcome.ts"

/** `POST /device_authorization`: a device that has no browser asks for access (RFC 8628 §3.1). */
export const authorizeDevice: Handler = async (server, event) => {
  const parameters = await formParameters(event)
  parameters.requireSingle()
  await limit(server, event, "device", parameters.get("client_id"))
  const client = await authenticateClient(server, event.req.headers.get("authorization"), parameters)
  if (!client.metadata.grant_types.includes(deviceGrant))
    throw new OAuthError("unauthorized_client", "the client did not register the device grant")
  const resources = requestedResources(server, parameters.all("resource"))
  const scope = grantedScope(parameters.get("scope"), client, resources)
  const ip = clientAddress(event)
  const asked = { client_id: client.client_id, scope, resources: resources.map(({ uri }) => uri), ip }
  const { deviceCode, userCode } = await openDeviceRequest(server, asked)
  server.log.info("oauth_device_asked", { client_id: client.client_id, ip })
  const uri = `${server.issuer}/device`
  const body = {
    device_code: deviceCode,
    user_code: shownUserCode(userCode),
    verification_uri: uri,
    verification_uri_complete: `${uri}?user_code=${shownUserCode(userCode)}`,
    expires_in: deviceLife,
    interval: pollInterval,
  }
  const { client_id } = client
  return about(Response.json(body, { headers: { "cache-control": "no-store" } }), { client_id })
}
