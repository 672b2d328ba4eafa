import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { argv, aScript, line, type ScriptOptions } from '../testing/runs.ts';
import type { RunReport } from './executor.ts';
import { findEndMark } from './script.ts';
import type { Payload } from './task.ts';

const SHELLS = [['dash'], ['bash', '--posix'], ['busybox', 'sh'], ['zsh', '--emulate', 'sh']].filter(
  ([program = '']) => spawnSync(program, ['-c', 'true']).error === undefined || program === 'dash',
);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: RunReport | undefined;
}

/** Runs the script on a shell's stdin, as a box does; `onOutput` gets the leash at the first output. */
function supervise(
  shell: readonly string[],
  payload: Payload,
  options: ScriptOptions & { onOutput?: (leash: NodeJS.WritableStream, child: ChildProcess) => void } = {},
): Promise<Ended> {
  const { onOutput, ...rest } = options;
  const text = aScript(payload, { leash: 'stdin', dir: '/tmp', ...rest });
  const [program = '', ...args] = shell;
  const child = spawn(program, args, { stdio: 'pipe', detached: true });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk) => out.push(chunk));
  child.stderr.on('data', (chunk) => err.push(chunk));
  child.stdout.once('data', () => onOutput?.(child.stdin, child));
  child.stdin.on('error', () => {});
  child.stdin.write(`berth_pidfile=\n${text.environment}${text.script}`);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const stderr = Buffer.concat(err);
      const mark = findEndMark(stderr, text.nonce);
      resolve({
        code,
        stdout: Buffer.concat(out).toString(),
        stderr: stderr.subarray(0, mark?.offset).toString(),
        report: mark?.report,
      });
    });
  });
}

function processesWith(word: string): string[] {
  return spawnSync('pgrep', ['-f', word])
    .stdout.toString()
    .split('\n')
    .filter((pid) => pid !== '');
}

/** What may come of an end that is held back, and for how long it is. */
const TELLINGS: readonly (readonly [string, number, (leash: NodeJS.WritableStream) => void])[] = [
  ['that all was heard', 600_000, (leash) => void leash.write('heard\n')],
  ['that nobody listens any more', 600_000, (leash) => void leash.end()],
  ['nothing, for as long as it waits', 1000, () => {}],
];

