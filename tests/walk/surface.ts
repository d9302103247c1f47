/** Every endpoint that the product's specification names: of the admin API, and those that the public listeners answer. */
export const specifiedEndpoints: readonly string[] = `
GET /.well-known/acme-challenge/{token}
GET /.well-known/oauth-authorization-server
GET /.well-known/oauth-protected-resource
GET /api/v1/certificates
POST /api/v1/certificates
POST /api/v1/certificates/multi-domain
DELETE /api/v1/certificates/{cert_name}
GET /api/v1/certificates/{cert_name}
POST /api/v1/certificates/{cert_name}/renew
GET /api/v1/certificates/{cert_name}/status
GET /api/v1/instances
POST /api/v1/instances
DELETE /api/v1/instances/{name}
GET /api/v1/instances/{name}
PUT /api/v1/instances/{name}
GET /api/v1/oauth/clients
GET /api/v1/oauth/clients/{client_id}
GET /api/v1/oauth/clients/{client_id}/tokens
GET /api/v1/oauth/health
GET /api/v1/oauth/metrics
GET /api/v1/oauth/proxies
GET /api/v1/oauth/proxies/{hostname}/sessions
GET /api/v1/oauth/sessions
DELETE /api/v1/oauth/sessions/{session_id}
GET /api/v1/oauth/sessions/{session_id}
GET /api/v1/oauth/tokens
GET /api/v1/oauth/tokens/{jti}
GET /api/v1/proxy/targets
POST /api/v1/proxy/targets
DELETE /api/v1/proxy/targets/{hostname}
GET /api/v1/proxy/targets/{hostname}
PUT /api/v1/proxy/targets/{hostname}
DELETE /api/v1/proxy/targets/{hostname}/auth
GET /api/v1/proxy/targets/{hostname}/auth
POST /api/v1/proxy/targets/{hostname}/auth
DELETE /api/v1/proxy/targets/{hostname}/mcp
GET /api/v1/proxy/targets/{hostname}/mcp
POST /api/v1/proxy/targets/{hostname}/mcp
GET /api/v1/proxy/targets/{hostname}/routes
PUT /api/v1/proxy/targets/{hostname}/routes
GET /api/v1/resources
POST /api/v1/resources
POST /api/v1/resources/auto-register
DELETE /api/v1/resources/{uri}
GET /api/v1/resources/{uri}
PUT /api/v1/resources/{uri}
POST /api/v1/resources/{uri}/validate-token
GET /api/v1/routes
POST /api/v1/routes
DELETE /api/v1/routes/{route_id}
GET /api/v1/routes/{route_id}
PUT /api/v1/routes/{route_id}
PUT /api/v1/routes/{route_id}/disable
PUT /api/v1/routes/{route_id}/enable
GET /api/v1/services
POST /api/v1/services
POST /api/v1/services/cleanup
DELETE /api/v1/services/{name}
GET /api/v1/services/{name}
PUT /api/v1/services/{name}
GET /api/v1/services/{name}/logs
POST /api/v1/services/{name}/proxy
POST /api/v1/services/{name}/restart
POST /api/v1/services/{name}/start
GET /api/v1/services/{name}/stats
POST /api/v1/services/{name}/stop
GET /api/v1/tokens
POST /api/v1/tokens
PUT /api/v1/tokens/email
POST /api/v1/tokens/generate
GET /api/v1/tokens/info
DELETE /api/v1/tokens/{name}
GET /api/v1/tokens/{name}
GET /api/v1/tokens/{name}/reveal
GET /authorize
GET /callback
GET /health
POST /introspect
GET /jwks
GET /mcp
POST /register
POST /revoke
POST /token
POST /verify
`
  .trim()
  .split("\n")

/** Every recipe that the product's specification names. */
export const specifiedRecipes: readonly string[] = `
cert-coverage
cert-create
cert-create-multi
cert-create-wildcard
cert-delete
cert-list
cert-renew
cert-show
cert-status
cert-to-production
cleanup-orphaned
dev
docs-build
down
generate-admin-token
generate-oauth-key
health
help
instance-delete
instance-list
instance-register
instance-register-oauth
instance-show
instance-update
lint
logs
mcp-test-all
mcp-test-auth
migrate-service-names
oauth-client-register
oauth-client-show
oauth-client-stats
oauth-client-tokens
oauth-clients-list
oauth-health
oauth-metrics
oauth-proxy-status
oauth-routes-setup
oauth-session-revoke
oauth-session-show
oauth-sessions-list
oauth-test-tokens
oauth-token-show
oauth-tokens-cleanup
oauth-tokens-stats
proxy-auth-config
proxy-auth-disable
proxy-auth-enable
proxy-auth-show
proxy-cert-attach
proxy-cert-generate
proxy-cleanup
proxy-create
proxy-create-group
proxy-delete
proxy-disable
proxy-enable
proxy-list
proxy-mcp-disable
proxy-mcp-enable
proxy-mcp-show
proxy-route-disable
proxy-route-enable
proxy-routes-mode
proxy-routes-set
proxy-routes-show
proxy-show
proxy-update
rebuild
redis-cli
resource-list
resource-register
resource-show
resource-validate
restart
route-create
route-delete
route-disable
route-enable
route-list
route-show
route-update
service-cleanup
service-create
service-delete
service-list
service-logs
service-proxy-create
service-restart
service-show
service-start
service-stats
service-stop
setup
shell
stats
test
test-all
test-audience-validation
test-auth
test-auth-flow
test-certs
test-docker-api
test-docker-services
test-mcp-compliance
test-multi-domain
test-oauth-status-api
test-proxy-all
test-proxy-basic
test-proxy-example
test-proxy-mcp
test-proxy-routes
test-resource-indicators
test-streaming-proxy
test-websocket-proxy
token-delete
token-email-update
token-generate
token-list
token-show
token-show-certs
up
web-ui
`
  .trim()
  .split("\n")
