/** Error codes of the OAuth RFCs and the status they have where they are answered as JSON. */
const statuses = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  invalid_scope: 400,
  /** RFC 8707 §2 */
  invalid_target: 400,
  /** RFC 9449 §5 */
  invalid_dpop_proof: 400,
  /** RFC 9449 §8 */
  use_dpop_nonce: 400,
  /** RFC 6750 §3.1 */
  invalid_token: 401,
  /** RFC 7591 §3.2.2 */
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  /** RFC 8628 §3.5 */
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  access_denied: 403,
  server_error: 500,
  temporarily_unavailable: 503,
  /** OpenID Connect Core §3.1.2.6 */
  login_required: 400,
  consent_required: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
} as const

/** A code that OAuth clients match on. */
export type OAuthErrorCode = keyof typeof statuses

/** What an OAuth error may carry besides its code. */
interface OAuthErrorExtras {
  /** Instead of the status that the code has in JSON. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** What a page of ours tells the person instead of the description: it may name them, which is no business of the client. */
  readonly told?: string
}

/** An OAuth error: `error` and `error_description` (RFC 6749 §5.2). The description never repeats input. */
export class OAuthError extends Error {
  override name = "OAuthError"
  readonly code: OAuthErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly told: string

  constructor(code: OAuthErrorCode, description: string, { status, headers, told }: OAuthErrorExtras = {}) {
    super(description)
    this.code = code
    this.status = status ?? statuses[code]
    this.headers = headers ?? {}
    this.told = told ?? description
  }
}

/** A failure that is shown to the person in the browser, because there is no client that could be trusted with it. */
export class PageError extends Error {
  override name = "PageError"
  readonly status: number
  readonly title: string
  /** Stable snake_case reason for the log. */
  readonly reason: string

  constructor(status: number, reason: string, title: string, text: string) {
    super(text)
    this.status = status
    this.reason = reason
    this.title = title
  }
}
