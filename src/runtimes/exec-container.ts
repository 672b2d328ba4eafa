import { randomBytes } from 'node:crypto';
import { toBytes } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import type { RunEnd, RunReport } from '../core/executor.ts';
import type { Host } from '../core/host.ts';
import { environmentScript, supervisedScript } from '../core/script.ts';
import { followSupervised, type OutputTaker } from '../core/supervised.ts';
import { type CommandInput, commandWords } from './builders.ts';
import { engineWakes, mustRun } from './container-state.ts';
import { findContainer, type RunningContainer } from './containers.ts';
import { type EngineName, lastWords } from './engine-cli.ts';
import { openExec } from './engine-exec.ts';
import { enterContainer } from './enter.ts';
import { execFailure } from './exec-failure.ts';

/**
 * Run a command in a running container to its end, without standard input. When this process dies, the
 * command's whole tree is stopped; only an image without a shell has no such leash.
 *
 * @param container  name or id, of any local engine
 * @throws           {BerthError} `CONTAINER_NOT_FOUND`, `CONTAINER_NOT_RUNNING` and the other states,
 *                   `PROGRAM_NOT_FOUND` and other reasons for which nothing ran
 */
export async function executeInContainer(
  host: Host,
  container: string,
  command: CommandInput,
): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const write: OutputTaker['write'] = async (stream, bytes) => void chunks[stream].push(bytes);
  const exitCode = await execInContainer(host, { container, argv: commandWords(command), write });
  return {
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
    exitCode,
  };
}

export interface ExecWish {
  readonly container: string;
  readonly argv: readonly string[];
  readonly write: OutputTaker['write'];
}

/** As `executeInContainer`, with the output as it comes. @returns the exit code */
export async function execInContainer(host: Host, wish: ExecWish): Promise<number> {
  const found = await findContainer(host, wish.container);
  mustRun(found, engineWakes(found.engine, found.name));
  const held = holdingRefusals(wish.write);
  const end = await supervised(host, found, { ...wish, write: held.write });
  if (end.kind === 'ended') await held.flush();
  if (end.kind === 'ended') return codeOf(found.name, end.report, wish.argv);
  if (end.kind === 'vanished') {
    const { exitCode, stdoutTail: stdout, stderrTail: stderr } = end;
    const failure = execFailure(found.engine, found.name, { exitCode, stdout, stderr, failure: null });
    if (failure?.code === 'PROGRAM_NOT_FOUND') return withoutShell(host, found, wish);
    if (failure !== null) throw failure;
    await held.flush();
    throw lost(found.engine, lastWords(stderr));
  }
  throw lost(found.engine, 'it was turned away.');
}

async function supervised(
  host: Host,
  container: RunningContainer,
  { argv, write }: ExecWish,
): Promise<RunEnd> {
  const nonce = randomBytes(8).toString('hex');
  const script = supervisedScript({
    title: `berth: a command for ${container.name}`,
    nonce,
    dir: container.workingDir || '/',
    expectHost: null,
    toolchain: '',
    prereqs: [],
    payload: { kind: 'argv', argv },
    graceMs: 10_000,
    deadlineMs: null,
    leash: 'stdin',
  });
  const streams = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true } as const;
  const { engine, id } = container;
  const child =
    (await openExec({ engine, id, user: null }, ['sh'])) ??
    host.spawn(entry(container, ['sh'], true), streams);
  child.stdin?.on('error', () => {}); // a container that could not be entered reads nothing
  child.stdin?.write(toBytes(`berth_pidfile=\n${environmentScript({})}${script}`));
  const end = await followSupervised(child, nonce, { write });
  child.stdin?.end();
  return end;
}

/** Without `sh` the engine's own exec must do: nothing can stop the command if this process dies. */
async function withoutShell(
  host: Host,
  container: RunningContainer,
  { argv, write }: ExecWish,
): Promise<number> {
  const result = await host.exec(entry(container, argv, false), { timeoutMs: FOR_EVER_MS });
  const failure = execFailure(container.engine, container.name, result);
  if (failure !== null) throw failure;
  await write('stdout', Buffer.from(result.stdout));
  await write('stderr', Buffer.from(result.stderr));
  if (result.exitCode !== null) return result.exitCode;
  throw lost(container.engine, `its client ended without an exit code (${result.failure}).`);
}

/** The longest that a timer of Node's can wait: 24 days. */
const FOR_EVER_MS = 2 ** 31 - 1;

function entry({ engine, id }: RunningContainer, argv: readonly string[], stdin: boolean) {
  return enterContainer({ engine, id, user: null }, { argv, cwd: null, env: {} }, { stdin, tty: false });
}

/** Docker says on stdout that nothing could be started, podman on stderr: what begins so waits until it is clear what it was. */
function holdingRefusals(write: OutputTaker['write']) {
  const held: (readonly ['stdout' | 'stderr', Buffer])[] = [];
  const begun = new Set<'stdout' | 'stderr'>();
  return {
    write: async (stream: 'stdout' | 'stderr', bytes: Buffer) => {
      const goesOn = held.some(([before]) => before === stream);
      const isRefusal = goesOn || REFUSAL.test(bytes.toString('latin1', 0, 80));
      if (isRefusal && !begun.has(stream)) held.push([stream, bytes]);
      else {
        begun.add(stream);
        await write(stream, bytes);
      }
    },
    flush: async () => {
      for (const [stream, bytes] of held) await write(stream, bytes);
    },
  };
}

const REFUSAL = /^(OCI runtime exec failed|(Error: )?unable to find user|Error: (runc|crun|OCI runtime))/;

function codeOf(
  name: string,
  { kind, exitCode, reason }: RunReport,
  [program = '']: readonly string[],
): number {
  if (kind !== 'refused') return exitCode;
  if (reason !== 'program') {
    throw new BerthError(`Nothing ran in ${name}: its working directory cannot be entered.`, {
      code: 'DIRECTORY_NOT_FOUND',
      hint: 'The image names a working directory that is not there.',
    });
  }
  const missing = exitCode === 127;
  throw new BerthError(
    `Nothing ran in ${name}: ${missing ? 'there is no program' : 'it cannot execute'} ${program}.`,
    {
      code: missing ? 'PROGRAM_NOT_FOUND' : 'PROGRAM_NOT_EXECUTABLE',
      hint: missing
        ? 'The program must be installed in the container.'
        : 'Check its mode and its first line (`#!`).',
    },
  );
}

function lost(engine: EngineName, words: string): BerthError {
  return new BerthError(`How the command ended cannot be known: ${words}`, {
    code: 'ENGINE_ERROR',
    hint: `See what ${engine} says of the container: \`berth containers\`.`,
  });
}
