import { call } from "./emitter.js";
import { serverBase } from "./http.js";
import type { ResumeTicket } from "./protocol.generated.js";
import type { ResumeStore, Ticket } from "./types.js";

/** Sessions that this page holds: their tickets are not for another `connect` of the same page. */
const held = new Set<string>();

/** The newest ticket of one session: kept here, and where a reload finds it. */
export class Tickets {
  readonly #store: ResumeStore | undefined;
  #ticket: Ticket | undefined;

  /** Begins with what `store` holds, unless another session of this page goes by it. */
  constructor(store: ResumeStore | undefined) {
    this.#store = store;
    const ticket = loaded(store);
    if (!ticket || held.has(ticket.session_id)) return;
    this.#ticket = ticket;
    held.add(ticket.session_id);
  }

  /** The ticket that is good now. */
  get current(): Ticket | undefined {
    if (this.#ticket && this.#ticket.expires <= Date.now()) this.forget();
    return this.#ticket;
  }

  /** A newer secret has come. `holder`: whom the access token names. */
  take(sessionId: string, { secret, number, ttl_ms }: ResumeTicket, holder: Pick<Ticket, "identity" | "room">): void {
    if (this.#ticket && this.#ticket.session_id !== sessionId) this.release();
    held.add(sessionId);
    this.#ticket = { session_id: sessionId, secret, number, expires: Date.now() + ttl_ms, ...holder };
    this.#save(this.#ticket);
  }

  /** Nobody answers in the room of the ticket: the session may go on in another one. Returns whether there was a room. */
  leaveRoom(): boolean {
    if (this.#ticket?.room === undefined) return false;
    const { room: _, ...rest } = this.#ticket;
    this.#ticket = rest;
    this.#save(rest);
    return true;
  }

  /** Nobody is to come back by it. */
  forget(): void {
    const ours = this.#ticket;
    this.release();
    this.#ticket = undefined;
    if (ours && loaded(this.#store)?.session_id === ours.session_id) this.#save(undefined);
  }

  /** The session is left: another `connect` may come back to it. */
  release(): void {
    if (this.#ticket) held.delete(this.#ticket.session_id);
  }

  #save(ticket: Ticket | undefined): void {
    if (this.#store) call((value: Ticket | undefined) => this.#store?.save(value), ticket);
  }
}

function loaded(store: ResumeStore | undefined): Ticket | undefined {
  let ticket: Ticket | undefined;
  if (store) call(() => void (ticket = store.load()), undefined);
  return ticket;
}

/**
 * Keeps the ticket in the browser's `sessionStorage`: a reload finds it, another tab does not. One for each server address (default: the page's origin) and
 * persona. Where there is no such storage, nothing is kept.
 */
export function tabStore(url?: string, persona = ""): ResumeStore {
  const key = `visavis.ticket ${serverBase(url).href} ${persona}`;
  return {
    load() {
      try {
        const ticket: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
        return isTicket(ticket) && ticket.expires > Date.now() ? ticket : undefined;
      } catch {
        return undefined;
      }
    },
    save(ticket) {
      try {
        if (ticket) sessionStorage.setItem(key, JSON.stringify(ticket));
        else sessionStorage.removeItem(key);
      } catch {
        // Refused by the browser: a reload will begin anew.
      }
    },
  };
}

function isTicket(value: unknown): value is Ticket {
  if (typeof value !== "object" || value === null) return false;
  const { session_id, secret, number, expires, identity, room } = value as Record<string, unknown>;
  const optional = [identity, room].every((name) => name === undefined || typeof name === "string");
  return typeof session_id === "string" && typeof secret === "string" && Number.isSafeInteger(number) && typeof expires === "number" && optional;
}
