import { messageOf } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { Availability } from '../core/inspect.ts';
import { type ComposeAvailability, probeCompose } from './probe-compose.ts';
import { type EngineAvailability, probeDocker, probePodman } from './probe-engines.ts';
import { type KubernetesAvailability, probeKubernetes } from './probe-kubernetes.ts';

/** `berth runtimes --json`. */
export interface RuntimesReport {
  readonly docker: EngineAvailability;
  readonly podman: EngineAvailability;
  readonly compose: ComposeAvailability;
  readonly kubernetes: KubernetesAvailability;
  readonly tmux: Availability;
  readonly ssh: Availability;
}

/**
 * Ask every program that enters a box or a machine, all at once. Each has 2 s of its own, and the
 * report is there within 3 s whatever hangs. Never throws; a reason is one sentence and its mend.
 */
export async function probeRuntimes(host: Host): Promise<RuntimesReport> {
  const [docker, podman, compose, kubernetes, tmux, ssh] = await Promise.all([
    settle(probeDocker(host), { ...NOTHING_KNOWN, endpoint: null, flavor: null }),
    settle(probePodman(host), { ...NOTHING_KNOWN, endpoint: null, flavor: null }),
    settle(probeCompose(host), { ...NOTHING_KNOWN, command: null }),
    settle(probeKubernetes(host), { ...NOTHING_KNOWN, context: null, namespace: null }),
    settle(probeProgram(host, ['tmux', '-V'], 'terminal sessions'), NOTHING_KNOWN),
    settle(probeProgram(host, ['ssh', '-V'], 'other machines'), NOTHING_KNOWN),
  ]);
  return { docker, podman, compose, kubernetes, tmux, ssh };
}

/** What a program may start, in one word each. */
export async function detectAvailableRuntimes(
  host: Host,
): Promise<{ readonly docker: boolean; readonly podman: boolean; readonly kubernetes: boolean }> {
  const [docker, podman, kubernetes] = await Promise.all([
    settle(probeDocker(host), { ...NOTHING_KNOWN, endpoint: null, flavor: null }),
    settle(probePodman(host), { ...NOTHING_KNOWN, endpoint: null, flavor: null }),
    settle(probeKubernetes(host), { ...NOTHING_KNOWN, context: null, namespace: null }),
  ]);
  return { docker: docker.available, podman: podman.available, kubernetes: kubernetes.available };
}

const NOTHING_KNOWN: Availability = {
  available: false,
  state: 'hangs',
  version: null,
  reason: 'It did not answer in time. Run its own `version` command and see what it waits for.',
};

/** A net under the deadlines of the single calls: no probe may hold up the report or bring it down. */
const REPORT_TIMEOUT_MS = 2_700;

async function settle<T extends Availability>(probe: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), REPORT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([probe, deadline]);
  } catch (error) {
    return { ...otherwise, state: 'unusable', reason: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function probeProgram(host: Host, argv: readonly [string, string], use: string): Promise<Availability> {
  const result = await host.exec({ argv, cwd: null, env: {} }, { timeoutMs: 2_000 });
  return programAvailability(argv[0], result, use);
}

function programAvailability(program: string, result: ExecResult, use: string): Availability {
  const no = { available: false, version: null } as const;
  if (result.failure === 'not_found') {
    return {
      ...no,
      state: 'not_installed',
      reason: `${program} is not installed; ${use} need it. Install the package \`${program}\`.`,
    };
  }
  if (result.failure === 'timeout') {
    return { ...no, state: 'hangs', reason: `\`${program}\` did not answer within 2 s. Run it by hand.` };
  }
  const version = /(\d+\.\d+\w*)/.exec(result.stdout + result.stderr)?.[1] ?? null;
  if (result.exitCode === 0) return { available: true, state: 'answers', version, reason: null };
  return {
    ...no,
    state: 'unusable',
    reason: `\`${program}\` cannot be run: ${result.stderr.trim()} Reinstall it.`,
  };
}
