import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-in-band-')));
const users = join(folder, 'user.sock');
const queue = new Berth({ TMUX: `${users},1,0`, BERTH_GRACE: '1s' });
const theirs = (...argv: string[]) =>
  execFileSync('tmux', ['-S', users, '-f', '/dev/null', ...argv], { encoding: 'utf8', stdio: 'pipe' });
const docker = (...argv: string[]) =>
  execFileSync('docker', argv, { encoding: 'utf8', stdio: 'pipe' }).trim();

let count = 0;

/** A pane of the user's own tmux with this in it, adopted; answers its name once its prompt is there. */
async function adopted(command: string): Promise<string> {
  count += 1;
  const name = `pane-${count}`;
  theirs('new-session', '-d', '-s', name, '-x', '100', '-y', '30', 'exec bash --norc');
  expect((await queue.run(['session', 'adopt', name])).code).toBe(0);
  theirs('send-keys', '-t', `=${name}:`, `PS1=; clear; ${command}`, 'Enter');
  return name;
}

/** The other end answers what is typed. */
async function prompted(name: string): Promise<void> {
  theirs('send-keys', '-t', `=${name}:`, 'echo it-is-$((40+2))', 'Enter');
  await until('its shell answers', () => screen(name).includes('it-is-42'));
}

const screen = (name: string) => theirs('capture-pane', '-p', '-J', '-t', `=${name}:`);

async function ended(name: string, ...rest: string[]) {
  const { id } = await queue.json(['send', '--target', name, '--in-shell', ...rest]);
  const { code } = await queue.run(['wait', String(id)]);
  const { stdout, stderr } = await queue.run(['logs', String(id)]);
  return { ...(await queue.json(['show', String(id)])), code, stdout, stderr };
}

