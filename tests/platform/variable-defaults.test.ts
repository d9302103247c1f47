import { expect, it } from "vitest"
import { variableText } from "../../src/platform/config-report.ts"
import { isSecret, variables } from "../../src/platform/config.ts"

/** Every variable of the contract with its default; `!` must be given, `-` is unset, and `*` is a secret besides. */
const contract = `
REDIS_PASSWORD -*
REDIS_URL -*
MASTER_KEY !*
HTTP_PORT 80
HTTPS_PORT 443
SERVER_HOST 0.0.0.0
API_PORT 9000
LOG_LEVEL INFO
BASE_URL -
BASE_DOMAIN localhost
SELF_SIGNED_CN localhost
SELF_SIGNED_DAYS 365
ACME_DIRECTORY_URL https://acme-v02.api.letsencrypt.org/directory
ACME_STAGING_URL https://acme-staging-v02.api.letsencrypt.org/directory
ACME_POLL_MAX_ATTEMPTS 60
ACME_POLL_INTERVAL_SECONDS 2
ACME_POLL_INITIAL_WAIT 0
RENEWAL_CHECK_INTERVAL 86400
RENEWAL_THRESHOLD_DAYS 30
CERT_STATUS_RETENTION_SECONDS 300
CERT_GEN_MAX_WORKERS 5
RSA_KEY_SIZE 2048
PROXY_CONNECT_TIMEOUT 30
PROXY_REQUEST_TIMEOUT 120
FETCHER_NAVIGATION_TIMEOUT 25
DOCKER_HOST unix:///var/run/docker.sock
DOCKER_API_VERSION 1.41
DOCKER_GID 999
SERVICE_PORT_RANGE 11000-20000
SERVICE_ALLOWED_IMAGES
TARGET_ALLOW_CIDRS
GITHUB_CLIENT_ID -
GITHUB_CLIENT_SECRET -*
GITHUB_BASE_URL https://github.com
GITHUB_API_URL https://api.github.com
OAUTH_ACCESS_TOKEN_LIFETIME 1800
OAUTH_REFRESH_TOKEN_LIFETIME 31536000
OAUTH_SESSION_TIMEOUT 300
OAUTH_CLIENT_LIFETIME 7776000
OAUTH_ALLOWED_GITHUB_USERS -
OAUTH_MCP_PROTOCOL_VERSION 2025-06-18
OAUTH_JWT_ALGORITHM RS256
OAUTH_JWT_PRIVATE_KEY_B64 -*
OAUTH_JWT_SECRET -*
MCP_RESOURCE_INDICATORS_ENABLED true
MCP_RESOURCE_VALIDATION_STRICT true
MCP_MAX_RESOURCES_PER_TOKEN 5
ADMIN_TOKEN -*
ADMIN_EMAIL -
MCP_SERVER_URL -
TEST_DOMAIN -
TEST_EMAIL -
TEST_DOMAIN_BASE -
TEST_TOKEN -*
TEST_BASE_URL http://localhost:80
TEST_PROXY_TARGET_URL https://example.com
`
  .trim()
  .split("\n")
  .map((line) => line.split(" ") as [string, string?])

it.each(contract)("%s is %s unless it is set", (name, given = "") => {
  const [, fallback, mark] = /^(.*?)(\*?)$/.exec(given)!
  const parsed = variables[name as keyof typeof variables].safeParse(undefined)
  const value = parsed.success ? (parsed.data === undefined ? "-" : variableText(parsed.data)) : "!"
  expect([value, isSecret(name)]).toEqual([fallback, mark === "*"])
})
