import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Spawned } from '../src/core/host.ts';
import type { Place } from '../src/core/runtime.ts';
import { RUNTIMES } from './support/box-processes.ts';
import type { Box } from './support/boxes.ts';
import { CONTEXT, eventually, kubectl, podBox } from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

const runtime = RUNTIMES.kubernetes;
const MIB = 1024 * 1024;

describeWith(['kubernetes'], 'a pod that is entered over a connection of our own', () => {
  let box: Box;
  beforeAll(async () => {
    box = await podBox();
  });
  afterAll(() => box?.close());

  const open = (pod = 'box', container = 'main', context = CONTEXT) => {
    if (box.container === null) throw new Error('There is no pod.');
    const podContainer = { name: container, podUid: '', containerId: '' };
    const place: Place = {
      runtime: 'kubernetes',
      id: `${pod}/${container}`,
      owned: false,
      container: { ...box.container, pod, podContainer, kubeContext: context },
      user: null,
    };
    return async (...argv: readonly string[]) => (await runtime.open?.(place, argv)) ?? null;
  };
  const enter = async (...argv: readonly string[]): Promise<Spawned> => {
    const child = await open()(...argv);
    if (child === null) throw new Error('The pod could not be entered.');
    return child;
  };
  const inside = (...argv: readonly string[]) =>
    kubectl([`--namespace=${box.container?.namespace}`, 'exec', '--quiet', 'box', '--', ...argv]);

  // a dockershim that is busy tells 0 for the code of a program that has ended at once
  test('a program reads its input, and is heard on two streams with its code', { retry: 3 }, async () => {
    const child = await enter('sh');
    child.stdin?.write('echo out; echo err >&2; exit 7\n');
    expect(await all(child)).toEqual({ stdout: 'out\n', stderr: 'err\n', code: 7 });
  });

  test('its arguments arrive as they are', async () => {
    const words = ['a b', 'c+d', '&e=f', 'ü%20', '', '\'"$g'];
    expect(await all(await enter('printf', '<%s>', ...words))).toEqual({
      stdout: words.map((word) => `<${word}>`).join(''),
      stderr: '',
      code: 0,
    });
  });

  test('input that is larger than any buffer arrives whole, and so does what comes back', async () => {
    const bytes = randomBytes(8 * MIB);
    // what the end of the program would drop is still read: it ends at the next line
    const child = await enter('sh', '-c', `head -c ${bytes.length}; read -r heard`);
    child.stdin?.write(bytes);
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size === bytes.length) child.stdin?.write('heard\n');
    });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test('a reader that does not read holds the program up, not this process’s memory', async () => {
    const child = await enter('sh', '-c', `head -c ${256 * MIB} /dev/zero; read -r heard`);
    const before = process.memoryUsage().rss;
    await expect(Promise.race([child.ended, quiet(child)])).resolves.toBe('quiet');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size === 256 * MIB) child.stdin?.write('heard\n');
    });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(size).toBe(256 * MIB);
  });

  test('a reader that lets go holds up neither the other stream nor the end', async () => {
    const child = await enter('sh', '-c', `head -c ${4 * MIB} /dev/zero; echo done >&2; read -r heard`);
    await once(child.stdout ?? process.stdin, 'readable');
    await quiet(child);
    (child.stdout as NodeJS.ReadableStream & { destroy(): void }).destroy();
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      child.stdin?.write('heard\n');
    });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(said).toBe('done\n');
  });

  test.each<readonly [how: string, cut: (child: Spawned) => void, end: object]>([
    ['of our connection', (child) => child.kill('SIGKILL'), { code: null, signal: 'SIGKILL' }],
    ['of what it is given', (child) => child.stdin?.end(), { signal: null }],
  ])('the end %s is the end of its input', async (_how, cut, end) => {
    const mark = `/tmp/${randomBytes(6).toString('hex')}`;
    const child = await enter('sh', '-c', `echo begun; cat >/dev/null; touch ${mark}`);
    await once(child.stdout ?? process.stdin, 'readable');
    child.stdout?.resume();
    cut(child);
    expect(await child.ended).toMatchObject(end);
    await eventually('its input has ended', async () => {
      const seen = await inside('sh', '-c', `[ ! -e ${mark} ] || echo seen`);
      return seen === 'seen\n';
    });
  });

  test('a program that is not there is told in the words and with the code of kubectl', {
    retry: 3,
  }, async () => {
    const ours = await all(await enter('no-such-program'));
    const theirs = await inside('no-such-program').then(
      () => null,
      ({ stdout, stderr, code }) => ({ stdout: shape(stdout), stderr: shape(stderr), code }),
    );
    expect({ ...ours, stdout: shape(ours.stdout), stderr: shape(ours.stderr) }).toEqual(theirs);
  });

  test('what cannot be entered is left to kubectl, which says why', async () => {
    expect(await open('gone')('sh')).toBeNull();
    expect(await open('box', 'other')('sh')).toBeNull();
    expect(await open('box', 'main', 'no-such-context')('sh')).toBeNull();
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

/** Without what differs from one exec to the next, and without the code, which kubectl says in words as well. */
function shape(words: string): string {
  const said = words.replace(/^command terminated with exit code \d+\n/m, '');
  return said.replaceAll(/[0-9a-f]{12,}/g, 'ID').trim();
}
