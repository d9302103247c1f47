/** The part of the package that tests and bench use; it brings no types. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http"

  export default class Provider {
    constructor(issuer: string, configuration: object)
    on(event: "server_error", listener: (context: unknown, error: Error) => void): this
    callback(): RequestListener
    readonly Grant: {
      new (of: { clientId: string; accountId: string }): {
        addResourceScope(resource: string, scope: string): void
        save(): Promise<string>
      }
      find(id: string): Promise<object | undefined>
    }
  }
}
