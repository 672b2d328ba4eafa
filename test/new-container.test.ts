import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { quoteWord, shellQuote } from '../src/core/command.ts';
import { Berth, until } from './support/berth.ts';
import { describeWith, type Engine } from './support/engines.ts';
import { rootlessUser, type User } from './support/rootless.ts';

const GIT = {
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@example.org',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@example.org',
};
const CASES: readonly (readonly [string, 'docker' | 'podman', readonly Engine[]])[] = [
  ['docker', 'docker', ['docker']],
  ['podman', 'podman', ['podman']],
  ['podman without root', 'podman', ['podman-rootless']],
];

for (const [name, engine, engines] of CASES) {
  describeWith(engines, `a task in a container of its own, with ${name}`, () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-worktree-')));
    const main = join(folder, 'main');
    const linked = join(folder, 'fix');
    let user: User | undefined;
    let berth: Berth;
    const git = (...words: readonly string[]) => {
      const [program = '', ...rest] = [...(user?.prefix ?? []), 'git', ...words];
      return execFileSync(program, rest, { cwd: '/', encoding: 'utf8', env: { ...process.env, ...GIT } });
    };
    beforeAll(() => {
      if (name === 'podman without root') {
        user = rootlessUser();
        execFileSync('chown', [`${user.uid}:${user.gid}`, folder]);
      }
      berth = new Berth(user?.env, user);
      git('init', '--quiet', '--initial-branch=main', main);
      git('-C', main, 'commit', '--quiet', '--allow-empty', '-m', 'first');
      git('-C', main, 'worktree', 'add', '--quiet', '-b', 'fix', linked);
    });
    afterAll(async () => {
      await berth[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    });
    const run = (dir: string, line: string) =>
      berth.run([
        ...['run', '--container-type', engine, '--container-image', 'berth-git:latest', '--workdir', dir],
        ...Object.entries(GIT).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
        ...['--', 'sh', '-c', line],
      ]);

    test('a linked worktree is a worktree there too, and its commits are seen outside', async () => {
      const line =
        'echo made >file && git add file && git commit --quiet -m second && git status --short --branch';
      const ran = await run(linked, line);

      expect(ran).toEqual({ code: 0, stdout: '## fix\n', stderr: '' });
      expect(git('-C', main, 'log', '--format=%s', 'fix')).toBe('second\nfirst\n');
      expect(git('-C', linked, 'status', '--short')).toBe('');
    });

    test('it has the caller’s numbers, and a home to write to', async () => {
      const ran = await run(main, 'id -u; id -g; touch "$HOME/cache" && echo written');
      const { uid, gid } = user ?? { uid: process.getuid?.(), gid: process.getgid?.() };

      expect(ran).toEqual({ code: 0, stdout: `${uid}\n${gid}\nwritten\n`, stderr: '' });
    });

    test('codes of the engine’s own are the program’s when the program says them', async () => {
      const codes = await Promise.all([125, 126, 127].map((code) => run(main, `exit ${code}`)));
      const refused = await berth.run([
        ...['run', '--json', '--container-type', engine, '--container-image', 'berth-git:latest'],
        ...['--workdir', main, '--docker-arg=--no-such-option', '--', 'true'],
      ]);

      expect(codes.map(({ code }) => code)).toEqual([125, 126, 127]);
      expect(refused.code).toBe(125);
      expect(JSON.parse(refused.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        outcome: 'not_started',
        error_code: 'ENGINE_ERROR',
      });
    });
  });

  describeWith([...engines, 'tmux'], `a task on a terminal in a container of its own, with ${name}`, () => {
    test('has its size and its keys, and berth has its code', async () => {
      const server = `berth-test-${randomBytes(4).toString('hex')}`;
      const tmux = (...args: readonly string[]) =>
        execFileSync('tmux', ['-L', server, '-f', '/dev/null', ...args], { encoding: 'utf8' });
      const user = name === 'podman without root' ? rootlessUser() : undefined;
      await using berth = new Berth(user?.env, user);
      const script = join(berth.home, 'on-terminal.sh');
      const inner = 'stty size; echo "kind=$TERM"; read -r word; echo "typed=$word"; exit 5';
      const words = [
        ...(user?.prefix ?? []),
        ...[
          'env',
          `BERTH_HOME=${berth.home}`,
          `PATH=${berth.env.PATH}`,
          process.execPath,
          inject('program'),
          'run',
          '--container-type',
          engine,
        ],
        ...['--container-image', 'berth-busybox:latest', '--workdir', berth.home, '--', 'sh', '-c', inner],
      ];
      writeFileSync(script, `${shellQuote(words)}; echo "code=$?"; exec sh\n`);
      tmux('new-session', '-d', '-x', '90', '-y', '20', `sh ${quoteWord(script)}`);
      const screen = () => tmux('capture-pane', '-p');
      const shows = (text: string) =>
        until(`the screen shows ${text}: ${screen()}`, () => screen().includes(text), 60_000);
      await shows('kind=');
      tmux('send-keys', 'hello', 'Enter');

      await shows('typed=hello');
      await shows('code=5');
      expect(screen()).toMatch(/^20 90$/m);
      tmux('kill-server');
    });
  });
}
