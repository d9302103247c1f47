/** A recipe that cannot go on. The message says what is in the way and what to do; it is printed without a stack. */
export class Refusal extends Error {
  override name = "Refusal"
}
