import { type Command, toBytes } from '../core/command.ts';
import type { RunEnd } from '../core/executor.ts';
import { attachedScript, guardScript, type ScriptPlan } from '../core/script.ts';
import { followSupervised, pump } from '../core/supervised.ts';
import {
  clientStreams,
  type ForegroundDeps,
  type ForegroundEnd,
  type ForegroundFacts,
  type ForegroundStreams,
  takerFor,
} from './foreground-deps.ts';
import { holdLeash } from './leash.ts';
import { environmentOf, type PlanFacts, scriptPlanOf } from './plan.ts';

/**
 * A run whose program has the caller's streams to itself: a terminal, or the caller's stdin. Its own stdin can
 * be no leash then, so a guard beside it in the same place holds one: it prepares the run, and stops the
 * program's tree on request, at the time limit, and when this process dies.
 */
export async function attached(
  deps: ForegroundDeps,
  facts: ForegroundFacts,
  streams: ForegroundStreams,
): Promise<ForegroundEnd> {
  const plan = scriptPlanOf(facts, 'stdin');
  const guard = await facts.enter(facts.runtime, facts.place, clientStreams(streams));
  const entered: { program: Program | null } = { program: null };
  const kill = () => {
    guard.kill('SIGKILL');
    entered.program?.kill();
  };
  const leash = holdLeash(deps, facts, { stdin: guard.stdin, kill });
  leash.send(toBytes(`berth_pidfile=\n${environmentOf(facts)}${guardScript(plan)}`));
  const forget = deps.onSignal((signal) => {
    // Ctrl-C is for the program to decide on, while there is one: a terminal gives it to the program and to berth alike
    if (signal !== 'SIGINT' || streams.stdin !== 'terminal' || !entered.program?.runs)
      leash.stop('cancelled');
  });
  const output = streams.output && leash.hearing(streams.output);
  const end = await followSupervised(guard, plan.nonce, {
    write: takerFor({ output: output ?? null }),
    ready: () => {
      entered.program = startProgram(deps, programCommand(facts, plan, streams), { ...streams, output });
      void entered.program.exitCode.then(() => leash.send('over\n'));
    },
  });
  const exitCode = (await entered.program?.exitCode) ?? null;
  forget();
  leash.release();
  return { end: endOf(end, exitCode), stopReason: leash.reason };
}

/** A guard knows of no exit code; one that found the program alive after its client's end has stopped it. */
function endOf(guard: RunEnd, exitCode: number | null): RunEnd {
  if (guard.kind !== 'ended' || guard.report.kind === 'refused') return guard;
  const { kind, reason, gone } = guard.report;
  const unknown = kind === 'exit' ? exitCode === null : reason === 'cut' && gone;
  if (unknown) return { kind: 'vanished', exitCode, stdoutTail: '', stderrTail: CUT };
  return kind === 'exit' ? { kind: 'ended', report: { ...guard.report, exitCode: exitCode ?? 0 } } : guard;
}

const CUT = 'the engine client ended before the program did, and the program was stopped';

interface Program {
  /** As the program's client tells it; null when that was ended by a signal. */
  readonly exitCode: Promise<number | null>;
  readonly runs: boolean;
  /** End its client. */
  kill(): void;
}

function startProgram(
  { host }: ForegroundDeps,
  command: Command,
  { stdin, output }: ForegroundStreams,
): Program {
  const stream = output === null ? 'inherit' : 'pipe';
  const child = host.spawn(command, {
    stdin: 'inherit',
    stdout: stream,
    stderr: stream,
    // with a terminal it belongs to the group that the terminal talks to, else Ctrl-C is ours to pass on
    detached: stdin !== 'terminal',
  });
  let runs = true;
  const exitCode = Promise.all([
    child.ended.finally(() => {
      runs = false;
    }),
    pump(child.stdout, async (bytes) => output?.('stdout', bytes)),
    pump(child.stderr, async (bytes) => output?.('stderr', bytes)),
  ]).then(
    ([{ code, signal }]) =>
      // without a box there is no client: it is the program itself
      code ?? (command.argv[0] === 'sh' && signal !== null ? 128 + (SIGNAL_NUMBERS[signal] ?? 0) : null),
  );
  return {
    exitCode,
    get runs() {
      return runs;
    },
    kill: () => child.kill('SIGKILL'),
  };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

function programCommand(facts: PlanFacts, plan: ScriptPlan, { stdin }: ForegroundStreams): Command {
  const terminal = stdin === 'terminal';
  // docker tells a terminal its size only when the program runs already
  const { rows, columns } = process.stdout;
  const size = terminal && rows && columns ? `stty rows ${rows} cols ${columns} 2>/dev/null\n` : '';
  const { argv, env } = carried(`${size}${environmentOf(facts)}${attachedScript(plan)}`);
  const mark = { BERTH_RUN: plan.nonce, ...(terminal && { TERM: process.env.TERM ?? 'xterm' }) };
  const inner = { argv, cwd: null, env: { ...env, ...mark } };
  return facts.runtime.enter(facts.place, inner, { stdin: true, tty: terminal });
}

/**
 * A program that evaluates a script. The script travels in variables, because an argument would show the task's
 * values to everybody who can list processes, as ASCII, because engines pass variables on as UTF-8, and in
 * pieces, because Linux takes no variable above 128 KiB.
 */
function carried(text: string): Pick<Command, 'argv' | 'env'> {
  const escaped = toBytes(text)
    .toString('latin1')
    .replaceAll('\\', '\\\\')
    .replaceAll(/[\x80-\xff]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8)}`);
  const pieces = escaped.match(/.{1,60000}/gs) ?? [];
  const names = pieces.map((_, index) => `BERTH_SCRIPT_${index}`);
  const read = `berth_script=$(printf %b "$${names.join('$')}"); unset ${names.join(' ')}; eval "$berth_script"`;
  return {
    argv: ['sh', '-c', read],
    env: Object.fromEntries(pieces.map((piece, index) => [`BERTH_SCRIPT_${index}`, piece])),
  };
}
