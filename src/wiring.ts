import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deps, EngineReport } from './actions/deps.ts';
import { type Clusters, clusters } from './clusters.ts';
import { loadSettings, type SettingsFile, stateFolder, yamlEntries } from './config.ts';
import type { World } from './contexts/resolve/world.ts';
import type { ResolvedContainer } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import type { Host } from './core/host.ts';
import type { Store } from './core/store.ts';
import { localHost } from './hosts/local.ts';
import { hostName, openQueue } from './queue-place.ts';
import { runningParts } from './running.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Starts berth again: the Node program and the script. */
  readonly self: readonly string[];
  /** See `databaseUrl`; left out: that of the environment. */
  readonly database?: string | null;
}

/**
 * The parts put together. Heavy ones are loaded at their first use: a verb that only looks at files
 * opens no database, and `send` reads no YAML.
 */
export function wire(surroundings: Surroundings): Deps {
  const { env, cwd, self, database = env.BERTH_DATABASE_URL || null } = surroundings;
  const host = localHost(hostName(env.BERTH_HOST, database));
  const home = stateFolder(env);
  const runs = join(home, 'runs');
  const kubernetes = clusters(host, env);
  const machine = { env, home, host, kubernetes };
  let opened: Promise<Store> | null = null;
  const store = () => {
    opened ??= openQueue(database, home);
    return opened;
  };
  const running = runningParts({
    host,
    home,
    runs,
    self,
    env,
    store,
    kubernetes,
    world: (dryRun) => worldOf(machine, dryRun),
  });

  return {
    version: process.env.BERTH_VERSION ?? '0.0.0',
    env,
    cwd,
    home,
    now: Date.now,
    host,
    store,
    fileStore: () => openQueue(null, home),
    settings: async (dir) => loadSettings(env, await projectSettings(dir)),
    contexts: {
      detect: async (dir) => {
        const { detectContainerContext } = await import('./contexts/detect.ts');
        return detectContainerContext(dir, { environment: env });
      },
      services: async (dir, all) => {
        const { listServices } = await import('./contexts/services.ts');
        return listServices(await worldOf(machine, true), dir, all);
      },
      explain: async (request, payload) => {
        const [{ explainTask }, { runAsOf }] = await Promise.all([
          import('./explaining.ts'),
          import('./runtimes/owned.ts'),
        ]);
        const world = await worldOf(machine, true);
        const runAs = (box: ResolvedContainer, dir: string) => runAsOf(host, box, dir);
        return explainTask({ world, request, payload, runAs });
      },
      draft: async (dir) => {
        const { draftProject } = await import('./explaining.ts');
        return draftProject(await worldOf(machine, true), dir);
      },
      trust: (dir) => trustProject(home, dir),
    },
    engines: {
      probe: async () => {
        const { probeRuntimes } = await import('./runtimes/probe.ts');
        return (await probeRuntimes(host)) as EngineReport;
      },
      inspectors: async () => (await import('./runtimes/containers.ts')).answeringInspectors(host),
      composeRefusal: async (project) =>
        (await import('./runtimes/compose-check.ts')).composeRefusal(host, project),
      containers: async () => (await import('./container-control.ts')).containerControl(host),
      sweep: async (dryRun) => (await import('./sweeping.ts')).sweep({ host, home, store }, dryRun),
    },
    runs: {
      path: (directory) => join(runs, directory),
      turn: async (directory) => (await import('./agent-runs.ts')).readTurn(runs, directory),
      output: (directory, options) => outputOf(runs, directory, options),
      remove: async (directories) => {
        await Promise.all(directories.map((name) => rm(join(runs, name), { recursive: true, force: true })));
      },
    },
    worker: running.worker,
    foreground: running.foreground,
    terminals: running.terminals,
    libraries: async () => ({ sqlite: (await import('./stores/driver.ts')).sqliteVersion() }),
  };
}

/** What `berth.yaml` says of the settings; its other keys are read where a task is resolved. */
async function projectSettings(dir: string): Promise<SettingsFile | null> {
  const { findProjectFile } = await import('./contexts/project-file.ts');
  const path = findProjectFile(dir);
  return path === null ? null : { path, entries: await yamlEntries(path, await readFile(path, 'utf8')) };
}

async function trustProject(home: string, dir: string): Promise<string> {
  const [{ findProjectFile }, { trust }, { makeStateFolder }] = await Promise.all([
    import('./contexts/project-file.ts'),
    import('./contexts/trust.ts'),
    import('./stores/state-folder.ts'),
  ]);
  const path = findProjectFile(dir);
  if (path === null) {
    throw new BerthError(`${dir} has no berth.yaml.`, {
      code: 'FILE_NOT_FOUND',
      hint: 'Write one with `berth init`.',
    });
  }
  makeStateFolder(home);
  trust(home, { path, text: await readFile(path, 'utf8') });
  return path;
}

async function* outputOf(runs: string, directory: string, options: { follow: boolean; signal: AbortSignal }) {
  const { readOutput } = await import('./executors/output.ts');
  yield* readOutput(runs, directory, options);
}

interface Machine {
  readonly env: Surroundings['env'];
  readonly home: string;
  readonly host: Host;
  readonly kubernetes: Clusters;
}

async function worldOf({ env, home, host, kubernetes }: Machine, dryRun: boolean): Promise<World> {
  const [{ localWorld }, { cliInspector }, { probeDocker, probePodman }] = await Promise.all([
    import('./contexts/resolve/local-world.ts'),
    import('./runtimes/inspector.ts'),
    import('./runtimes/probe-engines.ts'),
  ]);
  return localWorld({
    host,
    environment: env,
    home,
    inspector: (engine) => cliInspector(host, engine),
    probe: (engine) => (engine === 'docker' ? probeDocker(host) : probePodman(host)),
    kubernetes: kubernetes.world,
    dryRun,
  });
}
