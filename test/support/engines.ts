import { execFileSync } from 'node:child_process';
import { describe } from 'vitest';

/** The real programs that tests run against. `npm test` brings them up where it may (see test/engines). */
export type Engine =
  | 'docker'
  | 'compose'
  | 'podman'
  | 'podman-compose'
  | 'podman-rootless'
  | 'compose-v1'
  | 'kubernetes'
  | 'tmux'
  | 'ssh'
  | 'postgres'
  | 'toolchains';

const PROBES: Readonly<Record<Engine, readonly string[] | null>> = {
  docker: ['docker', 'version', '--format', '{{.Server.Version}}'],
  compose: ['docker', 'compose', 'version', '--short'],
  podman: ['podman', 'version', '--format', '{{.Client.Version}}'],
  'podman-compose': ['podman-compose', 'version'],
  'podman-rootless': process.env.BERTH_TEST_ROOTLESS
    ? [process.env.BERTH_TEST_ROOTLESS, 'podman', 'version']
    : null,
  'compose-v1': ['docker-compose', 'version', '--short'],
  kubernetes: process.env.KUBECONFIG ? ['kubectl', 'get', '--raw', '/readyz', '--request-timeout=3s'] : null,
  tmux: ['tmux', '-V'],
  ssh: process.env.BERTH_TEST_SSH_CONFIG
    ? [
        'ssh',
        '-F',
        process.env.BERTH_TEST_SSH_CONFIG,
        process.env.BERTH_TEST_SSH_HOST ?? 'berth-test',
        'true',
      ]
    : null,
  postgres: process.env.BERTH_TEST_POSTGRES_URL
    ? ['psql', process.env.BERTH_TEST_POSTGRES_URL, '-Atc', 'select 1']
    : null,
  toolchains: ['sh', '-c', 'command -v poetry && command -v pipenv && direnv version'],
};

const required = (process.env.BERTH_TEST_REQUIRE ?? '').split(',').filter((name) => name !== '');
const known = new Map<Engine, boolean>();

/** Whether an engine answers; asked once a process. A required engine that does not answer is an error. */
export function has(engine: Engine): boolean {
  const before = known.get(engine);
  if (before !== undefined) return before;
  const answers = probe(engine);
  known.set(engine, answers);
  if (!answers && required.includes(engine)) {
    throw new Error(
      `BERTH_TEST_REQUIRE names ${engine}, but it does not answer. Try test/engines/up ${engine}.`,
    );
  }
  return answers;
}

/** A describe block that needs engines; without them its title says so and its tests are skipped. */
export function describeWith(engines: readonly Engine[], title: string, body: () => void): void {
  const missing = engines.filter((engine) => !has(engine));
  if (missing.length === 0) describe(title, body);
  else describe.skip(`${title} [left out: no ${missing.join(', ')}]`, body);
}

function probe(engine: Engine): boolean {
  const argv = PROBES[engine];
  if (!argv) return false;
  try {
    const [program = '', ...args] = argv;
    execFileSync(program, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
