import { quoteWord, shellQuote } from './command.ts';
import type { DirectoryIdentity } from './context.ts';
import type { RunReport } from './executor.ts';
import SUPERVISOR from './inside.sh?raw';
import type { Payload } from './task.ts';

/**
 * The text that runs in the box. It is POSIX sh, needs nothing installed, and comes in on stdin
 * (or from a file), so that no value of the task ever stands in an argument list of ours.
 */
export interface ScriptPlan {
  /** One line for people who open the file. */
  readonly title: string;
  /** Known to the two ends of a run; marks the supervisor's own words on stderr. */
  readonly nonce: string;
  /** Working directory in the box. */
  readonly dir: string;
  /** Host name that the box must have; null when it is not known. */
  readonly expectHost: string | null;
  /** What `dir` must be if the box has this kernel; left out where that is not known. */
  readonly expectDirectory?: DirectoryIdentity | null;
  /** Shell text that switches a toolchain on, or empty. */
  readonly toolchain: string;
  readonly prereqs: readonly string[];
  readonly payload: Payload;
  readonly graceMs: number;
  /** Backstop for a worker that is gone; null for none. */
  readonly deadlineMs: number | null;
  /** Who holds the run: a pipe on stdin (its end stops the run), or signals only. */
  readonly leash: 'stdin' | 'signal';
  /**
   * How long the end is held back until "heard" comes on the leash, for engines whose client ends with the
   * program and drops what is still on its way. Left out: it is not held back.
   */
  readonly hearMs?: number;
}

/** The task's environment as shell text: the only text that holds its values. `unset` names what goes first. */
export function environmentScript(
  env: Readonly<Record<string, string>>,
  unset: readonly string[] = [],
): string {
  const gone = unset.map((name) => `  unset ${name}`);
  const lines = Object.entries(env).map(([name, value]) => `  export ${name}=${quoteWord(value)}`);
  return `berth_environment() {\n${[...gone, ...lines, '  :'].join('\n')}\n}\n`;
}

/**
 * The whole run under a supervisor: prepare, start in a session of its own, watch the leash and the
 * deadline, stop with TERM then KILL, verify that everything is gone, and say how it ended.
 * Expects `berth_environment` (see `environmentScript`) before it.
 */
export function supervisedScript(plan: ScriptPlan): string {
  return supervisor(plan, [...preparation(plan), ...startingProgram(plan.payload)], '');
}

/**
 * For a program that has its streams to itself, such as one on a terminal: a supervisor that makes
 * everything ready, says so (`saysReady`), and watches over whatever carries `BERTH_RUN` with the nonce.
 * The program comes from outside, with `attachedScript`; "over" on the leash tells that its client ended.
 */
export function guardScript(plan: ScriptPlan): string {
  return supervisor(
    plan,
    [...preparation(plan), ...findingProgram(plan.payload), 'trap - EXIT; exit 0'],
    'yes',
  );
}

/**
 * For a run whose supervisor nobody hears any more: stops what is left of it, with TERM and after the grace KILL.
 * Says one word: `none` was left, `stopped`, or `stuck` when something would not end.
 */
export function stopLeftScript({
  nonce,
  graceMs,
}: {
  readonly nonce: string;
  readonly graceMs: number;
}): string {
  return [
    `berth_nonce=${quoteWord(nonce)} berth_guards= berth_pid= berth_live= berth_stopped= berth_left=0`,
    `berth_grace=${graceTicks(graceMs)}`,
    SUPERVISOR,
    'berth_stop left',
    'case "$berth_stopped$berth_left" in 0) echo none ;; *0) echo stopped ;; *) echo stuck ;; esac',
  ].join('\n');
}

/** Whether a guard has said that the program may start. */
export function saysReady(stderr: Buffer, nonce: string): boolean {
  return stderr.includes(`\x1eberth ${nonce} ready\n`);
}

/** The program of a guarded run: what its own process must do, once everything is ready. */
export function attachedScript({ dir, toolchain, payload }: ScriptPlan): string {
  const steps = [
    `cd ${quoteWord(dir)} || exit`,
    toolchain.trimEnd(),
    'berth_environment',
    'export BERTH_MAIN=$$',
  ];
  return [...steps, `set -- ${programWords(payload)}`, 'exec "$@"\n'].join('\n');
}

function supervisor(plan: ScriptPlan, steps: readonly string[], guards: '' | 'yes'): string {
  return [
    `# ${plan.title.replaceAll(/[^\x20-\x7e]/g, '?')}`,
    'berth_task() {',
    ...steps.map((line) => `  ${line}`),
    '}',
    `berth_nonce=${quoteWord(plan.nonce)}`,
    `berth_grace=${graceTicks(plan.graceMs)}`,
    `berth_deadline=${plan.deadlineMs === null ? '' : Math.ceil(plan.deadlineMs / 1000)}`,
    `berth_leash=${plan.leash}`,
    `berth_guards=${guards}`,
    `berth_hear=${plan.hearMs === undefined ? '' : Math.ceil(plan.hearMs / 1000)}`,
    SUPERVISOR,
    'berth_main\n',
  ].join('\n');
}

