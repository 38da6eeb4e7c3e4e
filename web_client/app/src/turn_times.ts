/** Follows a session's turns: the server's stages as they come, then the moment at which the answer was heard here. */

import type { Session } from "@visavis/sdk";
import { watchEar, type Watch } from "./heard.ts";
import type { Turn } from "./turns.ts";

/**
 * Tells each turn with its stages, and once more with `heard`: the server's `out`, and what went by here from then until the sound was at the ear. The way of
 * the message itself is not in it; a page that was busy when it came may find that the sound was there before it. Where the door does not know what is at the
 * ear (LiveKit), `heard` is left out. Returns what ends it.
 */
export function followTurns(session: Session, run: number, question: () => string, tell: (turn: Turn) => void): () => void {
  let watch: Watch | null = null;
  const listening = [
    session.on("message", ({ type, gen, t, d }) => {
      if (type !== "turn_stages") return;
      watch?.stop();
      const came = performance.now();
      const turn: Turn = { key: `${run}.${gen}`, question: question(), stages: d.stages };
      tell(turn);
      const { out } = d.stages;
      if (t === null || out === undefined) return;
      watch = watchEar(t, () => session.heardMedia(), (at) => tell({ ...turn, stages: { ...turn.stages, heard: Math.round(out + Math.max(0, at - came)) } }));
    }),
    session.on("interrupt", () => watch?.cut()),
  ];
  return () => {
    watch?.stop();
    for (const stop of listening) stop();
  };
}
