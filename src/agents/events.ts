import type { AgentFact, AgentResult } from '../core/agent.ts';

/** The events of a stream of JSON lines, in order; lines that are none (warnings, a torn end) are left out. */
export function eventsOf(stdout: string): readonly AgentFact[] {
  return stdout.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as AgentFact];
    } catch {
      return [];
    }
  });
}

/** A member that is an object, or an empty one. */
export function objectIn(event: AgentFact, name: string): AgentFact {
  const value = event[name];
  return typeof value === 'object' && value !== null ? (value as AgentFact) : {};
}

/** A member that is a text, or null. */
export function textIn(event: AgentFact, name: string): string | null {
  const value = event[name];
  return typeof value === 'string' ? value : null;
}

/** The members of a list that are objects. */
export function objectsIn(event: AgentFact, name: string): readonly AgentFact[] {
  const value = event[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : [];
}

export function completed(answer: string | null): AgentResult {
  return { kind: 'completed', answer, cause: null, untilMs: null };
}

export interface Failure {
  /** The agent's own words for it, never those of an answer. */
  readonly words: string;
  readonly answer?: string | null;
  /** When it was said, Unix milliseconds. */
  readonly atMs: number;
}

/** A failure, or a limit where the provider's words say so. */
export function failed({ words, answer = null, atMs }: Failure): AgentResult {
  const cause = `${words.trim().split('\n')[0]?.slice(0, 300) ?? ''}`;
  if (!LIMIT.test(words)) return { kind: 'failed', answer, cause, untilMs: null };
  return { kind: 'limit', answer, cause, untilMs: limitEnd(words, atMs) };
}

const LIMIT =
  /(?:usage|rate|session|weekly|\d-hour) limit|hit your limit|quota (?:is |was |has been )?(?:exceeded|exhausted)|RESOURCE_EXHAUSTED|too many requests/i;

/** When a limit ends, as providers write it; null for words that name no time. */
export function limitEnd(words: string, atMs: number): number | null {
  // Claude Code: `...|1735689600`, in seconds
  const [, seconds] = /\|(\d{10})\b/.exec(words) ?? [];
  if (seconds !== undefined) return Number(seconds) * 1000;
  return timeOfDay(words, atMs) ?? afterSpan(words, atMs);
}

/** Codex: `try again at 9:22 PM`, or `at Nov 25th, 2026 9:22 PM`; Claude Code: `resets 3pm`. In the local zone. */
function timeOfDay(words: string, atMs: number): number | null {
  const found =
    /(?:try again at|resets(?: at)?) (?:([A-Z][a-z]{2}) (\d{1,2})(?:st|nd|rd|th), (\d{4}) )?(\d{1,2})(?::(\d{2}))? ?([AP]M)/i.exec(
      words,
    );
  if (found === null) return null;
  const [, month, day, year, hour, minute = '0', half = ''] = found;
  const hours = (Number(hour) % 12) + (half.toUpperCase() === 'PM' ? 12 : 0);
  const said = new Date(atMs);
  if (month !== undefined) {
    const at = new Date(Number(year), MONTHS.indexOf(month), Number(day), hours, Number(minute));
    return MONTHS.includes(month) ? at.getTime() : null;
  }
  said.setHours(hours, Number(minute), 0, 0);
  // minutes are rounded down: the minute in which it was said may be meant
  if (said.getTime() < atMs - 60_000) said.setDate(said.getDate() + 1);
  return Math.max(said.getTime(), atMs + 60_000);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Gemini CLI: `reset after 3h12m5s`; Codex: `try again in 3 days 4 hours 2 minutes`. */
function afterSpan(words: string, atMs: number): number | null {
  const [, span] = /(?:reset after|try again in|retry in) ((?:[\d.]+ ?[a-z]+[ ,]*)+)/i.exec(words) ?? [];
  if (span === undefined) return null;
  let ms = 0;
  for (const [, count, unit = ''] of span.matchAll(/([\d.]+) ?([a-z]+)/gi)) {
    ms += Number(count) * (UNITS_MS[unit.toLowerCase().startsWith('ms') ? 'ms' : (unit[0] ?? '')] ?? 0);
  }
  return ms > 0 ? atMs + ms : null;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function unknown(sentence: string, answer: string | null = null): AgentResult {
  return { kind: 'unknown', answer, cause: sentence, untilMs: null };
}