/** The supervisor counts in fifths of a second. */
function graceTicks(graceMs: number): number {
  return Math.max(1, Math.ceil(graceMs / 200));
}

/** The steps in order; the first that fails ends the attempt before anything of the task ran. */
function preparation(plan: ScriptPlan): readonly string[] {
  return [
    `trap 'berth_refuse $?' EXIT`,
    ...hostProof(plan),
    'berth_step=directory',
    `cd ${quoteWord(plan.dir)} || exit 66`,
    ...directoryProof(plan),
    ...(plan.toolchain === '' ? [] : ['berth_step=toolchain', plan.toolchain.trimEnd()]),
    'berth_step=environment',
    'berth_environment',
    ...plan.prereqs.flatMap((line, index) => [
      `berth_step=prerequisite-${index + 1}`,
      `$berth_setsid sh -c ${quoteWord(line)} || exit $?`,
    ]),
    'berth_step=program',
  ];
}

function hostProof(plan: ScriptPlan): string[] {
  if (plan.expectHost === null) return [];
  return [
    'berth_step=proof',
    'berth_host=; read -r berth_host </proc/sys/kernel/hostname',
    `[ "$berth_host" = ${quoteWord(plan.expectHost)} ] || { echo "berth: this is host $berth_host" >&2; exit 1; }`,
  ];
}

/** A mount goes on showing the old directory after a new one has taken its place. */
function directoryProof({ expectDirectory, dir }: ScriptPlan): string[] {
  if (!expectDirectory) return [];
  const { bootId, inode } = expectDirectory;
  return [
    'berth_step=proof',
    'berth_boot=; { read -r berth_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null',
    `if [ "$berth_boot" = ${quoteWord(bootId)} ]; then`,
    '  berth_inode=$(stat -c %d:%i . 2>/dev/null)',
    `  case $berth_inode in ''|${quoteWord(inode)}) ;; *)`,
    `    echo "berth: "${quoteWord(dir)}" is another directory than the one on the host" >&2; exit 1 ;;`,
    '  esac',
    'fi',
  ];
}

function startingProgram(payload: Payload): readonly string[] {
  return [...findingProgram(payload), `berth_exec ${programWords(payload)}`];
}

function findingProgram(payload: Payload): readonly string[] {
  return payload.kind === 'argv' ? [`berth_find ${quoteWord(payload.argv[0] ?? '')}`] : [];
}

function programWords(payload: Payload): string {
  if (payload.kind === 'argv') return shellQuote(payload.argv);
  return `sh -c ${quoteWord(payload.kind === 'line' ? payload.line : payload.text)}`;
}

/** How many bytes at the end of stderr are enough to hold the supervisor's words. */
export const END_MARK_BYTES = 65_536;

/** The last of stdout, from a supervisor that holds its end back until it was heard. */
export function outMark(nonce: string): string {
  return `\x1eberth ${nonce} out\n`;
}

export interface EndMark {
  readonly report: RunReport;
  /** Where our own words begin, in bytes from the start of the text that was given. */
  readonly offset: number;
  /** Where they end. */
  readonly end: number;
}

/** What the supervisor said last, or null when its end mark is not in this piece of stderr. */
export function findEndMark(stderr: Buffer, nonce: string): EndMark | null {
  const lead = `\x1eberth ${nonce} `;
  const last = stderr.lastIndexOf(lead);
  if (last < 0) return null;
  const end = stderr.indexOf('\n', last + 1);
  if (end < 0) return null;
  const words = wordsOf(stderr, last + lead.length, end);
  if (words[0] !== 'exit' && words[0] !== 'stopped') return null;
  const before = stderr.lastIndexOf(lead, last - 1);
  const refusal = before < 0 ? [] : wordsOf(stderr, before + lead.length, stderr.indexOf('\n', before + 1));
  const refused = refusal[0] === 'refused' && words[0] === 'exit';
  return { report: reportOf(refused ? refusal : words), offset: refused ? before : last, end: end + 1 };
}

function wordsOf(text: Buffer, from: number, to: number): string[] {
  return text.subarray(from, to).toString('latin1').split(' ');
}

function reportOf(words: readonly string[]): RunReport {
  const [kind = 'exit', code = '', reason = null, left = '0'] = words;
  return {
    kind: kind === 'refused' || kind === 'stopped' ? kind : 'exit',
    exitCode: Number(code),
    reason,
    gone: left === '0',
  };
}
