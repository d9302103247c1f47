import { type Bench, type Subject, launch } from "./subject.ts"
import { mkdirSync, writeFileSync } from "node:fs"
import { bodyLength } from "./load.ts"
import { fileURLToPath } from "node:url"
import { freePort } from "../../tests/support/ports.ts"
import { join } from "node:path"

/** Name of every peer in SNI and Host. */
export const peerName = "bench.localhost"

/** Path of every request. */
export const path = "/mcp"

/** An access token's verification key and what else a verifier expects. */
export interface TokenPolicy {
  /** PEM file. */
  readonly publicKey: string
  readonly issuer: string
  readonly audience: string
}

/** Backend of every proxy: nginx with one body from memory, on the core of the load generator. */
export async function startBackend(bench: Omit<Bench, "backendPort">): Promise<number> {
  const port = await freePort()
  const location = `location / { default_type text/plain; return 200 ${"x".repeat(bodyLength)}; }`
  nginx({ ...bench, backendPort: port }, "backend", bench.loadCore, `server { listen 127.0.0.1:${port}; ${location} }`)
  return port
}

/** Bare node:https: no backend, same body. */
export async function startHello(bench: Bench): Promise<Subject> {
  const port = await freePort()
  const command = [
    process.execPath,
    program("hello-server.ts"),
    String(port),
    bench.cert,
    bench.key,
    String(bodyLength),
  ] as const
  const programs = [launch(bench, "hello", bench.proxyCore, command)]
  return {
    id: "hello",
    title: "node:https hello world, no backend",
    endpoint: { hostname: peerName, port, path },
    programs,
  }
}

/** nginx as a proxy without authorization. */
export async function startNginx(bench: Bench): Promise<Subject> {
  const port = await freePort()
  const server = `${nginxUpstream(bench)} server { ${nginxTls(bench, port)} location / { ${nginxForward} } }`
  const programs = [nginx(bench, "nginx", bench.proxyCore, server)]
  return { id: "nginx", title: "nginx proxy", endpoint: { hostname: peerName, port, path }, programs }
}

/** nginx that asks a verifier before every request; both count. */
export async function startNginxAuthRequest(bench: Bench, policy: TokenPolicy, tokens: string): Promise<Subject> {
  const [port, verifierPort] = [await freePort(), await freePort()]
  const args = [String(verifierPort), policy.publicKey, policy.issuer, policy.audience]
  const verifier = launch(bench, "verifier", bench.proxyCore, [
    process.execPath,
    program("verifier-server.ts"),
    ...args,
  ])
  const server = `
    upstream verifier { server 127.0.0.1:${verifierPort}; keepalive 128; keepalive_requests 1000000000; }
    ${nginxUpstream(bench)}
    server {
      ${nginxTls(bench, port)}
      location = /verify-token {
        internal;
        proxy_pass http://verifier; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_pass_request_body off; proxy_set_header Content-Length "";
      }
      location / {
        auth_request /verify-token;
        auth_request_set $subject $upstream_http_x_auth_user_id;
        proxy_set_header X-Auth-User-Id $subject; proxy_set_header Authorization "";
        ${nginxForward}
      }
    }`
  const programs = [nginx(bench, "nginx-auth-request", bench.proxyCore, server), verifier]
  const endpoint = { hostname: peerName, port, path, tokens }
  return { id: "nginx-auth-request", title: "nginx + auth_request, jose verifier", endpoint, programs }
}

/** caddy as a proxy without authorization, with room for every connection in its pool. */
export async function startCaddy(bench: Bench): Promise<Subject> {
  const port = await freePort()
  const file = join(bench.dir, "Caddyfile")
  writeFileSync(
    file,
    `{
      admin off
      auto_https off
      skip_install_trust
      servers {
        protocols h1
      }
    }
    https://${peerName}:${port} {
      bind 127.0.0.1
      tls ${bench.cert} ${bench.key} {
        protocols tls1.3
      }
      reverse_proxy 127.0.0.1:${bench.backendPort} {
        transport http {
          compression off
          keepalive_idle_conns_per_host 128
        }
      }
    }`,
  )
  const home = { XDG_DATA_HOME: join(bench.dir, "caddy"), XDG_CONFIG_HOME: join(bench.dir, "caddy") }
  const command = ["caddy", "run", "--config", file, "--adapter", "caddyfile"] as const
  const programs = [launch(bench, "caddy", bench.proxyCore, command, home)]
  return { id: "caddy", title: "caddy reverse_proxy", endpoint: { hostname: peerName, port, path }, programs }
}

/** Starts nginx with one worker in a prefix of its own. */
function nginx(bench: Bench, name: string, core: number, servers: string) {
  const prefix = join(bench.dir, name)
  mkdirSync(prefix)
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${kind};`)
  const config = `daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn; events { worker_connections 2048; }
    http { access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; ${temporary.join(" ")} ${servers} }`
  writeFileSync(join(prefix, "nginx.conf"), config)
  return launch(bench, name, core, ["nginx", "-p", prefix, "-c", "nginx.conf", "-e", "stderr"])
}

const nginxUpstream = (bench: Bench) =>
  `upstream backend { server 127.0.0.1:${bench.backendPort}; keepalive 128; keepalive_requests 1000000000; }`

const nginxTls = ({ cert, key }: Bench, port: number) =>
  `listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;`

const nginxForward = `proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host $http_host;`

const program = (file: string) => fileURLToPath(new URL(file, import.meta.url))
