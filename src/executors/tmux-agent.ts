import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentSignal } from '../core/agent.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunEnd, RunReport } from '../core/executor.ts';
import { createRunDirectory, readEnd, runFiles, sealRun } from './run-directory.ts';
import { readSignals } from './tmux/agent-events.ts';
import { type AgentPane, deliver } from './tmux/deliver.ts';

export interface AgentSession {
  /** Throws a BerthError when the session is gone. */
  open(): Promise<AgentPane>;
  isAlive(): boolean;
  /** End the session: the one sure way to end a turn. */
  kill(): Promise<void>;
  /** The agent waits for somebody, with what for, or goes on. */
  waiting(what: string | null): Promise<void>;
}

/** A turn on disk, beside the files of every run: where in the session's events it began. */
interface Turn {
  readonly from: number;
  readonly delivery: 'started' | 'submitted' | 'unknown';
  readonly reason: string;
}

/** How long an interrupted agent may take to say that it stopped. */
const INTERRUPT_MS = 5_000;
const LOOK_MS = 100;

/** Prompts given to an agent on a screen. The agent's events say when a turn began and how it ended. */
export function agentExecutor(runs: string, session: AgentSession): Executor {
  const files = (directory: string) => runFiles(runs, directory);
  return {
    kind: 'tmux',

    async start(run) {
      const at = files(run.directory);
      const prompt = readFileSync(join(at.path, 'prompt'), 'utf8');
      try {
        // the start token: of two workers one delivers the prompt
        mkdirSync(join(at.path, 'turn'));
      } catch {
        return 'already';
      }
      createRunDirectory(at, run);
      const pane = await session.open();
      const { size } = readSignals(pane.events, pane.terminal);
      writeTurn(at.path, { from: size, delivery: 'started', reason: '' });
      const { delivery, reason } = await deliver(pane, prompt, join(at.path, 'paste'));
      if (delivery === 'not_submitted') throw notSubmitted(reason);
      writeTurn(at.path, { from: size, delivery: delivery === 'submitted' ? delivery : 'unknown', reason });
      return 'started';
    },

    async watch(directory, signal) {
      const at = files(directory);
      return readEnd(at) ?? follow(session, at.path, signal);
    },

    async stop(directory) {
      const at = files(directory);
      if (existsSync(join(at.path, 'stop'))) return;
      writeFileSync(join(at.path, 'stop'), String(Date.now()));
      const { control, pane } = await session.open();
      await control.run(['send-keys', '-t', pane, 'Escape']);
    },

    async seal(directory, end) {
      sealRun(files(directory), end);
    },

    async state(directory) {
      const at = files(directory);
      if (readEnd(at) !== null) return 'ended';
      if (!existsSync(join(at.path, 'turn'))) return 'absent';
      return session.isAlive() ? 'running' : 'vanished';
    },
  };
}

async function follow(session: AgentSession, path: string, signal: AbortSignal): Promise<RunEnd> {
  const turn = readTurn(path);
  if (turn?.delivery !== 'submitted')
    return lost(turn?.reason || 'The worker ended while it gave the prompt.');
  let waits = false;
  while (!signal.aborted) {
    // alive first: an event between the two looks is not missed
    const alive = session.isAlive();
    const end = await lookAt(session, path, turn);
    if (end !== 'working' && end !== 'waiting') return end;
    if (!alive) return lost('The agent ended in the middle of its turn.');
    if ((end === 'waiting') !== waits) {
      waits = end === 'waiting';
      await session.waiting(waits ? whatFor(path) : null);
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
}

async function lookAt(
  session: AgentSession,
  path: string,
  turn: Turn,
): Promise<RunEnd | 'working' | 'waiting'> {
  const { events, terminal } = await session.open().catch(() => ({ events: '', terminal: null }));
  if (terminal === null) return 'working';
  const { signals } = readSignals(events, terminal, turn.from);
  const began = signals.findIndex(({ kind }) => kind === 'submitted');
  const ours = signals.slice(began + 1);
  const last = ours.find(({ kind }) => kind === 'completed' || kind === 'failed' || kind === 'ended');
  if (last) return endOf(path, last);
  const stop = stopAskedAt(path);
  if (stop !== null && Date.now() - stop > INTERRUPT_MS) {
    await session.kill();
    return ended({ kind: 'stopped', exitCode: 143, reason: 'asked', gone: !session.isAlive() });
  }
  const now = ours.at(-1);
  if (now?.kind !== 'needs_approval' && now?.kind !== 'needs_input') return 'working';
  writeFileSync(join(path, 'waits-for'), now.what);
  return 'waiting';
}

function endOf(path: string, signal: AgentSignal): RunEnd {
  const stopped = stopAskedAt(path) !== null;
  if (stopped) return ended({ kind: 'stopped', exitCode: 143, reason: 'asked', gone: true });
  if (signal.kind === 'completed') {
    const answer = signal.answer ?? lastAnswer(signal.transcript) ?? '';
    writeFileSync(join(path, 'answer'), answer, { mode: 0o600 });
    appendFileSync(join(path, 'out.log'), `${answer}\n`, { mode: 0o600 });
    return ended({ kind: 'exit', exitCode: 0, reason: null, gone: true });
  }
  const cause = signal.kind === 'failed' ? signal.cause : 'The agent was closed in the middle of its turn.';
  appendFileSync(join(path, 'err.log'), `${cause}\n`, { mode: 0o600 });
  return ended({ kind: 'exit', exitCode: 1, reason: null, gone: true });
}

/** The last text of the assistant in a transcript of JSON lines. */
function lastAnswer(transcript: string | null): string | null {
  if (transcript === null || !existsSync(transcript)) return null;
  for (const line of readFileSync(transcript, 'utf8').trimEnd().split('\n').reverse()) {
    const texts = /"type":"assistant"/.test(line) ? assistantTexts(line) : [];
    if (texts.length > 0) return texts.join('\n');
  }
  return null;
}

function assistantTexts(line: string): readonly string[] {
  try {
    const { message } = JSON.parse(line) as { message?: { content?: { type: string; text?: string }[] } };
    return (message?.content ?? []).flatMap(({ type, text }) => (type === 'text' && text ? [text] : []));
  } catch {
    return [];
  }
}

function ended(report: RunReport): RunEnd {
  return { kind: 'ended', report };
}

function lost(reason: string): RunEnd {
  return { kind: 'vanished', exitCode: null, stderrTail: reason, stdoutTail: '' };
}

function whatFor(path: string): string {
  return readFileSync(join(path, 'waits-for'), 'utf8');
}

function stopAskedAt(path: string): number | null {
  const file = join(path, 'stop');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
}

function writeTurn(path: string, turn: Turn): void {
  writeFileSync(join(path, 'turn', 'state.json'), JSON.stringify(turn), { mode: 0o600 });
}

function readTurn(path: string): Turn | null {
  try {
    return JSON.parse(readFileSync(join(path, 'turn', 'state.json'), 'utf8')) as Turn;
  } catch {
    return null;
  }
}

function notSubmitted(reason: string): BerthError {
  return new BerthError(`The prompt was not submitted: ${reason}.`, {
    code: 'PROMPT_NOT_SUBMITTED',
    hint: 'Nothing of it ran. Look at the agent with `berth session attach`, then `berth retry`.',
  });
}
