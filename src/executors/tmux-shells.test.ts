import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { Executor, RunSpec } from '../core/executor.ts';
import { localHost } from '../hosts/local.ts';
import { executorContract } from '../testing/executor-contract.ts';
import { aRun, line } from '../testing/runs.ts';
import { isInBand, runFiles } from './run-directory.ts';
import { ownServer, tmux } from './tmux/server.ts';
import { tmuxExecutor } from './tmux.ts';
import { openTmux, type TmuxControl } from './tmux-control.ts';

const host = localHost();

/** Settings that break careless scripts: aliases, noclobber, nounset, an odd IFS, a prompt of two lines. */
const HOSTILE =
  "set -Cu; IFS=/; alias cd=false mv='mv -i' printf=false sh='echo no sh' stty=false test=false; PS1='two\\nlines $ '\n";

describeWith(['tmux'], 'runs in shells of tmux', () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-shells-'));
  const server = ownServer(home);
  const opened: TmuxControl[] = [];
  const hostile = join(home, 'hostile.rc');
  writeFileSync(hostile, HOSTILE);
  afterAll(async () => {
    for (const control of opened) await control.close();
    await tmux(host, server, ['kill-server']);
    rmSync(home, { recursive: true });
  });

  const shells: Readonly<Record<string, readonly string[]>> = {
    bash: ['bash', '--norc'],
    dash: ['dash'],
    busybox: ['busybox', 'sh'],
    zsh: ['zsh', '-f'],
    fish: ['fish', '--no-config'],
    'bash with hostile settings': ['bash', '--rcfile', hostile],
    'zsh with hostile settings': ['env', `ZDOTDIR=${home}`, 'zsh'],
  };
  writeFileSync(join(home, '.zshrc'), HOSTILE);

  async function open(argv: readonly string[], leadsAway: boolean) {
    const control = await openTmux(host, server);
    opened.push(control);
    const format = ['-P', '-F', '#{session_id} #{pane_id} #{pane_pid}'];
    const made = await control.run(['new-session', '-d', ...format, `exec ${argv.join(' ')}`]);
    const [session = '', pane = '', pid = ''] = (made[0] ?? '').split(' ');
    return { control, session, shell: { pane, pid: Number(pid), leadsAway } };
  }

  /** A driver whose runs all ask for the shell that is there. */
  function inShell(runs: string, session: ReturnType<typeof open>): Executor {
    const executor = tmuxExecutor({ host, runs, open: () => session });
    const start = async (run: RunSpec) => {
      const answer = await executor.start(asked(run));
      // what the run before left in front for a moment changes nothing
      expect(isInBand(runFiles(runs, run.directory))).toBe((await session).shell.leadsAway);
      return answer;
    };
    return { ...executor, start };
  }

  test.each([
    ['garbled', (text: string) => text.replace(/[a-z]/, '#')],
    ['cut', () => ''],
  ])('a script that was %s on its way is not run', async (_how, harm) => {
    const session = await open(['dash'], true);
    const { control } = session;
    let lines = 0;
    const harming: TmuxControl = {
      ...control,
      ended: false,
      capabilities: control.capabilities,
      listen: (listener) => control.listen(listener),
      close: () => control.close(),
      runBeside: (argv) => control.runBeside(argv),
      run: (argv, options) => {
        const text = argv.at(-1) ?? '';
        lines += text.length > 800 ? 1 : 0;
        return control.run(lines === 1 ? [...argv.slice(0, -1), harm(text)] : argv, options);
      },
    };
    const runs = mkdtempSync(join(home, 'runs-'));
    const executor = tmuxExecutor({ host, runs, open: async () => ({ ...session, control: harming }) });
    const run = asked(aRun(line(`touch ${runs}/ran`)));

    await expect(executor.start(run)).rejects.toMatchObject({ code: 'SHELL_NOT_READY' });
    expect(existsSync(join(runs, 'ran'))).toBe(false);
    expect(lines).toBeGreaterThan(0);
  });

  for (const [name, argv] of Object.entries(shells)) {
    const there = isInstalled(argv.find((word) => shells[word] !== undefined) ?? '');
    describe.skipIf(!there)(there ? name : `${name} [left out: not installed]`, () => {
      for (const [lane, leadsAway] of [
        ['a typed line', false],
        ['in-band', true],
      ] as const) {
        let session: ReturnType<typeof open> | null = null;
        const shared = () => {
          session ??= open(argv, leadsAway);
          return session;
        };
        executorContract(`${lane}, ${name}`, (runs) => ({
          executor: inShell(runs, shared()),
          again: () => inShell(runs, shared()),
        }));
      }
    });
  }
});

/** As a worker plans it for a shell that may turn out to be elsewhere. */
function asked(run: RunSpec): RunSpec {
  return {
    ...run,
    inShell: true,
    elsewhere: run.script.replace('\nberth_leash=signal\n', '\nberth_leash=stdin\n'),
  };
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
