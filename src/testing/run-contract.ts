import { afterAll, beforeAll, describe } from 'vitest';
import type { Outcome, Payload } from '../core/task.ts';
import { arriving } from './run-contract-arriving.ts';
import { ends } from './run-contract-ends.ts';
import { stops } from './run-contract-stops.ts';
import { traces } from './run-contract-traces.ts';

/** One way of running whole tasks in one kind of box. */
export interface RunsUnderTest {
  /**
   * `queue`, and `tmux`, the same in a window of a terminal session: the run outlives the process that started it.
   * `foreground`: it dies with it.
   */
  readonly way: 'queue' | 'tmux' | 'foreground';
  /**
   * `full`: 20 rounds of each kill, every signal, on the host every exit code.
   * `rounds`: the rounds alone, where each run costs a container or a window.
   * `some`: three rounds, where the same code holds runs in the same engine.
   */
  readonly size: 'full' | 'rounds' | 'some';
  start(wish: RunWish): Promise<StartedRun>;
  /** Start it in a process of its own, the built program's, which can be killed. */
  startElsewhere(wish: Pick<RunWish, 'payload' | 'env'>): Promise<RunElsewhere>;
  /** Processes inside the box that carry this text in their arguments or variables; none when the box is gone. */
  processes(text: string): Promise<readonly string[]>;
  /** A directory of the box with blanks, quotes and a byte that is not UTF-8 in its name. */
  readonly oddDirectory: string;
  /** Containers that carry the label of a task of this suite. */
  leftContainers(): Promise<readonly string[]>;
  /** Whether the box that was there before is as it was; true where berth starts its own. */
  foreignIsUntouched(): Promise<boolean>;
  /** Owner of a file that tasks wrote at this path of the box, where berth chose the user; else null. */
  ownerOf(name: string): Promise<{ readonly uid: number; readonly gid: number } | null>;
  readonly caller: { readonly uid: number; readonly gid: number };
  /** A program of the engine's stands between us and the box. */
  readonly hasClient: boolean;
  /** The engine has no way to be asked as another user; the host has no box to choose a user for. */
  readonly hasUsers: boolean;
  close(): Promise<void>;
}

export interface RunWish {
  readonly payload: Payload;
  readonly env?: Readonly<Record<string, string>>;
  /** In the box. Default: the project's directory there. */
  readonly dir?: string;
  readonly user?: string;
  readonly prereqs?: readonly string[];
  readonly timeoutMs?: number;
}

export interface StartedRun {
  /** stdout as it is now. */
  said(): Promise<string>;
  cancel(): Promise<void>;
  /** Kill the engine's client that runs it, with SIGKILL, where there is one. */
  killClient(): Promise<void>;
  readonly ended: Promise<RunResult>;
}

export interface RunElsewhere {
  said(): Promise<string>;
  /** SIGKILL to the worker, or to `berth run`. */
  kill(): Promise<void>;
  /** What a worker that starts now makes of it. */
  afterwards(): Promise<RunResult>;
}

export interface RunResult {
  readonly outcome: Outcome;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The points of the contract; the numbers stand in the test names, and the table in docs/containers.md is made of both. */
export const RUN_POINTS: Readonly<Record<number, string>> = {
  1: 'arguments, directory and variables arrive byte for byte',
  2: 'stdout and stderr stay apart and complete',
  3: 'exit codes, signals, and what could not start',
  4: 'cancel and time limit leave nothing of the tree',
  5: 'a killed worker or `berth run`: goes on, or is gone, as promised',
  6: 'the caller’s stdin is not eaten',
  7: 'files belong to the caller where berth chose the user',
  8: 'nothing is left behind, foreign containers stay as they are',
  11: 'argument lists end to end, a line goes to `sh -c`',
};

/** What must be true of a whole run, from the request to the outcome, in every box and in every way. */
export function runContract(name: string, open: () => Promise<RunsUnderTest>): void {
  describe(name, () => {
    let under: RunsUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under?.close());
    const subject: RunSubject = {
      under: () => under,
      run: async (wish) => (await under.start(wish)).ended,
    };

    arriving(subject);
    ends(subject);
    stops(subject);
    traces(subject);
  });
}

/** What the parts of the suite get: known only when the box is open. */
export interface RunSubject {
  under(): RunsUnderTest;
  run(wish: RunWish): Promise<RunResult>;
}
