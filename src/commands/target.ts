import { addressAllowed, parseAddress } from "../events/target-address.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { invalid } from "./decision.ts"

/**
 * Checks where a proxy may send requests, as far as its text tells; names are resolved and checked again at each dial.
 * @returns the URL, unchanged
 * @throws GatehouseError `validation_failed`, `forbidden_target`
 */
export function checkTarget(path: string, value: string, { actor, policy }: Context): string {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(value))
    throw invalid(path, "must be an http:// or https:// URL")
  if (url.username !== "" || url.password !== "") throw invalid(path, "must not hold credentials")
  if (url.hash !== "" || url.search !== "") throw invalid(path, "must not have a query or fragment")
  const hostname = url.hostname.replace(/^\[|\]$/g, "")
  const local = hostname === "localhost" || hostname.endsWith(".localhost")
  const address = local ? "127.0.0.1" : parseAddress(hostname) === undefined ? undefined : hostname
  if (address === undefined) return value
  if (!addressAllowed(address, actor.admin, policy.targetAllowCidrs))
    throw new GatehouseError("forbidden_target", `${path}: this address is not allowed as a target`)
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80))
  if (address.startsWith("127.") && policy.ownPorts.includes(port))
    throw new GatehouseError("forbidden_target", `${path}: this is one of Gatehouse's own ports`)
  return value
}
