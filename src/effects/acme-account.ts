import { type AcmeSession, acmeSession } from "./acme-session.ts"
import { type EffectContext, newSecretRef, openSecret, report } from "./effect-context.ts"
import { AcmeError } from "./acme-error.ts"
import { find } from "../events/world.ts"
import { generateKey } from "./keys.ts"

/** Gatehouse's accounts at ACME directories: one each, made when first needed. */
export interface AcmeAccounts {
  /**
   * Runs work with a session of the directory's account. An account that the CA has forgotten is registered once more and
   * the work is run again.
   * @param email contact of an account that has yet to be registered
   */
  use<T>(
    directoryUrl: string,
    email: string | null,
    signal: AbortSignal,
    work: (session: AcmeSession) => Promise<T>,
  ): Promise<T>
}

interface Account {
  readonly url: string
  readonly keyPem: string
}

/**
 * Accounts as the projections know them, keys in the vault.
 * @param leading ends registrations, which outlive the work that asked first
 */
export function acmeAccounts(context: EffectContext, leading: AbortSignal): AcmeAccounts {
  /** Registrations under way: certificates that start together share one account. */
  const registering = new Map<string, Promise<Account>>()

  async function known(directoryUrl: string): Promise<Account | undefined> {
    const recorded = find(context.projections.world, "authority", directoryUrl)
    if (recorded?.type !== "acme") return undefined
    const keyPem = await openSecret(context, recorded.key_ref)
    return keyPem === undefined ? undefined : { url: recorded.account_url, keyPem }
  }

  async function register(directoryUrl: string, email: string | null): Promise<Account> {
    const { pem: keyPem } = await generateKey("ecdsa-p256", 0)
    const session = await open(directoryUrl, { keyPem }, leading)
    try {
      const url = await session.register(email)
      const key_ref = newSecretRef("acme-account")
      const data = { directory_url: directoryUrl, account_url: url, email, key_ref }
      await report(context, "RecordAcmeAccount", data, { [key_ref]: keyPem })
      return { url, keyPem }
    } finally {
      await session.close()
    }
  }

  function registerOnce(directoryUrl: string, email: string | null): Promise<Account> {
    const running = registering.get(directoryUrl)
    if (running !== undefined) return running
    const started = register(directoryUrl, email).finally(() => registering.delete(directoryUrl))
    registering.set(directoryUrl, started)
    return started
  }

  function open(
    directoryUrl: string,
    account: { url?: string; keyPem: string },
    signal: AbortSignal,
  ): Promise<AcmeSession> {
    return acmeSession({
      directoryUrl,
      accountKeyPem: account.keyPem,
      ...(account.url !== undefined && { accountUrl: account.url }),
      signal,
      timeoutMs: context.config.ACME_HTTP_TIMEOUT * 1000,
      now: context.now,
    })
  }

  return {
    async use(directoryUrl, email, signal, work) {
      for (let again = false; ; again = true) {
        const account = (await known(directoryUrl)) ?? (await registerOnce(directoryUrl, email))
        const session = await open(directoryUrl, account, signal)
        try {
          return await work(session)
        } catch (error) {
          if (!(error instanceof AcmeError) || error.code !== "acme_account_lost") throw error
          await report(context, "ForgetAcmeAccount", { directory_url: directoryUrl, account_url: account.url })
          if (again) throw error
          context.log.warning("acme_account_lost", { directory: directoryUrl })
        } finally {
          await session.close()
        }
      }
    },
  }
}
