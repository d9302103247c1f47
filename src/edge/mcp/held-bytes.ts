/** For whom something is held; the count stands on it, so that its end can give everything back. */
export interface Holder {
  heldBytes: number
}

/** What one reader of messages holds. */
export interface Hold {
  /** Counts a piece. @returns false when there is no room for it */
  take(bytes: number): boolean
  /** Nothing of it is held any more. */
  drop(): void
}

/** Bytes of messages that are in memory until they can be judged, of all exchanges of a node together. */
export interface HeldBytes {
  readonly held: number
  hold(holder: Holder): Hold
  /** The holder is done: nothing is held for it any more. */
  release(holder: Holder): void
}

/** What a piece costs besides its bytes: single bytes take many times the memory that they are. */
const pieceCost = 128

/** @param most bytes held for all together */
export function heldBytes(most: number): HeldBytes {
  let held = 0
  const give = (holder: Holder, bytes: number) => {
    held -= bytes
    holder.heldBytes -= bytes
  }
  return {
    get held() {
      return held
    },
    hold(holder) {
      let own = 0
      return {
        take(bytes) {
          const cost = bytes + pieceCost
          if (held + cost > most) return false
          own += cost
          give(holder, -cost)
          return true
        },
        drop() {
          give(holder, Math.min(own, holder.heldBytes))
          own = 0
        },
      }
    },
    release: (holder) => give(holder, holder.heldBytes),
  }
}
