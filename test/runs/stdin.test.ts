import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Berth, endOf, until } from '../support/berth.ts';
import { processesWith } from '../support/box-processes.ts';
import { type Box, bareBox, runningBox, serviceBox } from '../support/boxes.ts';
import { describeWith, type Engine } from '../support/engines.ts';

// a busy machine takes its time for containers and processes
vi.setConfig({ testTimeout: 180_000 });

const BOXES: readonly (readonly [string, readonly Engine[], () => Promise<Box>])[] = [
  ['the host', [], bareBox],
  ['a container of docker', ['docker'], () => runningBox('docker')],
  ['a container of podman', ['podman'], () => runningBox('podman')],
  ['a Compose service', ['docker', 'compose'], serviceBox],
];

for (const [name, engines, open] of BOXES) {
  describeWith(engines, `berth run --stdin, in ${name}`, () => {
    let box: Box;
    let berth: Berth;
    beforeAll(async () => {
      box = await open();
      berth = new Berth();
    });
    afterAll(async () => {
      await berth?.[Symbol.asyncDispose]();
      await box?.close();
    });
    const start = (...words: readonly string[]) => berth.start(['run', '--stdin', ...box.options, ...words]);

    test('every byte reaches the program, and its end too', async () => {
      const input = randomBytes(8 * 1024 * 1024);
      const child = start('--', 'sh', '-c', 'sha256sum; echo over >&2; exit 7');
      child.stdin?.end(input);

      const sum = createHash('sha256').update(input).digest('hex');
      expect(await endOf(child)).toMatchObject({
        code: 7,
        stdout: `${sum}  -\n`,
        stderr: expect.stringMatching(/^over\n/),
      });
    });

    test('arguments, variables and the directory arrive byte for byte here too', async () => {
      const long = 'x'.repeat(100_000);
      const words = ['', `it's "q" $(id) \\0101 %s`, 'line\nbreak', 'é漢🚢', long];
      const show = 'pwd; for one; do printf "%s\\0" "$one"; done; printf "%s\\0" "$GREETING"';
      const child = start('--env', `GREETING=it's \\n $HOME`, '--', 'sh', '-c', show, 'sh', ...words);
      child.stdin?.end();
      const { stdout } = await endOf(child);

      expect(stdout).toBe(
        `${box.inside}\n${[...words, "it's \\n $HOME"].map((word) => `${word}\0`).join('')}`,
      );
    });

    test('what could not start is told as without it', async () => {
      const child = start('--json', '--', 'no-such-program');
      child.stdin?.end();
      const { code, stdout } = await endOf(child);

      expect(code).toBe(125);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        error_code: 'PROGRAM_NOT_FOUND',
      });
    });

    test('a second Ctrl-C, without --stdin, does not wait for the grace', async () => {
      const child = berth.start([
        ...['run', ...box.options, '--', 'sh', '-c'],
        'trap "" TERM INT; echo ready; while :; do sleep 1; done',
      ]);
      const said: string[] = [];
      child.stdout?.on('data', (chunk) => said.push(String(chunk)));
      await until('it is ready', () => said.join('').includes('ready'));
      const ended = endOf(child);
      child.kill('SIGINT');
      const before = performance.now();
      const again = setInterval(() => child.kill('SIGINT'), 1000);
      const { code } = await ended;
      clearInterval(again);

      expect(code).toBe(130);
      expect(performance.now() - before).toBeLessThan(8000);
    });

    test('a time limit and SIGKILL leave nothing of the tree', async () => {
      const marks = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')];
      const [limited, killed] = marks.map((mark, index) =>
        start(
          ...(index === 0 ? ['--timeout', '2s'] : []),
          '--',
          'sh',
          '-c',
          `echo ready; setsid sleep 500 & cat; sleep 500 # ${mark}`,
          mark,
        ),
      );
      const said: string[] = [];
      killed?.stdout?.on('data', (chunk) => said.push(String(chunk)));
      await until('the second is ready', () => said.join('').includes('ready'));
      killed?.kill('SIGKILL');

      expect(limited && (await endOf(limited))).toMatchObject({ code: 124 });
      await until('nothing is left', async () => {
        const left = await Promise.all(marks.map((mark) => processesWith(box, mark)));
        return left.flat().length === 0;
      });
    });
  });
}
