import { BerthError, type ErrorCode } from '../core/errors.ts';
import type { RunEnd, RunReport } from '../core/executor.ts';
import type { Postmortem } from '../core/runtime.ts';
import type { Outcome, StopReason, TaskSpec } from '../core/task.ts';

export interface EndFacts {
  readonly end: RunEnd;
  readonly spec: TaskSpec;
  /** Why this worker asked for a stop, or null. */
  readonly stopReason: StopReason | null;
  /** What the engine says; asked only where the run's own record does not tell enough. */
  readonly postmortem: Postmortem;
  /** The box was never entered, as the engine's own words say; null when they do not. */
  readonly entryFailure: BerthError | null;
}

/** The outcome of an attempt. What cannot be known is `lost`, never guessed. */
export function outcomeOf(facts: EndFacts): Outcome {
  const { end } = facts;
  if (end.kind === 'vanished') return withoutRecord(facts);
  switch (end.report.kind) {
    case 'refused':
      return refusal(end.report, facts.spec);
    case 'stopped':
      return stopped(end.report, facts.stopReason);
    case 'exit':
      return exited(end.report.exitCode, facts.postmortem);
  }
}

export function notStarted(error: BerthError): Outcome {
  return { kind: 'not_started', code: error.code, message: error.message, hint: error.hint };
}

function withoutRecord({ end, postmortem, entryFailure, stopReason }: EndFacts): Outcome {
  const turnedAway = end.kind === 'vanished' ? end.turnedAway : undefined;
  if (turnedAway !== undefined) return { kind: 'not_started', ...turnedAway };
  if (entryFailure) return notStarted(entryFailure);
  const words = end.kind === 'vanished' ? lastLine(end.stderrTail) : '';
  const what =
    stopReason === null
      ? 'The run ended without a record of its end'
      : 'The run was asked to stop and left no record';
  const sentences = [
    end.kind === 'vanished' && end.cause ? `${what}: ${end.cause}` : what,
    postmortem.cause ?? '',
    words === '' ? '' : `Its last words: ${words}`,
  ];
  return { kind: 'lost', cause: sentences.filter(Boolean).map(asSentence).join(' ') };
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

function exited(exitCode: number, postmortem: Postmortem): Outcome {
  if (exitCode === 0) return { kind: 'succeeded' };
  const signal = SIGNALS[exitCode - 128] ?? null;
  return { kind: 'failed', exitCode, signal, oom: postmortem.oom, cause: causeOf(signal, postmortem) };
}

function causeOf(signal: string | null, { oom, cause }: Postmortem): string | null {
  if (oom) return 'Out of memory: the kernel ended a process of the container.';
  if (signal === 'SIGKILL') return cause ?? 'Ended by SIGKILL (kill -9, or the kernel when memory ran out).';
  return signal === null ? null : `Ended by ${signal}.`;
}

function stopped(report: RunReport, asked: StopReason | null): Outcome {
  if (!report.gone)
    return { kind: 'lost', cause: 'The task was stopped, but some of its processes would not end.' };
  if (report.reason === 'deadline' || asked === 'timed_out') {
    return { kind: 'timed_out', cause: 'The time limit passed.' };
  }
  if (asked === 'idle') return { kind: 'timed_out', cause: 'No output came for longer than the idle limit.' };
  const cause =
    report.reason === 'leash' ? 'The process that held the run was ended.' : 'Cancelled on request.';
  return { kind: 'cancelled', cause };
}

function refusal(report: RunReport, spec: TaskSpec): Outcome {
  const step = report.reason ?? '';
  const prerequisite = /^prerequisite-(\d+)$/.exec(step);
  if (prerequisite) {
    const line = spec.context.prereqs[Number(prerequisite[1]) - 1] ?? '';
    return notStarted(
      new BerthError(`Prerequisite ${prerequisite[1]} (${line}) exited ${report.exitCode}.`, {
        code: 'PREREQUISITE_FAILED',
        hint: 'Its output is in the log of the task; mend it, then `berth retry`.',
      }),
    );
  }
  const [code, message, hint] = stepFailure(step, report.exitCode, spec);
  return notStarted(new BerthError(message, { code, hint }));
}

function stepFailure(step: string, exitCode: number, spec: TaskSpec): [ErrorCode, string, string] {
  const { payload, context } = spec;
  const program = payload.kind === 'argv' ? (payload.argv[0] ?? '') : 'sh';
  switch (step) {
    case 'directory':
      return [
        'DIRECTORY_NOT_FOUND',
        `The directory for ${context.workdir} cannot be entered.`,
        'Check that it exists where the task runs: `berth explain`.',
      ];
    case 'toolchain':
      return [
        'TOOLCHAIN_MISSING',
        'The toolchain could not be switched on.',
        'See the log of the task, or send it with `--no-venv`.',
      ];
    case 'environment':
      return [
        'INVALID_VALUE',
        'A variable could not be set.',
        'The shell keeps some names for itself, such as PPID; choose another name.',
      ];
    case 'proof':
      return [
        'CONTEXT_MISMATCH',
        'The task reached another place than the one that was resolved.',
        'The container may have been replaced: send the task again.',
      ];
    default:
      return exitCode === 126
        ? [
            'PROGRAM_NOT_EXECUTABLE',
            `The program ${program} cannot be executed there.`,
            'Check its mode and its first line (`#!`).',
          ]
        : [
            'PROGRAM_NOT_FOUND',
            `There is no program ${program} there.`,
            "Check PATH in that place: `berth run ... -- sh -c 'echo $PATH'`.",
          ];
  }
}

/** Numbers of Linux, where boxes run (signal(7)); those that end a program. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  16: 'SIGSTKFLT',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  26: 'SIGVTALRM',
  27: 'SIGPROF',
  29: 'SIGIO',
  30: 'SIGPWR',
  31: 'SIGSYS',
};
