import { createServer } from "node:net"
import { once } from "node:events"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "vitest"
import { portProblems } from "../../scripts/stack/ports.ts"
import { freePort } from "../support/ports.ts"

it("finds nothing against free ports, and leaves them free", async () => {
  const wanted = [{ name: "HTTP_PORT", host: "127.0.0.1", port: await freePort() }]
  expect(await portProblems(wanted)).toEqual([])
  expect(await portProblems(wanted)).toEqual([])
})

it("names the variable of a port that is taken, or wanted twice", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  const free = await freePort()
  const problems = await portProblems([
    { name: "API_PORT", host: "127.0.0.1", port },
    { name: "HTTP_PORT", host: "127.0.0.1", port: free },
    { name: "HTTPS_PORT", host: "127.0.0.1", port: free },
  ])
  server.close()
  expect(problems).toEqual([
    `API_PORT=${port}: something else listens on 127.0.0.1:${port}; set API_PORT to a free port`,
    `HTTPS_PORT=${free}: something else listens on 127.0.0.1:${free}; set HTTPS_PORT to a free port`,
  ])
})

it("names both variables to a user who may not use ports below 1024", () => {
  // A test that runs as root has to give up its rights to see this; the sysctl below is per network namespace.
  const module = join(import.meta.dirname, "../../scripts/stack/ports.ts")
  const code = `import { portProblems } from ${JSON.stringify(module)}
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
    console.log((await portProblems([{ name: "HTTP_PORT", host: "127.0.0.1", port: 81 }])).join())`
  const setup = "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; ip link set lo up 2>/dev/null"
  const node = [process.execPath, "--input-type=module", "-e", code]
  const output =
    process.getuid?.() === 0
      ? execFileSync("unshare", ["--net", "sh", "-c", `${setup}; exec "$@"`, "sh", ...node], { encoding: "utf8" })
      : execFileSync(node[0]!, node.slice(1), { encoding: "utf8" })
  expect(output).toContain("set HTTP_PORT and HTTPS_PORT to higher ports")
})

it("blames SERVER_HOST for an address that this machine has not", async () => {
  const problems = await portProblems([{ name: "HTTP_PORT", host: "203.0.113.9", port: 0 }])
  expect(problems).toEqual(["SERVER_HOST=203.0.113.9: this machine has no such address"])
})
