import type { Model } from "../../src/platform/decision-commit.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"

/** A decider that answers every command with `TokenCreated` for `data.name`, whether or not there is one. */
export function tokenModel(): Model {
  const state = { position: 0, hash: genesisHash }
  return {
    get position() {
      return state.position
    },
    get hash() {
      return state.hash
    },
    decide({ data }) {
      const { name } = data as { name: string }
      const hash = `sha256:${"0".repeat(64)}`
      const about = { name, hash, preview: "p", cert_email: null, secret_ref: null, is_admin: false }
      const events = [{ kind: "api-token", id: name, type: "TokenCreated", data: about }]
      return { events, expected: [{ kind: "api-token", id: name, version: 0 }], gone: [], unlink: [] }
    },
    fold(records) {
      for (const { position, hash } of records) Object.assign(state, { position, hash })
    },
  }
}
