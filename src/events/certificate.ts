import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { CertificateName, Email, Instant, SecretRef } from "./values.ts"

/** Who signs: an ACME certificate authority, or Gatehouse's own. */
export const Issuer = z.enum(["acme", "internal"])
/** `production` and `staging` are ACME; `internal` is Gatehouse's own CA. */
export const Environment = z.enum(["production", "staging", "internal"])
/** Kind of a certificate's key. */
export const KeyType = z.enum(["rsa", "ecdsa-p256"])
/** Where a generation is, for people. */
export const Step = z.enum(["account", "order", "challenge", "validation", "finalize", "download"])

/** Events of a certificate; the aggregate's id is its name in lower case. */
export const certificateEvents = {
  CertificateRequested: z.strictObject({
    cert_name: CertificateName,
    domains: z.array(z.string()).min(1).max(100),
    email: Email.nullable(),
    issuer: Issuer,
    acme_directory_url: z.string().nullable(),
    environment: Environment,
    key_type: KeyType,
    owner: z.string(),
  }),
  /** A new certificate for the same names is wanted; what is served stays served. */
  CertificateRenewalRequested: z.strictObject({ reason: z.enum(["due", "manual"]) }),
  CertificateConversionRequested: z.strictObject({ acme_directory_url: z.string(), environment: Environment }),
  CertificateAttemptStarted: z.strictObject({ attempt: z.number().int().min(1), directory_url: z.string().nullable() }),
  CertificateOrderRecorded: z.strictObject({ order_url: z.string() }),
  CertificateChallengePublished: z.strictObject({
    domain: z.string(),
    token: z.string(),
    key_authorization: z.string(),
  }),
  CertificateKeySaved: z.strictObject({ key_ref: SecretRef, csr_pem: z.string() }),
  CertificateIssued: z.strictObject({
    fullchain_pem: z.string(),
    key_ref: SecretRef,
    issued_at: Instant,
    expires_at: Instant,
    fingerprint_sha256: z.string(),
    environment: Environment,
  }),
  CertificateAttemptFailed: z.strictObject({
    step: Step,
    /** Stable code, for example `acme_rate_limited`. */
    code: z.string(),
    detail: z.string(),
    /** null: will not be tried again by itself. */
    next_attempt_at: Instant.nullable(),
  }),
  CertificateKeyDownloaded: z.strictObject({ by: z.string() }),
  CertificateReassigned: z.strictObject({ owner: z.string() }),
  CertificateDeleted: z.strictObject({ cert_name: CertificateName }),
} as const

/** Event of a certificate. */
export type CertificateEvent = EventOf<typeof certificateEvents>

/** What is served: chain in the log, key in the vault. */
export interface CertificateMaterial {
  readonly fullchain_pem: string
  readonly key_ref: string
  readonly issued_at: string
  readonly expires_at: string
  readonly fingerprint_sha256: string
  readonly environment: z.infer<typeof Environment>
}

/** The work on one certificate: from the request to its end. */
export interface Generation {
  readonly purpose: "issue" | "renew" | "replace"
  readonly state: "accepted" | "in_progress" | "waiting_retry" | "completed" | "failed"
  readonly step: z.infer<typeof Step>
  /** Attempts started; 0 before the first. */
  readonly attempt: number
  readonly next_attempt_at: string | null
  readonly last_error: { readonly code: string; readonly detail: string } | null
  readonly started_at: string
  readonly ended_at: string | null
  /** Directory of the running attempt. */
  readonly directory_url: string | null
  readonly order_url: string | null
  readonly key_ref: string | null
  readonly csr_pem: string | null
  readonly challenges: readonly {
    readonly domain: string
    readonly token: string
    readonly key_authorization: string
  }[]
}

/** A certificate with what it serves and what is being done about it. */
export interface Certificate {
  readonly cert_name: string
  readonly domains: readonly string[]
  readonly email: string | null
  readonly issuer: z.infer<typeof Issuer>
  readonly acme_directory_url: string | null
  readonly environment: z.infer<typeof Environment>
  readonly key_type: z.infer<typeof KeyType>
  readonly owner: string
  readonly material: CertificateMaterial | null
  readonly generation: Generation
  readonly created_at: string
}

/** Is work on this certificate open (running or waiting for its next attempt)? */
export function isOpen(generation: Generation): boolean {
  return generation.state !== "completed" && generation.state !== "failed"
}

const accepted = (purpose: Generation["purpose"], at: string): Generation => ({
  purpose,
  state: "accepted",
  step: "account",
  attempt: 0,
  next_attempt_at: null,
  last_error: null,
  started_at: at,
  ended_at: null,
  directory_url: null,
  order_url: null,
  key_ref: null,
  csr_pem: null,
  challenges: [],
})

function purpose({ material, environment }: Certificate): Generation["purpose"] {
  if (material === null) return "issue"
  return material.environment === environment ? "renew" : "replace"
}

/** Folds a certificate's events. */
export const evolveCertificate: Evolve<Certificate, CertificateEvent> = (state, event, at) => {
  if (event.type === "CertificateRequested")
    return { ...event.data, material: null, generation: accepted("issue", at), created_at: at }
  if (state === undefined) return undefined
  const { generation } = state
  const progress = (change: Partial<Generation>): Certificate => ({
    ...state,
    generation: { ...generation, ...change },
  })
  switch (event.type) {
    case "CertificateRenewalRequested":
      return { ...state, generation: accepted(purpose(state), at) }
    case "CertificateConversionRequested":
      return { ...state, ...event.data, generation: accepted("replace", at) }
    case "CertificateAttemptStarted":
      return progress({
        state: "in_progress",
        step: "account",
        attempt: event.data.attempt,
        next_attempt_at: null,
        directory_url: event.data.directory_url,
        ...(event.data.directory_url !== generation.directory_url && { order_url: null, key_ref: null, csr_pem: null }),
      })
    case "CertificateOrderRecorded":
      return progress({ step: "order", order_url: event.data.order_url, key_ref: null, csr_pem: null, challenges: [] })
    case "CertificateChallengePublished":
      return progress({ step: "challenge", challenges: [...generation.challenges, event.data] })
    case "CertificateKeySaved":
      return progress({ step: "finalize", ...event.data })
    case "CertificateIssued":
      return {
        ...progress({
          state: "completed",
          step: "download",
          ended_at: at,
          next_attempt_at: null,
          last_error: null,
          challenges: [],
          order_url: null,
          key_ref: null,
          csr_pem: null,
        }),
        material: event.data,
      }
    case "CertificateAttemptFailed": {
      const { step, code, detail, next_attempt_at } = event.data
      const over = next_attempt_at === null
      return progress({
        state: over ? "failed" : "waiting_retry",
        step,
        last_error: { code, detail },
        next_attempt_at,
        ended_at: over ? at : null,
        challenges: [],
      })
    }
    case "CertificateKeyDownloaded":
      return state
    case "CertificateReassigned":
      return { ...state, owner: event.data.owner }
    case "CertificateDeleted":
      return undefined
  }
}
