"""Leases and resume secrets in Redis: a script for each of the pure functions, with Redis' own clock. A lease is a hash, a ring a text.

Each script begins its writing with one that takes no room. After that Redis lets it go on even when it is full: nobody falls silent, or cannot come back, for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agent.sessions.lease import Granted, Refused, Reply
from agent.sessions.redis_client import ADOPTABLE, PREFIX, PRESENCE, RedisClient, key
from agent.sessions.rings import as_text, from_text
from agent.sessions.secrets import Ring
from agent.sessions.tenure import Terms

LEASE_MS: Final = 7 * 86_400_000
"""A lease that was taken so long ago leaves Redis. Whoever still owns the session takes it anew."""
RING_MS: Final = 86_400_000
NOW: Final = """
local us = tonumber(ARGV[1])
if not us then
  local time = redis.call('TIME')
  us = time[1] * 1000000 + time[2]
end
local now = math.floor(us / 1000)
local function text(number) return string.format('%.0f', number) end
"""
"""ARGV[1] is empty, but where a test brings its own clock."""
SEEN: Final = """
local function seen(length)
  redis.call('PERSIST', KEYS[1])
  local presence = redis.call('HMGET', KEYS[1], 'seen', 'reserved')
  local reserved = tonumber(presence[2] or 0)
  if now - tonumber(presence[1] or 0) > math.floor(length * 2 / 3) then reserved = now + length end
  redis.call('HSET', KEYS[1], 'seen', text(now), 'reserved', text(reserved))
  return reserved
end
"""
"""`lease.seen`. KEYS[1]: presence."""
ACQUIRE: Final = f"""{NOW}{SEEN}
local owner, length = ARGV[3], tonumber(ARGV[4])
local reserved = seen(length)
local lease = redis.call('HMGET', KEYS[2], 'owner', 'token', 'until')
local last, free = lease[1] or '', tonumber(lease[3] or 0)
if last ~= owner then free = math.max(free, reserved) end
if last ~= '' and now < free then return {{0, text(free - now), last}} end
local token = text(math.max(tonumber(lease[2] or 0) + 1, us))
redis.call('HSET', KEYS[2], 'owner', owner, 'token', token, 'until', text(now + length))
redis.call('PEXPIRE', KEYS[2], {LEASE_MS})
redis.call(ARGV[5] == '1' and 'SADD' or 'SREM', KEYS[3], ARGV[2])
return {{1, token, last, lease[2] and 1 or 0}}
"""
"""`lease.acquire`. KEYS: presence, lease, adoptable. ARGV: now, session, owner, length, whether adoptable."""
RENEW: Final = f"""{NOW}{SEEN}
local length = tonumber(ARGV[2])
seen(length)
local replies = {{}}
for i = 2, #KEYS do
  local lease = redis.call('HMGET', KEYS[i], 'owner', 'token', 'until')
  local owner, till = lease[1] or '', tonumber(lease[3] or 0)
  local good = owner ~= '' and lease[2] == ARGV[i + 1] and now < till
  if good then redis.call('HSET', KEYS[i], 'until', text(math.max(till, now + length))) end
  replies[#replies + 1] = good and 1 or 0
  replies[#replies + 1] = owner
end
return replies
"""
"""`lease.renew`, of many. KEYS: presence, leases. ARGV: now, length, tokens."""
RELEASE: Final = """
local lease = redis.call('HMGET', KEYS[1], 'owner', 'token')
if lease[2] ~= ARGV[2] or lease[1] == '' then return 0 end
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], 'owner', '')
if ARGV[3] == '1' then redis.call('SADD', KEYS[2], ARGV[1]) end
return 1
"""
"""`lease.release`. KEYS: lease, adoptable. ARGV: session, token, whether as an orphan."""
ORPHANS: Final = f"""{NOW}
local presence = redis.call('HMGET', KEYS[2], 'seen', 'reserved')
local waits = now < tonumber(presence[2] or 0) or now - tonumber(presence[1] or 0) > tonumber(ARGV[3])
local orphans = {{}}
for _, session in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local lease = redis.call('HMGET', ARGV[2] .. session, 'owner', 'until')
  if not lease[1] then
    redis.call('SREM', KEYS[1], session)
  elseif lease[1] == '' or (not waits and now >= tonumber(lease[2])) then
    orphans[#orphans + 1] = session
  end
end
return orphans
"""
"""KEYS: adoptable, presence. ARGV: now, how names of leases begin, after what silence the store was away."""
PUT_RING: Final = f"""
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', {RING_MS})
return 1
"""
"""KEYS: ring, tombstone. ARGV: the ring before, or nothing, and the ring."""


class RedisLeases(RedisClient):
    """The part of `store.Store` that says who owns a session, and who may come back to it."""

    def __init__(self, url: str, answer_seconds: float) -> None:
        super().__init__(url, answer_seconds)
        self.clock_us: Callable[[], int] | None = None
        """None: Redis' own."""
        self._acquire = self._redis.register_script(ACQUIRE)
        self._renew = self._redis.register_script(RENEW)
        self._release = self._redis.register_script(RELEASE)
        self._orphans = self._redis.register_script(ORPHANS)
        self._put_ring = self._redis.register_script(PUT_RING)

    def _now(self) -> int | str:
        return "" if self.clock_us is None else self.clock_us()

    async def acquire(self, session: str, owner: str, length_ms: int, *, adoptable: bool) -> Reply:
        if not owner:
            raise ValueError("owner: expected a name that no other process has")
        keys = [PRESENCE, key("lease", session), ADOPTABLE]
        with self._told():
            granted, number, last, *known = await self._acquire(keys=keys, args=[self._now(), session, owner, length_ms, int(adoptable)])
        if granted:
            return Granted(int(number), last.decode() if known[0] else None)
        return Refused(int(number), last.decode())

    async def renew(self, tokens: Mapping[str, int], length_ms: int) -> dict[str, Reply]:
        keys = [PRESENCE, *(key("lease", session) for session in tokens)]
        with self._told():
            found = await self._renew(keys=keys, args=[self._now(), length_ms, *tokens.values()])
        replies: dict[str, Reply] = {}
        for (session, token), granted, owner in zip(tokens.items(), found[::2], found[1::2], strict=True):
            replies[session] = Granted(token) if granted else Refused(owner=owner.decode())
        return replies

    async def release(self, session: str, token: int, *, orphan: bool = False) -> None:
        with self._told():
            await self._release(keys=[key("lease", session), ADOPTABLE], args=[session, token, int(orphan)])

    async def orphans(self) -> list[str]:
        """While the store has just come back, those that were given back alone: the others' owners may live."""
        silence_ms = Terms().length_ms * 2 // 3
        with self._told():
            found = await self._orphans(keys=[ADOPTABLE, PRESENCE], args=[self._now(), f"{PREFIX}lease:", silence_ms])
        return sorted(name.decode() for name in found)

    # ------------------------------------------------------------------------------------------------------- resume secrets

    async def ring(self, session: str) -> Ring | None:
        with self._told():
            text = await self._redis.get(key("ring", session))
        return None if text is None else from_text(text.decode())

    async def put_ring(self, ring: Ring, before: Ring | None) -> bool:
        expected = "" if before is None else as_text(before)
        with self._told():
            return bool(
                await self._put_ring(keys=[key("ring", ring.session), key("forgotten", ring.session)], args=[expected, as_text(ring)])
            )

    async def drop_ring(self, session: str) -> None:
        with self._told():
            await self._redis.delete(key("ring", session))
