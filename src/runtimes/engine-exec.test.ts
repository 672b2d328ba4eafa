import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../test/support/engines.ts';
import type { Spawned } from '../core/host.ts';
import { localHost } from '../hosts/local.ts';
import { openExec } from './engine-exec.ts';

const host = localHost();
const image = 'berth-busybox:latest';
const MIB = 1024 * 1024;

describeWith(['docker'], 'a container that is entered over the socket of docker', () => {
  const name = `berth-exec-${randomBytes(4).toString('hex')}`;
  const docker = (...args: string[]) =>
    host.exec({ argv: ['docker', ...args], cwd: null, env: {} }, { timeoutMs: 60_000 });
  const enter = async (argv: readonly string[], user: string | null = null): Promise<Spawned> => {
    const child = await openExec({ engine: 'docker', id: name, user }, argv);
    if (child === null) throw new Error(`${name} could not be entered.`);
    return child;
  };

  beforeAll(() =>
    docker('run', '--detach', '--init', '--pull=never', '--name', name, image, 'sleep', '9999'),
  );
  afterAll(() => docker('rm', '--force', '--volumes', name));

  test('a program reads its input, and is heard on two streams with its code', async () => {
    const child = await enter(['sh']);
    child.stdin?.end('echo out; echo err >&2; id -u; exit 7\n');
    expect(await all(child)).toEqual({ stdout: 'out\n0\n', stderr: 'err\n', code: 7 });
  });

  test('it runs as the user that was asked for', async () => {
    expect(await all(await enter(['id', '-u'], '1234'))).toMatchObject({ stdout: '1234\n', code: 0 });
  });

  test('input that is larger than any buffer arrives whole, and so does what comes back', async () => {
    const child = await enter(['cat']);
    const bytes = randomBytes(8 * MIB);
    child.stdin?.end(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdout ?? []) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });

  test('a reader that does not read holds the program up, not this process’s memory', async () => {
    const child = await enter(['sh', '-c', `head -c ${256 * MIB} /dev/zero; echo done >&2`]);
    const before = process.memoryUsage().rss;
    await expect(Promise.race([child.ended, quiet(child)])).resolves.toBe('quiet');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
    let size = 0;
    for await (const chunk of child.stdout ?? []) size += (chunk as Buffer).length;
    expect(size).toBe(256 * MIB);
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });

  test('the end of our connection is the end of its input', async () => {
    const mark = randomBytes(6).toString('hex');
    const child = await enter(['sh', '-c', `echo begun; cat >/dev/null; touch /tmp/${mark}`]);
    await once(child.stdout ?? process.stdin, 'readable');
    child.kill('SIGKILL');
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await expect
      .poll(async () => (await docker('exec', name, 'test', '-e', `/tmp/${mark}`)).exitCode, {
        timeout: 20_000,
      })
      .toBe(0);
  });

  test('a program that is not there is told in the words and with the code of docker’s client', async () => {
    const [ours, theirs] = [
      await all(await enter(['no-such-program'])),
      await docker('exec', name, 'no-such-program'),
    ];
    expect({ ...ours, stdout: shape(ours.stdout + ours.stderr), stderr: '' }).toEqual({
      stdout: shape(theirs.stdout + theirs.stderr),
      stderr: '',
      code: theirs.exitCode,
    });
  });

  test('what cannot be entered is left to the client, which says why', async () => {
    await docker('pause', name);
    try {
      expect(await openExec({ engine: 'docker', id: name, user: null }, ['sh'])).toBeNull();
    } finally {
      await docker('unpause', name);
    }
    expect(await openExec({ engine: 'docker', id: `${name}-gone`, user: null }, ['sh'])).toBeNull();
    expect(await openExec({ engine: 'podman', id: name, user: null }, ['sh'])).toBeNull();
  });
});

async function all(child: Spawned) {
  const text = async (stream: NodeJS.ReadableStream | null) => {
    let said = '';
    for await (const chunk of stream ?? []) said += chunk;
    return said;
  };
  const [stdout, stderr, { code }] = await Promise.all([text(child.stdout), text(child.stderr), child.ended]);
  return { stdout, stderr, code };
}

/** Resolves once no more comes of what a full stream holds back. */
async function quiet({ stdout }: Spawned): Promise<'quiet'> {
  const stream = stdout as NodeJS.ReadableStream & { readonly readableLength: number };
  for (let seen = -1; stream.readableLength !== seen || seen === 0; ) {
    seen = stream.readableLength;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return 'quiet';
}

/** Without what differs from one exec to the next. */
function shape(words: string): string {
  return words.replaceAll(/[0-9a-f]{12,}/g, 'ID').trim();
}
