import { randomBytes } from 'node:crypto';
import type { RunSpec } from '../core/executor.ts';
import { environmentScript, type ScriptPlan, supervisedScript } from '../core/script.ts';
import type { Payload } from '../core/task.ts';

export const line = (text: string): Payload => ({ kind: 'line', line: text });
export const argv = (...words: string[]): Payload => ({ kind: 'argv', argv: words });

export type ScriptOptions = Partial<ScriptPlan> & { readonly env?: Readonly<Record<string, string>> };

/** The two texts of a run with sane defaults. */
export function aScript(payload: Payload, options: ScriptOptions = {}) {
  const { env = {}, ...plan } = options;
  const nonce = options.nonce ?? randomBytes(8).toString('hex');
  const script = supervisedScript({
    title: 'a test',
    nonce,
    dir: '/',
    expectHost: null,
    toolchain: '',
    prereqs: [],
    payload,
    graceMs: 1000,
    deadlineMs: null,
    leash: 'signal',
    ...plan,
  });
  return { nonce, script, environment: environmentScript(env) };
}

let count = 0;

/** A run without a box. */
export function aRun(payload: Payload, options: ScriptOptions = {}): RunSpec {
  count += 1;
  return {
    task: count,
    attempt: 1,
    directory: `${count}-1`,
    ...aScript(payload, options),
    entry: null,
    leash: options.leash ?? 'signal',
  };
}
