import { describe, expect, it } from "vitest";
import { keepTurn, MOST_TURNS, type Turn } from "../src/turns.ts";
import { bars, scaleOf, share, total } from "../src/waterfall.ts";

const ANSWERED = { silence: 130, transcript: 210, asked: 212, first_token: 330, commit: 402, first_chunk: 560, first_sound: 600, out: 612 };

describe("bars", () => {
  it("lie end to end from the end of speech to the last stage, whatever the order of the names", () => {
    for (const stages of [ANSWERED, Object.fromEntries(Object.entries(ANSWERED).reverse())]) {
      const all = bars(stages);
      expect(all.map((bar) => bar.stage)).toEqual(["silence", "transcript", "asked", "first_token", "commit", "first_chunk", "first_sound", "out"]);
      expect(all[0]).toEqual({ stage: "silence", from: 0, to: 130 });
      all.slice(1).forEach((bar, i) => expect(bar.from).toBe(all[i]!.to));
      expect(all.at(-1)!.to).toBe(612);
    }
  });

  it("keep the usual order where stages come at once", () => {
    expect(bars({ out: 300, commit: 300, first_sound: 300 }).map((bar) => bar.stage)).toEqual(["first_sound", "commit", "out"]);
  });

  it("begin earlier for what was done before the user fell silent", () => {
    expect(bars({ asked: -240, silence: 120 })).toEqual([{ stage: "asked", from: -240, to: -240 }, { stage: "silence", from: -240, to: 120 }]);
  });

  it("leave out what a newer server may tell", () => {
    expect(bars({ silence: 100, dreamt: 150, out: 200 })).toEqual([{ stage: "silence", from: 0, to: 100 }, { stage: "out", from: 100, to: 200 }]);
    expect(bars({ toString: 5 } as never)).toEqual([]);
    expect(bars({})).toEqual([]);
  });
});

describe("the total", () => {
  it("is what was heard; before that is known, what was sent", () => {
    expect(total(ANSWERED)).toEqual({ stage: "out", ms: 612 });
    expect(total({ ...ANSWERED, heard: 671 })).toEqual({ stage: "heard", ms: 671 });
    expect(total({ silence: 100 })).toBeNull();
  });
});

describe("the scale", () => {
  it("holds all turns, in even round steps, from the end of speech on", () => {
    const scale = scaleOf([ANSWERED, { out: 1340 }]);
    expect(scale).toEqual({ from: 0, to: 1500, ticks: [0, 500, 1000, 1500] });
    expect([share(scale, 0), share(scale, 750), share(scale, 1500)]).toEqual([0, 0.5, 1]);
  });

  it("begins earlier when something was done before", () => {
    expect(scaleOf([{ asked: -240, out: 480 }])).toEqual({ from: -240, to: 600, ticks: [-200, 0, 200, 400, 600] });
  });

  it("stands without any turn, and for any length", () => {
    expect(scaleOf([]).ticks[0]).toBe(0);
    for (let most = 1; most < 200_000; most = Math.ceil(most * 1.37)) {
      const { from, to, ticks } = scaleOf([{ out: most }]);
      expect(from).toBe(0);
      expect(to).toBeGreaterThanOrEqual(most);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks.at(-1)).toBe(to);
    }
  });
});

describe("the turns", () => {
  const turn = (n: number, stages = {}): Turn => ({ key: `1.${n}`, question: `q${n}`, stages });

  it("are the last ten", () => {
    let turns: readonly Turn[] = [];
    for (let n = 0; n < 25; n++) turns = keepTurn(turns, turn(n));
    expect(turns.map((kept) => kept.key)).toEqual(Array.from({ length: MOST_TURNS }, (_, i) => `1.${15 + i}`));
  });

  it("take more of the same turn in its place, and no endless question", () => {
    const turns = keepTurn([turn(1), turn(2)], turn(1, { heard: 9 }));
    expect(turns).toEqual([turn(1, { heard: 9 }), turn(2)]);
    expect(keepTurn([], { ...turn(1), question: "x".repeat(8000) })[0]!.question).toHaveLength(200);
  });
});
