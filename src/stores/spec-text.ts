import { createHash } from 'node:crypto';
import { shellQuote } from '../core/command.ts';
import type { Payload } from '../core/task.ts';

/** One text for equal specs: object keys in order, no white space. Byte strings keep their bytes as escapes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

function inOrder(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]));
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The beginning of a payload, as text that every database and terminal takes. */
export function contentOf(payload: Payload): string {
  return textOf(payload)
    .slice(0, 1000)
    .replace(/\p{Surrogate}|\0/gu, '\ufffd');
}

function textOf(payload: Payload): string {
  switch (payload.kind) {
    case 'line':
      return payload.line;
    case 'argv':
      return shellQuote(payload.argv);
    case 'prompt':
      return payload.text;
  }
}
