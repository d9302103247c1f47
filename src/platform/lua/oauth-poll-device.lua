#!lua
-- One poll of a device (RFC 8628 §3.5): tells where its request stands; an approval is used up and starts its refresh family.
-- KEYS[1] device request
-- KEYS[2] refresh family of the approved grant, as the caller read it
-- KEYS[3] index of refresh families
-- ARGV[1] client_id of the authenticated client
-- ARGV[2] now, milliseconds
-- ARGV[3] grant of KEYS[2], '' when the caller saw no approval
-- ARGV[4] thumbprint of the key that the refresh tokens are bound to (RFC 9449 §5), '' for none
-- Result: {'pending'} | {'slow_down', seconds} | {'denied'} | {'expired'} | {'approved', value} | {'unknown'}
local text = redis.call('GET', KEYS[1])
if not text then return {'unknown'} end
local device = cjson.decode(text)
local now = tonumber(ARGV[2])
if device.client_id ~= ARGV[1] or device.status == 'used' then return {'unknown'} end
if device.status == 'denied' then return {'denied'} end
if device.status == 'approved' and ARGV[3] ~= '' then
  if cjson.decode(device.value).grant_id ~= ARGV[3] then return {'unknown'} end
  if device.family_ttl > 0 then
    local family = {client_id = device.client_id, generation = 1, rotated_at = now, value = device.value}
    if ARGV[4] ~= '' then family.jkt = ARGV[4] end
    redis.call('SET', KEYS[2], cjson.encode(family), 'PX', device.family_ttl)
    redis.call('ZADD', KEYS[3], now + device.family_ttl, KEYS[2])
  end
  local value = device.value
  device.status, device.value = 'used', nil
  redis.call('SET', KEYS[1], cjson.encode(device), 'KEEPTTL')
  return {'approved', value}
end
-- An approval between the caller's look and now is found at the next poll.
if now >= device.expires and device.status == 'pending' then return {'expired'} end
if now < device.next_at then device.interval = device.interval + 5 end
local early = now < device.next_at
device.next_at = now + device.interval * 1000
redis.call('SET', KEYS[1], cjson.encode(device), 'KEEPTTL')
if early then return {'slow_down', device.interval} end
return {'pending'}
