export type * from "../protocol.generated.js";
