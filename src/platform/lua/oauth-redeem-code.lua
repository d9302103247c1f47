#!lua
-- Redeems an authorization code and starts its refresh family, or changes nothing (RFC 6749 §4.1.3, RFC 7636 §4.6).
-- KEYS[1] code
-- KEYS[2] refresh family
-- KEYS[3] index of refresh families
-- ARGV[1] client_id of the authenticated client
-- ARGV[2] redirect_uri of the token request, '' when it has none
-- ARGV[3] S256 challenge of the presented verifier
-- ARGV[4] now, milliseconds
-- ARGV[5] how long a used code is remembered, milliseconds
-- ARGV[6] thumbprint of the key that the request proved, '' for none
-- ARGV[7] '1' when refresh tokens are bound to that key (RFC 9449 §5)
-- ARGV[8…] resources that the token request names
-- Result: {'redeemed', value} | {'used', value} | {'refused', 'client' | 'redirect_uri' | 'verifier' | 'key' | 'resource'} | {'unknown'}
-- Every check stands before the first write: who does not hold all the bindings can neither use a code nor destroy it.
local text = redis.call('GET', KEYS[1])
if not text then return {'unknown'} end
local code = cjson.decode(text)
if code.client_id ~= ARGV[1] then return {'refused', 'client'} end
if code.used then return {'used', code.value} end
if tonumber(ARGV[4]) >= code.expires then return {'unknown'} end
if ARGV[2] ~= code.redirect_uri and not (ARGV[2] == '' and not code.redirect_uri_given) then
  return {'refused', 'redirect_uri'}
end
if code.code_challenge ~= ARGV[3] then return {'refused', 'verifier'} end
if (code.jkt or '') ~= '' and code.jkt ~= ARGV[6] then return {'refused', 'key'} end
for i = 8, #ARGV do
  local known = false
  for _, resource in ipairs(code.resources) do known = known or resource == ARGV[i] end
  if not known then return {'refused', 'resource'} end
end
redis.call('SET', KEYS[1], cjson.encode({client_id = code.client_id, used = true, value = code.value}), 'PX', ARGV[5])
if code.family_ttl > 0 then
  local family = {client_id = code.client_id, generation = 1, rotated_at = tonumber(ARGV[4]), value = code.value}
  if ARGV[7] == '1' and ARGV[6] ~= '' then family.jkt = ARGV[6] end
  redis.call('SET', KEYS[2], cjson.encode(family), 'PX', code.family_ttl)
  redis.call('ZADD', KEYS[3], tonumber(ARGV[4]) + code.family_ttl, KEYS[2])
end
return {'redeemed', code.value}
