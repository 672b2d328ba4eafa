import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-refused-')));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a tmux that is', () => {
  const programs = join(folder, 'bin');
  const queue = new Berth({ PATH: programs });
  beforeAll(() => mkdirSync(programs));
  afterAll(() => rmSync(queue.home, { recursive: true }));

  const verbs = [
    ['session', 'new', 'one'],
    ['session', 'adopt', 'work'],
  ];

  test.each(verbs)('missing is said, and nothing is made: %s %s', async (...verb) => {
    const answer = await queue.run([...verb]);

    expect(answer).toMatchObject({ code: 69, stderr: expect.stringContaining('RUNTIME_UNAVAILABLE') });
    expect(answer.stderr).toContain('Install tmux 3.2 or newer');
    expect((await queue.run(['sessions', '--json'])).stdout).toBe('[]\n');
  });

  test.each(verbs)('too old is said with its version, and is asked nothing else: %s %s', async (...verb) => {
    const asked = join(folder, 'asked');
    writeFileSync(join(programs, 'tmux'), `#!/bin/sh\necho "$*" >>${asked}\necho tmux 2.9a\n`, {
      mode: 0o755,
    });
    const answer = await queue.run([...verb]);
    rmSync(join(programs, 'tmux'));

    expect(answer).toMatchObject({ code: 69, stderr: expect.stringContaining('TMUX_UNSUPPORTED') });
    expect(answer.stderr).toContain('2.9a');
    expect(readdirSync(folder)).toContain('asked');
    expect(execFileSync('sort', ['-u', asked], { encoding: 'utf8' })).toBe('-V\n');
    rmSync(asked);
  });
});

describeWith(['tmux'], 'a name that the user keeps out', () => {
  const users = join(folder, 'user.sock');
  const config = join(folder, 'config', 'berth');
  const queue = new Berth({ XDG_CONFIG_HOME: join(folder, 'config'), TMUX: `${users},1,0` });
  const theirs = (...argv: string[]) =>
    execFileSync('tmux', ['-S', users, '-f', '/dev/null', ...argv], { encoding: 'utf8' });
  const exclude = (text: string) =>
    writeFileSync(join(config, 'config.yaml'), `sessions:\n  exclude: ${text}\n`);
  const names = async () => ((await queue.json(['sessions'])) as { name: string }[]).map(({ name }) => name);

  beforeAll(() => {
    mkdirSync(config, { recursive: true });
    for (const name of ['private-1', 'open']) theirs('new-session', '-d', '-s', name);
  });
  afterAll(async () => {
    await queue[Symbol.asyncDispose]();
    theirs('kill-server');
  });

  test('is never adopted, under whatever name, and never made', async () => {
    exclude('[private-*, main]');

    for (const argv of [
      ['adopt', 'private-1'],
      ['adopt', 'private-1', '--name', 'mine'],
      ['adopt', 'open', '--name', 'main'],
      ['new', 'main'],
    ]) {
      expect(await queue.run(['session', ...argv])).toMatchObject({
        code: 77,
        stderr: expect.stringContaining('sessions.exclude'),
      });
    }
    expect(await names()).toEqual([]);
    expect((await queue.run(['session', 'adopt', 'open'])).code).toBe(0);
  });

  test('that berth cannot use is asked for', async () => {
    exclude('[]');
    theirs('new-session', '-d', '-s', '日本');

    expect(await queue.run(['session', 'adopt', '日本'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--name NAME'),
    });
    expect((await queue.run(['session', 'adopt', '日本', '--name', 'nihon'])).code).toBe(0);
    await queue.run(['session', 'rm', 'nihon']);
  });

  test('is let go of by a worker that starts, and takes no task', async () => {
    exclude('[]');
    await queue.run(['session', 'adopt', 'private-1']);
    const { id } = await queue.json(['send', '--target', 'private-1', 'touch ran']);
    exclude('private-*');
    await queue.run(['up']);
    await until('it is let go of', async () => !(await names()).includes('private-1'));

    expect((await queue.json(['why', String(id)])).reasons).toMatchObject([{ code: 'NO_SESSION' }]);
    expect(theirs('list-sessions', '-F', '#{session_name}')).toContain('private-1');
  });

  test('that is no list of names is refused with its line', async () => {
    exclude('{a: 1}');

    expect(await queue.run(['session', 'new', 'any'])).toMatchObject({ code: 78 });
    exclude('[]');
  });
});
