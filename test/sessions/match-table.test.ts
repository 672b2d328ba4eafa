import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-match-')));
const app = join(folder, 'app');
const other = join(folder, 'other');
const queue = new Berth();

/** As much of a repository as its files show. */
function repository(dir: string, branch: string): void {
  mkdirSync(join(dir, '.git', 'refs'), { recursive: true });
  mkdirSync(join(dir, '.git', 'objects'));
  mkdirSync(join(dir, 'src'));
  writeFileSync(join(dir, '.git', 'HEAD'), `ref: refs/heads/${branch}\n`);
  writeFileSync(join(dir, '.git', 'config'), '');
}

describeWith(['tmux'], 'which session takes a task', () => {
  beforeAll(async () => {
    repository(app, 'main');
    repository(other, 'main');
    const make = (name: string, dir: string, ...rest: string[]) =>
      queue.run(['session', 'new', name, '--workdir', dir, ...rest]);
    await make('app', app, '--env', 'STAGE=test');
    await make('below', join(app, 'src'));
    await make('other', other);
    await make('nowhere', folder);
  });
  afterAll(async () => {
    for (const name of ['app', 'below', 'other', 'nowhere']) await queue.run(['session', 'rm', name]);
    await queue[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const asked = ['--prompt', '--env', 'STAGE=test', 'tidy up'];

  test('explain shows the score of each session, or the gate that it fails', async () => {
    const { stdout } = await queue.run(['explain', ...asked], app);

    const table = stdout.slice(stdout.indexOf('SESSION'));
    expect(table.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual(
      [
        'SESSION STATUS MATCH',
        'app idle score 120 (directory 100, environment 20)',
        'below idle score 25 (directory 25)',
        'nowhere idle score 50 (directory 50)',
        `other idle repository: the session is in another repository, at ${other}`,
        '',
      ].sort(byScore),
    );
  });

  test('explain --json and why --json have the same, with every gate', async () => {
    const explained = await queue.json(['explain', ...asked], app);
    const { id } = await queue.json(['send', ...asked], app);
    const { sessions, reasons } = await queue.json(['why', String(id)]);

    expect(sessions).toEqual(explained.sessions);
    const gates = ['session', 'host', 'kind', 'provider', 'container', 'repository', 'branch', 'pause'];
    for (const session of sessions) {
      expect(session.gates.map(({ name }: { name: string }) => name)).toEqual(gates);
    }
    expect(reasons).toMatchObject([{ code: 'NO_WORKER' }]);
    await queue.run(['cancel', String(id)]);
  });

  test('a branch that is asked for is the branch of the same repository', async () => {
    const { sessions } = await queue.json(['explain', ...asked, '--git-branch', 'main'], app);
    const failing = (name: string) =>
      sessions
        .find((session: { name: string }) => session.name === name)
        .gates.filter(({ refusal }: { refusal: string | null }) => refusal !== null)
        .map((gate: { name: string }) => gate.name);

    expect(failing('app')).toEqual([]);
    expect(failing('other')).toEqual(['repository']);
  });

  test('a command for a session runs in a window, in whichever repository it asks for', async () => {
    await queue.run(['up']);
    const sent = await queue.run(['send', '--wait', '--target', 'other', '--workdir', app, 'pwd']);

    expect(sent).toMatchObject({ code: 0, stdout: `${app}\n` });
  });

  test('a paused session is shown as such', async () => {
    await queue.run(['pause', '--session', 'app']);
    const { stdout } = await queue.run(['explain', '--target', 'app']);
    await queue.run(['resume', '--session', 'app']);

    expect(stdout).toMatch(/^app +idle +pause: the session is paused$/m);
  });

  test('a task that waits is shown why, one session a line', async () => {
    const { id } = await queue.json(['send', '--target', 'nobody', 'true'], app);
    const { stdout } = await queue.run(['why', String(id)]);

    expect(stdout).toMatch(/^app +idle +session: the task waits for session "nobody"$/m);
    await queue.run(['cancel', String(id)]);
  });
});

/** Titles first, then the best; what fails a gate comes last. */
function byScore(one: string, two: string): number {
  const rank = (line: string) =>
    line.startsWith('SESSION') ? 1e9 : line === '' ? -2 : Number(/score (\d+)/.exec(line)?.[1] ?? -1);
  return rank(two) - rank(one);
}
