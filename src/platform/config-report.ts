import { type Config, isSecret, loadConfig, variables } from "./config.ts"
import { masked } from "./config-complaint.ts"

/** One variable as it is in effect; the value of a secret is masked, and empty stands for none. */
export interface EffectiveVariable {
  readonly name: string
  readonly value: string
  readonly given: boolean
}

/**
 * Every variable with the value that is in effect, for people.
 * @throws ConfigError as {@link loadConfig}
 */
export function effectiveVariables(env: Record<string, string>): readonly EffectiveVariable[] {
  const config = loadConfig(env)
  return Object.keys(variables).map((name) => {
    const value = variableText(config[name as keyof typeof variables] ?? derived(name, config))
    return { name, value: masked(value, isSecret(name)), given: env[name] !== undefined }
  })
}

/** Defaults that follow from other variables. */
function derived(name: string, config: Config): unknown {
  if (name === "PUBLIC_HTTPS_PORT") return config.publicHttpsPort
  return name === "BASE_URL" ? `http://127.0.0.1:${config.API_PORT}` : undefined
}

/** A value as it would stand in `.env`. */
export function variableText(value: unknown): string {
  if (value === undefined) return ""
  if (isIssuer(value)) return `${value.name}=${value.issuer}`
  if (Array.isArray(value)) return value.map(variableText).join(",")
  return typeof value === "string" ? value : JSON.stringify(value)
}

function isIssuer(value: unknown): value is Config["OAUTH_TRUSTED_ISSUERS"][number] {
  return typeof value === "object" && value !== null && "issuer" in value
}
