import { type ChildProcess, execFile, spawn } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import { randomBytes } from "node:crypto"

const run = promisify(execFile)

/** A container engine of its own: own socket, own data, own process. */
export interface ContainerEngine {
  /** Value for DOCKER_HOST. */
  readonly host: string
  /** Runs `docker` against it and gives what it printed. */
  docker(...args: string[]): Promise<string>
  /** The process, to be ended or frozen by a test. */
  readonly pid: number
  /** SIGKILL. */
  kill(): Promise<void>
  /** A new process on the same data; ends the one before with SIGKILL. Containers end with their engine. */
  restart(): Promise<void>
  /** Ends it and removes everything that it has stored. */
  stop(): Promise<void>
}

/**
 * Starts dockerd. Needs root and the Debian package docker.io.
 * @param outside whether its containers (and the steps of a build) reach other machines. Without, they are reached at published
 *   ports alone, and the engine leaves the machine's packet filter as it is.
 * @throws Error with the engine's log when it does not come up
 */
export async function startContainerEngine({ outside = false } = {}): Promise<ContainerEngine> {
  if (process.getuid?.() !== 0)
    throw new Error("a container engine can be started by root alone: run the tests as root")
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-engine-"))
  const at = (name: string) => join(folder, name)
  const host = `unix://${at("docker.sock")}`
  // Never docker0, which belongs to this machine's own engine and which dockerd removes when it starts with `--bridge=none`.
  const bridge = `gh-${randomBytes(5).toString("hex")}`
  await run("ip", ["link", "add", bridge, "type", "bridge"])
  // Without --storage-driver the engine takes overlay2 where the kernel allows it, else vfs.
  const args = [
    "--host",
    host,
    "--data-root",
    at("data"),
    "--exec-root",
    at("exec"),
    "--pidfile",
    at("docker.pid"),
    `--bridge=${bridge}`,
    `--iptables=${outside}`,
  ]
  let log = ""
  const launch = () => {
    const started = spawn("dockerd", args, { stdio: ["ignore", "pipe", "pipe"] })
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (chunk: Buffer) => (log += chunk.toString()))
    started.on("error", (error) => (log += `${error.message}: is the Debian package docker.io installed?`))
    return started
  }
  let child: ChildProcess = launch()
  const env = { ...process.env, DOCKER_HOST: host }
  const docker = async (...command: string[]) =>
    (await run("docker", command, { env, maxBuffer: 16 * 1024 * 1024 })).stdout.trim()
  const engine: ContainerEngine = {
    host,
    docker,
    get pid() {
      return child.pid!
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, "exit")
      child.kill("SIGKILL")
      await gone
    },
    async restart() {
      await engine.kill()
      await endContainerd(at("exec"))
      rmSync(at("docker.pid"), { force: true })
      child = launch()
      await ready()
    },
    async stop() {
      // A bridge outlives its engine, and this machine has addresses for about thirty.
      const ids = await docker("ps", "-aq").catch(() => "")
      if (ids !== "") await docker("rm", "-f", "-v", ...ids.split("\n")).catch(ignore)
      await docker("network", "prune", "-f").catch(ignore)
      await end(child, folder)
      await run("ip", ["link", "delete", bridge])
    },
  }
  async function ready(): Promise<void> {
    for (const deadline = Date.now() + 45_000; ; await delay(100)) {
      const answer = await docker("version", "--format", "{{.Server.Version}}").catch(() => undefined)
      if (answer !== undefined) return
      if (child.exitCode === null && child.pid !== undefined && Date.now() < deadline) continue
      await engine.stop()
      throw new Error(`no container engine can run here:\n${log.slice(-3000)}`)
    }
  }
  await ready()
  return engine
}

/** An engine that is gone has nothing to be cleared of. */
const ignore = () => undefined

/** An engine that was killed leaves its containerd behind, with the containers; its pid is in a file. */
async function endContainerd(exec: string): Promise<void> {
  const text = await readFile(join(exec, "containerd/containerd.pid"), "utf8").catch(() => "")
  const pid = Number(text)
  if (!(pid > 1) || !existsSync(`/proc/${pid}`)) return
  process.kill(pid, "SIGTERM")
  for (const deadline = Date.now() + 10_000; existsSync(`/proc/${pid}`) && Date.now() < deadline;) await delay(50)
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit")
    child.kill("SIGTERM")
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000)
    await gone
    clearTimeout(late)
  }
  await endContainerd(join(folder, "exec"))
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed())
    await run("umount", ["-l", mount])
  rmSync(folder, { recursive: true, force: true })
}

/**
 * Makes the two images that Dockerfile and compose.yaml start from, out of this machine's own programs: no registry.
 * They have the names, users and paths of the official ones.
 */
