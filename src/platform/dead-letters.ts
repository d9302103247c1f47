import type { CommandRecord, Outcome, Submitted } from "./event-store.ts"
import { available, untilReady } from "./redis-call.ts"
import { commandText, parseCommand, queued } from "./command-record.ts"
import { deciderGroup, keys } from "./redis-keys.ts"
import type { CrashPoint } from "./crash-point.ts"
import { GatehouseError } from "../errors.ts"
import type { Redis } from "ioredis"
import type { StreamEntry } from "./redis-tail.ts"
import { redisScript } from "./redis-script.ts"
import { streamField } from "./redis-tail.ts"

/** A command that could not be decided, or an event that an effect could not deal with. */
export interface DeadLetter {
  /** Stream id of the letter. */
  readonly letter: string
  /** Consumer group that gave up: `decider` for commands. */
  readonly group: string
  /** Stream id of the command, or of the event (`<position>-0`). */
  readonly entry: string
  readonly attempts: number
  readonly error: string
  /** ISO 8601. */
  readonly at: string
}

/** Dead letters of the store. Everything rejects with `store_unavailable` when it cannot be used. */
export interface DeadLetters {
  /** Oldest first, at most `limit`. */
  list(after: string, limit: number): Promise<DeadLetter[]>
  find(letter: string): Promise<DeadLetter | undefined>
  count(): Promise<number>
  /**
   * Puts what a letter is about back to work, submits the command that records it, and removes the letter, in one step.
   * @throws GatehouseError `not_found`; `invalid_state` when a retry is of no use
   */
  retry(letter: string, record: CommandRecord): Promise<Submitted>
}

/** How long an event that is put back counts as left alone, so that whoever works for its group takes it at once; ms. */
const longIdle = 86_400_000

/** Dead letters in Redis. */
export function deadLetters(redis: Redis, crash: CrashPoint = () => {}): DeadLetters {
  const scripts = { command: redisScript("retry-command"), event: redisScript("retry-event") }
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, 400).then(run))
  const find = async (letter: string) => (await redis.xrange(keys.deadLetters, letter, letter)).map(letterOf)[0]
  const outcome = async (id: string) => {
    const text = await redis.get(keys.outcome(id))
    return text === null ? undefined : (JSON.parse(text) as Outcome)
  }
  /** Script, keys and arguments that put a command back. */
  const commandBack = async (entry: string) => {
    const command = await deadCommand(redis, entry)
    const before = (await outcome(command.id))?.status ?? "dead"
    if (before !== "dead") throw new GatehouseError("invalid_state", "the command was decided meanwhile")
    const args = [JSON.stringify(command), JSON.stringify(queued(command))]
    return { script: scripts.command, key: keys.outcome(command.id), args }
  }
  return {
    list: (after, limit) =>
      call(async () =>
        (await redis.xrange(keys.deadLetters, after === "0" ? "-" : `(${after}`, "+", "COUNT", limit)).map(letterOf),
      ),
    find: (letter) => call(() => find(letter)),
    count: () => call(() => redis.xlen(keys.deadLetters)),
    retry: (letter, record) =>
      call(async () => {
        const found = await find(letter)
        if (found === undefined) {
          const known = await outcome(record.id)
          if (known !== undefined) return { status: "known", outcome: known }
          throw new GatehouseError("not_found", `there is no dead letter ${letter}`)
        }
        const { group, entry } = found
        const { script, key, args } =
          group === deciderGroup
            ? await commandBack(entry)
            : { script: scripts.event, key: keys.events, args: [group, entry, longIdle] }
        crash("deadletter.before")
        const names = [keys.commands, keys.deadLetters, key, keys.outcome(record.id)]
        const recording = [letter, JSON.stringify(record), JSON.stringify(queued(record))]
        const [status, known] = (await script(redis, names, [...recording, ...args])) as [string, string?]
        crash("deadletter.retried")
        if (status === "known") return { status, outcome: JSON.parse(known!) as Outcome }
        if (status === "gone") throw gone("the letter, its event or its consumer group")
        return { status: "queued" }
      }),
  }
}

/** @throws GatehouseError `invalid_state` when there is no command that could be decided */
async function deadCommand(redis: Redis, entry: string): Promise<CommandRecord> {
  const [found] = await redis.xrange(keys.commands, entry, entry)
  if (found === undefined) throw gone("the command")
  const command = parseCommand(commandText(found[1]))
  if (command === null) throw new GatehouseError("invalid_state", "the entry holds no command; it can never be decided")
  if (command.secrets.length > 0)
    throw new GatehouseError("invalid_state", "the secrets that came with the command were erased; give it again")
  return command
}

function gone(what: string): GatehouseError {
  return new GatehouseError("invalid_state", `${what} is not there any more`)
}

function letterOf([letter, fields]: StreamEntry): DeadLetter {
  return {
    letter,
    group: streamField(fields, "group"),
    entry: streamField(fields, "entry"),
    attempts: Number(streamField(fields, "attempts")),
    error: streamField(fields, "error"),
    at: new Date(Number(letter.split("-")[0])).toISOString(),
  }
}
