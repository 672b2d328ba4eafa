import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-sessions-')));
const queue = new Berth();
const { home } = queue;
const project = mkdtempSync(join(folder, 'project-'));
const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
const socket = ownServer(home).socket;

const tmux = (...argv: string[]) => execFileSync('tmux', ['-S', socket, ...argv], { encoding: 'utf8' });
const run = (argv: readonly string[]) => queue.run(argv, project);
const json = async (...argv: string[]) => JSON.parse((await run([...argv, '--json'])).stdout);
const named = async (name: string) =>
  ((await json('sessions')) as { name: string; status: string }[]).find((row) => row.name === name);

async function finished(...argv: string[]) {
  const { id } = await json('send', ...argv);
  const { code } = await run(['wait', String(id)]);
  const { stdout } = await run(['logs', String(id)]);
  return { id, code, stdout };
}

describeWith(['tmux'], 'terminal sessions', () => {
  beforeAll(() => run(['up']));
  afterAll(async () => {
    await run(['down']);
    tmux('kill-server');
    rmSync(home, { recursive: true });
    rmSync(folder, { recursive: true });
  });

  test('a task for a session runs in its place, and the session stays there', async () => {
    expect(await json('session', 'new', 'api', '--env', 'COLOUR=red')).toMatchObject({
      name: 'api',
      kind: 'tmux',
      status: 'idle',
      current_dir: project,
      env_vars: { COLOUR: 'red' },
    });

    const done = await finished('--target', 'api', 'pwd; echo $COLOUR; exit 3');

    expect(done).toMatchObject({ code: 3, stdout: `${project}\nred\n` });
    const other = await finished('--target', 'api', '--workdir', elsewhere, 'pwd');
    expect(other.stdout).toBe(`${elsewhere}\n`);
    expect(await named('api')).toMatchObject({ status: 'idle', current_dir: project });
  });

  test('a task without a target does not go to a terminal', async () => {
    await run(['session', 'new', 'quiet']);
    const { id } = await finished('true');

    expect((await json('show', String(id))).session).toMatch(/slot-/);
  });

  test('the directory of a session is the one that its shell is in now', async () => {
    await run(['session', 'new', 'mover']);
    tmux('send-keys', '-t', '=mover:', `cd ${elsewhere}`, 'Enter');
    // a task refreshes what is known
    await until('its shell has moved', async () => {
      await finished('--target', 'mover', 'true');
      return ((await named('mover')) as unknown as { current_dir: string }).current_dir === elsewhere;
    });
  });

  test('a name is taken once, and free again after its session is removed', async () => {
    await run(['session', 'new', 'twice']);
    const again = await run(['session', 'new', 'twice']);
    expect(again).toMatchObject({ code: 73, stderr: expect.stringContaining('NAME_TAKEN') });
    expect((await run(['session', 'rm', 'twice'])).code).toBe(0);
    expect(await named('twice')).toBeUndefined();
    expect((await run(['session', 'new', 'twice'])).code).toBe(0);
  });

  test.each(['a:b', 'a.b', '#(touch owned)', 'a\nb', '-t'])(
    'the name %j is refused, and nothing is made',
    async (name) => {
      const before = tmux('list-sessions');
      const answer = await run(['session', 'new', '--', name]);

      expect(answer).toMatchObject({ code: 64, stderr: expect.stringContaining('is not a session name') });
      expect(tmux('list-sessions')).toBe(before);
      expect(existsSync(join(project, 'owned'))).toBe(false);
    },
  );

  test('a directory that looks like a tmux format runs nothing', async () => {
    const odd = join(folder, "a#(touch owned) ';x");
    execFileSync('mkdir', [odd]);
    expect((await run(['session', 'new', 'odd', '--workdir', odd])).stderr).toBe('');

    expect((await finished('--target', 'odd', 'pwd')).stdout).toBe(`${odd}\n`);
    expect(await named('odd')).toMatchObject({ current_dir: odd });
    expect(existsSync(join(odd, 'owned')) || existsSync(join(folder, 'owned'))).toBe(false);
  });

  test('a session that its user closed is taken away, and a task for it waits with the reason', async () => {
    await run(['session', 'new', 'closed']);
    tmux('kill-session', '-t', '=closed');
    await until('it is gone', async () => (await named('closed')) === undefined);
    const { id } = await json('send', '--target', 'closed', 'true');

    expect((await json('why', String(id))).reasons).toMatchObject([{ code: 'NO_SESSION' }]);
    await run(['cancel', String(id)]);
  });

  test('a task outlives the pane of its session, with its true end', async () => {
    await run(['session', 'new', 'brief']);
    const { id } = await json(
      'send',
      '--target',
      'brief',
      `until [ -e ${elsewhere}/go ]; do sleep 0.05; done; exit 9`,
    );
    await until('it runs', async () => (await json('show', String(id))).state === 'running');
    tmux('kill-session', '-t', '=brief');
    writeFileSync(join(elsewhere, 'go'), '');

    expect((await run(['wait', String(id)])).code).toBe(9);
    await until('the session is gone', async () => (await named('brief')) === undefined);
  });

  test('a session that runs a task is not removed', async () => {
    await run(['session', 'new', 'held']);
    const { id } = await json('send', '--target', 'held', 'sleep 60');
    await until('it runs', async () => (await json('show', String(id))).state === 'running');

    expect(await run(['session', 'rm', 'held'])).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`runs task ${id}`),
    });
    await run(['cancel', String(id)]);
    expect((await run(['wait', String(id)])).code).toBe(130);
    expect((await run(['session', 'rm', 'held'])).code).toBe(0);
  });

  describe('of the user', () => {
    const users = join(folder, 'user.sock');
    const theirs = (...argv: string[]) =>
      execFileSync('tmux', ['-S', users, '-f', '/dev/null', ...argv], { encoding: 'utf8' });
    const inTheirs = new Berth({ BERTH_HOME: home, TMUX: `${users},1,0` });
    beforeAll(() => theirs('new-session', '-d', '-s', 'work', '-c', elsewhere));
    afterAll(() => {
      theirs('kill-server');
      rmSync(inTheirs.home, { recursive: true });
    });

    test('are adopted as they are, and left alone when they are removed', async () => {
      theirs('new-session', '-d', '-s', 'workbench');
      const adopted = await inTheirs.run(['session', 'adopt', 'work', '--json']);
      expect(JSON.parse(adopted.stdout)).toMatchObject({
        name: 'work',
        kind: 'tmux',
        current_dir: elsewhere,
      });

      expect(await finished('--target', 'work', 'echo in a window')).toMatchObject({
        code: 0,
        stdout: 'in a window\n',
      });
      expect((await run(['session', 'rm', 'work'])).code).toBe(0);
      expect(theirs('list-sessions', '-F', '#{session_name}')).toMatch(/^work\nworkbench\n/);
    });

    test('attach shows a session of berth on their terminal', async () => {
      await run(['session', 'new', 'shown']);
      tmux('send-keys', '-t', '=shown:', 'echo in-the-$((40+2))nd-session', 'Enter');
      const command = `env BERTH_HOME=${home} ${process.execPath} ${inject('program')} session attach shown; echo "left with $?"; sleep 100`;
      theirs('new-session', '-d', '-s', 'viewer', '-x', '120', '-y', '30', command);

      const screen = () => theirs('capture-pane', '-p', '-t', '=viewer:');
      await until('the screen shows it', () => screen().includes('in-the-42nd-session'));
      theirs('send-keys', '-t', '=viewer:', 'echo typed-$((40+2))-here', 'Enter');
      await until('what is typed arrives', () => screen().includes('typed-42-here'));

      theirs('send-keys', '-t', '=viewer:', 'C-b', 'd');
      await until('it gives the terminal back', () => screen().includes('left with 0'));
      expect(screen()).not.toContain('typed-42-here');
      expect(await named('shown')).toMatchObject({ status: 'idle' });
    });

    test('attach needs a terminal, and a session that is there', async () => {
      expect(await run(['session', 'attach', 'api'])).toMatchObject({
        code: 64,
        stderr: expect.stringContaining('needs a terminal'),
      });
      const command = `env BERTH_HOME=${home} ${process.execPath} ${inject('program')} session attach nobody; sleep 100`;
      theirs('new-session', '-d', '-s', 'lost', '-x', '120', '-y', '30', command);
      await until('it says so', () =>
        theirs('capture-pane', '-p', '-t', '=lost:').includes('SESSION_NOT_FOUND'),
      );
    });

    test('their directory is their shell’s own: no subshell’s, without symlinks, and none when it was deleted', async () => {
      const real = mkdtempSync(join(folder, 'real-'));
      symlinkSync(real, join(folder, 'link'));
      theirs('new-session', '-d', '-s', 'places', '-c', elsewhere, 'exec sh');
      await inTheirs.run(['session', 'adopt', 'places']);
      const go = async (line: string, dir: string | null) => {
        theirs('send-keys', '-t', '=places:', line, 'Enter');
        await until(`it is in ${dir}`, async () => {
          await finished('--target', 'places', 'true');
          return (
            (((await named('places')) as unknown as { current_dir: string }).current_dir ?? null) === dir
          );
        });
      };
      await go(`cd ${join(folder, 'link')}`, real);
      theirs('send-keys', '-t', '=places:', '(cd /usr && exec sleep 1000)', 'Enter');
      await until('the subshell is there', () =>
        theirs('display-message', '-p', '-t', '=places:', '#{pane_current_path}').startsWith('/usr'),
      );
      await go('', real);
      theirs('send-keys', '-t', '=places:', 'C-c');
      rmSync(real, { recursive: true });
      await go('', null);
    });

    test('a task for one that is busy waits, and why says for what', async () => {
      await inTheirs.run(['session', 'adopt', 'work', '--name', 'taken']);
      const first = await json('send', '--target', 'taken', 'sleep 60');
      await until('it runs', async () => (await json('show', String(first.id))).state === 'running');
      const second = await json('send', '--target', 'taken', 'exit 5');

      expect((await json('why', String(second.id))).reasons).toMatchObject([
        { code: 'BUSY', message: expect.stringContaining(`task ${first.id}`) },
      ]);
      await run(['cancel', String(first.id)]);
      expect((await run(['wait', String(second.id)])).code).toBe(5);
    });

    test.each(['wor', 'nothing', '%999', '-x', '#(id)', 'work:9'])(
      'the target %j is refused',
      async (target) => {
        const answer = await inTheirs.run(['session', 'adopt', '--', target]);

        expect(answer.stderr).toMatch(/SESSION_NOT_FOUND|INVALID_VALUE/);
        expect(answer.code).toBeGreaterThan(0);
      },
    );

    test('a dead pane is refused, and its server lives on', async () => {
      theirs('set-option', '-g', 'remain-on-exit', 'on');
      const pane = theirs('new-window', '-d', '-P', '-F', '#{pane_id}', '-t', 'work', 'true').trim();
      await until(
        'it is dead',
        () => theirs('display-message', '-p', '-t', pane, '#{pane_dead}').trim() === '1',
      );

      const answer = await inTheirs.run(['session', 'adopt', pane, '--name', 'dead']);
      expect(answer).toMatchObject({ code: 69, stderr: expect.stringContaining('SESSION_GONE') });
      expect(theirs('list-sessions')).toContain('work');
    });
  });
});

describeWith(['tmux'], 'a worker whose slots are all busy', () => {
  const small = new Berth();
  afterAll(async () => {
    await small.run(['down']);
    execFileSync('tmux', ['-S', ownServer(small.home).socket, 'kill-server']);
    rmSync(small.home, { recursive: true });
  });

  test('still runs what is sent to a terminal', async () => {
    await small.run(['session', 'new', 'own']);
    await small.run(['up', '--slots', '1']);
    const { id } = await small.json(['send', 'sleep 60']);
    await until(
      'the slot is taken',
      async () => (await small.json(['show', String(id)])).state === 'running',
    );

    expect((await small.run(['send', '--wait', '--target', 'own', 'exit 5'])).code).toBe(5);
    expect((await small.json(['show', String(id)])).state).toBe('running');
    await small.run(['cancel', String(id)]);
    await small.run(['wait', String(id)]);
  });
});
