/** Bytes of a base64 text, or undefined where it is none. */
export function base64(data: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const characters = atob(data);
    const bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
    return bytes;
  } catch {
    return undefined;
  }
}

/** Arguments of one call: far below what any browser's stack holds. */
const STEP = 8_192;

/** The base64 text of some bytes. */
export function toBase64(bytes: Uint8Array): string {
  let characters = "";
  for (let i = 0; i < bytes.length; i += STEP) characters += String.fromCharCode(...bytes.subarray(i, i + STEP));
  return btoa(characters);
}
