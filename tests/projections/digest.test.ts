import { expect, test } from "vitest"
import { digests } from "../../src/projections/digest.ts"
import { emptyWorld } from "../../src/events/world.ts"

test("the digest of a world does not depend on the order in which its aggregates came", () => {
  const [one, two] = [emptyWorld(), emptyWorld()]
  const state = (name: string) => ({ name }) as never
  for (const id of ["a", "b", "c"]) one.objects["api-token"].set(id, { version: 1, state: state(id) })
  for (const id of ["c", "a", "b"]) two.objects["api-token"].set(id, { version: 1, state: state(id) })
  expect(digests(one)).toEqual(digests(two))
})
