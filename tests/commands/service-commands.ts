import { admin, decider, owner, system, token } from "../support/decider.ts"

const services = {
  images: ["nginx", "ghcr.io/acme/*"],
  firstPort: 11_000,
  lastPort: 11_002,
  networks: ["proxy_network"],
  baseDomain: "example.com",
}

export const alice = owner("alice")

export const request = (service_name: string, more: object = {}) => ({
  service_name,
  image: "nginx",
  environment: [],
  ...more,
})

export const create = (
  service_name: string,
  more: object = {},
  actor: typeof alice | typeof admin = admin,
): [string, unknown, typeof actor] => ["CreateService", request(service_name, more), actor]

export const setup = () => {
  const tools = decider({ services })
  tools.given(token("alice"), token("bob"))
  return tools
}

export const container = (port: number | null, revision = 1, container_id = `c${revision}`) => ({
  container_id,
  revision,
  port,
  address: "127.0.0.1",
  internal_port: 8080,
})

export const started = (
  service_name: string,
  request: number,
  port: number | null,
  revision = 1,
): [string, unknown, typeof system] => [
  "RecordServiceStarted",
  { service_name, request, ...container(port, revision), health: "none" },
  system,
]
