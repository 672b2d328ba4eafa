import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentSignal, Delivery } from '../core/agent.ts';
import { BerthError } from '../core/errors.ts';
import type { Executor, RunEnd, RunReport, RunSpec } from '../core/executor.ts';
import { createRunDirectory, readEnd, runFiles, sealRun } from './run-directory.ts';
import {
  AgentListener,
  type AgentSource,
  BEGINNING,
  type Mark,
  pasteable,
  sameText,
} from './tmux/agent-events.ts';
import { type AgentPane, deliver, PATIENCE, type Patience } from './tmux/deliver.ts';

export interface AgentSession {
  /** Where the agent tells what it does; also of one that has ended. Null when the session is forgotten. */
  source(): AgentSource | null;
  /** Throws a BerthError when the session is gone. */
  open(): Promise<Omit<AgentPane, 'source'>>;
  isAlive(): boolean;
  /** End the session: the one sure way to end a turn. */
  kill(): Promise<void>;
  /** For the history of a task. */
  told(run: RunName, news: AgentNews): Promise<void>;
}

export type RunName = Pick<RunSpec, 'task' | 'attempt'>;

export type AgentNews =
  | { readonly kind: Delivery; readonly what: string }
  /** The agent waits for somebody. */
  | { readonly kind: 'waiting_input'; readonly what: string }
  /** It goes on. */
  | { readonly kind: 'answered'; readonly what: null };

/** A turn on disk, beside the files of every run: where in what the agent tells it began. */
interface Turn extends RunName {
  readonly mark: Mark;
  readonly delivery: Delivery | 'started';
  readonly reason: string;
}

/** How long an interrupted agent may take to say that it stopped. */
const INTERRUPT_MS = 5_000;
const LOOK_MS = 100;

/** Prompts given to an agent on a screen. The agent's events say when a turn began and how it ended. */
export function agentExecutor(runs: string, session: AgentSession, patience = PATIENCE): Executor {
  const files = (directory: string) => runFiles(runs, directory);
  return {
    kind: 'tmux',

    async start(run) {
      const at = files(run.directory);
      try {
        // the start token: of two workers one delivers the prompt
        mkdirSync(join(at.path, 'turn'));
      } catch {
        return 'already';
      }
      createRunDirectory(at, run);
      await giveTurn(session, run, { path: at.path, patience });
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
      for (const key of session.source()?.terminal.interrupt ?? []) {
        await control.run(['send-keys', '-t', pane, key]);
        await delay(LOOK_MS);
      }
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

/** @throws {BerthError} `PROMPT_NOT_SUBMITTED`, and why the session cannot be used */
async function giveTurn(
  session: AgentSession,
  run: RunSpec,
  { path, patience }: { readonly path: string; readonly patience: Patience },
): Promise<void> {
  const pane = await session.open();
  const source = session.source();
  if (source === null) throw notSubmitted('the session is gone');
  const turn: Turn = {
    ...{ task: run.task, attempt: run.attempt, delivery: 'started', reason: '' },
    mark: new AgentListener(source, BEGINNING).mark(),
  };
  writeTurn(path, turn);
  writeFileSync(join(path, 'agent'), source.provider, { mode: 0o600 });
  const { delivery, reason } = await deliver({ ...pane, source }, promptOf(path), {
    ...{ scratch: join(path, 'paste'), patience },
    blocked: (why) => tell(session, turn, path, why),
  });
  writeTurn(path, { ...turn, delivery, reason });
  await session.told(turn, { kind: delivery, what: reason });
  if (delivery === 'not_submitted') throw notSubmitted(reason);
}

async function tell(session: AgentSession, turn: RunName, path: string, why: string | null): Promise<void> {
  const file = join(path, 'waits-for');
  if (why === null) rmSync(file, { force: true });
  else writeFileSync(file, why, { mode: 0o600 });
  await session.told(
    turn,
    why === null ? { kind: 'answered', what: null } : { kind: 'waiting_input', what: why },
  );
}

async function follow(session: AgentSession, path: string, signal: AbortSignal): Promise<RunEnd> {
  const turn = readTurn(path);
  if (turn?.delivery !== 'submitted' && turn?.delivery !== 'queued')
    return lost(turn?.reason || 'The worker ended while it gave the prompt.');
  const source = session.source();
  if (source === null) return lost('The session was taken away in the middle of the turn.');
  const at: Followed = { session, path, source, heard: new AgentListener(source, turn.mark) };
  let waits: string | null = null;
  while (!signal.aborted) {
    // alive first: an event between the two looks is not missed
    const alive = session.isAlive();
    const now = await lookAt(at);
    if ('kind' in now) return now;
    if (!alive) return lost('The agent ended in the middle of its turn.');
    if (now.waitsFor !== waits) await tell(session, turn, path, now.waitsFor);
    waits = now.waitsFor;
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  throw new DOMException('The watch was given up; the run goes on.', 'AbortError');
}

interface Followed {
  readonly session: AgentSession;
  readonly path: string;
  readonly source: AgentSource;
  readonly heard: AgentListener;
}

async function lookAt({
  session,
  path,
  source,
  heard,
}: Followed): Promise<RunEnd | { waitsFor: string | null }> {
  const prompt = pasteable(promptOf(path));
  const signals = heard.signals();
  const began = signals.findIndex((one) => one.kind === 'submitted' && sameText(one.text, prompt));
  const ours = began === -1 ? signals.filter(({ kind }) => kind === 'ended') : signals.slice(began + 1);
  const last = ours.find(({ kind }) => kind === 'completed' || kind === 'failed' || kind === 'ended');
  if (last) return endOf(path, last);
  const stop = stopAskedAt(path);
  if (stop !== null && Date.now() - stop > INTERRUPT_MS) {
    await session.kill();
    return ended({ kind: 'stopped', exitCode: 143, reason: 'asked', gone: !session.isAlive() });
  }
  const now = ours.at(-1);
  if (now?.kind === 'needs_approval' || now?.kind === 'needs_input') return { waitsFor: now.what };
  const asked = now?.kind === 'calls' && source.terminal.asks(await titleOf(session));
  return { waitsFor: asked ? now.what : null };
}

/** The title that the program has given its terminal; empty when that cannot be asked. */
async function titleOf(session: AgentSession): Promise<string> {
  try {
    const { control, pane } = await session.open();
    return (await control.run(['display-message', '-p', '-t', pane, '#{pane_title}']))[0] ?? '';
  } catch {
    return '';
  }
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
  const cause = signal.kind === 'failed' ? signal.words : 'The agent was closed in the middle of its turn.';
  writeFileSync(join(path, 'failure'), cause, { mode: 0o600 });
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

function promptOf(path: string): string {
  return readFileSync(join(path, 'prompt'), 'utf8');
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

/** How the prompt of a run was taken; null before, and for a run that is no prompt on a screen. */
export function readDelivery(path: string): Turn['delivery'] | null {
  return readTurn(path)?.delivery ?? null;
}

function notSubmitted(reason: string): BerthError {
  return new BerthError(`The prompt was not submitted: ${reason}.`, {
    code: 'PROMPT_NOT_SUBMITTED',
    hint: 'Nothing of it ran. Look at the agent with `berth session attach`, then `berth retry`.',
  });
}
