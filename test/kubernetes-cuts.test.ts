import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_SERVER_PID, OwnApiServer } from './support/api-server.ts';
import { Berth } from './support/berth.ts';
import {
  aPod,
  eventually,
  IMAGE,
  kubectl,
  processes,
  readOrEmpty,
  TestNamespace,
} from './support/cluster.ts';
import { describeWith } from './support/engines.ts';

const COUNT = 60;
/** The second half comes only once the file is there. */
const linesBehind = (gate: string) =>
  `i=0; while [ $i -lt ${COUNT} ]; do [ $i -ne 30 ] || while [ ! -e ${gate} ]; do sleep 0.1; done; i=$((i+1)); echo line $i; echo error $i >&2; sleep 0.1; done; exit 17`;
const numbered = (word: string) =>
  Array.from({ length: COUNT }, (_, index) => `${word} ${index + 1}\n`).join('');

describeWith(['kubernetes'], 'connections that are cut', () => {
  let namespace: TestNamespace;
  beforeAll(async () => {
    namespace = await TestNamespace.open();
    await namespace.apply(aPod('box'));
    await namespace.ready('box');
  });
  afterAll(() => namespace?.[Symbol.asyncDispose]());

  const inPod = () => [...namespace.options, '--pod', 'box'];
  const asJob = () => [...namespace.options, '--kube-job', '--container-image', IMAGE];
  const sent = async (own: Berth, options: readonly string[]) => {
    const gate = `/tmp/${randomBytes(4).toString('hex')}`;
    const { id } = await own.json(['send', linesBehind(gate), ...options]);
    const out = () => readOrEmpty(join(own.home, 'runs', `${id}-1`, 'out.log'));
    const err = () => readOrEmpty(join(own.home, 'runs', `${id}-1`, 'err.log'));
    return {
      out,
      err,
      has: (count: number) => eventually(`line ${count} is there`, () => out().includes(`line ${count}\n`)),
      /** In this pod it goes on, to its end. */
      ended: async (pod: string) => {
        await namespace.inside(pod, 'touch', gate);
        await own.run(['wait', String(id)]);
        return own.json(['show', String(id)]);
      },
    };
  };
  const podOfJob = async () => {
    const names = (await namespace.json('pods')).items.map(({ metadata }) => metadata.name);
    return names.find((name) => name.startsWith('berth-')) ?? '';
  };
  const isWhole = { outcome: 'failed', exit_code: 17, attempts: [{}] };

  test('the stream, kubectl and the worker are killed: the same attempt ends with its code and all its lines', async () => {
    await using own = new Berth();
    const worker = await own.up();
    const task = await sent(own, inPod());
    await task.has(5);
    process.kill(childOf(worker, 'exec'), 'SIGKILL');
    await task.has(20);
    process.kill(worker, 'SIGKILL');
    await eventually('the worker is gone', () => !isThere(worker));
    await own.up();

    expect(await task.ended('box')).toMatchObject(isWhole);
    expect([task.out(), task.err()]).toEqual([numbered('line'), numbered('error')]);
    await eventually('the run has left nothing in the pod', async () => {
      const places = 'ls -d /tmp/.berth-* /dev/shm/.berth-* 2>/dev/null; :';
      return (await namespace.inside('box', 'sh', '-c', places)) === '';
    });
    expect(await processes(namespace, 'box', 'line')).toEqual([]);
  });

  test('a cluster whose credentials only kubectl has: its proxy is killed, and the Job ends as it should', async () => {
    await using own = new Berth({ KUBECONFIG: await withCredentialProgram() });
    const worker = await own.up();
    const task = await sent(own, asJob());
    await task.has(5);
    process.kill(childOf(worker, 'proxy'), 'SIGKILL');

    expect(await task.ended(await podOfJob())).toMatchObject(isWhole);
    expect(linesOf(task.out())).toEqual(numbered('line'));
    const again = await own.run(['run', ...inPod(), '--', 'sh', '-c', 'echo out; exit 11']);
    expect(again).toMatchObject({ code: 11, stdout: 'out\n' });
  });

  describe.skipIf(API_SERVER_PID === null)('an API server of our own', () => {
    test('the API server is killed and starts again: a run in a pod and a Job end with their codes and all their lines', async () => {
      await using server = await OwnApiServer.open(API_SERVER_PID ?? 0);
      await using own = new Berth({ KUBECONFIG: server.kubeconfig });
      await own.up();
      const [pod, job] = await Promise.all([sent(own, inPod()), sent(own, asJob())]);
      await Promise.all([pod.has(5), job.has(5)]);
      await server.kill();
      await server.start();
      const ends = await Promise.all([pod.ended('box'), job.ended(await podOfJob())]);

      expect(ends).toMatchObject([isWhole, isWhole]);
      expect([pod.out(), pod.err()]).toEqual([numbered('line'), numbered('error')]);
      expect(linesOf(job.out())).toEqual(numbered('line'));
    });
  });
});

/** The log of a Job is one stream; its stdout alone. */
function linesOf(log: string): string {
  return log.replaceAll(/^error \d+\n/gm, '');
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The kubectl with this word in its arguments that a worker has started, itself or through a shell. */
function childOf(worker: number, word: string): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = readOrEmpty(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  for (const [pid, parent] of parents) {
    if (parent !== worker && parents.get(parent) !== worker) continue;
    const words = readOrEmpty(`/proc/${pid}/cmdline`).split('\0');
    if (/(^|\/)kubectl[^/]*$/.test(words[0] ?? '') && words.includes(word)) return pid;
  }
  throw new Error(`The worker has no kubectl ${word}.`);
}

/** A kubeconfig as clouds have them: it names a program that gives the token. */
async function withCredentialProgram(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-kube-exec-'));
  const config = JSON.parse(
    await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '--output=json']),
  );
  const { user } = config.users[0];
  const status = {
    ...(user.token && { token: user.token }),
    ...(user['client-certificate-data'] && {
      clientCertificateData: Buffer.from(user['client-certificate-data'], 'base64').toString(),
      clientKeyData: Buffer.from(user['client-key-data'], 'base64').toString(),
    }),
  };
  const apiVersion = 'client.authentication.k8s.io/v1';
  const credential = JSON.stringify({ apiVersion, kind: 'ExecCredential', status });
  const program = join(folder, 'credential');
  writeFileSync(program, `#!/bin/sh\ncat <<'E'\n${credential}\nE\n`);
  chmodSync(program, 0o700);
  config.users[0].user = { exec: { apiVersion, command: program, interactiveMode: 'Never' } };
  const file = join(folder, 'config');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}
