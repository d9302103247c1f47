import { type Bench, type Subject, ready } from "./subject.ts"
import { type Options, type SubjectId, readOptions, usage } from "./options.ts"
import { type Summary, summarize, table, targets } from "./report.ts"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { peerName, startBackend, startCaddy, startHello, startNginx, startNginxAuthRequest } from "./peers.ts"
import { exchange } from "./exchange.ts"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { machine } from "./machine.ts"
import { measure } from "./rounds.ts"
import { openRunFolder } from "../run-folder/run-folder.ts"
import { peerCertificate } from "./certificate.ts"
import { signingKey } from "./access-tokens.ts"
import { startGatehouse } from "./gatehouse.ts"
import { tmpdir } from "node:os"

/** Starts everything in a folder of its own, measures, and stops what it started. */
async function run(options: Options, dir: string, signal: AbortSignal): Promise<readonly Summary[]> {
  await using running = new AsyncDisposableStack()
  const { proxyCore, loadCore } = options
  const base = { dir, proxyCore, loadCore, running, ...(await peerCertificate(dir, peerName)) }
  const bench = { ...base, backendPort: await startBackend(base) }
  const subjects = await startSubjects(bench, options)
  const agreed = new Map<SubjectId, Awaited<ReturnType<typeof ready>>>()
  for (const subject of subjects) {
    agreed.set(subject.id, await ready(subject, firstToken(subject)))
    await requireGuard(subject)
  }
  const measured = await measure(subjects, options, signal, (line) => console.error(line))
  return measured.map((results) => summarize(results, agreed.get(results.subject.id)!))
}

/** The chosen subjects. The verifier of nginx takes the tokens that Gatehouse issued, so it needs Gatehouse too. */
async function startSubjects(bench: Bench, { only, profile }: Options): Promise<readonly Subject[]> {
  const key = signingKey()
  const publicKey = join(bench.dir, "public-key.pem")
  writeFileSync(publicKey, key.publicPem)
  const withTokens = only.some((id) => id.startsWith("gatehouse") || id === "nginx-auth-request")
  const gatehouse = withTokens ? await startGatehouse(bench, key, profile) : undefined
  const peers = { hello: startHello, nginx: startNginx, caddy: startCaddy }
  const started: Subject[] = []
  for (const id of only) {
    if (id === "hello" || id === "nginx" || id === "caddy") started.push(await peers[id](bench))
    else if (id === "nginx-auth-request")
      started.push(await startNginxAuthRequest(bench, { ...gatehouse!, publicKey }, gatehouse!.tokens))
    else started.push(...gatehouse!.subjects.filter((subject) => subject.id === id))
  }
  return started
}

function firstToken({ endpoint }: Subject): string | undefined {
  return endpoint.tokens === undefined ? undefined : readFileSync(endpoint.tokens, "utf8").split("\n")[0]
}

/** A guard that lets everything pass would be fast. @throws Error */
async function requireGuard({ id, endpoint }: Subject): Promise<void> {
  if (endpoint.tokens === undefined) return
  const { status } = await exchange({ ...endpoint, headers: { Authorization: "Bearer none" } })
  if (status !== 401) throw new Error(`${id} answered ${status} to a wrong token`)
}

/** @returns exit code: 1 when an answer was wrong or nothing was measured; never because of a time */
async function main(options: Options): Promise<number> {
  // What is started from here on inherits this core; the measured programs are moved to theirs.
  execFileSync("taskset", ["-a", "-c", "-p", String(options.loadCore), String(process.pid)], { stdio: "ignore" })
  const interrupt = new AbortController()
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupt.abort(new Error(name)))
  const dir = mkdtempSync(join(tmpdir(), "gatehouse-bench-"))
  openRunFolder()
  const summaries = await run(options, dir, interrupt.signal).catch((error: unknown) => {
    throw new Error(`the bench failed; logs are in ${dir}`, { cause: error })
  })
  rmSync(dir, { recursive: true, force: true })

  const where = await machine()
  const versions = Object.entries(where.versions).map(([name, version]) => `${name} ${version}`)
  console.log(`${where.cores} cores ${where.cpu}, Linux ${where.kernel}, ${versions.join(", ")}, ${where.date}\n`)
  console.log(table(summaries))
  const { rounds, seconds, warmUpSeconds, busy } = options
  const results = {
    machine: where,
    options: { rounds, seconds, warmUpSeconds, busy },
    subjects: summaries,
    targets: targets(summaries),
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)

  const faults = summaries.flatMap(({ id, wrong, cpu }) => [
    ...(wrong > 0 ? [`${id}: ${wrong} answers were wrong or cut`] : []),
    ...(Number.isFinite(cpu.median) ? [] : [`${id}: nothing was measured`]),
  ])
  faults.forEach((fault) => console.error(fault))
  return faults.length === 0 && summaries.length > 0 ? 0 : 1
}

function optionsOrExit(): Options | undefined {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

const options = optionsOrExit()
if (options === undefined) console.log(usage)
else process.exitCode = await main(options)
