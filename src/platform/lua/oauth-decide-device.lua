#!lua
-- A person's decision about a device that waits (RFC 8628 §3.3), once.
-- KEYS[1] device request
-- ARGV[1] JSON members to set: status, and for an approval value and family_ttl
-- ARGV[2] now, milliseconds
-- Result: 1 when it waited for this decision, 0 when it did not
local text = redis.call('GET', KEYS[1])
if not text then return 0 end
local device = cjson.decode(text)
if device.status ~= 'pending' or tonumber(ARGV[2]) >= device.expires then return 0 end
for name, value in pairs(cjson.decode(ARGV[1])) do device[name] = value end
redis.call('SET', KEYS[1], cjson.encode(device), 'KEEPTTL')
return 1
