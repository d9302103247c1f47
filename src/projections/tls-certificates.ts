import type { Certificate } from "../events/certificate.ts"
import { all, find } from "../events/world.ts"
import { isAdministrator } from "../events/certificate-selection.ts"
import type { Projections } from "./projections.ts"

/** The certificates of the log, as their loader needs them. */
export interface CertificateSource {
  get(name: string): Certificate | undefined
  /** Names in lower case of all that there are. */
  names(): string[]
  /** Does this owner belong to an administrator? */
  isAdmin(owner: string): boolean
  /** Called with the names in lower case that an event touched. @returns ends it */
  onChange(listener: (names: ReadonlySet<string>) => void): () => void
}

/** Reads the certificates of the log. */
export function certificateSource(projections: Projections): CertificateSource {
  return {
    get: (name) => find(projections.world, "certificate", name.toLowerCase()),
    names: () => [...all(projections.world, "certificate")].map(({ cert_name }) => cert_name.toLowerCase()),
    isAdmin: (owner) => isAdministrator(projections.world, owner),
    onChange: (listener) =>
      projections.listen((events) => {
        const names = new Set(events.filter(({ kind }) => kind === "certificate").map(({ id }) => id))
        if (names.size > 0) listener(names)
      }),
  }
}
