import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Berth, until } from '../support/berth.ts';

/** A small disk of its own that can be filled and made read-only. */
class Disk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'berth-disk-'));
  private readonly ballast = join(this.path, 'ballast');

  constructor() {
    mount('-t', 'tmpfs', '-o', 'size=4m,mode=0755', 'berth-test', this.path);
  }

  fill(): void {
    for (const bytes of [65_536, 4096, 1]) {
      try {
        for (;;) writeFileSync(this.ballast, Buffer.alloc(bytes), { flag: 'a' });
      } catch {
        // full: once more with smaller pieces
      }
    }
  }

  free(): void {
    rmSync(this.ballast);
  }

  /** As it is after an error of the disk; only when nothing has a file open for writing. */
  readOnly(): void {
    mount('-o', 'remount,ro', this.path);
  }

  writable(): void {
    mount('-o', 'remount,rw', this.path);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['--lazy', this.path]);
    rmSync(this.path, { recursive: true });
  }
}

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'ignore' });
}

const mounts = canMount();

function canMount(): boolean {
  try {
    new Disk()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!mounts)(`a disk${mounts ? '' : ' [left out: mounting one needs root]'}`, () => {
  let disk: Disk;
  let berth: Berth;
  beforeEach(() => {
    disk = new Disk();
    berth = new Berth({ BERTH_HOME: join(disk.path, 'home') });
  });
  afterEach(async () => {
    await berth[Symbol.asyncDispose]();
    disk[Symbol.dispose]();
  });
  const said = () => readFileSync(join(disk.path, 'home/worker.log'), 'utf8');
  const stateOf = async (id: number) => (await berth.json(['show', String(id)])).state;

  test('that is full refuses what comes, keeps what it has, and all goes on when there is room', async () => {
    const gate = join(berth.home, 'gate');
    await berth.up('--slots', '1');
    const running = await berth.json(['send', `until [ -e ${gate} ]; do sleep 0.05; done; echo ok`]);
    const waiting = await berth.json(['send', 'echo later']);
    await until('it runs', async () => (await stateOf(running.id)) === 'running');
    disk.fill();

    for (const verb of ['send', 'run']) {
      const refused = await berth.run([verb, 'true']);
      expect([verb, refused.code, refused.stdout]).toEqual([verb, 74, '']);
      expect(refused.stderr).toMatch(/^berth: IO: .*full.*\n {2}Check the disk with `df -h`/);
    }
    expect((await berth.json(['list'])).length).toBe(2);
    writeFileSync(gate, '');
    await until('the worker has met the full disk', () => /"task":1.*|store_trouble/.test(said()));
    disk.free();
    const owed = join(disk.path, 'home/owed');

    await berth.run(['wait', String(running.id), String(waiting.id)]);
    expect(await berth.json(['show', String(waiting.id)])).toMatchObject({ outcome: 'succeeded' });
    // its own last words had no room, or they had: it is never called failed
    expect(['succeeded', 'lost']).toContain((await berth.json(['show', String(running.id)])).outcome);
    expect(existsSync(owed) ? readdirSync(owed) : []).toEqual([]);
    expect((await berth.run(['fsck'])).stdout).toContain('all is well');
  });

  test('that is full when a run ends leaves it lost, with the cause', async () => {
    await berth.up('--slots', '1');
    const gate = join(berth.home, 'gate');
    const { id } = await berth.json(['send', `until [ -e ${gate} ]; do sleep 0.05; done; exit 3`]);
    await until('it runs', async () => (await stateOf(id)) === 'running');
    disk.fill();
    writeFileSync(gate, '');
    await until('the worker has judged it', () => said().includes('store_trouble'));
    disk.free();
    await berth.run(['wait', String(id)]);

    const { outcome, cause, exit_code } = await berth.json(['show', String(id)]);
    // where a few bytes were left it could still say how it ended
    if (outcome === 'lost') expect(cause).toContain('no space is left on the disk of its log');
    else expect(exit_code).toBe(3);
  });

  test('that is read-only is refused with a code, and nothing is lost', async () => {
    await berth.run(['send', 'true']);
    disk.readOnly();

    for (const args of [
      ['send', 'true'],
      ['worker', '--drain'],
      ['run', 'true'],
    ]) {
      const { code, stdout, stderr } = await berth.run(args);
      expect([args, code, stdout]).toEqual([args, 73, '']);
      expect(stderr).toMatch(/^berth: STATE_NOT_WRITABLE: .*\n {2}Check who owns/);
    }
    // SQLite can read there only while the files that readers share are still beside the database
    const { code, stdout } = await berth.run(['list', '--json']);
    if (code === 0) expect(JSON.parse(stdout)).toMatchObject([{ id: 1, state: 'pending' }]);
    else expect([code, stdout]).toEqual([73, '']);
    disk.writable();
    expect((await berth.run(['worker', '--drain'])).code).toBe(0);
    expect(await stateOf(1)).toBe('finished');
  });
});