for (const shell of SHELLS) {
  const name = shell.join(' ');

  test.concurrent(`${name}: arguments, environment and exit code arrive`, async () => {
    const words = ['a b', '$(x)', '', '-n', 'é\n', "it's", '\\', '*'];
    const ended = await supervise(shell, argv('printf', '%s|', ...words), { env: { A: "a'b\n$x=y" } });
    expect(ended).toEqual({
      code: 0,
      stdout: `${words.join('|')}|`,
      stderr: '',
      report: expect.objectContaining({ kind: 'exit', exitCode: 0 }),
    });

    const other = await supervise(shell, line('printf %s "$A"; echo err >&2; exit 7'), {
      env: { A: "a'b\n$x=y" },
    });
    expect(other).toMatchObject({ code: 7, stdout: "a'b\n$x=y", stderr: 'err\n' });
  });

  // dash waits without a limit
  const tellings = name === 'dash' ? TELLINGS.slice(0, 2) : TELLINGS;
  test.concurrent.each(tellings)(
    `${name}: an end that is held back comes first, and then it is told %s`,
    async (_, hearMs, tell) => {
      let isTold = false;
      const ended = await supervise(shell, line('echo out; sleep 0.2; exit 7'), {
        hearMs,
        deadlineMs: 600_000,
        onOutput: (leash, child) =>
          child.stdout?.on('data', () => {
            expect(child.exitCode).toBeNull();
            isTold = true;
            tell(leash);
          }),
      });

      expect(isTold).toBe(true);
      expect(ended).toMatchObject({ code: 7, stdout: expect.stringMatching(/^out\n\x1eberth \w+ out\n$/) });
      expect(ended.report).toMatchObject({ kind: 'exit', exitCode: 7 });
    },
  );

  test.concurrent(`${name}: what could not be prepared says the step, and the task never runs`, async () => {
    const refused = async (payload: Payload, options: ScriptOptions) =>
      (await supervise(shell, payload, options)).report;

    expect(await refused(line('echo ran'), { dir: '/nonexistent' })).toMatchObject({
      kind: 'refused',
      reason: 'directory',
    });
    expect(await refused(argv('no-such-program'), {})).toMatchObject({ reason: 'program', exitCode: 127 });
    expect(await refused(argv('/etc/passwd'), {})).toMatchObject({ reason: 'program', exitCode: 126 });
    expect(await refused(line('echo ran'), { expectHost: 'elsewhere' })).toMatchObject({ reason: 'proof' });
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const other = { bootId, inode: '1:1' };
    const unproven = { expectHost: 'elsewhere', prereqs: ['echo never'] };
    expect(await supervise(shell, line('echo ran'), unproven)).toMatchObject({ stdout: '' });
    expect(await refused(line('echo ran'), { expectDirectory: other })).toMatchObject({ reason: 'proof' });
    const { dev, ino } = statSync('/', { bigint: true });
    for (const expectDirectory of [
      { bootId, inode: `${dev}:${ino}` },
      { ...other, bootId: 'of another kernel' },
    ]) {
      expect(await supervise(shell, line('pwd'), { dir: '/', expectDirectory })).toMatchObject({
        stdout: '/\n',
      });
    }
    const prereq = await supervise(shell, line('echo ran'), {
      prereqs: ['echo first', 'exit 9', 'echo third'],
    });
    expect(prereq).toMatchObject({
      stdout: 'first\n',
      report: { kind: 'refused', reason: 'prerequisite-2', exitCode: 9 },
    });
  });

  test.concurrent(`${name}: the task hears SIGINT, and cannot reach the supervisor`, async () => {
    expect(await supervise(shell, line('kill -INT $$'))).toMatchObject({ code: 130, stderr: '' });
    expect(await supervise(shell, line('kill 0; sleep 60'))).toMatchObject({
      code: 143,
      report: { kind: 'exit' },
    });
    expect(await supervise(shell, line('kill -KILL $$'))).toMatchObject({
      code: 137,
      report: { kind: 'exit' },
    });
  });

  test.concurrent(`${name}: a tree that ignores TERM and moved away is verified gone`, async () => {
    const word = `7${Math.floor(Math.random() * 1e8)}`;
    const tree = `trap "" TERM; setsid sleep ${word} & (sleep ${word}; sleep ${word}) & echo up; while :; do sleep 1; done`;
    const ended = await supervise(shell, line(tree), { onOutput: (leash) => leash.write('stop\n') });

    expect(ended.report).toEqual({ kind: 'stopped', exitCode: 137, reason: 'asked', gone: true });
    expect(processesWith(`sleep ${word}`)).toEqual([]);
  });

  test.concurrent(`${name}: a lost leash and a passed deadline stop the task`, async () => {
    const lost = await supervise(shell, line('echo up; sleep 60'), { onOutput: (leash) => leash.end() });
    expect(lost.report).toMatchObject({ kind: 'stopped', reason: 'leash', gone: true });
    const late = await supervise(shell, line('echo up; sleep 60'), { deadlineMs: 1000 });
    expect(late.report).toMatchObject({ kind: 'stopped', reason: 'deadline', gone: true });
  });

  test.concurrent(`${name}: a task that ends on TERM keeps its grace and its own code`, async () => {
    const ended = await supervise(
      shell,
      line('trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'),
      {
        onOutput: (leash) => leash.write('stop\nstop\nstop\n'),
        graceMs: 10_000,
      },
    );
    expect(ended).toMatchObject({
      stdout: 'up\nbye\n',
      report: { kind: 'stopped', exitCode: 5, gone: true },
    });
  });
}

test('the end mark is found behind any output, and only with its nonce', () => {
  const mark = '\x1eberth abc exit 3\n';
  expect(findEndMark(Buffer.from(`no newline${mark}`), 'abc')).toMatchObject({
    offset: 10,
    report: { exitCode: 3 },
  });
  expect(findEndMark(Buffer.from(`${mark}late words`), 'abc')).toMatchObject({ offset: 0 });
  expect(findEndMark(Buffer.from(mark), 'other')).toBeNull();
  expect(findEndMark(Buffer.from('\x1eberth abc exit 3'), 'abc')).toBeNull();
});
