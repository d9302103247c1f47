/** A command that brings an object closer to its entry. */
export interface Intent {
  readonly type: string
  readonly data: unknown
  /** Sealed vault entries that come with it. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** What entries are compared with and made from besides the world. */
export interface Workshop {
  /** Value of a token that the document brings. */
  tokenValue(name: string): string | undefined
  /** Value of a variable of a service that the document brings. */
  variableValue(service: string, variable: string): string | undefined
  /** Signing secret of a webhook that the document brings. */
  webhookSecret(name: string): string | undefined
  newWebhookSecret(): string
  /** Value of a vault entry that is there; asked for only when the document brings secrets. */
  presentValue(ref: string): Promise<string | undefined>
  seal(ref: string, value: string): string
}
