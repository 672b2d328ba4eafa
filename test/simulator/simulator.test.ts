import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MUTANTS, type Mutant, without } from '../chaos/mutants.ts';
import { findViolation } from './program.ts';

/** CI takes ten thousand. */
const HISTORIES = Number(process.env.BERTH_TEST_HISTORIES ?? 300);

const cache = join(import.meta.dirname, '../../node_modules/.cache');
let bundles: string;
beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  bundles = mkdtempSync(join(cache, 'berth-simulator-'));
});
afterAll(() => rmSync(bundles, { recursive: true }));

test(`${HISTORIES} histories with crashes, pauses, partitions and lost answers keep every rule`, () => {
  expect(findViolation(1, HISTORIES)).toBeNull();
}, 600_000);

test('the same seed gives the same history', () => {
  expect(findViolation(4711, 1)).toEqual(findViolation(4711, 1));
});

const SEEDED: readonly Mutant[] = [
  ...MUTANTS.slice(0, 1),
  {
    name: 'another host is given up only after its lease has ended',
    edits: [{ file: /stores\/adopt\.ts$/, from: 'and lease_until_ms < :nowMs', to: 'and 0 < :nowMs' }],
  },
  {
    name: 'a task waits for all that it names',
    edits: [
      {
        file: /stores\/transitions\.ts$/,
        from: "parent.outcome is distinct from 'succeeded')",
        to: 'parent.outcome is null and parent.id > 3)',
      },
    ],
  },
  {
    name: 'a group has room',
    edits: [{ file: /stores\/claims\.ts$/, from: 'return full === undefined;', to: 'return true;' }],
  },
];

test.each(SEEDED)(
  'the simulator finds out when nothing sees to it that $name',
  async (mutant) => {
    const outfile = join(mkdtempSync(join(bundles, 'mutant-')), 'program.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'program.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      loader: { '.sql': 'text' },
      logLevel: 'silent',
      plugins: [without(mutant)],
    });
    const program = (await import(pathToFileURL(outfile).href)) as { findViolation: typeof findViolation };

    expect(program.findViolation(1, 2000)).not.toBeNull();
  },
  600_000,
);
