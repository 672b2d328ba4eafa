import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedAgent } from './agent-runs.ts';
import { agentOf } from './agents/agents.ts';
import { quoteWord } from './core/command.ts';
import type { ResolvedContext } from './core/context.ts';
import { BerthError } from './core/errors.ts';
import type { Host } from './core/host.ts';
import type { Place, Runtime } from './core/runtime.ts';
import type { AgentSource } from './executors/tmux/agent-events.ts';
import { agentFiles, environmentOf } from './executors/tmux/agent-files.ts';
import type { AgentNews, AgentSession, RunName } from './executors/tmux-agent.ts';
import type { SessionRecord } from './executors/tmux-sessions.ts';
import type { SessionTarget, TerminalWorker } from './terminal-runs.ts';

export interface AgentPlace {
  readonly context: ResolvedContext;
  readonly place: Place;
  readonly runtime: Runtime;
  /** Folder of the session, for what the agent is started with. */
  readonly folder: string;
}

export interface AgentStart {
  readonly argv: readonly string[];
  /** What its program is given beside the variables of the place. */
  readonly env: Readonly<Record<string, string>>;
  /** File that it tells its events in; null for an agent that tells none, or tells them where we cannot read. */
  readonly events: string | null;
}

/**
 * How an agent is started on a screen, with its files written.
 *
 * @throws {BerthError} `AGENT_NOT_FOUND`
 */
export async function prepareAgent(host: Host, provider: string, at: AgentPlace): Promise<AgentStart> {
  await installedAgent(host, { ...at, providers: [provider] });
  const { program, terminal } = agentOf(provider);
  if (terminal === null || at.place.id !== null) return { argv: [program], env: {}, events: null };
  mkdirSync(at.folder, { recursive: true, mode: 0o700 });
  const events = join(at.folder, 'events.jsonl');
  rmSync(events, { force: true });
  const hook = join(at.folder, 'hook.sh');
  const theirs = agentFiles({ ...process.env, ...at.context.env });
  const { argv, env, files } = terminal.launch({
    ...{ hook: `sh ${quoteWord(hook)}`, folder: at.folder, files: theirs },
  });
  for (const [name, text] of Object.entries({ ...files, 'hook.sh': HOOK })) {
    writeFileSync(join(at.folder, name), text, { mode: 0o600 });
  }
  return { argv, env, events };
}

/** The agent of a terminal session, for the executor that gives it prompts. */
export function agentSession(worker: TerminalWorker, { all, connect, name }: SessionTarget): AgentSession {
  const source = () => {
    const record = all.find(name);
    return record === null ? null : sourceOf(record);
  };
  return {
    source,
    async open() {
      const record = all.mustFind(name);
      if (sourceOf(record) === null) throw notDriven(record);
      return { control: await connect(record), pane: record.pane };
    },
    isAlive: () => {
      const record = all.find(name);
      return record !== null && all.isAlive(record);
    },
    kill: async () => {
      const record = all.find(name);
      if (record === null || !all.isAlive(record)) return;
      await (await connect(record)).run(['kill-pane', '-t', record.pane]).catch(() => {});
      if (record.end !== null) await worker.host.exec(record.end, { timeoutMs: 10_000 });
      for (let look = 0; look < 100 && all.isAlive(record); look++)
        await new Promise((done) => setTimeout(done, 20));
    },
    told: (run, news) => tell(worker, { name, run, news }),
  };
}

/** Null for a shell, and for an agent that is not driven. */
function sourceOf({ provider, events, process: started }: SessionRecord): AgentSource | null {
  const terminal = provider === null ? null : agentOf(provider).terminal;
  if (provider === null || terminal === null || events === null) return null;
  return { provider, terminal, events, files: agentFiles(environmentOf(started.pid) ?? process.env) };
}

interface Told {
  readonly name: string;
  readonly run: RunName;
  readonly news: AgentNews;
}

/** To the history of the task; that somebody is waited for also to the session and to people. */
async function tell(worker: TerminalWorker, { name, run, news }: Told): Promise<void> {
  const { kind, what } = news;
  const store = await worker.store();
  const note = { taskId: run.task, attempt: run.attempt, kind, reason: what === '' ? null : what };
  const status = kind === 'waiting_input' ? 'waiting_input' : kind === 'answered' ? 'busy' : null;
  await Promise.all([store.note(note), status && store.updateSession(name, { status })]);
  if (kind === 'waiting_input') worker.log({ event: kind, ...run, message: `${name}: ${what}` });
}

function notDriven({ name, provider }: SessionRecord): BerthError {
  const sentence =
    provider === null
      ? `Session ${name} runs a shell, no agent.`
      : `berth cannot tell when ${provider} on a screen takes a prompt or has done with it.`;
  return new BerthError(sentence, {
    code: 'PROMPT_NOT_SUBMITTED',
    hint:
      provider === null
        ? 'Make a session with `berth session new NAME --agent claude`.'
        : `Send it with \`--provider ${provider} --headless\`.`,
  });
}

/** One event, one line, one write. It prints nothing and never fails: an agent takes both for orders. */
const HOOK = `cd "\${0%/*}" || exit 0
umask 077
{ tr '\\n' ' '; echo; } >"event.$$" && cat "event.$$" >>events.jsonl
rm -f "event.$$"
exit 0
`;
