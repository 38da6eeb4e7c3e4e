import type { AssistantText, AssistantTextDelta } from "../protocol.generated.js";

/** Answers whose text is remembered; the oldest is forgotten. */
const MAX_ANSWERS = 64;

export interface AgentText {
  id: string;
  gen: number;
  /** The whole text so far. */
  text: string;
  final: boolean;
  interrupted: boolean;
}

/** Puts the answers' texts together from their deltas. A final text replaces what was assembled; nothing is added to it afterwards. */
export class AnswerTexts {
  readonly #answers = new Map<string, AgentText>();

  delta(gen: number, { id, text }: AssistantTextDelta): AgentText | undefined {
    const before = this.#answers.get(id);
    if (before?.final) return undefined;
    return this.#store({ id, gen, text: (before?.text ?? "") + text, final: false, interrupted: false });
  }

  whole(gen: number, { id, text, interrupted }: AssistantText): AgentText {
    return this.#store({ id, gen, text, final: true, interrupted: interrupted ?? false });
  }

  /** Ends the answers that are older than `minGen`: nobody will. */
  cut(minGen: number): AgentText[] {
    const open = [...this.#answers.values()].filter((answer) => !answer.final && answer.gen < minGen);
    return open.map((answer) => this.#store({ ...answer, final: true, interrupted: true }));
  }

  #store(answer: AgentText): AgentText {
    this.#answers.set(answer.id, answer);
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!);
    return answer;
  }
}
