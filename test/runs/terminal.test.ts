import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { quoteWord, shellQuote } from '../../src/core/command.ts';
import { Berth, until } from '../support/berth.ts';
import { processesWith } from '../support/box-processes.ts';
import { type Box, bareBox, runningBox, serviceBox } from '../support/boxes.ts';
import { describeWith, type Engine } from '../support/engines.ts';

const BOXES: readonly (readonly [string, readonly Engine[], () => Promise<Box>])[] = [
  ['the host', ['tmux'], bareBox],
  ['a container of docker', ['tmux', 'docker'], () => runningBox('docker')],
  ['a container of podman', ['tmux', 'podman'], () => runningBox('podman')],
  ['a Compose service', ['tmux', 'docker', 'compose'], serviceBox],
];

for (const [name, engines, open] of BOXES) {
  describeWith(engines, `berth run on a terminal, in ${name}`, () => {
    const server = `berth-test-${randomBytes(4).toString('hex')}`;
    const tmux = (...args: readonly string[]) =>
      execFileSync('tmux', ['-L', server, '-f', '/dev/null', ...args], { encoding: 'utf8' });
    const screen = () => tmux('capture-pane', '-p');
    const shows = (text: string) =>
      until(`the screen shows ${text}: ${screen()}`, () => screen().includes(text));
    let box: Box;
    let berth: Berth;
    beforeAll(async () => {
      box = await open();
      berth = new Berth();
      tmux('new-session', '-d', '-x', '90', '-y', '20', 'sh');
    });
    afterAll(async () => {
      tmux('kill-server');
      await berth?.[Symbol.asyncDispose]();
      await box?.close();
    });

    /** Type a command into a new window. */
    const start = (...command: readonly string[]) => {
      const words = [
        'env',
        `BERTH_HOME=${berth.home}`,
        process.execPath,
        inject('program'),
        'run',
        ...box.options,
        '--',
      ];
      const line = `trap : INT; ${shellQuote([...words, ...command])}; echo "code=$?"; exec sh`;
      tmux('kill-window', '-a');
      tmux('new-window', '-k', '-t', ':0', `sh -c ${quoteWord(line)}`);
    };

    test('the program has the terminal, its size and its kind, and berth has the exit code', async () => {
      start('sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && stty size && echo "kind=$TERM"; exit 5');

      await shows('code=5');
      expect(screen()).toMatch(/^20 90$/m);
      expect(screen()).toMatch(/^kind=(tmux|screen)/m);
    });

    test('what is typed is the program’s, and it draws in colour', async () => {
      start('sh', '-c', 'printf "\\033[31mred\\033[0m ready\\n"; read -r word; echo "typed=$word"');
      await shows('red ready');
      expect(tmux('capture-pane', '-p', '-e')).toMatch(/\u001b\[31mred/);
      tmux('send-keys', 'hello', 'Enter');

      await shows('typed=hello');
      await shows('code=0');
    });

    test('a new window size reaches it', async () => {
      start('sh', '-c', 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done');
      await shows('ready');
      tmux('resize-window', '-x', '71', '-y', '23');

      await shows('23 71');
      tmux('send-keys', 'C-c');
      await shows('code=130');
      tmux('resize-window', '-x', '90', '-y', '20');
    });

    test('Ctrl-C is the program’s to answer', async () => {
      start('sh', '-c', 'trap "echo interrupted; exit 6" INT; echo ready; while :; do sleep 0.1; done');
      await shows('ready');
      tmux('send-keys', 'C-c');

      await shows('interrupted');
      await shows('code=6');
      const [task] = await berth.json(['list']);
      expect(task).toMatchObject({ outcome: 'failed', exit_code: 6 });
    });

    test('a program that is not there says so, with code 125', async () => {
      start('no-such-program');

      await shows('code=125');
      expect(screen()).toContain('PROGRAM_NOT_FOUND');
    });

    test.each(['SIGKILL', 'SIGHUP', 'SIGTERM'] as const)(
      '%s to berth leaves nothing of the tree',
      async (signal) => {
        const mark = `mark-${randomBytes(8).toString('hex')}`;
        const loop = `trap "" HUP; while :; do sleep 1; done # ${mark}`;
        start(
          'sh',
          '-c',
          `trap "" HUP; setsid sh -c '${loop}' & sleep 0.3; echo ready; while :; do sleep 1; done # ${mark}`,
        );
        await shows('ready');
        process.kill(pidOf(mark), signal);

        await until('nothing is left', async () => (await processesWith(box, mark)).length === 0);
      },
    );
  });
}

/** The berth that has this mark on its command line. */
function pidOf(mark: string): number {
  const found = execFileSync('pgrep', ['-f', `^${process.execPath} .* run .*${mark}`], { encoding: 'utf8' });
  const [pid, ...others] = found.trim().split('\n').map(Number);
  if (pid === undefined || others.length > 0) throw new Error(`Expected one berth, found ${found}.`);
  return pid;
}
