import { available, untilReady } from "./redis.ts"
import { deciderGroup, keys } from "./redis-keys.ts"
import { GatehouseError } from "../errors.ts"
import type { Outcome } from "./event-store.ts"
import type { Redis } from "ioredis"
import { outcomeLifetime } from "./store-limits.ts"
import { parseCommand, queued } from "./command-record.ts"
import { redisScript } from "./redis-script.ts"
import { streamField } from "./redis-tail.ts"
import type { StreamEntry } from "./redis-tail.ts"

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
   * Puts what a letter is about back to work and removes the letter, once.
   * @throws GatehouseError `invalid_state` when that is of no use
   */
  retry(letter: DeadLetter): Promise<void>
}

/** How long an event that is put back counts as left alone, so that whoever works for its group takes it at once; ms. */
const longIdle = 86_400_000

/** Dead letters in Redis. */
export function deadLetters(redis: Redis): DeadLetters {
  const retryCommand = redisScript("retry-command")
  const retryEvent = redisScript("retry-event")
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, 400).then(run))
  return {
    list: (after, limit) =>
      call(async () =>
        (await redis.xrange(keys.deadLetters, after === "0" ? "-" : `(${after}`, "+", "COUNT", limit)).map(letterOf),
      ),
    find: (letter) => call(async () => (await redis.xrange(keys.deadLetters, letter, letter)).map(letterOf)[0]),
    count: () => call(() => redis.xlen(keys.deadLetters)),
    retry: (letter) =>
      call(async () => {
        if (letter.group !== deciderGroup) {
          const names = [keys.events, keys.deadLetters]
          const done = await retryEvent(redis, names, [letter.group, letter.entry, letter.letter, longIdle])
          if (done === 0) throw gone("the letter, its event or its consumer group")
          return
        }
        const [entry] = await redis.xrange(keys.commands, letter.entry, letter.entry)
        if (entry === undefined) throw gone("the command")
        const raw = streamField(entry[1], "command")
        const command = parseCommand(raw)
        if (command === null)
          throw new GatehouseError("invalid_state", "the entry holds no command; it can never be decided")
        if (command.secrets.length > 0)
          throw new GatehouseError("invalid_state", "the secrets that came with the command were erased; give it again")
        const known = await redis.get(keys.outcome(command.id))
        if (known !== null && (JSON.parse(known) as Outcome).status !== "dead")
          throw new GatehouseError("invalid_state", "the command was decided meanwhile")
        const names = [keys.commands, keys.deadLetters, keys.outcome(command.id)]
        const done = await retryCommand(redis, names, [
          raw,
          JSON.stringify(queued(command)),
          outcomeLifetime,
          letter.letter,
        ])
        if (done === 0) throw gone("the letter")
      }),
  }
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
