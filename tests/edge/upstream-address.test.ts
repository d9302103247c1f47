import { type Lookup, addressBook } from "../../src/edge/upstream-address.ts"
import { beforeEach, expect, it } from "vitest"

let now = 0
let calls: { hostname: string; done: Parameters<Lookup>[1] }[] = []
const find: Lookup = (hostname, done) => calls.push({ hostname, done })

beforeEach(() => {
  now = 0
  calls = []
})

function setup() {
  const book = addressBook(find, () => now)
  const answers: string[] = []
  return {
    answers,
    ask: () => book.resolve("a.test", (error, addresses) => answers.push(error?.message ?? addresses.join())),
    answer: (error: Error | null, addresses: string[] = []) => calls.shift()!.done(error, addresses),
  }
}

it("an address is itself, without a lookup", () => {
  const seen: string[] = []
  addressBook(find, () => now).resolve("::1", (_, addresses) => seen.push(...addresses))
  expect(seen).toEqual(["::1"])
  expect(calls).toEqual([])
})

it("a name is looked up at most every 30 s, and once for everybody who waits", () => {
  const { ask, answer, answers } = setup()
  ask()
  ask()
  expect(calls).toHaveLength(1)
  answer(null, ["192.0.2.1", "192.0.2.2"])
  now = 30_000
  ask()
  expect(answers).toEqual(["192.0.2.1,192.0.2.2", "192.0.2.1,192.0.2.2", "192.0.2.1,192.0.2.2"])
  expect(calls).toHaveLength(0)
  now = 30_001
  ask()
  answer(null, ["192.0.2.3"])
  expect(answers.at(-1)).toBe("192.0.2.3")
})

it("while lookups fail the last good address is used for 5 minutes", () => {
  const { ask, answer, answers } = setup()
  ask()
  answer(null, ["192.0.2.1"])
  now = 299_000
  ask()
  answer(new Error("SERVFAIL"))
  expect(answers.at(-1)).toBe("192.0.2.1")
  now = 301_000
  ask()
  answer(new Error("SERVFAIL"))
  expect(answers.at(-1)).toBe("SERVFAIL")
  ask()
  answer(null, [])
  expect(answers.at(-1)).toBe("the name has no address")
  ask()
  answer(null, ["192.0.2.9"])
  expect(answers.at(-1)).toBe("192.0.2.9")
})
