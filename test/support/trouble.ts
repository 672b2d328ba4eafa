import { expect } from 'vitest';
import { type Berth, until } from './berth.ts';

/** A task of a worker, as people see it. */
export interface SentTask {
  readonly id: number;
  /** Resolves when the program has written this. */
  said(text: string): Promise<void>;
  /** Waits for the end: `show --json`, once it is sure that `show` says the same to people. */
  shown(): Promise<Shown>;
}

export interface Shown {
  readonly outcome: string;
  readonly cause: string | null;
  readonly exit_code: number | null;
  readonly oom: boolean | null;
  readonly error_code: string | null;
  readonly hint: string | null;
}

export async function sendTask(berth: Berth, options: readonly string[], line: string): Promise<SentTask> {
  const { id } = await berth.json(['send', ...options, '--', 'sh', '-c', line]);
  const logged = async () => (await berth.run(['logs', String(id)])).stdout;
  return {
    id,
    said: (text) => until(`task ${id} says ${text}`, async () => (await logged()).includes(text), 60_000),
    shown: async () => {
      await berth.run(['wait', String(id)]);
      const shown: Shown = await berth.json(['show', String(id)]);
      const { stdout } = await berth.run(['show', String(id)]);
      for (const words of [shown.outcome.replace('_', ' '), shown.cause, shown.hint])
        if (words !== null) expect(stdout).toContain(words);
      return shown;
    },
  };
}
