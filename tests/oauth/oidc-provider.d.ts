/** The part of the package that the tests use; it brings no types. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http"

  export default class Provider {
    constructor(issuer: string, configuration: object)
    on(event: "server_error", listener: (context: unknown, error: Error) => void): this
    callback(): RequestListener
  }
}
