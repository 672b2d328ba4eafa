import { randomBytes } from 'node:crypto';
import { type AgentPlace, type AgentStart, prepareAgent } from './agent-sessions.ts';
import { excludedSessions } from './config.ts';
import { type Command, quoteWord, shellQuote } from './core/command.ts';
import type { ContextRequest, ResolvedContext } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import type { Host } from './core/host.ts';
import { ownerOf } from './core/owner.ts';
import type { Place } from './core/runtime.ts';
import { EMPTY_CONTEXT } from './core/session.ts';
import { isSessionName, refuseExcluded } from './core/session-name.ts';
import type { Terminal, Terminals, TerminalWish } from './core/terminal.ts';
import type { SessionPlan, SessionRecord, TmuxSessions } from './executors/tmux-sessions.ts';
import type { RunDeps } from './worker/deps.ts';

export interface TerminalMachine {
  readonly host: Host;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  parts(): Promise<Pick<RunDeps, 'host' | 'runtime' | 'resolve'>>;
}

/** Terminal sessions as the verbs use them. */
export function terminalsOf(machine: TerminalMachine): Terminals {
  const sessions = async () => {
    const { TmuxSessions } = await import('./executors/tmux-sessions.ts');
    return new TmuxSessions(machine.host, machine.home);
  };
  return {
    make: async (wish) => {
      refuseExcluded(wish.name, await excludedSessions(machine.env));
      return terminalOf(await sessions(), await makeSession(machine, wish, await sessions()));
    },
    adopt: async (target, name) => {
      const all = await sessions();
      return terminalOf(all, await all.adopt(target, { name, exclude: await excludedSessions(machine.env) }));
    },
    find: async (name) => findTerminal(await sessions(), name),
    isAlive: async (name) => isTerminalAlive(await sessions(), name),
    attach: async (name) => {
      const all = await sessions();
      const inside = machine.env.TMUX?.split(',')[0] ?? null;
      const child = machine.host.spawn(all.attachCommand(all.mustFind(name), inside), {
        ...{ stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' },
        detached: false,
      });
      return (await child.ended).code ?? 1;
    },
    remove: async (name) => {
      const removed = await (await sessions()).remove(name);
      await endEmptyServer(machine);
      return removed;
    },
  };
}

/** berth's tmux server stays while it has a session, or somebody looks at it; then nothing is left of it. */
export async function endEmptyServer({ host, home }: Pick<TerminalMachine, 'host' | 'home'>): Promise<void> {
  const { endIfEmpty, ownServer } = await import('./executors/tmux/server.ts');
  await endIfEmpty(host, ownServer(home));
}

export async function findTerminal(all: TmuxSessions, name: string): Promise<Terminal | null> {
  const record = isSessionName(name) ? all.find(name) : null;
  return record === null ? null : terminalOf(all, record);
}

export function isTerminalAlive(all: TmuxSessions, name: string): boolean {
  const record = isSessionName(name) ? all.find(name) : null;
  return record !== null && all.isAlive(record);
}

async function terminalOf(all: TmuxSessions, record: SessionRecord): Promise<Terminal> {
  const { name, provider, request } = record;
  const currentDir = all.directory(record);
  return {
    ...{ name, provider, request, alive: all.isAlive(record) },
    context: { ...record.context, currentDir, gitBranch: await branchOf(currentDir) },
  };
}

async function branchOf(directory: string | null): Promise<string | null> {
  if (directory === null) return null;
  const { gitFacts } = await import('./contexts/git.ts');
  return (await gitFacts(directory).catch(() => null))?.branch ?? null;
}

async function makeSession(machine: TerminalMachine, wish: TerminalWish, all: TmuxSessions) {
  const [{ host, runtime, resolve }, { asUser, withPlace }] = await Promise.all([
    machine.parts(),
    import('./worker/plan.ts'),
  ]);
  const resolved = await resolve(wish.context);
  refuseJob(resolved);
  const driver = runtime(resolved.container?.runtime ?? 'bare');
  const { workdir } = wish.context;
  const mark = `${wish.name}-${randomBytes(8).toString('hex')}`;
  // a container that is started for it lives until the session ends
  const scope = { task: 0, attempt: 0, owner: ownerOf(host), session: mark, workdir };
  const place = asUser(await driver.prepare(host, resolved.container, scope), resolved);
  const at = { context: withPlace(resolved, place), place, runtime: driver, folder: all.folder(wish.name) };
  try {
    const agent = wish.provider === null ? null : await prepareAgent(host, wish.provider, at);
    return await all.make(await planOf(wish, { ...at, agent, mark }));
  } catch (error) {
    await driver.dispose(host, place);
    throw error;
  }
}

interface Prepared extends AgentPlace {
  readonly agent: AgentStart | null;
  /** In the environment of all that runs in it. */
  readonly mark: string;
}

async function planOf(
  wish: TerminalWish,
  { context, place, runtime, agent, mark }: Prepared,
): Promise<SessionPlan> {
  const { sessionFactsOf } = await import('./worker/plan.ts');
  const env = { ...context.env, ...agent?.env, BERTH_SESSION: mark };
  const inner = { argv: ['sh', '-c', await startLine(context, agent?.argv ?? null)], cwd: null, env };
  const end = { argv: ['sh', '-c', endLine(mark, place.id === null)], cwd: null, env: {} };
  const mayStay = place.id === null && agent === null;
  const ending = mayStay ? null : runtime.enter(place, end, { stdin: false, tty: false });
  return {
    name: wish.name,
    provider: wish.provider,
    request: place.owned ? inContainer(wish.context, place) : wish.context,
    context: { ...EMPTY_CONTEXT, ...sessionFactsOf(context, place) },
    command: runtime.enter(place, inner, { stdin: true, tty: true }),
    events: agent?.events ?? null,
    end: place.owned ? removal(place) : ending,
  };
}

/** Tasks of a session that has a container of its own run in that one, not in another of its image. */
function inContainer(request: ContextRequest, { id }: Place): ContextRequest {
  const { container } = request;
  if (container === null) return request;
  const none = {
    type: null,
    image: null,
    service: null,
    volumes: [],
    ports: [],
    engineArgs: [],
    build: false,
  };
  return { ...request, container: { ...container, ...none, mode: 'explicit', name: id } };
}

/** It was started for the session, under an id that no other container will ever have. */
function removal({ runtime, id }: Place): Command {
  // podman would wait ten seconds for a program that ignores TERM; docker knows no such option
  const now = runtime === 'podman' ? ['--time', '0'] : [];
  return { argv: [runtime, 'rm', '--force', '--volumes', ...now, id ?? ''], cwd: null, env: {} };
}

/**
 * Engines leave a shell behind whose terminal is gone, and some agents do not mind that theirs is; the processes
 * are known by a mark in their environment. On the host only those are ended that belong to the terminal: an
 * agent may have started a service of the user's.
 */
function endLine(mark: string, onHost: boolean): string {
  const ofTerminal =
    'read -r s <"$p/stat" && set -- ${s##*) } && grep -qsz "^BERTH_TERMINAL=$4$" "$p/environ" && ';
  const each = (signal: string) =>
    `for p in $(grep -ls BERTH_SESSION=${mark} /proc/[0-9]*/environ); do p=\${p%/environ}; ${onHost ? ofTerminal : ''}kill -${signal} "\${p#/proc/}"; done`;
  return `${each('HUP')}; sleep 1; ${each('KILL')}`;
}

/** A Job has a program of its own and no terminal. */
function refuseJob({ container }: ResolvedContext): void {
  if (!container?.job) return;
  throw new BerthError('A session cannot be a Kubernetes Job.', {
    code: 'CONTEXT_CONFLICT',
    hint: 'Enter a pod that runs, with `--pod`.',
  });
}

/** Directory, toolchain and prerequisites, in order; the first that fails ends it. Then the agent, or the user's shell. */
async function startLine(
  { dir, toolchain, prereqs, container }: ResolvedContext,
  agent: readonly string[] | null,
): Promise<string> {
  const { toolchainScript } = await import('./worker/plan.ts');
  const shell =
    container === null ? 'exec "${SHELL:-/bin/sh}"' : 'command -v bash >/dev/null 2>&1 && exec bash\nexec sh';
  return [
    `cd ${quoteWord(dir.target)} || exit 66`,
    toolchainScript(toolchain),
    ...prereqs.map((line) => `${shellQuote(['sh', '-c', line])} || exit $?`),
    // the process that stays is the leader of all that belong to the terminal
    agent === null ? shell : `export BERTH_TERMINAL=$$\nexec ${shellQuote(agent)}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}
