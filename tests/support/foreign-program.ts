import { programEnvironment } from "./program-environment.ts"
import { join } from "node:path"
import { once } from "node:events"
import { spawn } from "node:child_process"

const root = join(import.meta.dirname, "../..")
const names = join(import.meta.dirname, "loopback-names.ts")

/**
 * Environment for a Node program of others that is to reach Gatehouse by its names: it finds them on this machine and
 * trusts their certificates. @param caFile for `NODE_EXTRA_CA_CERTS`
 */
export function foreignEnvironment(caFile: string): Record<string, string> {
  return {
    ...programEnvironment(),
    NODE_EXTRA_CA_CERTS: caFile,
    NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${names}`,
    NO_COLOR: "1",
  }
}

/** A program of an npm package that runs. */
export interface ForeignProgram {
  /** Resolves with the match's first group once that was printed. @throws Error when the program ends without */
  printed(pattern: RegExp): Promise<string>
  /** Standard output, once it has ended with this exit code. @throws Error for another code */
  ended(code: number): Promise<string>
}

/** Starts the script of a package, `<package>/<path>`. It is killed after a minute. */
export function foreignProgram(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ForeignProgram {
  const child = spawn(process.execPath, [join(root, "node_modules", script), ...args], {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  })
  let stdout = ""
  let all = ""
  const waiting = new Set<() => void>()
  const hear = (chunk: Buffer) => {
    all += chunk.toString()
    waiting.forEach((look) => look())
  }
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString())).on("data", hear)
  child.stderr.on("data", hear)
  const closed = once(child, "close")
  return {
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(all)
          if (found !== null) resolve(found[1] ?? found[0])
        }
        waiting.add(look)
        look()
        void closed.then(() => reject(new Error(`${script} ended without ${String(pattern)}:\n${all}`)))
      }),
    async ended(code) {
      await closed
      if (child.exitCode !== code) throw new Error(`${script} ended with ${child.exitCode}:\n${all}`)
      return stdout
    },
  }
}
