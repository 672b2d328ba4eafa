import {
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../../src/stores/driver.ts';
import { Berth, until } from '../support/berth.ts';

let berth: Berth;
let path: string;
beforeEach(() => {
  berth = new Berth();
  path = join(berth.home, 'berth.db');
});
afterEach(() => berth[Symbol.asyncDispose]());
const said = () => readFileSync(join(berth.home, 'worker.log'), 'utf8');
const stateOf = async (id: number) => (await berth.json(['show', String(id)])).state;

/** All that was written stands in the file itself. */
function settle(): void {
  const database = openDatabase(path, { readOnly: false });
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

test('a database that another process locks is waited for, then refused, and nothing is lost', async () => {
  await berth.up('--slots', '2');
  const gate = join(berth.home, 'gate');
  const { id } = await berth.json(['send', `until [ -e ${gate} ]; do sleep 0.05; done; echo once >> proof`]);
  await until('it runs', async () => (await stateOf(id)) === 'running');
  const other = openDatabase(path, { readOnly: false });
  other.exec('BEGIN EXCLUSIVE');

  const [send, list] = await Promise.all([berth.run(['send', 'true']), berth.run(['list'])]);
  writeFileSync(gate, '');
  await until('the worker has met the lock', () => said().includes('is locked by another process'));
  other.exec('ROLLBACK');
  other.close();

  expect(send).toMatchObject({ code: 75, stdout: '', stderr: expect.stringContaining('berth: TRY_AGAIN: ') });
  expect(list).toMatchObject({ code: 0, stdout: expect.stringContaining('running') });
  expect((await berth.run(['wait', String(id)])).code).toBe(0);
  expect(readFileSync(join(berth.home, 'proof'), 'utf8')).toBe('once\n');
  expect((await berth.run(['send', '--wait', 'echo again'])).stdout).toContain('again');
}, 120_000);

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['whose header is smashed', (bytes) => Buffer.concat([Buffer.alloc(20, 0x5a), bytes.subarray(20)])],
  ['that is cut off in the middle of a page', (bytes) => bytes.subarray(0, 4096 * 3 + 100)],
])('a database %s is refused with a code and a hint, and stays as it is', async (_name, damage) => {
  await berth.run(['send', 'true']);
  settle();
  const damaged = damage(readFileSync(path));
  writeFileSync(path, damaged);

  for (const args of [['send', 'true'], ['worker', '--drain'], ['list']]) {
    const { code, stdout, stderr } = await berth.run(args);
    expect([args, code, stdout]).toEqual([args, 65, '']);
    expect(stderr).toMatch(
      /^berth: BAD_DATA: .*\n {2}Move it away and start anew, or restore it from `backups\/`/,
    );
  }
  expect(readFileSync(path).equals(damaged)).toBe(true);
});

test('a database that is damaged under a worker ends the worker, and its runs go on', async () => {
  await berth.up('--slots', '1');
  const gate = join(berth.home, 'gate');
  const { id } = await berth.json(['send', `until [ -e ${gate} ]; do sleep 0.05; done; echo over > proof`]);
  await until('it runs', async () => (await stateOf(id)) === 'running');
  settle();
  const { size } = statSync(path);
  truncateSync(path, 4096);
  await until('the worker has ended', () => said().includes('\nberth: BAD_DATA: '));
  writeFileSync(gate, '');

  expect(size).toBeGreaterThan(4096);
  await until('the run is over', () => readFileSync(join(berth.home, 'proof'), { flag: 'a+' }).length > 0);
  for (const name of ['berth.db', 'berth.db-wal', 'berth.db-shm'])
    rmSync(join(berth.home, name), { force: true });
});

test('a worker whose database is swapped ends, and the run is adopted when the file is back', async () => {
  await using spare = new Berth();
  await spare.run(['list']);
  await berth.up('--slots', '1');
  const gate = join(berth.home, 'gate');
  const { id } = await berth.json(['send', `until [ -e ${gate} ]; do sleep 0.05; done; echo once >> proof`]);
  await until('it runs', async () => (await stateOf(id)) === 'running');
  const files = ['berth.db', 'berth.db-wal', 'berth.db-shm'];
  for (const name of files) renameSync(join(berth.home, name), join(berth.home, `old-${name}`));
  copyFileSync(join(spare.home, 'berth.db'), path);

  await until('the worker has ended', () => said().includes('\nberth: BAD_DATA: '));
  expect(said()).toContain('is not the file any more that was opened');
  expect((await berth.json(['status'])).workers).toEqual([]);
  for (const name of files) {
    rmSync(join(berth.home, name), { force: true });
    renameSync(join(berth.home, `old-${name}`), join(berth.home, name));
  }
  await berth.up('--slots', '1');
  writeFileSync(gate, '');

  expect((await berth.run(['wait', String(id)])).code).toBe(0);
  expect(readFileSync(join(berth.home, 'proof'), 'utf8')).toBe('once\n');
});
