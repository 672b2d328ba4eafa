import type { AgentResult } from '../core/agent.ts';

/** One JSON object of a JSON-lines stream. */
export type AgentEvent = Readonly<Record<string, unknown>>;

/** The events of a stream, in order; lines that are none (warnings, a torn end) are left out. */
export function eventsOf(stdout: string): readonly AgentEvent[] {
  return stdout.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as AgentEvent];
    } catch {
      return [];
    }
  });
}

/** A member that is an object, or an empty one. */
export function objectIn(event: AgentEvent, name: string): AgentEvent {
  const value = event[name];
  return typeof value === 'object' && value !== null ? (value as AgentEvent) : {};
}

/** A member that is a text, or null. */
export function textIn(event: AgentEvent, name: string): string | null {
  const value = event[name];
  return typeof value === 'string' ? value : null;
}

export function completed(answer: string | null): AgentResult {
  return { kind: 'completed', answer, cause: null, untilMs: null };
}

/** A failure, or a limit where the provider's words say so. */
export function failed(words: string, answer: string | null = null): AgentResult {
  const cause = `${words.trim().split('\n')[0]?.slice(0, 300) ?? ''}`;
  if (!LIMIT.test(words)) return { kind: 'failed', answer, cause, untilMs: null };
  return { kind: 'limit', answer, cause, untilMs: limitEnd(words) };
}

/** Words of the providers' own errors, never of an answer. */
const LIMIT = /usage limit|rate limit|quota (?:is |was )?exceeded|RESOURCE_EXHAUSTED|too many requests/i;

/** Claude Code says `...|1735689600`, in seconds; others name no time that a program can read. */
function limitEnd(words: string): number | null {
  const [, seconds] = /\|(\d{10})\b/.exec(words) ?? [];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

export function unknown(sentence: string, answer: string | null = null): AgentResult {
  return { kind: 'unknown', answer, cause: sentence, untilMs: null };
}
