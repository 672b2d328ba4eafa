import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MUTANTS, type Mutant, without } from '../chaos/mutants.ts';
import { endOf } from '../support/berth.ts';
import { findViolation, type Violation } from './program.ts';

/** CI takes ten thousand (BERTH_TEST_HISTORIES). */
const HISTORIES = Number(process.env.BERTH_TEST_HISTORIES ?? 300);
/** In which each seeded bug has to be found. */
const MUTANT_HISTORIES = 2000;
const TIMEOUT_MS = 900_000;

const cache = join(import.meta.dirname, '../../node_modules/.cache');
let bundles: string;
beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  bundles = mkdtempSync(join(cache, 'berth-simulator-'));
});
afterAll(() => rmSync(bundles, { recursive: true }));

test(
  `${HISTORIES} histories with crashes, pauses, partitions and lost answers keep every rule`,
  async () => {
    expect(await inShares(await bundle(null), HISTORIES)).toBeNull();
  },
  TIMEOUT_MS,
);

test('the same seed gives the same history', () => {
  expect(findViolation(4711, 1)).toEqual(findViolation(4711, 1));
});

const SEEDED: readonly Mutant[] = [
  // this one needs two processes in one transaction
  ...MUTANTS.filter(({ name }) => !name.startsWith('one worker at a time')),
  {
    name: 'a group has room',
    edits: [{ file: /stores\/claims\.ts$/, from: 'if (room <= 0 || ', to: 'if (' }],
  },
];

test.each(SEEDED)(
  'the simulator finds out when nothing sees to it that $name',
  async (mutant) => {
    const violation = await inShares(await bundle(mutant), MUTANT_HISTORIES);

    expect(violation).not.toBeNull();
  },
  TIMEOUT_MS,
);

async function bundle(mutant: Mutant | null): Promise<string> {
  const outfile = join(mkdtempSync(join(bundles, 'program-')), 'share.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'share.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    loader: { '.sql': 'text' },
    logLevel: 'silent',
    plugins: mutant === null ? [] : [without(mutant)],
  });
  return outfile;
}

/** The seeds from 1 to `count`, shared out to as many processes as the machine runs at a time. */
async function inShares(program: string, count: number): Promise<Violation | null> {
  const size = Math.ceil(count / availableParallelism());
  const children: ChildProcess[] = [];
  const parts: Promise<Violation | null>[] = [];
  for (let from = 1; from <= count; from += size) {
    const args = [program, from, Math.min(size, count + 1 - from)].map(String);
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    parts.push(resultOf(child));
  }
  for (const part of parts)
    void part.then(
      (found) => found && children.forEach((child) => void child.kill()),
      () => {},
    );
  return (await Promise.all(parts)).find((part) => part !== null) ?? null;
}

async function resultOf(child: ChildProcess): Promise<Violation | null> {
  const { code, stdout } = await endOf(child);
  if (code === 0) return JSON.parse(stdout);
  // another one has found something
  if (child.killed) return null;
  throw new Error(`The simulator ended with code ${code}.`);
}
