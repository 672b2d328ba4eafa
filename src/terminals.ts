import { randomBytes } from 'node:crypto';
import { prepareAgent } from './agent-sessions.ts';
import { quoteWord, shellQuote } from './core/command.ts';
import type { ResolvedContext } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import type { Host } from './core/host.ts';
import { EMPTY_CONTEXT } from './core/session.ts';
import { isSessionName } from './core/session-name.ts';
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
    make: async (wish) => terminalOf(await sessions(), await makeSession(machine, wish, await sessions())),
    adopt: async (target, name) => {
      const all = await sessions();
      return terminalOf(all, await all.adopt(target, name));
    },
    find: async (name) => findTerminal(await sessions(), name),
    attach: async (name) => {
      const all = await sessions();
      const inside = machine.env.TMUX?.split(',')[0] ?? null;
      const child = machine.host.spawn(all.attachCommand(all.mustFind(name), inside), {
        ...{ stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' },
        detached: false,
      });
      return (await child.ended).code ?? 1;
    },
    remove: async (name) => (await sessions()).remove(name),
  };
}

export async function findTerminal(all: TmuxSessions, name: string): Promise<Terminal | null> {
  const record = isSessionName(name) ? all.find(name) : null;
  return record === null ? null : terminalOf(all, record);
}

async function terminalOf(all: TmuxSessions, record: SessionRecord): Promise<Terminal> {
  const { name, provider, request } = record;
  const currentDir = all.directory(record) ?? record.context.currentDir;
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
  const [{ host, runtime, resolve }, { asUser, sessionFactsOf, withPlace }] = await Promise.all([
    machine.parts(),
    import('./worker/plan.ts'),
  ]);
  const resolved = await resolve(wish.context);
  refuseNewContainer(resolved);
  const driver = runtime(resolved.container?.runtime ?? 'bare');
  const { workdir } = wish.context;
  const scope = { task: 0, attempt: 0, owner: 'session', workdir };
  const place = asUser(await driver.prepare(host, resolved.container, scope), resolved);
  const context = withPlace(resolved, place);
  const folder = all.folder(wish.name);
  const agent =
    wish.provider === null
      ? null
      : await prepareAgent(host, wish.provider, { context, place, runtime: driver, folder });
  const mark = `${wish.name}-${randomBytes(8).toString('hex')}`;
  const env = { ...context.env, ...agent?.env, BERTH_SESSION: mark };
  const inner = { argv: ['sh', '-c', await startLine(context, agent?.argv ?? null)], cwd: null, env };
  const end = { argv: ['sh', '-c', endLine(mark)], cwd: null, env: {} };
  const plan: SessionPlan = {
    name: wish.name,
    provider: wish.provider,
    request: wish.context,
    context: { ...EMPTY_CONTEXT, ...sessionFactsOf(context, place) },
    command: driver.enter(place, inner, { stdin: true, tty: true }),
    events: agent?.events ?? null,
    end: place.id === null ? null : driver.enter(place, end, { stdin: false, tty: false }),
  };
  return all.make(plan);
}

/** Engines leave a shell behind whose terminal is gone; its processes are known by a mark in their environment. */
function endLine(mark: string): string {
  const each = (signal: string) =>
    `for p in $(grep -ls BERTH_SESSION=${mark} /proc/[0-9]*/environ); do p=\${p%/environ}; kill -${signal} "\${p#/proc/}"; done`;
  return `${each('HUP')}; sleep 1; ${each('KILL')}`;
}

/** A container lives as long as whoever started it; a session would outlive it. */
function refuseNewContainer({ container }: ResolvedContext): void {
  if (container?.start == null || container.runtime === 'compose') return;
  throw new BerthError(`A session cannot start a new container of ${container.image}.`, {
    code: 'CONTEXT_CONFLICT',
    hint: 'Start one with `berth container start`, then enter it with `--container NAME`.',
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
    agent === null ? shell : `exec ${shellQuote(agent)}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}
