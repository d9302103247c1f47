import { ApiFailure, type Input, type Reply, operation } from "./client.ts"
import { type Session, listAll } from "./session.ts"
import { CliFailure, exitCodes } from "./failure.ts"
import { truth } from "./arguments.ts"

/** Changes that are tried one on top of the other. */
export interface Trials {
  /** A session whose changes are tried. Reads see what was tried before. @param flags of this recipe */
  session(flags: ReadonlyMap<string, string>): Session
  /** Changes that were tried so far and would not be refused. */
  readonly changes: number
  /**
   * What an error of a recipe means for the trials.
   * @throws the error, when it says nothing about them
   */
  ended(error: unknown): TrialEnd
  /** Answer to the last trial. */
  last(): Reply | undefined
}

/** `waits`: the recipe goes on when work is done that no trial does. `stops`: nothing after it can be known. */
export interface TrialEnd {
  readonly how: "waits" | "stops"
  /** In words; undefined when the answer says it. */
  readonly why?: string
}

interface Step {
  readonly operation: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly as?: string
}

interface Tried {
  readonly refused: { readonly status: number; readonly code: string; readonly detail: string } | null
  readonly answer: { readonly status: number; readonly body: Record<string, unknown> | null } | null
}

const waiting = "it would wait here for work that a trial does not do; what it does after that is not known"

/** A recipe looks again at what a trial does not bring about. */
class Waits extends Error {}

/**
 * Trials over a session. The API keeps nothing of a trial: each is asked for together with all before it.
 * @param at position of the state that they begin with; now when undefined
 */
export function trials(outer: Session, at: string | undefined): Trials {
  const steps: Step[] = []
  const looks = new Set<string>()
  let changes = 0
  let last: Reply | undefined
  let refusal: { readonly error: ApiFailure; readonly reply: Reply } | undefined

  const tryOn = async (step: Step, isChange: boolean): Promise<Reply> => {
    const all = [...steps, step]
    const body = {
      ...all[0],
      ...(all.length > 1 && { next: all.slice(1) }),
      ...(at !== undefined && { at: Number(at) }),
    }
    const reply = await outer.call("whatIf", { token: await outer.token(""), body })
    const { refused, answer } = reply.body as unknown as Tried
    if (refused !== null) {
      // It has left nothing: a recipe may know what to do instead.
      refusal = { error: new ApiFailure(refused.status, refused), reply }
      throw refusal.error
    }
    if (isChange) {
      last = reply
      steps.push(step)
      looks.clear()
      changes += 1
    }
    return {
      ...reply,
      status: answer!.status,
      headers: new Headers(),
      body: answer!.body ?? {},
      text: JSON.stringify(answer!.body),
    }
  }
  const call = async (operationId: string, input: Input, as: string | undefined): Promise<Reply> => {
    const isChange = operation(operationId)?.method !== "GET" && String(input.query?.["dry_run"]) !== "true"
    if (!isChange && steps.length === 0 && at === undefined) return outer.call(operationId, input)
    const { params = {}, query = {}, body } = input
    const texts = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    )
    const step = { operation: operationId, params, query: Object.fromEntries(texts) }
    const look = JSON.stringify(step)
    if (!isChange && looks.has(look)) throw new Waits(waiting)
    if (!isChange) looks.add(look)
    return tryOn({ ...step, ...(body !== undefined && { body }), ...(as !== undefined && { as }) }, isChange)
  }

  return {
    session(flags) {
      let as = flags.get("as")
      const trying = (operationId: string, input: Input = {}) => call(operationId, input, as)
      const flag = (name: string) => flags.get(name)
      const wait = () => Promise.reject(new Waits(waiting))
      return {
        ...outer,
        terminal: { ...outer.terminal, write: () => {}, error: () => {} },
        flag,
        on: (name) => truth(name, flags.get(name) ?? "false"),
        confirm: async () => {},
        show: () => {},
        call: trying,
        get: wait,
        stream: wait,
        list: (operationId, collection, input = {}) => listAll({ call: trying }, operationId, collection, input, flag),
        // Names of tokens are not revealed: they say whose rights count.
        async token(argument) {
          if (argument !== "" && argument !== "ADMIN") as ??= argument
          return outer.token("")
        },
      }
    },
    get changes() {
      return changes
    },
    ended(error) {
      if (error instanceof Waits) return { how: "waits", why: error.message }
      if (error === refusal?.error) {
        last = refusal!.reply
        return { how: "stops" }
      }
      if (changes > 0 && error instanceof CliFailure && error.exitCode === exitCodes.timedOut)
        return { how: "waits", why: waiting }
      if (changes === 0 || !(error instanceof CliFailure) || error.exitCode === exitCodes.usage) throw error
      return { how: "stops", why: error.message }
    },
    last: () => last,
  }
}