export async function makeBaseImages(engine: ContainerEngine): Promise<void> {
  await image(engine, "node:24-bookworm-slim", async (root) => {
    await add(root, process.execPath, "/usr/local/bin/node")
    await add(root, "/sbin/setcap")
    const modules = join(root, "usr/local/lib/node_modules")
    const { stdout } = await run("sh", ["-c", 'readlink -f "$(command -v npm)"'])
    cpSync(dirname(dirname(stdout.trim())), join(modules, "npm"), { recursive: true })
    symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"))
    await add(root, "/etc/ssl/certs/ca-certificates.crt")
    return ["ENV NPM_CONFIG_CAFILE=/etc/ssl/certs/ca-certificates.crt"]
  })
  await image(engine, "redis:7-bookworm", async (root) => {
    await add(root, "/usr/bin/redis-server")
    await add(root, "/usr/bin/redis-cli")
    mkdirSync(join(root, "data"))
    await run("chown", ["999:999", join(root, "data")])
    return []
  })
}

/**
 * Makes an image of busybox that serves a page and small programs: `/` tells the version, `/cgi-bin/env` the environment,
 * `/cgi-bin/slow` answers after half a second, `/cgi-bin/fail` ends the server.
 */
export async function makeWebImage(engine: ContainerEngine, name: string, version: string): Promise<void> {
  await image(engine, name, (root) => {
    mkdirSync(join(root, "www/cgi-bin"), { recursive: true })
    writeFileSync(join(root, "www/index.html"), version)
    const program = (file: string, text: string) =>
      writeFileSync(
        join(root, "www/cgi-bin", file),
        `#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\n${text}\n`,
        { mode: 0o755 },
      )
    program("env", "env")
    program("slow", `sleep 0.5; echo ${version}`)
    program("fail", "kill -9 $(pidof httpd)")
    return Promise.resolve(["EXPOSE 8080", 'CMD ["/bin/httpd", "-f", "-v", "-p", "8080", "-h", "/www"]'])
  })
}

/** Makes an image like supergateway's own, with the reference MCP server and one of both eras besides: all from this project's packages. */
export async function makeMcpBridgeImage(engine: ContainerEngine): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packages, "supergateway/package.json"), "utf8")) as Manifest
  await image(engine, `supercorp/supergateway:${version}`, async (root) => {
    await add(root, process.execPath, "/usr/local/bin/node")
    for (const name of [
      "supergateway",
      "@modelcontextprotocol/server-everything",
      "@modelcontextprotocol/server",
      "zod",
    ])
      addPackage(join(root, "srv"), name, packages)
    copyFileSync(join(import.meta.dirname, "stdio-server-node.ts"), join(root, "srv/both.ts"))
    return ['ENTRYPOINT ["/usr/local/bin/node", "/srv/node_modules/supergateway/dist/index.js"]']
  })
}

const packages = join(import.meta.dirname, "../../node_modules")

/** Copies a package and all that it needs to where it would be installed. @param above folders that packages are looked for in */
function addPackage(root: string, name: string, ...above: readonly string[]): void {
  const found = above.find((folder) => existsSync(join(folder, name, "package.json")))
  if (found === undefined) throw new Error(`the package ${name} is not installed`)
  const place = join(root, "node_modules", relative(packages, join(found, name)))
  if (existsSync(place)) return
  const needless = /[/\\]node_modules([/\\]|$)|\.(map|[cm]?ts|md)$/
  cpSync(join(found, name), place, {
    recursive: true,
    filter: (path) => !needless.test(path.slice(join(found, name).length)),
  })
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(
    readFileSync(join(place, "package.json"), "utf8"),
  ) as Manifest
  const from = [join(found, name, "node_modules"), ...above.slice(above.indexOf(found))]
  const peers = Object.keys(peerDependencies).filter((peer) => from.some((folder) => existsSync(join(folder, peer))))
  for (const needed of [...Object.keys(dependencies), ...peers]) addPackage(root, needed, ...from)
}

interface Manifest {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

async function image(engine: ContainerEngine, name: string, fill: (root: string) => Promise<string[]>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "gatehouse-image-"))
  try {
    for (const folder of ["bin", "etc", "root", "tmp", "usr/bin", "usr/local/bin"])
      mkdirSync(join(root, folder), { recursive: true })
    await run("chmod", ["755", root])
    await run("chmod", ["1777", join(root, "tmp")])
    await add(root, "/bin/busybox")
    for (const applet of (await run("/bin/busybox", ["--list"])).stdout.trim().split("\n"))
      if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet))
    symlinkSync("/bin/env", join(root, "usr/bin/env"))
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
    const changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", ...(await fill(root))]
    const archive = `${root}.tar`
    await run("tar", ["-C", root, "-cf", archive, "."])
    await engine.docker("import", ...changes.flatMap((change) => ["--change", change]), archive, name)
    rmSync(archive)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Copies a file with the libraries that it is linked with. */
async function add(root: string, file: string, as = file): Promise<void> {
  const linked = await run("ldd", [file]).then(
    ({ stdout }) => stdout.match(/\/\S+/g) ?? [],
    () => [],
  )
  for (const [from, to] of [[file, as], ...linked.map((library) => [library, library])] as [string, string][]) {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
}
