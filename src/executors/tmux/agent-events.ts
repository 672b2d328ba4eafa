import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { AgentSignal, AgentTerminal } from '../../core/agent.ts';

/** What an agent on a screen has told, oldest first. The file is only ever appended to. */
export interface AgentHistory {
  readonly signals: readonly AgentSignal[];
  /** Bytes read, up to the last whole line. */
  readonly size: number;
}

/** The events of a session from an offset on; nothing while there is no file. */
export function readSignals(path: string, terminal: AgentTerminal, from = 0): AgentHistory {
  const text = readFrom(path, from);
  const end = text.lastIndexOf('\n') + 1;
  const signals = text
    .subarray(0, end)
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return terminal.signal(JSON.parse(line) as Record<string, unknown>) ?? [];
      } catch {
        return [];
      }
    });
  return { signals, size: from + end };
}

export type AgentState = 'starting' | 'ready' | 'working' | 'needs_approval' | 'needs_input' | 'dead';

/** What an agent does now, by its own events: `starting` until it says that it takes prompts. */
export function stateOf(signals: readonly AgentSignal[]): AgentState {
  return signals.reduce<AgentState>((_, { kind }) => STATES[kind], 'starting');
}

const STATES: Readonly<Record<AgentSignal['kind'], AgentState>> = {
  ready: 'ready',
  submitted: 'working',
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

function readFrom(path: string, from: number): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, from));
  } finally {
    closeSync(file);
  }
}
