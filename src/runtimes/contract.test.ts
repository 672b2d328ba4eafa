import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../../test/support/engines.ts';
import type { ResolvedContainer } from '../core/context.ts';
import type { Place } from '../core/runtime.ts';
import { localHost } from '../hosts/local.ts';
import { runtimeContract } from '../testing/runtime-contract.ts';
import { bareRuntime } from './bare.ts';
import { composeRuntime } from './compose.ts';
import type { EngineName } from './engine-cli.ts';
import { ociRuntime } from './oci.ts';

const IMAGE = 'berth-busybox:latest';
const host = localHost();
const nothing: ResolvedContainer = {
  type: 'docker',
  runtime: 'docker',
  engine: 'docker',
  id: null,
  hostname: null,
  image: null,
  project: null,
  service: null,
  compose: null,
  pod: null,
  namespace: null,
  kubeContext: null,
  volumes: {},
  ports: {},
  start: null,
  reason: 'the test says so',
  rejected: [],
};

async function call(...argv: string[]): Promise<string> {
  const result = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: 120_000 });
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
}
const census = (engine: EngineName) => async () =>
  (await call(engine, 'ps', '--all', '--quiet', '--no-trunc')).split('\n');
const vanish = (engine: EngineName) => async (place: Place) => {
  await call(engine, 'rm', '--force', place.id ?? '');
};

runtimeContract('the host', async () => ({
  host,
  runtime: bareRuntime(),
  container: null,
  owns: false,
  census: async () => [],
  vanish: null,
  close: async () => {},
}));

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], engine, () => {
    const asked = { ...nothing, type: engine, runtime: engine, engine };
    const common = { host, runtime: ociRuntime(engine), census: census(engine), vanish: vanish(engine) };

    runtimeContract(`a container of ${engine} that berth starts`, async () => ({
      ...common,
      container: { ...asked, image: IMAGE },
      owns: true,
      close: async () => {},
    }));

    runtimeContract(`a running container of ${engine}`, async () => {
      const name = `berth-r-contract-${randomBytes(4).toString('hex')}`;
      const started = ['--detach', '--init', '--pull=never', `--name=${name}`, IMAGE, 'sleep', '1000'];
      const close = async () => void (await call(engine, 'rm', '--force', name));
      try {
        const id = await call(engine, 'run', ...started);
        return { ...common, container: { ...asked, id }, owns: false, close };
      } catch (error) {
        await close();
        throw error;
      }
    });
  });
}

describeWith(['docker', 'compose'], 'compose', () => {
  runtimeContract('a Compose service', async () => {
    const dir = await realpath(await mkdtemp(join(tmpdir(), 'berth-compose-')));
    const file = join(dir, 'compose.yaml');
    await writeFile(file, `services: {web: {image: '${IMAGE}', init: true, command: sleep 1000}}\n`);
    const project = `berth-r-${randomBytes(4).toString('hex')}`;
    const compose = ['docker', 'compose', '--file', file, '--project-name', project];
    await call(...compose, 'up', '--detach', '--pull=never', 'web');
    return {
      host,
      runtime: composeRuntime(),
      container: {
        ...nothing,
        type: 'docker_compose',
        runtime: 'compose',
        project,
        service: 'web',
        compose: { dir, files: [file] },
      },
      owns: false,
      census: census('docker'),
      vanish: vanish('docker'),
      close: async () => {
        await call(...compose, 'down', '--timeout=0');
        await rm(dir, { recursive: true });
      },
    };
  });
});
