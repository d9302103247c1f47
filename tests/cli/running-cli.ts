import type { RunningApi } from "../api/running-api.ts"
import { run } from "../../src/cli/run.ts"

/** What a command line printed, and its exit code. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Standard output as JSON. */
  json<T = Record<string, unknown>>(): T
}

export interface Seat {
  readonly env?: Record<string, string>
  /** Answers to questions; without it nobody is there. */
  readonly answers?: string[]
  /** Is standard output a terminal? */
  readonly tty?: boolean
}

/** A command line against a running API. */
export function commandLine(api: RunningApi) {
  return async (argv: readonly string[], { env = {}, answers, tty = false }: Seat = {}): Promise<Ran> => {
    let [out, err] = ["", ""]
    const code = await run(argv, {
      env: { API_PORT: String(api.port), ADMIN_TOKEN: api.adminToken, ...env },
      interactiveInput: answers !== undefined,
      interactiveOutput: tty,
      write: (text) => void (out += text),
      error: (text) => void (err += text),
      ask(question) {
        err += question
        return Promise.resolve(answers!.shift()!)
      },
    })
    return { code, out, err, json: <T>() => JSON.parse(out) as T }
  }
}
