/** How a door makes answers heard. All methods but `resume` are immediate. */
export interface Speaker {
  /** The first sound of generation `gen` is at media sample `t0`. */
  begin(gen: number, t0: number): void;
  /** Silence, until `goOn` or the next answer: what was being said may be said on. */
  hold(): void;
  /** The answer goes on at media sample `t0`. */
  goOn(gen: number, t0: number): void;
  /** Nothing of a generation older than `minGen` is heard from now on. */
  purge(minGen: number): void;
  /** Media sample now at the ear, or null where the door cannot know it. */
  heard(): number | null;
  /** Loudness of what is heard now (see `loudness`). */
  level(): number;
  /** Starts sound; false when the browser wants a user's gesture first. */
  resume(): Promise<boolean>;
  close(): void;
}
