import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Player } from "../../worklets/player.js";

const MS = 48;
const BLOCK = 128;

/** Sound in which every sample tells its own media time, and whose it is. */
const sound = (gen: number, t: number, size: number) => ({ gen, t, samples: Float32Array.from({ length: size }, (_, k) => gen * 2 ** 18 + t + k) });

/** Renders blocks from `frame` on. */
function render(player: Player, frame: number, samples: number): Float32Array {
  const out = new Float32Array(samples);
  for (let at = 0; at < samples; at += BLOCK) player.render(out.subarray(at, at + BLOCK), frame + at);
  return out;
}

const firstSound = (out: Float32Array): number => out.findIndex((sample) => sample !== 0);

describe("start", () => {
  test("at once, when enough has come", () => {
    const player = new Player();
    player.push(sound(1, 1000, 100 * MS));
    const out = render(player, 0, BLOCK);
    expect([...out]).toEqual([...sound(1, 1000, BLOCK).samples]);
    expect(player.marks).toEqual([{ frame: 0, t: 1000 }]);
  });

  test("after a moment, when little has come", () => {
    const player = new Player();
    player.push(sound(1, 1000, 10 * MS));
    const out = render(player, 0, 100 * MS);
    expect(firstSound(out)).toBe(player.start);
    expect(player.start).toBeLessThanOrEqual(60 * MS);
    expect(player.marks).toEqual([{ frame: player.start, t: 1000 }]);
  });
});

describe("within a generation", () => {
  test("a hole in t is silence of that length, whether the next chunk is there yet or not", () => {
    const player = new Player();
    player.push(sound(1, 0, 100 * MS));
    const before = render(player, 0, 110 * MS - ((110 * MS) % BLOCK));
    player.push(sound(1, 150 * MS, 50 * MS));
    const after = render(player, before.length, 150 * MS - ((150 * MS) % BLOCK));
    const out = [...before, ...after];
    expect(out.slice(100 * MS, 150 * MS).every((sample) => sample === 0)).toBe(true);
    expect(out[150 * MS]).toBe(2 ** 18 + 150 * MS);
    expect(player.marks).toHaveLength(1);
    expect(player.underruns).toBe(0);
  });

  test("sound that comes too late is gathered for longer, played whole, and told", () => {
    const player = new Player();
    player.push(sound(1, 0, 64 * MS));
    const start = player.start;
    const before = render(player, 0, BLOCK * 40);
    player.push(sound(1, 64 * MS, 20 * MS));
    expect(player.underruns).toBe(1);
    expect(player.start).toBeGreaterThan(start);
    const after = render(player, before.length, BLOCK * 80);
    const at = firstSound(after);
    expect(at).toBe(player.start);
    expect([...after.slice(at, at + 20 * MS)]).toEqual([...sound(1, 64 * MS, 20 * MS).samples]);
    expect(player.marks.at(-1)).toEqual({ frame: before.length + at, t: 64 * MS });
  });

  test("the start grows no further than 400 ms, and shrinks again with good generations", () => {
    const player = new Player();
    let frame = 0;
    let t = 0;
    for (let n = 0; n < 20; n++) {
      player.push(sound(1, t, MS));
      t += MS;
      frame += render(player, frame, BLOCK * 400).length;
    }
    expect(player.start).toBe(400 * MS);
    for (let gen = 2; gen < 60; gen++) {
      player.push(sound(gen, frame, MS));
      frame += render(player, frame, BLOCK * 400).length;
    }
    expect(player.start).toBe(40 * MS);
  });
});

describe("a hold", () => {
  test("drops what waits, and plays what is sent again at its place", () => {
    const player = new Player();
    player.push(sound(1, 0, 200 * MS));
    const before = render(player, 0, BLOCK * 10);
    player.hold();
    const silent = render(player, before.length, BLOCK * 200);
    expect(silent.findLastIndex((sample) => sample !== 0)).toBeLessThan(3 * MS);
    const again = sound(1, player.t + 480, 100 * MS);
    player.push(again);
    expect(firstSound(render(player, before.length + silent.length, BLOCK * 10))).toBe(480);
    expect(player.underruns).toBe(0);
  });
});

describe("an interrupt", () => {
  test("stops what sounds within 3 ms, falling, and drops what waits", () => {
    const player = new Player();
    player.push(sound(1, 0, 200 * MS));
    player.push(sound(1, 200 * MS, 200 * MS));
    const before = render(player, 0, BLOCK * 10);
    player.purge(2);
    const after = render(player, before.length, BLOCK * 200);
    const last = after.findLastIndex((sample) => sample !== 0);
    expect(last).toBeLessThan(3 * MS);
    const heights = [...after.slice(0, 3 * MS)].map((sample, k) => sample / (2 ** 18 + before.length + k));
    expect(heights.every((height, k) => k === 0 || height < heights[k - 1]!)).toBe(true);
    expect(player.queued).toBe(0);
  });

  test("lets nothing of an older generation in afterwards", () => {
    const player = new Player();
    player.purge(5);
    player.push(sound(4, 0, 100 * MS));
    expect(firstSound(render(player, 0, BLOCK * 20))).toBe(-1);
    expect(player.dropped).toBe(1);
    player.push(sound(5, 0, 100 * MS));
    expect(firstSound(render(player, BLOCK * 20, BLOCK))).toBe(0);
  });

  test("keeps the newer answer that came before it", () => {
    const player = new Player();
    player.push(sound(1, 0, 100 * MS));
    const before = render(player, 0, BLOCK * 4);
    player.push(sound(3, 100 * MS, 100 * MS));
    player.purge(2);
    const after = [...render(player, before.length, BLOCK * 120)].filter((sample) => sample >= 3 * 2 ** 18);
    expect(after).toEqual([...sound(3, 100 * MS, 100 * MS).samples]);
  });
});

test("what waits is bounded", () => {
  const player = new Player();
  for (let n = 0; n < 40; n++) player.push(sound(1, n * 1000 * MS, 1000 * MS));
  expect(player.queued).toBe(30_000 * MS);
  expect(player.dropped).toBe(10);
});

test("every sample that is heard is where the marks say, and in order, however the network delivers", () => {
  const deliveries = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 12 }), size: fc.integer({ min: 1, max: 2000 }), hole: fc.integer({ min: 0, max: 500 }) }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(deliveries, (chunks) => {
      const player = new Player();
      let frame = 0;
      let t = 5000;
      let heard = 0;
      const play = (blocks: number): void => {
        const out = render(player, frame, blocks * BLOCK);
        const wrong = out.findIndex((sample, k) => {
          if (sample === 0) return false;
          const mark = player.marks.findLast((candidate) => candidate.frame <= frame + k);
          const right = mark !== undefined && sample - 2 ** 18 === mark.t + frame + k - mark.frame && sample > heard;
          heard = sample;
          return !right;
        });
        expect(wrong).toBe(-1);
        frame += out.length;
      };
      for (const { wait, size, hole } of chunks) {
        play(wait);
        t += hole;
        player.push(sound(1, t, size));
        t += size;
      }
      play(1000);
      expect(player.dropped).toBe(0);
      expect(heard).toBe(2 ** 18 + t - 1);
    }),
  );
});
