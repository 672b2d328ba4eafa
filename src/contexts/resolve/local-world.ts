import { readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { BerthError } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import type { Availability, Inspector } from '../../core/inspect.ts';
import { findComposeFiles } from '../compose/find.ts';
import { readCompose } from '../compose/read.ts';
import { findComposeProject } from '../compose/tiltfile.ts';
import { detectContainerContext } from '../detect.ts';
import { type Environment, readDevcontainer } from '../devcontainer.ts';
import { findRepository, gitFacts, worktrees } from '../git.ts';
import { loadProjectFile } from '../project-file.ts';
import { containerToolchainScript, findToolchain } from '../toolchain.ts';
import { devcontainerUp } from './devcontainer-up.ts';
import type {
  Engine,
  Files,
  Kubernetes,
  NewWorktree,
  ToolchainAnswer,
  ToolchainQuestion,
  World,
} from './world.ts';

export interface LocalWorld {
  readonly host: Host;
  readonly environment: Environment;
  /** The state folder. */
  readonly home: string;
  /** Called at first use of an engine. */
  readonly inspector: (engine: Engine) => Inspector;
  readonly probe: (engine: Engine) => Promise<Availability>;
  /** Absent: no cluster can be asked. */
  readonly kubernetes?: Kubernetes;
  /** `explain`: nothing is made. */
  readonly dryRun: boolean;
}

/** This machine, as resolution sees it. */
export function localWorld(parts: LocalWorld): World {
  const { host, environment, home, inspector, probe, kubernetes = NO_KUBERNETES, dryRun } = parts;
  return {
    host: host.name,
    files,
    projectFile: (dir) => loadProjectFile(dir, home),
    detect: (dir, options) => detectContainerContext(dir, { ...options, environment }),
    compose: async (dir, composeFiles) => {
      const source =
        composeFiles === null
          ? await findComposeProject(dir, environment)
          : await findComposeFiles(dir, { environment, composeFiles });
      return source === null ? null : readCompose(source, environment);
    },
    devcontainer: (path) => readDevcontainer(path, environment),
    bringUp: dryRun ? null : (config) => devcontainerUp(host, config),
    inspector,
    probe,
    kubernetes,
    git: {
      facts: gitFacts,
      repository: findRepository,
      worktrees,
      addWorktree: dryRun ? null : (root, tree) => addWorktree(host, root, tree),
    },
    toolchain: (question) => toolchain(question, parts),
  };
}

const files: Files = {
  realpath(path) {
    try {
      return realpathSync.native(path);
    } catch {
      return path; // not there, or not for us to see
    }
  },
  identity(path) {
    try {
      const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const { dev, ino } = statSync(path, { bigint: true });
      return { bootId, inode: `${dev}:${ino}` };
    } catch {
      return null; // no Linux, so no container under the same kernel
    }
  },
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
};

const unavailable = () =>
  Promise.reject(
    new BerthError('Kubernetes cannot be reached from here.', {
      code: 'RUNTIME_UNAVAILABLE',
      hint: 'Use a container of docker, podman or Compose.',
    }),
  );

const NO_KUBERNETES: Kubernetes = {
  cluster: { current: unavailable, pods: unavailable, refusal: unavailable },
  policy: unavailable,
  manifest: unavailable,
};

const ADD_TIMEOUT_MS = 5 * 60_000;

async function addWorktree(host: Host, root: string, { path, branch }: NewWorktree): Promise<void> {
  const argv = ['git', 'worktree', 'add', '--', path, branch];
  const result = await host.exec({ argv, cwd: root, env: {} }, { timeoutMs: ADD_TIMEOUT_MS });
  if (result.exitCode === 0) return;
  throw new BerthError(`git made no worktree of "${branch}" at ${path}: ${lastLine(result.stderr)}`, {
    code: 'BRANCH_MISMATCH',
    hint: `Try it by hand: \`git -C ${root} worktree add ${path} ${branch}\`.`,
  });
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) || 'it said nothing.';
}

/** On the host files tell; in a container a shell fragment looks when the task starts. */
async function toolchain(
  { venv, dir, side, inside }: ToolchainQuestion,
  { environment, host }: LocalWorld,
): Promise<ToolchainAnswer> {
  if (side === 'host') {
    return findToolchain(dir, venv, { environment, home: environment['HOME'] ?? homedir(), host });
  }
  // a directory of the host is meant where a mount shows it; any other path is the container's own
  const target = venv.kind === 'dir' ? (inside(venv.dir) ?? venv.dir) : null;
  const script = containerToolchainScript(target === null ? venv : { kind: 'dir', dir: target });
  if (script === '') return { toolchain: null, warnings: [] };
  const reason = target === null ? 'looked for in the container when the task starts' : 'named by --venv';
  return {
    toolchain: { kind: 'container', dir: target, path: [], env: {}, script, reason },
    warnings: [],
  };
}