describeWith(['tmux'], 'a task in a shell that is elsewhere', () => {
  beforeAll(() => queue.run(['up']));
  afterAll(async () => {
    await queue[Symbol.asyncDispose]();
    theirs('kill-server');
    rmSync(folder, { recursive: true });
  });

  describeWith(['docker'], 'behind docker exec', () => {
    let box = '';
    beforeAll(() => {
      // nothing can be written in it but its /dev
      box = docker(
        'run',
        '-d',
        '--rm',
        '--network',
        'none',
        '--read-only',
        '--pull',
        'never',
        'berth-busybox',
        'sleep',
        '100000',
      );
    });
    afterAll(() => void docker('rm', '-f', box));
    const processes = () => docker('exec', box, 'ps', '-o', 'args');

    test('its exports are seen, its output comes back byte for byte, and nothing is left there', async () => {
      const name = await adopted(`docker exec -it -w /etc -e FROM=box ${box} sh`);
      await prompted(name);
      theirs('send-keys', '-t', `=${name}:`, 'export MARK=set-there', 'Enter');
      const text = [
        'pwd; hostname; echo "$FROM $MARK"; echo wrong >&2',
        `printf '%s' 'a;b' "it's" '\u001b[201~' ; head -c 3000 /dev/urandom >/dev/null`,
        `cat <<'E'\n${'x'.repeat(30_000)}\nE`,
        'seq 1 20000; exit 42',
      ].join('\n');
      const done = await ended(name, '--env', 'SECRET_TOKEN=hunter2', text);

      const numbers = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('');
      expect(done).toMatchObject({ code: 42, outcome: 'failed' });
      expect(done.stderr).toBe('wrong\n');
      expect(done.stdout).toBe(
        `/etc\n${box.slice(0, 12)}\nbox set-there\na;bit's\u001b[201~${'x'.repeat(30_000)}\n${numbers}`,
      );
      expect(theirs('capture-pane', '-p', '-S', '-', '-t', `=${name}:`)).not.toMatch(/hunter2|xxxxx/);
      await until('only the shell is left', () => !/berth|dd|sh -c/.test(processes()));
    });

    test('one after the other, and the shell is as it was', async () => {
      const name = await adopted(`docker exec -it ${box} sh`);
      await prompted(name);
      for (const code of [0, 1, 42]) expect(await ended(name, `exit ${code}`)).toMatchObject({ code });
      theirs('send-keys', '-t', `=${name}:`, 'echo typed-$((7*6))', 'Enter');

      await until('what is typed shows again', () => /echo typed-\$.*\n.*typed-42/.test(screen(name)));
    });

    test('a cancelled task is gone there, with its whole tree', async () => {
      const name = await adopted(`docker exec -it ${box} sh`);
      await prompted(name);
      const tree = 'trap "" TERM; sleep 4711 & echo up; while :; do sleep 1; done';
      const { id } = await queue.json(['send', '--target', name, '--in-shell', tree]);
      await until('it runs', async () => (await queue.run(['logs', String(id)])).stdout === 'up\n');
      await queue.run(['cancel', String(id)]);

      expect((await queue.run(['wait', String(id)])).code).toBe(130);
      expect(processes()).not.toMatch(/4711|trap/);
    });

    test('a worker that is killed meanwhile loses nothing', async () => {
      const name = await adopted(`docker exec -it ${box} sh`);
      await prompted(name);
      const { id } = await queue.json([
        ...['send', '--target', name, '--in-shell'],
        'echo one; until [ -e /dev/shm/go ]; do sleep 0.1; done; echo two; exit 9',
      ]);
      await until('it runs', async () => (await queue.run(['logs', String(id)])).stdout === 'one\n');
      const { workers } = await queue.json(['status']);
      process.kill(workers[0].pid, 'SIGKILL');
      docker('exec', box, 'touch', '/dev/shm/go');
      await queue.run(['up']);

      expect((await queue.run(['wait', String(id)])).code).toBe(9);
      expect((await queue.run(['logs', String(id)])).stdout).toBe('one\ntwo\n');
    });

    test('the end of what leads there is lost, not guessed', async () => {
      const name = await adopted(`docker exec -it ${box} sh`);
      await prompted(name);
      const { id } = await queue.json(['send', '--target', name, '--in-shell', 'echo up; sleep 60']);
      await until('it runs', async () => (await queue.run(['logs', String(id)])).stdout === 'up\n');
      const shell = theirs('display-message', '-p', '-t', `=${name}:`, '#{pane_pid}').trim();
      execFileSync('pkill', ['-KILL', '-P', shell]);

      expect((await queue.run(['wait', String(id)])).code).toBe(70);
    });

    test('a program that runs behind it is not typed at', { timeout: 90_000 }, async () => {
      const name = await adopted(`docker exec -it ${box} sh -c 'cat; exit'`);

      expect(await ended(name, 'true')).toMatchObject({ code: 125, error_code: 'SHELL_NOT_READY' });
      expect(screen(name)).not.toContain('stty');
    });
  });

  describeWith(['ssh'], 'behind ssh', () => {
    test('its code comes back', async () => {
      const { BERTH_TEST_SSH_CONFIG: config, BERTH_TEST_SSH_HOST: host } = process.env;
      const name = await adopted(`ssh -F ${config} ${host}`);
      await prompted(name);

      expect(await ended(name, 'cd / && pwd; exit 3')).toMatchObject({ code: 3, stdout: '/\n' });
    });
  });

  test('a tmux inside keeps the answer back: refused, and nothing ran', { timeout: 90_000 }, async () => {
    // named as docker is, so that berth takes it for a way into a box
    const client = join(folder, 'client.sh');
    const inner = join(folder, 'inner.sock');
    writeFileSync(client, `env -u TMUX tmux -S ${inner} -f /dev/null new 'exec bash --norc'\n`);
    const name = await adopted(`(exec -a docker sh ${client} exec sh)`);
    await until('it is there', () => existsSync(inner));

    const done = await ended(name, `touch ${folder}/ran`);
    execFileSync('tmux', ['-S', inner, 'kill-server']);
    expect(done).toMatchObject({ code: 125, error_code: 'SHELL_NOT_READY' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});
