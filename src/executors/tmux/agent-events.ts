import type { AgentFact, AgentFiles, AgentSignal, AgentTerminal, RecordPlace } from '../../core/agent.ts';
import { readBytes } from './agent-files.ts';

/** Where an agent on a screen tells what it does. */
export interface AgentSource {
  readonly provider: string;
  /** File of its events; only ever appended to. */
  readonly events: string;
  readonly terminal: AgentTerminal;
  readonly files: AgentFiles;
}

/** A point in what an agent has told. Plain JSON: it outlives the worker. */
export interface Mark {
  readonly events: number;
  /** The agent's own record then, and its length; null while it had none. */
  readonly record: { readonly path: string; readonly size: number } | null;
}

export const BEGINNING: Mark = { events: 0, record: null };

/** Reads on from a mark, each line once, and keeps what it means. */
export class AgentListener {
  private readonly source: AgentSource;
  private readonly events: Tail;
  /** Events that mean something. */
  private readonly facts: AgentFact[] = [];
  private readonly told: AgentSignal[] = [];
  private record: Tail | null;
  private noted: AgentSignal[] = [];

  constructor(source: AgentSource, mark: Mark) {
    this.source = source;
    this.events = new Tail(source.events, mark.events);
    this.record = mark.record && new Tail(mark.record.path, mark.record.size);
  }

  /** All since the mark, oldest first: its events, then what only its own record tells. */
  signals(): readonly AgentSignal[] {
    const { terminal, files } = this.source;
    for (const line of this.events.lines()) {
      const fact = parsed(line);
      const signal = fact && terminal.signal(fact);
      if (!signal) continue;
      this.facts.push(fact);
      this.told.push(signal);
    }
    const place = terminal.record?.find(this.facts, files) ?? null;
    if (place !== null) this.follow(place);
    for (const line of this.record?.lines() ?? []) {
      const fact = parsed(line);
      const signal = fact && terminal.record?.signal(fact);
      if (signal) this.noted.push(signal);
    }
    return [...this.told, ...this.noted];
  }

  /** Whatever comes is after this. */
  mark(): Mark {
    this.signals();
    const record = this.record && { path: this.record.path, size: this.record.offset };
    return { events: this.events.offset, record };
  }

  private follow({ path, after }: RecordPlace): void {
    if (this.record?.path === path && (after === null || this.record.after === after)) return;
    this.record = new Tail(path, 0, after);
    this.noted = [];
  }
}

/** The lines that are appended to a file. */
class Tail {
  readonly path: string;
  /** Where the next line begins. */
  offset: number;
  readonly after: string | null;
  private passed: boolean;

  constructor(path: string, offset: number, after: string | null = null) {
    this.path = path;
    this.offset = offset;
    this.after = after;
    this.passed = after === null;
  }

  /** Whole lines that are new; with `after`, only what follows the line that holds it. */
  lines(): readonly string[] {
    const bytes = readBytes(this.path, this.offset);
    const end = bytes.lastIndexOf('\n') + 1;
    if (end === 0) return [];
    this.offset += end;
    const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
    if (this.passed) return lines;
    const found = lines.findIndex((line) => this.after !== null && line.includes(this.after));
    this.passed = found !== -1;
    return this.passed ? lines.slice(found + 1) : [];
  }
}

function parsed(line: string): AgentFact | null {
  try {
    return JSON.parse(line) as AgentFact;
  } catch {
    return null;
  }
}

export type AgentState =
  | 'starting'
  | 'blocked'
  | 'ready'
  | 'working'
  | 'needs_approval'
  | 'needs_input'
  | 'dead';

/** What an agent does now, by its own events: `starting` until it says that it takes prompts. */
export function stateOf(signals: readonly AgentSignal[]): AgentState {
  return signals.reduce<AgentState>((state, { kind }) => STATES[kind] ?? state, 'starting');
}

/** Null: as it was. */
const STATES: Readonly<Record<AgentSignal['kind'], AgentState | null>> = {
  ready: 'ready',
  submitted: 'working',
  queued: null,
  calls: 'working',
  working: 'working',
  needs_approval: 'needs_approval',
  needs_input: 'needs_input',
  completed: 'ready',
  failed: 'ready',
  ended: 'dead',
};

/**
 * A prompt as a terminal may be given it: no escape sequences, no control characters but tab and newline.
 * ESC[201~ inside a paste would end it, and what follows would be typed.
 */
export function pasteable(text: string): string {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b./g, '')
    .replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}

/** Whether an agent speaks of this prompt; programs trim what they are given. */
export function sameText(told: string, prompt: string): boolean {
  return told.trim().replaceAll('\r\n', '\n') === prompt.trim();
}
