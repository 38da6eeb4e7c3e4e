/** Names of the mouth's shapes (Oculus), in the order of their ids, 0..14. */
export const VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U"] as const;

export type VisemeName = (typeof VISEMES)[number];
