import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command } from '../core/command.ts';
import type { ResolvedContainer } from '../core/context.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Place, Runtime, Scope } from '../core/runtime.ts';
import { AWKWARD_TEXT, showingWords, TEXT_VARIABLES } from './run-samples.ts';

/** A runtime with something to enter: a box that runs already, an image to start one of, or no box. */
export interface RuntimeUnderTest {
  readonly host: Host;
  readonly runtime: Runtime;
  readonly container: ResolvedContainer | null;
  /** Whether `prepare` starts a box of berth's own. */
  readonly owns: boolean;
  /** Ids of every container of the engine, running or not. */
  census(): Promise<readonly string[]>;
  /** Take the box away behind the runtime's back; null where there is no box. */
  readonly vanish: ((place: Place) => Promise<void>) | null;
  /** Remove what `open` made. */
  close(): Promise<void>;
}

/** What must be true of every runtime, against the real engine. */
export function runtimeContract(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`${name} as a runtime`, () => {
    let subject: RuntimeUnderTest;
    let place: Place;
    const run = (inner: Partial<Command> & Pick<Command, 'argv'>, input?: string) =>
      enterAndRun(subject, place, { cwd: null, env: {}, ...inner }, input);

    beforeAll(async () => {
      subject = await open();
      place = await subject.runtime.prepare(subject.host, subject.container, aScope(1));
    });
    afterAll(async () => {
      await subject?.runtime.dispose(subject.host, place);
      await subject?.close();
    });

    test('preparing again gives the same place', async () => {
      const again = await subject.runtime.prepare(subject.host, subject.container, aScope(1));

      expect(again).toEqual(place);
      expect(place.owned).toBe(subject.owns);
      expect(JSON.parse(JSON.stringify(place))).toEqual(place);
    });

    test('arguments arrive byte for byte', async () => {
      const shown = await run({ argv: showingWords(AWKWARD_TEXT) });

      expect(shown.stdout.split('\0').slice(0, -1)).toEqual(AWKWARD_TEXT);
    });

    test('any text arrives as an argument', async () => {
      const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((one) => !one.includes('\0'));
      const lists = fc.array(text, { minLength: 200, maxLength: 400 });
      await fc.assert(
        fc.asyncProperty(lists, async (list) => {
          const shown = await run({ argv: showingWords(list) });
          expect(shown.stdout.split('\0').slice(0, -1)).toEqual(list);
        }),
        { numRuns: 5 },
      );
    });

    test('the directory arrives, with spaces and quotes in its name', async () => {
      const dir = `/tmp/berth contract '$(id)' "é" ${process.pid}`;
      await run({ argv: ['mkdir', '-p', dir] });
      const inside = await run({ argv: ['pwd'], cwd: dir });
      await run({ argv: ['rmdir', dir] });

      expect(inside.stdout).toBe(`${dir}\n`);
    });

    test('variables arrive byte for byte, also those that the engine itself reads', async () => {
      const env = { ...TEXT_VARIABLES, HOME: '/tmp/some home', PATH: '/opt/own:/bin:/usr/bin' };
      const names = Object.keys(env);
      const script = names.map((one) => `printf '%s\\0' "$${one}"`).join('; ');
      const shown = await run({ argv: ['/bin/sh', '-c', script], env });

      expect(shown.stdout.split('\0').slice(0, -1)).toEqual(Object.values(env));
    });

    test('a secret never stands in an argument list', () => {
      const inner = { argv: ['true'], cwd: null, env: { API_TOKEN: 'hunter2', PLAIN: 'x' } };
      const { argv, env } = subject.runtime.enter(place, inner, { stdin: false, tty: false });

      expect(argv.join('\0')).not.toContain('hunter2');
      expect(Object.values(env).join('\n')).toContain('hunter2');
    });

    test('a script of 100 KB arrives on standard input', async () => {
      const value = 'x\'"$(id) \\ é\n'.repeat(8_000);
      const result = await run({ argv: ['sh'] }, `cat <<'berth-end'\n${value}berth-end\n`);

      expect(value.length).toBeGreaterThan(100_000);
      expect(result).toMatchObject({ exitCode: 0, stdout: value });
    });

    test('the two output streams stay apart, without carriage returns or added newlines', async () => {
      const result = await run({ argv: ['sh', '-c', "printf 'a\\nb'; printf 'c\\nd' >&2"] });

      expect(result).toMatchObject({ exitCode: 0, stdout: 'a\nb', stderr: 'c\nd' });
    });

    test('every byte passes through, both ways', async () => {
      const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
      const inner = { argv: ['cat'], cwd: null, env: {} };
      const entered = subject.runtime.enter(place, inner, { stdin: true, tty: false });
      const child = subject.host.spawn(entered, PIPES);
      child.stdin?.end(bytes);
      const chunks: Buffer[] = [];
      for await (const chunk of child.stdout ?? []) chunks.push(Buffer.from(chunk));
      await child.ended;

      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    });

    test.each([0, 1, 2, 7, 64, 124, 125, 126, 127, 128, 130, 137, 143, 255])(
      'exit code %i is the program’s own',
      async (code) => {
        expect((await run({ argv: ['sh', '-c', `exit ${code}`] })).exitCode).toBe(code);
      },
    );

    test('without forwarding, a program that reads gets end of file and the caller keeps its input', async () => {
      const inner = { argv: ['cat'], cwd: null, env: {} };
      const entered = subject.runtime.enter(place, inner, { stdin: false, tty: false });
      const result = await subject.host.exec(entered, { timeoutMs: 20_000 });

      expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    });

    test('a place that is fine has nothing to say after an end', async () => {
      const found = await subject.runtime.postmortem(subject.host, place);

      expect(found.state).toBe(subject.vanish === null ? 'unknown' : 'running');
      expect(found.cause).toBeNull();
    });

    test('disposing removes its own box, nothing else, and may be repeated', async () => {
      const before = await subject.census();
      const own = await subject.runtime.prepare(subject.host, subject.container, aScope(2));
      const during = await subject.census();
      await subject.runtime.dispose(subject.host, own);
      await subject.runtime.dispose(subject.host, own);
      const after = await subject.census();

      expect(during.includes(own.id ?? '') && !before.includes(own.id ?? '')).toBe(subject.owns);
      if (subject.owns) expect(after).not.toContain(own.id);
      for (const id of [place.id, subject.container?.id]) if (id) expect(after).toContain(id);
    });

    test('a box that was taken away is gone, or has a successor, but never “running”', async () => {
      const { vanish } = subject;
      if (vanish === null) return;
      const doomed = subject.owns
        ? await subject.runtime.prepare(subject.host, subject.container, aScope(3))
        : place;
      await vanish(doomed);
      const found = await subject.runtime.postmortem(subject.host, doomed);
      await subject.runtime.dispose(subject.host, doomed);

      expect(found).toMatchObject({ state: 'gone', cause: expect.stringContaining('removed') });
    });
  });
}

const PIPES = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: false } as const;

function aScope(attempt: number): Scope {
  return { task: 4_200_000 + process.pid, attempt, owner: `contract:${process.pid}`, workdir: '/tmp' };
}

function enterAndRun(
  { runtime, host }: RuntimeUnderTest,
  place: Place,
  inner: Command,
  input?: string,
): Promise<ExecResult> {
  const streams = { stdin: input !== undefined, tty: false };
  const options = { timeoutMs: 30_000, ...(input !== undefined && { input }) };
  return host.exec(runtime.enter(place, inner, streams), options);
}
