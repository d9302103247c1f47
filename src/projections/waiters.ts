import type { Outcome } from "../platform/event-store.ts"

/** Who waits for this node to have seen something. */
export interface Waiters {
  /** @returns false when `waitMs` passed before `position` was folded */
  reached(position: number, waitMs: number): Promise<boolean>
  /**
   * Waits for a command's outcome and for its position.
   * @param known the outcome, where only the position is waited for
   * @returns undefined when `waitMs` passed first
   */
  awaitOutcome(commandId: string, waitMs: number, known?: Outcome): Promise<Outcome | undefined>
  /** An outcome was seen. */
  decided(outcome: Outcome): void
  /** The position went up. */
  advanced(): void
}

/** Waiters on a position. @param position where this node is now */
export function waiters(position: () => number): Waiters {
  const forPosition = new Set<{ readonly position: number; readonly resume: () => void }>()
  const forOutcome = new Map<string, Set<(outcome: Outcome) => void>>()

  const atPosition = (wanted: number, resume: () => void): (() => void) => {
    if (position() >= wanted) {
      resume()
      return () => {}
    }
    const waiter = { position: wanted, resume }
    forPosition.add(waiter)
    return () => forPosition.delete(waiter)
  }
  return {
    reached: (wanted, waitMs) =>
      new Promise((resolve) => {
        const settle = (seen: boolean) => {
          clearTimeout(timer)
          forget()
          resolve(seen)
        }
        let forget = () => {}
        const timer = setTimeout(() => settle(false), waitMs).unref()
        forget = atPosition(wanted, () => settle(true))
      }),
    awaitOutcome: (commandId, waitMs, known) =>
      new Promise((resolve) => {
        let forgetPosition = () => {}
        const seen = (outcome: Outcome) => {
          forgetPosition = atPosition(outcome.position ?? 0, () => settle(outcome))
        }
        const settle = (outcome: Outcome | undefined) => {
          clearTimeout(timer)
          forgetPosition()
          const others = forOutcome.get(commandId)
          others?.delete(seen)
          if (others?.size === 0) forOutcome.delete(commandId)
          resolve(outcome)
        }
        const timer = setTimeout(() => settle(undefined), waitMs).unref()
        if (known !== undefined) return seen(known)
        forOutcome.set(commandId, (forOutcome.get(commandId) ?? new Set()).add(seen))
      }),
    decided: (outcome) => forOutcome.get(outcome.command_id)?.forEach((seen) => seen(outcome)),
    advanced: () => {
      for (const waiter of forPosition)
        if (waiter.position <= position()) {
          forPosition.delete(waiter)
          waiter.resume()
        }
    },
  }
}
