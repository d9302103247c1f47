/**
 * The contract of the admin API as its tables have it, an endpoint a line: method and path, who may call (A administrator, O owner, T any
 * token, P public), status, what it is asked (`name=default`, `name?` without one), what it answers, and its own errors.
 */
export const contract = `
GET /api/v1/tokens | A | 200 | page=1 per_page=20 sort_by? order=desc | tokens.name tokens.cert_email tokens.created_at tokens.token_preview tokens.hash tokens.certificate_count tokens.proxy_count tokens.service_count tokens.route_count tokens.is_admin pagination.total pagination.page pagination.per_page pagination.pages |
POST /api/v1/tokens | A | 201 | name? cert_email? | name token hash cert_email created_at | already_exists reserved_name
POST /api/v1/tokens/generate | A | 201 | name? cert_email? | name token hash cert_email created_at | already_exists reserved_name
PUT /api/v1/tokens/email | T | 200 | cert_email? name? | message name cert_email |
GET /api/v1/tokens/info | T | 200 | | name cert_email hash_preview is_admin created_at |
GET /api/v1/tokens/{name} | T | 200 | | name cert_email created_at token_preview hash certificate_count is_admin certificates proxies routes services instances resources | admin_required
GET /api/v1/tokens/{name}/reveal | A | 200 | confirm=false | name token revealed_at | confirmation_required not_revealable
DELETE /api/v1/tokens/{name} | A | 200 | cascade=true dry_run=false reassign_to? force=false | message deleted_resources.certificates deleted_resources.proxies deleted_resources.routes deleted_resources.services deleted_resources.instances deleted_resources.resources reassigned dry_run | protected owns_resources in_use
GET /api/v1/tokens/{name}/certificates | T | 200 | page=1 per_page=20 order=asc | certificates.environment | admin_required
GET /api/v1/tokens/{name}/proxies | T | 200 | page=1 per_page=20 order=asc | proxies.hostname | admin_required
POST /api/v1/certificates | T | 201 | domain? cert_name? email? issuer? staging=false acme_directory_url? key_type=rsa owner? | message cert_name domains status | already_exists email_required wildcard_requires_dns01 issuer_not_applicable directory_not_allowed domain_claimed
POST /api/v1/certificates/multi-domain | T | 201 | domains? cert_name? email? issuer? staging=false acme_directory_url? key_type=rsa | message cert_name domains status | already_exists email_required wildcard_requires_dns01 issuer_not_applicable directory_not_allowed domain_claimed
GET /api/v1/certificates | T | 200 | page=1 per_page=20 order=asc status? domain? issuer? | certificates.cert_name pagination.total |
GET /api/v1/certificates/{cert_name} | O | 200 | include_private_key=false | cert_name domains email issuer acme_directory_url environment key_type status serving expires_at issued_at fingerprint_sha256 fullchain_pem owner owner_token_hash last_error next_renewal_at created_at attached_to private_key_pem | not_owner
GET /api/v1/certificates/{cert_name}/status | O | 200 | wait=false timeout=120 | cert_name status generation.state generation.step generation.attempt generation.next_attempt_at generation.last_error message expires_at | not_owner
GET /api/v1/certificates/{cert_name}/coverage | O | 200 | | domains covered.hostname covered.match covered.attached attachable uncovered_domains | not_owner
POST /api/v1/certificates/{cert_name}/renew | O | 202 | force=false | message status expires_at renewed | not_owner
POST /api/v1/certificates/{cert_name}/convert-to-production | O | 202 | | message status | invalid_state
DELETE /api/v1/certificates/{cert_name} | O | 200 | force=false | message detached | in_use not_owner
POST /api/v1/proxy/targets | T | 201 | hostname? target_url? cert_name? enabled=true enable_http=true enable_https=true preserve_host_header=true custom_headers? cert_email? staging=false acme_directory_url? owner? | proxy_target.hostname certificate_status cert_name | already_exists forbidden_target certificate_not_covering
GET /api/v1/proxy/targets | T | 200 | page=1 per_page=20 order=asc enabled? owner? search? | targets.hostname targets.custom_headers pagination.total |
GET /api/v1/proxy/targets/{hostname} | O | 200 | | hostname target_url cert_name enabled enable_http enable_https preserve_host_header custom_headers auth_enabled mcp_enabled route_mode enabled_routes disabled_routes owner owner_token_hash certificate_status service created_at updated_at version | not_owner
PUT /api/v1/proxy/targets/{hostname} | O | 200 | target_url? cert_name? enabled? enable_http? enable_https? preserve_host_header? custom_headers? owner? force=false | hostname | certificate_not_covering not_owner forbidden_target
DELETE /api/v1/proxy/targets/{hostname} | O | 200 | delete_certificate=false force=false | message deleted_certificate removed.routes removed.resources | in_use
POST /api/v1/proxy/targets/{hostname}/auth | O | 200 | auth_enabled=true auth_proxy? auth_mode=forward auth_required_users=null auth_required_emails=null auth_required_groups=null auth_pass_headers=true auth_excluded_paths=[] auth_cookie_name? auth_header_prefix=X-Auth- | status proxy_target.auth_enabled | unknown_auth_proxy
GET /api/v1/proxy/targets/{hostname}/auth | O | 200 | | auth_enabled auth_proxy auth_mode auth_required_users auth_required_emails auth_required_groups auth_pass_headers auth_excluded_paths auth_cookie_name auth_header_prefix |
DELETE /api/v1/proxy/targets/{hostname}/auth | O | 200 | | status proxy_target.auth_enabled |
POST /api/v1/proxy/targets/{hostname}/mcp | O | 200 | mcp_enabled=true mcp_endpoint=/mcp mcp_scopes? mcp_stateful=false mcp_override_backend=false | status proxy_target.mcp_enabled resource warning |
GET /api/v1/proxy/targets/{hostname}/mcp | O | 200 | | mcp_enabled mcp_endpoint mcp_scopes mcp_stateful mcp_override_backend resource metadata_url |
DELETE /api/v1/proxy/targets/{hostname}/mcp | O | 200 | | status proxy_target.mcp_enabled |
GET /api/v1/proxy/targets/{hostname}/routes | O | 200 | | route_mode enabled_routes disabled_routes applicable_routes |
PUT /api/v1/proxy/targets/{hostname}/routes | O | 200 | route_mode? enabled_routes=[] disabled_routes=[] | route_mode enabled_routes disabled_routes applicable_routes |
POST /api/v1/proxy/targets/{hostname}/routes/{route_id}/enable | O | 200 | | route_mode enabled_routes disabled_routes | invalid_state
POST /api/v1/proxy/targets/{hostname}/routes/{route_id}/disable | O | 200 | | route_mode enabled_routes disabled_routes | invalid_state
GET /api/v1/routes | T | 200 | page=1 per_page=20 sort_by=match order=asc enabled? scope? target_type? | routes.route_id routes.enabled pagination.total |
POST /api/v1/routes | T | 201 | path_pattern? is_regex=false target_type? target_value? priority=50 methods? enabled=true description="" scope? proxy_hostnames? route_id? | route_id path_pattern is_regex target_type target_value priority methods enabled description scope proxy_hostnames owner | global_admin_only already_exists unsupported_regex
GET /api/v1/routes/{route_id} | T | 200 | | route_id | not_owner
PUT /api/v1/routes/{route_id} | O | 200 | path_pattern? is_regex? target_type? target_value? priority? methods? enabled? description? scope? proxy_hostnames? | route_id | not_owner
DELETE /api/v1/routes/{route_id} | O | 204 | force=false | | not_owner
PUT /api/v1/routes/{route_id}/enable | O | 200 | | route_id enabled |
PUT /api/v1/routes/{route_id}/disable | O | 200 | | route_id enabled |
POST /api/v1/routes/{route_id}/enable | O | 200 | | route_id enabled |
POST /api/v1/routes/{route_id}/disable | O | 200 | | route_id enabled |
GET /api/v1/instances | T | 200 | page=1 per_page=20 order=asc | instances.name instances.target_url instances.description instances.created_by instances.owner instances.created_at |
POST /api/v1/instances | T | 201 | name? target_url? description="" | name target_url | already_exists
GET /api/v1/instances/{name} | T | 200 | | name target_url description created_by owner created_at used_by | not_owner
PUT /api/v1/instances/{name} | O | 200 | target_url? description? name? | name |
DELETE /api/v1/instances/{name} | O | 204 | force=false | | in_use
GET /api/v1/resources | T | 200 | page=1 per_page=20 order=asc | resources.uri resources.name resources.proxy_target resources.scopes resources.metadata_url resources.description resources.owner resources.auto |
POST /api/v1/resources | T | 201 | uri? name? proxy_target? scopes? metadata_url? description? | uri | resource_host_mismatch already_exists
GET /api/v1/resources/{uri} | O | 200 | | uri name |
PUT /api/v1/resources/{uri} | O | 200 | name? proxy_target? scopes? metadata_url? description? | uri |
DELETE /api/v1/resources/{uri} | O | 204 | | |
POST /api/v1/resources/{uri}/validate-token | O | 200 | token? scopes? | valid reason subject client_id audience scopes missing_scopes expires_at |
POST /api/v1/resources/auto-register | A | 200 | dry_run=false | registered skipped count |
POST /api/v1/services | T | 201 | service_name? image? dockerfile_path? build_context? build_args? command? internal_port? external_port? bind_address? expose? network? memory_limit? cpu_limit? pids_limit? environment? labels? restart_policy? healthcheck? read_only_root? user? auto_proxy=false | service.status proxy_created instance_registered warnings | image_not_allowed already_exists port_in_use forbidden_option
GET /api/v1/services | T | 200 | page=1 per_page=20 order=asc owned_only=false status? | services.service_name total pagination.total |
GET /api/v1/services/{name} | O | 200 | wait=false timeout=60 | service_name status desired_state health allocated_port container_id last_error |
PUT /api/v1/services/{name} | O | 200 | image? memory_limit? | status |
DELETE /api/v1/services/{name} | O | 200 | force=false delete_proxy=true | message deleted_proxy | invalid_state
POST /api/v1/services/{name}/start | O | 202 | wait=false timeout? | service_name status desired_state | invalid_state
POST /api/v1/services/{name}/stop | O | 202 | wait=false timeout? | service_name status desired_state | invalid_state
POST /api/v1/services/{name}/restart | O | 202 | wait=false timeout? | service_name status desired_state | invalid_state
GET /api/v1/services/{name}/logs | O | 200 | lines=100 timestamps=false since? follow=false | service_name logs lines | invalid_state docker_unavailable
GET /api/v1/services/{name}/stats | O | 200 | | cpu_percent memory_usage memory_limit network_rx network_tx pids uptime_seconds | invalid_state docker_unavailable
POST /api/v1/services/{name}/proxy | O | 201 | hostname? enable_https=false | proxy_target.hostname certificate_status | already_exists
POST /api/v1/services/cleanup | A | 200 | dry_run=true | dry_run orphaned_containers orphaned_ports missing_containers removed |
GET /api/v1/commands/{id} | T | 200 | wait=false timeout=30 | command_id type status position result code detail submitted_at decided_at | not_owner
GET /api/v1/events | T | 200 | page=1 per_page=20 order=desc type? aggregate? actor? command_id? from? to? since? until? | events.position events.type events.version events.aggregate events.actor events.at events.command_id events.data events.hash |
GET /api/v1/events/{position} | T | 200 | | position type version aggregate actor at command_id data hash |
GET /api/v1/events/stream | T | 200 | type? aggregate? actor? from? | |
GET /api/v1/export | A | 200 | kinds? include_secrets=false | position digest |
POST /api/v1/apply | A | 200 | dry_run=true prune=false | dry_run create update delete unchanged errors position | concurrent_change
POST /api/v1/cleanup | A | 200 | kinds? hostname? dry_run=true | dry_run | projection_incomplete
GET /api/v1/stats | A | 200 | | |
GET /health | P | 200 | | status checks certificates_loaded https_enabled orphaned_resources position |
GET /api/v1/oauth/clients | T | 200 | page=1 per_page=20 order=desc sort_by=created_at active_only=true | clients.client_id clients.client_name clients.created_at clients.expires_at clients.is_active clients.days_until_expiry clients.token_count clients.last_token_issued summary.total_clients summary.active_clients summary.expired_clients |
GET /api/v1/oauth/clients/{client_id} | T | 200 | | client_id metadata usage_stats proxy_associations |
GET /api/v1/oauth/clients/{client_id}/tokens | T | 200 | page=1 per_page=20 order=desc | tokens summary |
GET /api/v1/oauth/clients/{client_id}/stats | T | 200 | hours=24 | issued refreshed revoked authorizations |
GET /api/v1/oauth/tokens | T | 200 | token_type? user_id? client_id? include_expired=false | summary by_client by_user recent_activity |
GET /api/v1/oauth/tokens/{jti} | T | 200 | | type client_id status scope aud issued_at expires_at is_expired time_until_expiry claims usage.requests |
POST /api/v1/oauth/tokens/cleanup | A | 200 | dry_run=true | dry_run expired revoked_families unused_clients removed |
GET /api/v1/oauth/sessions | T | 200 | page=1 per_page=20 order=desc | sessions |
GET /api/v1/oauth/sessions/{session_id} | T | 200 | | session_id |
DELETE /api/v1/oauth/sessions/{session_id} | T | 204 | | |
GET /api/v1/oauth/metrics | A | 200 | | |
GET /api/v1/oauth/health | A | 200 | | |
GET /api/v1/oauth/proxies | T | 200 | page=1 per_page=20 order=asc | proxies.hostname proxies.auth_enabled proxies.auth_mode proxies.auth_proxy proxies.active_sessions proxies.recent_auth_failures proxies.last_auth_success |
GET /api/v1/oauth/proxies/{hostname}/sessions | O | 200 | page=1 per_page=20 order=desc | sessions |
POST /api/v1/oauth/admin/setup-routes | A | 200 | oauth_domain? force=false | oauth_domain created_routes skipped_routes errors success |
GET /api/v1/oauth/admin/setup-status | A | 200 | domain? | configured missing misconfigured proxy_exists is_complete |
`
  .trim()
  .split("\n")
  .map((line) => {
    const [entry = "", who = "", status = "", asked = "", answered = "", errors = ""] = line
      .split("|")
      .map((cell) => cell.trim())
    const words = (cell: string) => cell.split(" ").filter((word) => word !== "")
    return { entry, who, status: Number(status), asked: words(asked), answered: words(answered), errors: words(errors) }
  })
