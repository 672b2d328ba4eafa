import { createInterface } from 'node:readline';
import type { Host } from '../core/host.ts';
import { type EngineName, engineCommand } from './engine-cli.ts';

/** A container that started, ended, was paused or woken, or was removed: a reason to look at it again. */
export interface ContainerEvent {
  /** Full id. */
  readonly id: string;
  /** Compose project that it belongs to; null when it is in none. */
  readonly project: string | null;
}

export interface EventsQuestion {
  /** Unix milliseconds: events from then on come first. */
  readonly sinceMs: number;
  /** Aborted: no more. */
  readonly signal: AbortSignal;
}

/**
 * What an engine tells of its containers, as it happens; ends when the engine goes away. It neither keeps this
 * process from ending, nor outlives it.
 */
export async function* containerEvents(
  host: Host,
  engine: EngineName,
  { sinceMs, signal }: EventsQuestion,
): AsyncGenerator<ContainerEvent> {
  const { argv, env } = engineCommand([engine, ...eventArguments(sinceMs)]);
  const leashed = { argv: ['sh', '-c', LEASHED, 'sh', ...argv], cwd: null, env };
  const streams = { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore', detached: true } as const;
  const child = host.spawn(leashed, streams);
  child.unref();
  child.stdin?.on('error', () => {});
  const letGo = () => child.stdin?.end();
  signal.addEventListener('abort', letGo, { once: true });
  if (signal.aborted) letGo();
  try {
    if (child.stdout === null) return;
    for await (const line of createInterface({ input: child.stdout })) {
      const event = eventOf(line);
      if (event !== null) yield event;
    }
  } finally {
    signal.removeEventListener('abort', letGo);
    letGo();
  }
}

/** The engine's program lives as long as it wants and somebody holds our stdin; its end is the end of stdout. */
const LEASHED = '"$@" </dev/null & exec >/dev/null; read -r berth_line; kill $! 2>/dev/null';

/** A machine that has just woken may be behind our clock; what comes twice does no harm. */
const CLOCKS_APART_MS = 60_000;

/** Docker's words, then podman's. */
const EVENTS = ['start', 'pause', 'unpause', 'die', 'destroy', 'died', 'remove'];

function eventArguments(sinceMs: number): readonly string[] {
  const since = Math.floor((sinceMs - CLOCKS_APART_MS) / 1000);
  const filters = ['type=container', ...EVENTS.map((name) => `event=${name}`)];
  return [
    ...['events', '--format', '{{json .}}', '--since', String(since)],
    ...filters.flatMap((filter) => ['--filter', filter]),
  ];
}

/** Null for a line that tells of no container. */
export function eventOf(line: string): ContainerEvent | null {
  try {
    const raw = JSON.parse(line) as RawEvent;
    const id = raw.Actor?.ID ?? raw.ID ?? raw.id;
    const labels = raw.Actor?.Attributes ?? raw.Attributes ?? {};
    if (typeof id !== 'string') return null;
    return { id, project: labels['com.docker.compose.project'] ?? null };
  } catch {
    return null;
  }
}

/** Docker puts id and labels below `Actor`, podman does not. */
interface RawEvent {
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
  readonly ID?: string;
  readonly id?: string;
  readonly Attributes?: Readonly<Record<string, string>> | null;
}
