import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { Berth } from './support/berth.ts';

test('each verb keeps the code that it needed, and later runs take it', async () => {
  await using berth = withCache();
  await berth.run(['list']);
  const [first = ''] = berth.kept();
  const { ino } = statSync(first);
  await berth.run(['list']);
  await berth.run(['status']);

  expect(statSync(first).ino).toBe(ino);
  expect(berth.kept().map((path) => path.split('/').slice(-2).join('/'))).toEqual(
    expect.arrayContaining(['list/program.js.code', 'status/program.js.code']),
  );
});

test('code that was damaged, or that others may write, is made anew', async () => {
  await using berth = withCache();
  await berth.run(['list']);
  const [kept = ''] = berth.kept();
  for (const spoil of [damage, cutShort, (path: string) => chmodSync(path, 0o666)]) {
    spoil(kept);
    const { ino } = statSync(kept);

    expect(await berth.run(['list'])).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(kept).ino).not.toBe(ino);
  }
});

test('a place where no code can be kept is no trouble', async () => {
  await using berth = withCache({ NODE_COMPILE_CACHE: '/dev/null' });

  expect(await berth.run(['list'])).toMatchObject({ code: 0, stderr: '' });
});

test('a word that is no verb leaves no code behind', async () => {
  await using berth = withCache();

  expect((await berth.run(['lits'])).code).toBe(64);
  expect(berth.kept()).toEqual([]);
});

test('the program is one file, and what few verbs need lies beside it', () => {
  const folder = join(inject('program'), '..');

  expect(readdirSync(folder).filter((name) => name.endsWith('.js'))).toEqual(
    expect.arrayContaining(['berth.js', 'index.js', 'pg.js', 'program.js', 'yaml.js', 'zod.js']),
  );
});

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 4096);
  writeFileSync(path, bytes);
}

function cutShort(path: string): void {
  writeFileSync(path, readFileSync(path).subarray(0, 5000));
}

function withCache(env: Readonly<Record<string, string>> = {}) {
  const cache = mkdtempSync(join(tmpdir(), 'berth-code-'));
  const berth = new Berth({ NODE_COMPILE_CACHE: cache, ...env });
  return {
    run: (args: readonly string[]) => berth.run(args),
    kept: () =>
      readdirSync(cache, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.code'))
        .map((name) => join(cache, name)),
    async [Symbol.asyncDispose]() {
      await berth[Symbol.asyncDispose]();
      rmSync(cache, { recursive: true });
    },
  };
}
