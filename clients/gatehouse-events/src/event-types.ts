// Written by `just events-client` from the schemas of Gatehouse's events; do not edit.

/** Versions of the schemas that these types are of. */
export const schemaVersions: readonly number[] = [1]

/** Data of every event by its type. */
export interface EventData {
  /** Aggregate: api-token. */
  TokenCreated: {
    readonly name: string
    readonly hash: string
    readonly preview: string
    readonly cert_email: string | null
    readonly secret_ref: string | null
    readonly is_admin: boolean
  }
  /** Aggregate: api-token. */
  TokenEmailUpdated: {
    readonly cert_email: string | null
  }
  /** Aggregate: api-token. */
  TokenReplaced: {
    readonly hash: string
    readonly preview: string
  }
  /** Aggregate: api-token. */
  TokenRevealed: {
    readonly by: string
  }
  /** Aggregate: api-token. */
  TokenDeleted: {
    readonly name: string
  }
  /** Aggregate: authority. */
  InternalAuthorityCreated: {
    readonly certificate_pem: string
    readonly key_ref: string
    readonly expires_at: string
  }
  /** Aggregate: authority. */
  AcmeAccountRegistered: {
    readonly account_url: string
    readonly email: string | null
    readonly key_ref: string
  }
  /** Aggregate: authority. */
  AcmeAccountLost: {
    readonly account_url: string
  }
  /** Aggregate: browser-session. */
  BrowserSessionEnded: {
    readonly subject: string
    readonly expires_at: string
    readonly reason: "user" | "admin"
  }
  /** Aggregate: browser-session. */
  BrowserSessionForgotten: Readonly<Record<string, never>>
  /** Aggregate: certificate. */
  CertificateRequested: {
    readonly cert_name: string
    readonly domains: readonly string[]
    readonly email: string | null
    readonly issuer: "acme" | "internal"
    readonly acme_directory_url: string | null
    readonly environment: "production" | "staging" | "internal"
    readonly key_type: "rsa" | "ecdsa-p256"
    readonly owner: string
  }
  /** Aggregate: certificate. */
  CertificateRenewalRequested: {
    readonly reason: "due" | "manual"
  }
  /** Aggregate: certificate. */
  CertificateConversionRequested: {
    readonly acme_directory_url: string
    readonly environment: "production" | "staging" | "internal"
  }
  /** Aggregate: certificate. */
  CertificateAttemptStarted: {
    readonly attempt: number
    readonly directory_url: string | null
  }
  /** Aggregate: certificate. */
  CertificateOrderRecorded: {
    readonly order_url: string
  }
  /** Aggregate: certificate. */
  CertificateChallengePublished: {
    readonly domain: string
    readonly token: string
    readonly key_authorization: string
  }
  /** Aggregate: certificate. */
  CertificateKeySaved: {
    readonly key_ref: string
    readonly csr_pem: string
  }
  /** Aggregate: certificate. */
  CertificateIssued: {
    readonly fullchain_pem: string
    readonly key_ref: string
    readonly issued_at: string
    readonly expires_at: string
    readonly fingerprint_sha256: string
    readonly environment: "production" | "staging" | "internal"
  }
  /** Aggregate: certificate. */
  CertificateAttemptFailed: {
    readonly step: "account" | "order" | "challenge" | "validation" | "finalize" | "download"
    readonly code: string
    readonly detail: string
    readonly next_attempt_at: string | null
  }
  /** Aggregate: certificate. */
  CertificateKeyDownloaded: {
    readonly by: string
  }
  /** Aggregate: certificate. */
  CertificateReassigned: {
    readonly owner: string
  }
  /** Aggregate: certificate. */
  CertificateDeleted: {
    readonly cert_name: string
  }
  /** Aggregate: consent. */
  ConsentGranted: {
    readonly subject: string
    readonly client_id: string
    readonly redirect_uri: string
    readonly resources: readonly string[]
    readonly scope: string
    readonly shown: string
  }
  /** Aggregate: consent. */
  ConsentWithdrawn: {
    readonly reason: string
  }
  /** Aggregate: grant. */
  GrantIssued: {
    readonly client_id: string
    readonly subject: string
    readonly username: string
    readonly email: string | null
    readonly email_verified: boolean
    readonly provider: string
    readonly scope: string
    readonly resources: readonly string[]
    readonly redirect_uri: string | null
  }
  /** Aggregate: grant. */
  GrantExtended: {
    readonly scope: string
    readonly resources: readonly string[]
  }
  /** Aggregate: grant. */
  AccessTokenRevoked: {
    readonly jti: string
    readonly expires_at: string
  }
  /** Aggregate: grant. */
  GrantRevoked: {
    readonly reason: "client" | "user" | "admin" | "refresh_reuse" | "code_reuse" | "client_deleted" | "expired"
  }
  /** Aggregate: client. */
  ClientRegistered: {
    readonly metadata: {
      readonly client_name?: string
      readonly redirect_uris: readonly string[]
      readonly grant_types: readonly (
        | "authorization_code"
        | "refresh_token"
        | "client_credentials"
        | "urn:ietf:params:oauth:grant-type:device_code"
        | "urn:ietf:params:oauth:grant-type:jwt-bearer"
      )[]
      readonly response_types: readonly "code"[]
      readonly token_endpoint_auth_method: "none" | "client_secret_basic" | "client_secret_post" | "private_key_jwt"
      readonly jwks?: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      }
      readonly jwks_uri?: string
      readonly scope?: string
      readonly application_type?: "web" | "native"
      readonly client_uri?: string
      readonly logo_uri?: string
      readonly contacts?: readonly string[]
      readonly software_id?: string
      readonly software_version?: string
      readonly dpop_bound_access_tokens?: boolean
    }
    readonly secret_hash: string | null
    readonly registration_token_hash: string | null
    readonly expires_at: string | null
    readonly kind?: "dynamic" | "cimd" | "admin"
    readonly owner?: string
  }
  /** Aggregate: client. */
  ClientUpdated: {
    readonly metadata: {
      readonly client_name?: string
      readonly redirect_uris: readonly string[]
      readonly grant_types: readonly (
        | "authorization_code"
        | "refresh_token"
        | "client_credentials"
        | "urn:ietf:params:oauth:grant-type:device_code"
        | "urn:ietf:params:oauth:grant-type:jwt-bearer"
      )[]
      readonly response_types: readonly "code"[]
      readonly token_endpoint_auth_method: "none" | "client_secret_basic" | "client_secret_post" | "private_key_jwt"
      readonly jwks?: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      }
      readonly jwks_uri?: string
      readonly scope?: string
      readonly application_type?: "web" | "native"
      readonly client_uri?: string
      readonly logo_uri?: string
      readonly contacts?: readonly string[]
      readonly software_id?: string
      readonly software_version?: string
      readonly dpop_bound_access_tokens?: boolean
    }
  }
  /** Aggregate: client. */
  ClientUsed: {
    readonly expires_at: string | null
  }
  /** Aggregate: client. */
  ClientSecretReplaced: {
    readonly secret_hash: string
  }
  /** Aggregate: client. */
  ClientDisabled: Readonly<Record<string, never>>
  /** Aggregate: client. */
  ClientEnabled: Readonly<Record<string, never>>
  /** Aggregate: client. */
  ClientVouched: {
    readonly vouched: boolean
  }
  /** Aggregate: client. */
  ClientDeleted: {
    readonly reason: string
  }
  /** Aggregate: instance. */
  InstanceRegistered: {
    readonly name: string
    readonly target_url: string
    readonly description: string
    readonly owner: string
    readonly created_by: string
    readonly created_at?: string
  }
  /** Aggregate: instance. */
  InstanceUpdated: {
    readonly target_url?: string
    readonly description?: string
  }
  /** Aggregate: instance. */
  InstanceRenamed: {
    readonly name: string
  }
  /** Aggregate: instance. */
  InstanceReassigned: {
    readonly owner: string
  }
  /** Aggregate: instance. */
  InstanceDeleted: {
    readonly name: string
  }
  /** Aggregate: log. */
  SegmentArchived: {
    readonly first: number
    readonly last: number
    readonly previous: string
    readonly hash: string
    readonly file: string
    readonly sha256: string
    readonly bytes: number
    readonly commands: number
  }
  /** Aggregate: log. */
  CheckpointSigned: {
    readonly position: number
    readonly hash: string
    readonly signed_at: string
    readonly public_key: string
    readonly signature: string
  }
  /** Aggregate: log. */
  DeadLetterRetried: {
    readonly letter: string
    readonly group: string
    readonly entry: string
    readonly error: string
  }
  /** Aggregate: proxy. */
  ProxyCreated: {
    readonly target_url: string
    readonly cert_name: string | null
    readonly enabled: boolean
    readonly enable_http: boolean
    readonly enable_https: boolean
    readonly preserve_host_header: boolean
    readonly custom_headers: Readonly<Record<string, string>>
    readonly hostname: string
    readonly owner: string
    readonly service?: string
  }
  /** Aggregate: proxy. */
  ProxyUpdated: {
    readonly target_url?: string
    readonly cert_name?: string | null
    readonly enabled?: boolean
    readonly enable_http?: boolean
    readonly enable_https?: boolean
    readonly preserve_host_header?: boolean
    readonly custom_headers?: Readonly<Record<string, string>>
  }
  /** Aggregate: proxy. */
  ProxyAuthSet: {
    readonly auth_enabled: boolean
    readonly auth_proxy: string
    readonly auth_mode: "forward" | "redirect" | "passthrough"
    readonly auth_required_users: readonly string[] | null
    readonly auth_required_emails: readonly string[] | null
    readonly auth_required_groups: readonly string[] | null
    readonly auth_pass_headers: boolean
    readonly auth_excluded_paths: readonly string[]
    readonly auth_cookie_name: string | null
    readonly auth_header_prefix: string
    readonly auth_require_dpop?: boolean
  }
  /** Aggregate: proxy. */
  ProxyAuthRemoved: Readonly<Record<string, never>>
  /** Aggregate: proxy. */
  ProxyMcpSet: {
    readonly mcp_enabled: boolean
    readonly mcp_endpoint: string
    readonly mcp_scopes: readonly string[]
    readonly mcp_stateful: boolean
    readonly mcp_override_backend: boolean
    readonly mcp_scope_rules?: readonly {
      readonly scope: string
      readonly users?: readonly string[] | null
      readonly emails?: readonly string[] | null
      readonly groups?: readonly string[] | null
    }[]
    readonly mcp_scope_hierarchy?: readonly {
      readonly scope: string
      readonly includes: readonly string[]
    }[]
    readonly mcp_versions?: readonly (
      | "2026-07-28"
      | "2025-11-25"
      | "2025-06-18"
      | "2025-03-26"
      | "2024-11-05"
      | "2024-10-07"
    )[]
    readonly mcp_max_body?: number
    readonly mcp_policy?: {
      readonly default: "allow" | "deny"
      readonly rules: readonly {
        readonly kind: "tool" | "prompt" | "resource"
        readonly match: readonly string[]
        readonly action: "allow" | "deny"
        readonly scopes?: readonly string[]
        readonly users?: readonly string[] | null
        readonly emails?: readonly string[] | null
        readonly groups?: readonly string[] | null
      }[]
    }
    readonly mcp_allowed_origins?: readonly string[]
    readonly mcp_stream_expiry?: "keep" | "close"
  }
  /** Aggregate: proxy. */
  ProxyMcpRemoved: Readonly<Record<string, never>>
  /** Aggregate: proxy. */
  ProxyRoutesSet: {
    readonly route_mode: "all" | "selective" | "none"
    readonly enabled_routes: readonly string[]
    readonly disabled_routes: readonly string[]
  }
  /** Aggregate: proxy. */
  ProxyReassigned: {
    readonly owner: string
  }
  /** Aggregate: proxy. */
  ProxyDeleted: {
    readonly hostname: string
  }
  /** Aggregate: resource. */
  ResourceRegistered: {
    readonly name: string
    readonly proxy_target: string
    readonly scopes: readonly string[]
    readonly metadata_url: string | null
    readonly description: string
    readonly uri: string
    readonly owner: string
    readonly auto: boolean
  }
  /** Aggregate: resource. */
  ResourceUpdated: {
    readonly name?: string
    readonly proxy_target?: string
    readonly scopes?: readonly string[]
    readonly metadata_url?: string | null
    readonly description?: string
    readonly auto?: boolean
  }
  /** Aggregate: resource. */
  ResourceReassigned: {
    readonly owner: string
  }
  /** Aggregate: resource. */
  ResourceDeleted: {
    readonly uri: string
  }
  /** Aggregate: route. */
  RouteCreated: {
    readonly path_pattern: string
    readonly is_regex: boolean
    readonly target_type: "port" | "instance" | "hostname" | "url" | "service"
    readonly target_value: string
    readonly priority: number
    readonly methods: readonly ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")[] | null
    readonly enabled: boolean
    readonly description: string
    readonly scope: "global" | "owner" | "proxy"
    readonly proxy_hostnames: readonly string[]
    readonly route_id: string
    readonly owner: string
  }
  /** Aggregate: route. */
  RouteUpdated: {
    readonly path_pattern?: string
    readonly is_regex?: boolean
    readonly target_type?: "port" | "instance" | "hostname" | "url" | "service"
    readonly target_value?: string
    readonly priority?: number
    readonly methods?: readonly ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")[] | null
    readonly enabled?: boolean
    readonly description?: string
    readonly scope?: "global" | "owner" | "proxy"
    readonly proxy_hostnames?: readonly string[]
  }
  /** Aggregate: route. */
  RouteReassigned: {
    readonly owner: string
  }
  /** Aggregate: route. */
  RouteDeleted: {
    readonly route_id: string
  }
  /** Aggregate: service. */
  ServiceCreated: {
    readonly image: string | null
    readonly build: {
      readonly dockerfile_path: string
      readonly build_context: string | null
      readonly build_args: readonly {
        readonly name: string
        readonly value: string
      }[]
    } | null
    readonly command: readonly string[] | null
    readonly internal_port: number | null
    readonly external_port: number | null
    readonly bind_address: string
    readonly expose: boolean
    readonly network: string
    readonly memory_limit: string
    readonly cpu_limit: number
    readonly pids_limit: number
    readonly environment: readonly {
      readonly name: string
      readonly value_ref: string
    }[]
    readonly labels: readonly {
      readonly name: string
      readonly value: string
    }[]
    readonly restart_policy: "no" | "on-failure" | "always" | "unless-stopped"
    readonly healthcheck: {
      readonly command: readonly string[]
      readonly interval: number
      readonly timeout: number
      readonly retries: number
    } | null
    readonly read_only_root: boolean
    readonly user: string | null
    readonly volumes: readonly {
      readonly name: string
      readonly path: string
    }[]
    readonly service_name: string
    readonly owner: string
    readonly port: number | null
  }
  /** Aggregate: service. */
  ServiceUpdated: {
    readonly image?: string | null
    readonly build?: {
      readonly dockerfile_path: string
      readonly build_context: string | null
      readonly build_args: readonly {
        readonly name: string
        readonly value: string
      }[]
    } | null
    readonly command?: readonly string[] | null
    readonly internal_port?: number | null
    readonly external_port?: number | null
    readonly bind_address?: string
    readonly expose?: boolean
    readonly network?: string
    readonly memory_limit?: string
    readonly cpu_limit?: number
    readonly pids_limit?: number
    readonly environment?: readonly {
      readonly name: string
      readonly value_ref: string
    }[]
    readonly labels?: readonly {
      readonly name: string
      readonly value: string
    }[]
    readonly restart_policy?: "no" | "on-failure" | "always" | "unless-stopped"
    readonly healthcheck?: {
      readonly command: readonly string[]
      readonly interval: number
      readonly timeout: number
      readonly retries: number
    } | null
    readonly read_only_root?: boolean
    readonly user?: string | null
    readonly volumes?: readonly {
      readonly name: string
      readonly path: string
    }[]
  }
  /** Aggregate: service. */
  ServiceReassigned: {
    readonly owner: string
  }
  /** Aggregate: service. */
  ServiceStartRequested: Readonly<Record<string, never>>
  /** Aggregate: service. */
  ServiceStopRequested: {
    readonly grace: number
  }
  /** Aggregate: service. */
  ServiceRestartRequested: {
    readonly grace: number
  }
  /** Aggregate: service. */
  ServiceRemovalRequested: {
    readonly service_name: string
  }
  /** Aggregate: service. */
  ServiceWorkStarted: {
    readonly status: "pulling" | "building" | "starting" | "updating"
  }
  /** Aggregate: service. */
  ServicePortReserved: {
    readonly port: number
  }
  /** Aggregate: service. */
  ServicePortsReleased: {
    readonly ports: readonly number[]
  }
  /** Aggregate: service. */
  ServiceContainerCreated: {
    readonly container_id: string
    readonly revision: number
    readonly port: number | null
    readonly address: string
    readonly internal_port: number
  }
  /** Aggregate: service. */
  ServiceStarted: {
    readonly container_id: string
    readonly revision: number
    readonly port: number | null
    readonly address: string
    readonly internal_port: number
    readonly health: "none" | "starting" | "healthy" | "unhealthy"
    readonly started_at?: string
    readonly heard?: boolean
  }
  /** Aggregate: service. */
  ServiceHealthChanged: {
    readonly health: "none" | "starting" | "healthy" | "unhealthy"
  }
  /** Aggregate: service. */
  ServiceStopped: Readonly<Record<string, never>>
  /** Aggregate: service. */
  ServiceCrashed: {
    readonly code: string
    readonly detail: string
  }
  /** Aggregate: service. */
  ServiceAttemptFailed: {
    readonly code: string
    readonly detail: string
    readonly next_attempt_at: string | null
  }
  /** Aggregate: service. */
  ServiceLost: Readonly<Record<string, never>>
  /** Aggregate: service. */
  ServiceRemoved: {
    readonly service_name: string
  }
  /** Aggregate: service. */
  ServiceOrphanRemoved: {
    readonly container_id: string
  }
  /** Aggregate: service. */
  ServiceSecretsExported: {
    readonly by: string
  }
  /** Aggregate: signing-key. */
  SigningKeyAdded: {
    readonly algorithm: "RS256" | "ES256" | "EdDSA"
    readonly public_jwk: Readonly<Record<string, string>>
    readonly key_ref: string
    readonly activates_at: string
  }
  /** Aggregate: signing-key. */
  SigningKeyRetired: {
    readonly reason: string
  }
  /** Aggregate: webhook. */
  WebhookCreated: {
    readonly name: string
    readonly webhook_id: string
    readonly url: string
    readonly description: string
    readonly filter: {
      readonly types?: readonly string[]
      readonly aggregates?: readonly string[]
      readonly names?: readonly string[]
      readonly actors?: readonly string[]
    }
    readonly owner: string
    readonly created_by: string
    readonly secret_ref: string
    readonly from: number
  }
  /** Aggregate: webhook. */
  WebhookUpdated: {
    readonly url?: string
    readonly description?: string
    readonly filter?: {
      readonly types?: readonly string[]
      readonly aggregates?: readonly string[]
      readonly names?: readonly string[]
      readonly actors?: readonly string[]
    }
    readonly enabled?: boolean
  }
  /** Aggregate: webhook. */
  WebhookReassigned: {
    readonly owner: string
  }
  /** Aggregate: webhook. */
  WebhookSecretRotated: {
    readonly secret_ref: string
    readonly previous_until: string
  }
  /** Aggregate: webhook. */
  WebhookSecretRetired: Readonly<Record<string, never>>
  /** Aggregate: webhook. */
  WebhookSecretExported: {
    readonly by: string
  }
  /** Aggregate: webhook. */
  WebhookReplayRequested: {
    readonly from: number
  }
  /** Aggregate: webhook. */
  WebhookDeliveryAbandoned: {
    readonly position: number
    readonly attempts: number
    readonly status: number | null
    readonly fault: string
  }
  /** Aggregate: webhook. */
  WebhookRetryRequested: {
    readonly position: number
  }
  /** Aggregate: webhook. */
  WebhookDeliveryRecovered: {
    readonly position: number
  }
  /** Aggregate: webhook. */
  WebhookDisabled: {
    readonly reason: "gone" | "failing"
    readonly position: number
  }
  /** Aggregate: webhook. */
  WebhookDeleted: {
    readonly name: string
  }
}
