/** What one stable code means to a caller: its HTTP status and its one-line title (RFC 9457 `title`). */
interface CatalogueEntry {
  readonly status: number
  readonly title: string
}

/** Every error that Gatehouse answers with, by its stable code. Match on the code, never on a text. */
export const catalogue = {
  bad_request: { status: 400, title: "The request is malformed." },
  invalid_json: { status: 400, title: "The body is not acceptable JSON." },
  unauthenticated: { status: 401, title: "No credentials were given." },
  invalid_token: { status: 401, title: "The token is unknown, expired or revoked." },
  admin_required: { status: 403, title: "Only an administrator may do this." },
  not_owner: {
    status: 403,
    title: "The object belongs to another token: its owner's or an administrator's is needed.",
  },
  forbidden: { status: 403, title: "This identity is not allowed here." },
  insufficient_scope: { status: 403, title: "The token lacks a scope that this needs." },
  origin_not_allowed: { status: 403, title: "Requests from this origin are not allowed." },
  domain_claimed: { status: 403, title: "The domain belongs to another owner's proxy or to Gatehouse." },
  directory_not_allowed: { status: 403, title: "Only an administrator may choose this ACME directory." },
  image_not_allowed: {
    status: 403,
    title: "Only an administrator may run this image; SERVICE_ALLOWED_IMAGES names those for owners.",
  },
  global_admin_only: { status: 403, title: "Only an administrator may create global routes." },
  not_found: { status: 404, title: "There is nothing here." },
  method_not_allowed: { status: 405, title: "The method is not allowed here." },
  request_timeout: { status: 408, title: "The request came too slowly." },
  already_exists: { status: 409, title: "The name is taken." },
  port_in_use: { status: 409, title: "The port is taken." },
  in_use: { status: 409, title: "The object is in use." },
  invalid_state: { status: 409, title: "The object's state does not allow this." },
  owns_resources: {
    status: 409,
    title: "The token still owns objects: delete them with cascade=true, or name reassign_to.",
  },
  protected: { status: 409, title: "This object cannot be removed." },
  not_revealable: { status: 409, title: "The value is not stored here." },
  projection_incomplete: { status: 409, title: "This node does not know everything yet." },
  position_archived: { status: 410, title: "The log and its archive begin later." },
  concurrent_change: { status: 409, title: "The object was changed since the plan was made." },
  precondition_failed: { status: 412, title: "The object was changed meanwhile: read it again." },
  payload_too_large: { status: 413, title: "The body is too large." },
  uri_too_long: { status: 414, title: "The request target is too long." },
  unsupported_media_type: { status: 415, title: "The body must be application/json." },
  expectation_failed: { status: 417, title: "The expectation cannot be met." },
  misdirected_request: { status: 421, title: "The connection is not for this host." },
  validation_failed: { status: 422, title: "The values are not acceptable." },
  reserved_name: { status: 422, title: "The name is reserved." },
  confirmation_required: { status: 422, title: "The call must carry confirm=true." },
  passphrase_required: { status: 422, title: "Secrets need a passphrase in X-Passphrase." },
  passphrase_wrong: { status: 422, title: "The passphrase does not open the secrets." },
  idempotency_mismatch: { status: 422, title: "The Idempotency-Key was used with another request." },
  email_required: {
    status: 422,
    title: "An ACME account needs an e-mail address: in the request, with the token, or in ADMIN_EMAIL.",
  },
  wildcard_requires_dns01: { status: 422, title: "A wildcard cannot be proven over HTTP-01." },
  issuer_not_applicable: { status: 422, title: "The issuer cannot certify these names." },
  certificate_not_covering: { status: 422, title: "The certificate does not cover the host name." },
  unknown_auth_proxy: { status: 422, title: "auth_proxy is not an OAuth host." },
  unsupported_regex: { status: 422, title: "The regular expression cannot be used for paths." },
  resource_host_mismatch: { status: 422, title: "The resource is not on the host of its proxy." },
  forbidden_option: { status: 422, title: "This option of the container engine is not allowed." },
  forbidden_target: { status: 422, title: "The target address is not allowed." },
  upgrade_required: { status: 426, title: "The protocol version is not supported." },
  rate_limited: { status: 429, title: "Too many requests." },
  headers_too_large: { status: 431, title: "The request headers are too large." },
  internal: { status: 500, title: "Something went wrong inside Gatehouse." },
  bad_gateway: { status: 502, title: "The backend could not be reached or answered badly." },
  target_unavailable: { status: 502, title: "The target does not exist any more." },
  store_unavailable: { status: 503, title: "The store cannot be reached; nothing was changed." },
  archive_unavailable: { status: 503, title: "The archive of the log cannot be read or written." },
  projection_behind: { status: 503, title: "This node has not seen that position yet." },
  proxy_disabled: { status: 503, title: "This proxy is switched off." },
  docker_unavailable: { status: 503, title: "The container engine at DOCKER_HOST cannot be reached." },
  service_not_running: { status: 503, title: "The service behind this host is not running." },
  overloaded: { status: 503, title: "This node holds as many messages as it can." },
  shutting_down: { status: 503, title: "This node is stopping." },
  gateway_timeout: { status: 504, title: "The backend did not answer in time." },
  version_not_supported: { status: 505, title: "The HTTP version is not supported." },
} as const satisfies Record<string, CatalogueEntry>

/** A stable error code of the {@link catalogue}. */
export type ErrorCode = keyof typeof catalogue

/** One field's complaint in a 422: where and what. */
export interface FieldError {
  readonly path: string
  readonly message: string
}

/** What an error may carry besides its code. None of it may hold a secret or an internal address. */
export interface ErrorExtras {
  readonly errors?: readonly FieldError[]
  /** The first five objects that hold a reference (`in_use`, `owns_resources`). */
  readonly references?: readonly string[]
  /** What was done before the error (`concurrent_change`). */
  readonly report?: unknown
  /** Seconds for the `Retry-After` header. */
  readonly retryAfter?: number
  /** Methods for the `Allow` header of a 405. */
  readonly allow?: readonly string[]
}

/** The one error class: a stable code, a text for people, and optional details. */
export class GatehouseError extends Error {
  readonly code: ErrorCode
  readonly extras: ErrorExtras

  constructor(code: ErrorCode, detail?: string, extras: ErrorExtras = {}) {
    super(detail ?? catalogue[code].title)
    this.name = "GatehouseError"
    this.code = code
    this.extras = extras
  }

  /** HTTP status of the code. */
  get status(): number {
    return catalogue[this.code].status
  }
}

/**
 * RFC 9457 problem document for a code.
 * @param instance request id, so that a report can be found in the log
 */
export function problem(
  code: ErrorCode,
  detail: string | undefined,
  instance: string,
  extras: ErrorExtras = {},
): Record<string, unknown> {
  const { status, title } = catalogue[code]
  return {
    type: `urn:gatehouse:error:${code}`,
    title,
    status,
    detail: detail ?? title,
    code,
    instance,
    ...(extras.errors && { errors: extras.errors }),
    ...(extras.report !== undefined && { report: extras.report }),
    ...(extras.references && { references: extras.references.slice(0, 5) }),
  }
}
