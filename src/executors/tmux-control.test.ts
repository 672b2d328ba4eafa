import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { Host } from '../core/host.ts';
import { localHost } from '../hosts/local.ts';
import { endIfEmpty, ensureServer, ownServer, tmux } from './tmux/server.ts';
import { openTmux } from './tmux-control.ts';

describeWith(['tmux'], 'a connection to tmux', () => {
  const host = localHost();
  const home = mkdtempSync(join(tmpdir(), 'berth-tmux-'));
  const server = ownServer(home);
  afterAll(async () => {
    await tmux(host, server, ['kill-server']);
    rmSync(home, { recursive: true });
  });

  test('any words arrive as they are', async () => {
    const control = await openTmux(host, server);
    const words = ["it's", 'a "b" $HOME', '~root', 'one\ntwo\r', '', ';', 'é\udcff', '\\', '{x}', 'a;'];
    try {
      for (const word of words) {
        await control.run(['set-option', '-g', '@word', word]);
        const lines = await control.run(['show-options', '-gv', '@word'], { raw: true });
        expect(lines.join('\n')).toBe(word);
      }
    } finally {
      await control.close();
    }
  });

  test('a thousand texts arrive as they are', async () => {
    const control = await openTmux(host, server);
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ';',
        '\\;',
        '-t',
        '#(id)',
        '#{pid}',
        '$HOME',
        '~',
        '{',
        '}',
        '%if',
        "'",
        '"',
        'Enter',
        'C-c',
        '\t',
        '\x1b[201~',
      ),
    );
    const text = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join('').replaceAll('\0', ''));
    try {
      await fc.assert(
        fc.asyncProperty(text, async (word) => {
          await control.run(['set-environment', '-g', 'WORD', word]);
          const [line = '', ...more] = await control.run(['show-environment', '-g', 'WORD'], { raw: true });
          expect([line, ...more].join('\n')).toBe(`WORD=${Buffer.from(word).toString()}`);
        }),
        { numRuns: 1000 },
      );
    } finally {
      await control.close();
    }
  });

  test('answers belong to their commands, errors too', async () => {
    const control = await openTmux(host, server);
    const answers = await Promise.allSettled([
      ...Array.from({ length: 500 }, (_, at) => control.run(['display-message', '-p', `n${at}`])),
      control.run(['no-such-command']),
      control.run(['display-message', '-p', 'after']),
    ]);
    await control.close();

    expect(answers.slice(0, 500).map((one) => one.status === 'fulfilled' && one.value[0])).toEqual(
      Array.from({ length: 500 }, (_, at) => `n${at}`),
    );
    expect(answers[500]).toMatchObject({ reason: { code: 'TMUX_FAILED' } });
    expect(answers[501]).toEqual({ status: 'fulfilled', value: ['after'] });
  });

  test('what a pane printed cannot end an answer', async () => {
    const control = await openTmux(host, server);
    const text = '%%end 1 2 1\\n%%error 1 2 1\\n%%exit\\n%%begin 1 2 1';
    const [pane = ''] = await control.run([
      ...['new-window', '-d', '-P', '-F', '#{pane_id}', `printf '${text}\\nready'; exec sleep 100`],
    ]);
    let screen: readonly string[] = [];
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      screen = await control.run(['capture-pane', '-p', '-t', pane], { raw: true });
      if (screen.includes('ready')) break;
    }
    await control.close();

    expect(screen.slice(0, 5)).toEqual(['%end 1 2 1', '%error 1 2 1', '%exit', '%begin 1 2 1', 'ready']);
  });

  test('the end of the server is told to whoever waits', async () => {
    const other = ownServer(mkdtempSync(join(tmpdir(), 'berth-tmux-')));
    const control = await openTmux(host, other);
    const waiting = control.run(['wait-for', 'never']).catch((error: { code: string }) => error.code);
    await tmux(host, other, ['kill-server']);

    // 3.3 answers a blocked command before it goes
    expect(['TMUX_GONE', []]).toContainEqual(await waiting);
    await expect(control.run(['list-sessions'])).rejects.toMatchObject({ code: 'TMUX_GONE' });
    rmSync(other.own ?? '', { recursive: true });
  });

  test('a connection that reads nothing does not keep the server from ending', async () => {
    const other = ownServer(mkdtempSync(join(tmpdir(), 'berth-tmux-')));
    let reader: Readable | null = null;
    const spying: Host = {
      ...host,
      spawn(command, options) {
        const child = host.spawn(command, options);
        reader = child.stdout as Readable;
        return child;
      },
    };
    const control = await openTmux(spying, other);
    const [server = ''] = await control.run(['display-message', '-p', '#{pid}']);
    (reader as Readable | null)?.pause();
    await tmux(host, other, ['new-window', '-t', '_berth:', 'seq 1 300000']);
    await tmux(host, other, ['kill-server']);
    const deadline = Date.now() + 5_000;
    const ref = { pid: Number(server), startTime: '', bootId: '' };
    while (host.isAlive(ref) && Date.now() < deadline) await new Promise((done) => setTimeout(done, 10));
    (reader as Readable | null)?.resume();

    expect(host.isAlive(ref)).toBe(false);
    await control.close();
    rmSync(other.own ?? '', { recursive: true });
  });

  test('a server that was just killed comes up again, each time, whoever asks for it', async () => {
    const other = ownServer(mkdtempSync(join(tmpdir(), 'berth-tmux-')));
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 5 }, () => ensureServer(host, other)));
      expect((await tmux(host, other, ['kill-server'])).exitCode).toBe(0);
    }
    rmSync(other.own ?? '', { recursive: true });
  });

  test('a server that was ended for want of sessions is gone when that is said', async () => {
    const other = ownServer(mkdtempSync(join(tmpdir(), 'berth-tmux-')));
    for (let round = 0; round < 20; round++) {
      await ensureServer(host, other);
      await endIfEmpty(host, other);
      const next = await tmux(host, other, ['new-session', '-d', 'exec sleep 100']);

      expect(next).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await tmux(host, other, ['list-sessions', '-F', '#{session_name}'])).toMatchObject({
        stdout: '0\n',
      });
      await tmux(host, other, ['kill-server']);
    }
    rmSync(other.own ?? '', { recursive: true });
  });

  test('a state folder with a long path still has a socket', () => {
    expect(Buffer.byteLength(ownServer(`/${'x'.repeat(300)}`).socket)).toBeLessThan(104);
  });

  test('a machine without tmux says what is missing', async () => {
    const bare = {
      ...host,
      exec: () => Promise.resolve({ exitCode: null, stdout: '', stderr: '', failure: 'not_found' as const }),
    };

    await expect(ensureServer(bare, server)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
  });
});
