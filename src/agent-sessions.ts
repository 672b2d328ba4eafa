import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedAgent } from './agent-runs.ts';
import { agentOf } from './agents/agents.ts';
import { quoteWord } from './core/command.ts';
import type { ResolvedContext } from './core/context.ts';
import type { Host } from './core/host.ts';
import type { Place, Runtime } from './core/runtime.ts';

export interface AgentPlace {
  readonly context: ResolvedContext;
  readonly place: Place;
  readonly runtime: Runtime;
  /** Folder of the session, for what the agent is started with. */
  readonly folder: string;
}

export interface AgentStart {
  readonly argv: readonly string[];
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
  if (terminal === null || at.place.id !== null) return { argv: [program], events: null };
  mkdirSync(at.folder, { recursive: true, mode: 0o700 });
  const events = join(at.folder, 'events.jsonl');
  rmSync(events, { force: true });
  const hook = join(at.folder, 'hook.sh');
  const { argv, files } = terminal.launch(`sh ${quoteWord(hook)}`, at.folder);
  for (const [name, text] of Object.entries({ ...files, 'hook.sh': HOOK })) {
    writeFileSync(join(at.folder, name), text, { mode: 0o600 });
  }
  return { argv, events };
}

/** One event, one line, one write. It prints nothing and never fails: an agent takes both for orders. */
const HOOK = `cd "\${0%/*}" || exit 0
umask 077
{ tr '\\n' ' '; echo; } >"event.$$" && cat "event.$$" >>events.jsonl
rm -f "event.$$"
exit 0
`;
