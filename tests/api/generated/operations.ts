import { fc } from "../../support/property.ts"

/** One call of the API by somebody. */
export interface Operation {
  readonly who: "admin" | "alice" | "bob"
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

const target = "http://93.184.216.34"
const host = fc.constantFrom("a.internal", "b.internal", "c.internal")
const cert = fc.constantFrom("one", "two", "proxy-a-internal")
const route = fc.constantFrom("r1", "r2", "r3")
const instance = fc.constantFrom("i1", "i2")
const owner = fc.constantFrom("alice", "bob")
const uri = fc.constantFrom("https://a.internal:8443/mcp", "https://b.internal:8443/files")
const who = fc.constantFrom("admin", "alice", "bob", "alice", "bob")
const leads = fc.constantFrom(target, "instance://i1", "instance://i2")
type Fields = Record<string, fc.Arbitrary<unknown>>
const optional = (fields: Fields) => fc.record(fields, { requiredKeys: [] })

/** A call with a path that is made of names, and a body. */
function call(
  method: string,
  path: fc.Arbitrary<string>,
  body: fc.Arbitrary<unknown> = fc.constant(undefined),
  by: fc.Arbitrary<string> = who,
) {
  return fc.record({ who: by as fc.Arbitrary<Operation["who"]>, method: fc.constant(method), path, body })
}

const at = (list: string, name: fc.Arbitrary<string>, rest = "") =>
  name.map((value) => `${list}/${encodeURIComponent(value)}${rest}`)
const asked = (path: fc.Arbitrary<string>, ...flags: string[]) =>
  fc
    .tuple(path, fc.subarray(flags))
    .map(([text, chosen]) => `${text}?${chosen.map((flag) => (flag.includes("=") ? flag : `${flag}=true`)).join("&")}`)
const only = (path: string) => fc.constant(path)
const creates = (path: string, body: Fields, more: Fields = {}) =>
  call(
    "POST",
    only(path),
    fc.tuple(fc.record(body), optional(more)).map(([needed, rest]) => ({ ...needed, ...rest })),
  )

/** Operations of all six kinds of objects, most of which do something when they come after others. */
export const operations: fc.Arbitrary<Operation> = fc.oneof(
  creates("certificates", { cert_name: cert, domain: host }),
  call("DELETE", asked(at("certificates", cert), "force")),
  call("POST", at("certificates", cert, "/renew"), fc.constant({ force: true })),
  creates("proxy/targets", { hostname: host, target_url: leads, enable_https: fc.boolean() }, { cert_name: cert }),
  creates("proxy/targets", { hostname: host, target_url: fc.constant(target), enable_https: fc.boolean() }),
  call(
    "PUT",
    at("proxy/targets", host),
    optional({ cert_name: cert, target_url: leads, enabled: fc.boolean(), force: fc.boolean() }),
  ),
  call("PUT", at("proxy/targets", host), fc.record({ owner }), fc.constant("admin")),
  call("DELETE", asked(at("proxy/targets", host), "delete_certificate", "force")),
  call("POST", at("proxy/targets", host, "/auth"), fc.constant({ auth_proxy: "auth.localhost" })),
  call("POST", at("proxy/targets", host, "/mcp"), fc.constant({})),
  call("DELETE", at("proxy/targets", host, "/mcp")),
  call(
    "PUT",
    at("proxy/targets", host, "/routes"),
    fc.record({
      route_mode: fc.constantFrom("all", "selective"),
      enabled_routes: fc.subarray(["r1", "r2"]),
      disabled_routes: fc.subarray(["r3"]),
    }),
  ),
  creates("routes", {
    route_id: route,
    path_pattern: fc.constantFrom("/a", "/b"),
    target_type: fc.constant("url"),
    target_value: fc.constant(target),
  }),
  creates(
    "routes",
    {
      route_id: route,
      path_pattern: fc.constantFrom("/a", "/b"),
      target_type: fc.constant("instance"),
      target_value: instance,
    },
    {
      scope: fc.constantFrom("owner", "proxy"),
      proxy_hostnames: fc.subarray(["a.internal", "b.internal"], { minLength: 1 }),
    },
  ),
  call("PUT", at("routes", route), fc.record({ owner }), fc.constant("admin")),
  call("DELETE", at("routes", route)),
  creates("instances", { name: instance, target_url: fc.constant(target) }),
  call("PUT", at("instances", instance), optional({ name: instance, description: fc.constant("x") })),
  call("DELETE", asked(at("instances", instance), "force")),
  creates("resources", { uri, name: fc.constant("x"), proxy_target: host }),
  call("DELETE", at("resources", uri)),
  call("POST", only("resources/auto-register"), fc.constant({}), fc.constant("admin")),
  creates("services", { service_name: fc.constantFrom("s1", "s2"), image: fc.constant("nginx") }, { owner }),
  call("DELETE", asked(only("services/s1"), "force")),
  creates("oauth/clients", { client_name: fc.constant("job") }),
  call(
    "DELETE",
    asked(at("tokens", owner), "force", "reassign_to=alice", "cascade=false"),
    undefined,
    fc.constant("admin"),
  ),
  call("DELETE", asked(at("tokens", owner), "force"), undefined, fc.constant("admin")),
)
