import { type Logger, reason } from "../platform/log.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { Projections } from "./projections.ts"
import type { Vault } from "../platform/vault.ts"
import { all } from "../events/world.ts"
import { sealedFiles } from "../platform/sealed-files.ts"

/** Private keys of the certificates that are served. */
export interface CertificateKeys {
  /** PEM of a key. @throws Error when neither store nor disk has it */
  open(ref: string): Promise<string>
}

/** What opening keys rests on. */
export interface CertificateKeyParts {
  /** Folder of this node's sealed copies. */
  readonly dir: string
  readonly store: Pick<EventStore, "secret">
  readonly vault: Vault
  readonly projections: Projections
  readonly log: Logger
}

/** Opens keys from the vault and keeps sealed copies on disk of exactly those that certificates name. */
export function openKeys({ dir, store, vault, projections, log }: CertificateKeyParts): CertificateKeys {
  const files = sealedFiles(
    dir,
    (ref) => store.secret(ref),
    (error) => log.warning("key_copy_not_written", { error: reason(error) }),
  )
  projections.listen((events, world) => {
    if (!events.some(({ kind }) => kind === "certificate")) return
    const named = new Set([...all(world, "certificate")].flatMap(({ material }) => material?.key_ref ?? []))
    files.keepOnly(named).catch((error: unknown) => log.warning("key_copies_not_removed", { error: reason(error) }))
  })
  return {
    async open(ref) {
      const sealed = await files.read(ref)
      if (sealed === undefined) throw new Error(`the vault has no key ${ref}`)
      return vault.open(ref, sealed)
    },
  }
}
