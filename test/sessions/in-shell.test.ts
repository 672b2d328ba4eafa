import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-shells-')));
const hostile = join(folder, 'hostile.rc');
const queue = new Berth();
const tmux = (...argv: string[]) =>
  execFileSync('tmux', ['-S', ownServer(queue.home).socket, ...argv], { encoding: 'utf8' });

/** The five shells, as far as the machine has them, and one whose settings break careless scripts. */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  bash: ['bash', '--norc'],
  dash: ['dash'],
  busybox: ['busybox', 'sh'],
  zsh: ['zsh', '-f'],
  fish: ['fish', '--no-config'],
  'hostile bash': ['bash', '--rcfile', hostile],
};

function installed([program = '']: readonly string[]): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describeWith(['tmux'], 'a task in the shell that is there', () => {
  beforeAll(async () => {
    writeFileSync(
      hostile,
      "set -Cu; IFS=/; alias cd=false mv='mv -i' printf=false sh='echo no sh' test=false; PS1='multi\\nline\\n$ '; unalias sh\n",
    );
    await queue.run(['up']);
  });
  afterAll(async () => {
    await queue.run(['down']);
    tmux('kill-server');
    rmSync(queue.home, { recursive: true });
    rmSync(folder, { recursive: true });
  });

  /** A session whose shell is this one: started by hand in its pane. */
  async function open(name: string, argv: readonly string[]) {
    const wrapper = join(folder, `${name}.sh`);
    writeFileSync(wrapper, `#!/bin/sh\nexec ${argv.join(' ')}\n`, { mode: 0o755 });
    expect(await queue.run(['session', 'new', name, '--env', `SHELL=${wrapper}`])).toMatchObject({ code: 0 });
  }
  const ended = async (name: string, ...rest: string[]) => {
    const { id } = await queue.json(['send', '--target', name, '--in-shell', ...rest]);
    const { code } = await queue.run(['wait', String(id)]);
    return {
      id,
      code,
      stdout: (await queue.run(['logs', String(id)])).stdout,
      ...(await queue.json(['show', String(id)])),
    };
  };
  const screen = (name: string) => tmux('capture-pane', '-p', '-t', `=${name}:`);

  for (const [shell, argv] of Object.entries(SHELLS)) {
    const there = installed(argv);
    describe.skipIf(!there)(`${shell}${there ? '' : ' [left out: not installed]'}`, () => {
      const name = shell.replace(' ', '-');
      beforeAll(() => open(name, argv));

      test.each([0, 3, 255])('exit code %i is known', async (code) => {
        expect(await ended(name, `exit ${code}`)).toMatchObject({ code });
      });

      test('what is exported there is seen, and what was left on the line is not run', async () => {
        const line = shell === 'fish' ? 'set -gx MARK seen' : 'export MARK=seen';
        tmux('send-keys', '-t', `=${name}:`, line, 'Enter');
        tmux('send-keys', '-t', `=${name}:`, `touch ${folder}/owned-${name}`);
        const text = `printf '%s' "$MARK" 'a;b' "it's"; cat <<'E'\n${'x'.repeat(30_000)}\nE\n`;

        expect((await ended(name, text)).stdout).toBe(`seena;bit's${'x'.repeat(30_000)}\n`);
        expect(existsSync(join(folder, `owned-${name}`))).toBe(false);
      });
    });
  }

  test('copy mode is left before anything is typed', async () => {
    await open('copying', ['bash', '--norc']);
    tmux('copy-mode', '-t', '=copying:');

    expect(await ended('copying', 'exit 4')).toMatchObject({ code: 4 });
  });

  test('a program in front is not typed at', { timeout: 90_000 }, async () => {
    await open('front', ['bash', '--norc']);
    tmux('send-keys', '-t', '=front:', 'cat', 'Enter');
    await until(
      'cat is in front',
      () => tmux('display-message', '-p', '-t', '=front:', '#{pane_current_command}').trim() === 'cat',
    );

    expect(await ended('front', 'true')).toMatchObject({ code: 125, error_code: 'SHELL_NOT_READY' });
    expect(screen('front')).not.toContain('start.sh');
    expect(screen('front')).not.toContain('window.sh');
  });

  test('a builtin that reads the line starts nothing, then or later', { timeout: 90_000 }, async () => {
    await open('reading', ['bash', '--norc']);
    tmux('send-keys', '-t', '=reading:', 'while read -r x; do :; done', 'Enter');
    const done = await ended('reading', `touch ${folder}/late`);
    expect(screen('reading').match(/window\.sh/g)).toHaveLength(1);
    tmux('send-keys', '-t', '=reading:', 'C-c');

    expect(done).toMatchObject({ outcome: 'not_started', error_code: 'SHELL_NOT_READY' });
    expect(existsSync(join(folder, 'late'))).toBe(false);
  });

  test('nothing is typed while somebody types', async () => {
    await open('typing', ['bash', '--norc']);
    const viewer = join(folder, 'viewer.sock');
    const theirs = (...argv: string[]) => execFileSync('tmux', ['-S', viewer, '-f', '/dev/null', ...argv]);
    const attach = `env -u TMUX tmux -S ${ownServer(queue.home).socket} attach -t typing`;
    theirs('new-session', '-d', '-x', '100', '-y', '20', attach);
    await until('they are there', () => tmux('list-clients', '-t', 'typing') !== '');
    theirs('send-keys', 'x');
    const typedMs = Date.now();
    await until('they have typed', () => screen('typing').includes('x'));
    const { stdout } = await ended('typing', 'date +%s%3N');
    theirs('kill-server');

    expect(Number(stdout) - typedMs).toBeGreaterThan(2_000);
  });

  test('without a session it is refused, and so is an agent’s', async () => {
    expect((await queue.run(['send', '--in-shell', 'true'])).code).toBe(64);
  });
});
