import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Command } from '../core/command.ts';
import { BerthError, messageOf } from '../core/errors.ts';
import type {
  ExecOptions,
  ExecResult,
  Host,
  Launched,
  LaunchFiles,
  ProcessRef,
  Spawned,
  SpawnOptions,
} from '../core/host.ts';

const MAX_BYTES = 64 * 1024 * 1024;

/** The machine this process runs on. @param name  what it is called in the queue */
export function localHost(name = 'local'): Host {
  const self = processRef(process.pid);
  return { name, exec, launch, spawn: spawnHere, signal, isAlive, self, pidNamespace: pidNamespace() };
}

function exec(command: Command, options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve) => {
    const child = start(command, ['pipe', 'pipe', 'pipe'], true);
    const output = { stdout: collect(child, 'stdout'), stderr: collect(child, 'stderr') };
    let failure: ExecResult['failure'] = null;
    let size = 0;
    const end = (why: ExecResult['failure']) => {
      failure ??= why;
      killGroup(child, 'SIGKILL');
      // a grandchild that keeps the pipes open must not keep us waiting
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const deadline = setTimeout(() => end('timeout'), options.timeoutMs);
    const abort = () => end('aborted');
    options.signal?.addEventListener('abort', abort, { once: true });
    const count = (chunk: Buffer) => {
      size += chunk.length;
      if (size > (options.maxBytes ?? MAX_BYTES)) end('signal');
    };
    child.stdout?.on('data', count);
    child.stderr?.on('data', count);
    const finish = (exitCode: number | null) => {
      clearTimeout(deadline);
      options.signal?.removeEventListener('abort', abort);
      resolve({
        exitCode: failure === null ? exitCode : null,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        failure: failure ?? (exitCode === null ? 'signal' : null),
      });
    };
    child.once('error', (error) => {
      failure ??= startFailure(error);
      finish(null);
    });
    child.once('close', (code) => finish(code));
    child.stdin?.on('error', () => {}); // a helper may end before it has read its input
    child.stdin?.end(options.input ?? '');
    if (options.signal?.aborted) abort();
  });
}

async function launch(command: Command, files: LaunchFiles): Promise<Launched> {
  const stdout = openSync(files.stdout, 'a', 0o600);
  const stderr = openSync(files.stderr, 'a', 0o600);
  try {
    const child = start(command, ['ignore', stdout, stderr], true);
    const ended = endOf(child);
    await spawned(child, command);
    child.unref();
    return { pid: child.pid ?? 0, ended };
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

function spawnHere(command: Command, options: SpawnOptions): Spawned {
  const child = start(command, [options.stdin, options.stdout, options.stderr], options.detached);
  return {
    pid: child.pid ?? 0,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended: endOf(child),
    kill: (signal) => void child.kill(signal),
    release: () => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
    unref: () => {
      child.unref();
      for (const stream of [child.stdin, child.stdout, child.stderr])
        if (stream instanceof Socket) stream.unref();
    },
  };
}

function start(
  command: Command,
  stdio: ('pipe' | 'ignore' | 'inherit' | number)[],
  detached: boolean,
): ChildProcess {
  const [program = '', ...args] = command.argv;
  // loaded at its first use: many a verb starts nothing
  const { spawn } = process.getBuiltinModule('node:child_process');
  return spawn(program, args, {
    cwd: command.cwd ?? undefined,
    env: { ...process.env, ...command.env },
    stdio,
    detached,
  });
}

/** Resolves once the program runs; a program that is not there is an error of ours, with its name. */
function spawned(child: ChildProcess, command: Command): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(
        new BerthError(`Could not start ${JSON.stringify(command.argv[0])}: ${messageOf(error)}.`, {
          code: startFailure(error) === 'not_found' ? 'PROGRAM_NOT_FOUND' : 'PROGRAM_NOT_EXECUTABLE',
          hint: 'Install it, or put its directory in PATH; `berth doctor` shows what is missing.',
          cause: error,
        }),
      ),
    );
  });
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function startFailure(error: Error): ExecResult['failure'] {
  return 'code' in error && error.code === 'ENOENT' ? 'not_found' : 'not_executable';
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): Buffer[] {
  const chunks: Buffer[] = [];
  child[stream]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function isAlive(ref: ProcessRef): boolean {
  if (ref.bootId !== '' && ref.bootId !== bootId()) return false;
  const now = startTime(ref.pid);
  return now !== null && (ref.startTime === '' || now === ref.startTime);
}

/** Pid, start time and boot id: three facts that no other process ever shares. */
function processRef(pid: number): ProcessRef {
  return { pid, startTime: startTime(pid) ?? '', bootId: bootId() };
}

/** Field 22 of /proc/PID/stat; null when the process is gone or only a zombie is left. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the second field is the program's name in parentheses and may hold anything
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return process.platform === 'linux' ? null : startTimeElsewhere(pid);
  }
}

/** Without /proc (macOS, BSD) only the pid can be asked for. */
function startTimeElsewhere(pid: number): string | null {
  try {
    process.kill(pid, 0);
    return '';
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch {
    return '';
  }
}

let knownBootId: string | null = null;
function bootId(): string {
  if (knownBootId !== null) return knownBootId;
  try {
    knownBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    knownBootId = '';
  }
  return knownBootId;
}
