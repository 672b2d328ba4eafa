import type { Command } from './command.ts';
import type { ResolvedContainer } from './context.ts';
import type { RunEnd } from './executor.ts';
import type { Host, Spawned } from './host.ts';

/** Where a command ends up: a running box, or no box. Plain JSON. */
export interface Place {
  readonly runtime: 'bare' | 'docker' | 'podman' | 'compose' | 'kubernetes';
  /** Full container id, `pod/container`, or null without a box. */
  readonly id: string | null;
  /** True when berth started it and must remove it. */
  readonly owned: boolean;
  readonly container: ResolvedContainer | null;
  readonly user: string | null;
}

/** Labels of what berth starts; a sweep removes only what carries them. */
export interface Scope {
  readonly task: number;
  readonly attempt: number;
  /** The process that answers for it, as `ownerOf` says it. */
  readonly owner: string;
  /** A terminal session that it is for instead of a task, then both numbers are 0: its name, a dash, 16 hex digits. */
  readonly session?: string;
  readonly workdir: string;
}

/**
 * Makes or finds a box and rewrites a command so that it enters it.
 */
export interface Runtime {
  readonly kind: Place['runtime'];

  /** Make sure the box is there and runs. Safe to repeat with the same scope. Throws a BerthError that says why not. */
  prepare(host: Host, container: ResolvedContainer | null, scope: Scope): Promise<Place>;

  /**
   * A box of berth's own that runs nothing but this program, made and not started: for an image without a shell, to
   * which `prepare` says `NO_SHELL`. Left out where berth starts no boxes. Throws as `prepare` does.
   */
  makeLone?(host: Host, container: ResolvedContainer, scope: Scope, program: LoneProgram): Promise<LoneBox>;

  /** Pure text work: the command that runs `inner` in the box. */
  enter(place: Place, inner: Command, streams: Streams): Command;

  /**
   * What `enter` with stdin does, without a program to start: for a run that lives as long as this process. Null where
   * that cannot be had, or was refused: then `enter` tells why.
   */
  open?(place: Place, argv: readonly string[]): Promise<Spawned | null>;

  /**
   * What the engine knows about an end that the supervisor could not report; an engine that was just restarted is
   * waited for.
   *
   * @param left  a run whose end nobody saw: what goes on of it in the box is stopped
   */
  postmortem(host: Host, place: Place, left?: LeftRun | null): Promise<Postmortem>;

  /** Remove what prepare made. Safe to repeat; never touches a foreign container. */
  dispose(host: Host, place: Place): Promise<void>;
}

export interface LoneProgram {
  readonly command: Command;
  /** Null is who a box of the caller's files has. */
  readonly user: string | null;
  readonly streams: Streams;
  readonly graceMs: number;
}

export interface LoneBox {
  readonly place: Place;
  /** Starts it and passes its streams on, until it ends. */
  readonly command: Command;
  /** The engine's own: TERM, and KILL after the grace, to all that runs in it. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** How it ended, as the engine tells; `client` is the end of `command`, which remains where it does not. */
  endOf(client: RunEnd): Promise<RunEnd>;
}

export interface LeftRun {
  /** `BERTH_RUN` of its processes. */
  readonly nonce: string;
  readonly graceMs: number;
  /** Aborted: nobody waits for an engine any more. */
  readonly signal: AbortSignal | null;
  /** The program that had entered the box, as it ended. */
  readonly client: LeftClient;
}

export interface LeftClient {
  /** Null where it was ended by a signal, or another process saw it. */
  readonly exitCode: number | null;
  /** The end of its stderr, with that of the task. */
  readonly words: string;
}

export interface Streams {
  /** Forward stdin. */
  readonly stdin: boolean;
  readonly tty: boolean;
}

export interface Postmortem {
  readonly state: 'running' | 'stopped' | 'gone' | 'unknown';
  readonly oom: boolean | null;
  /** A sentence: what the engine says happened. */
  readonly cause: string | null;
}
