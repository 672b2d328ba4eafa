import { hash } from 'node:crypto';
import { shellQuote } from '../core/command.ts';
import type { Payload } from '../core/task.ts';

/** One text for equal specs: object keys in order, no white space. Byte strings keep their bytes as escapes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

function inOrder(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const given = value as Readonly<Record<string, unknown>>;
  const ordered: Record<string, unknown> = {};
  for (const key of Object.keys(given).sort()) {
    // an assignment would set the prototype
    if (key === '__proto__') return Object.fromEntries(entriesInOrder(given));
    ordered[key] = inOrder(given[key]);
  }
  return ordered;
}

function entriesInOrder(given: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  const keys = Object.keys(given).sort();
  return keys.map((key) => [key, inOrder(given[key])]);
}

export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
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
