import { BerthError, type ErrorCode } from '../core/errors.ts';
import type { RunEnd } from '../core/executor.ts';
import type { Place } from '../core/runtime.ts';
import { type EngineName, lastWords } from './engine-cli.ts';
import { podEntryFailure } from './kubernetes/entry-failure.ts';

type Rule = readonly [words: RegExp, code: ErrorCode, hint: string];

/**
 * Why a box was never entered, from the words of the program that should have entered it; null when
 * they do not prove that nothing of the task ran.
 *
 * Engines say this with 1, 125, 126, 127 or 255, on stdout or on stderr, so only words tell, and only where they
 * come first and alone: a task may print the same, and then be lost.
 */
export function entryFailure(place: Place, end: RunEnd): BerthError | null {
  if (place.runtime === 'bare' || end.kind !== 'vanished') return null;
  if (place.runtime === 'kubernetes') return podEntryFailure(place, end);
  if (!isEngines(end.stdoutTail) || !isEngines(end.stderrTail)) return null;
  const words = `${end.stdoutTail}\n${end.stderrTail}`;
  const rule = RULES.find(([pattern]) => pattern.test(words));
  if (!rule || ran(end.exitCode, rule)) return null;
  const engine: EngineName = place.container?.engine === 'podman' ? 'podman' : 'docker';
  const said = lastWords(end.stderrTail.trim() === '' ? end.stdoutTail : end.stderrTail);
  const name =
    place.container?.service ?? place.container?.image ?? place.id?.slice(0, 12) ?? 'the container';
  return new BerthError(`${engine} could not enter ${name}: ${said}`, { code: rule[1], hint: rule[2] });
}

const NO_SHELL_HINT =
  'A task is watched and stopped by a `sh` in its container. Without one, `berth container exec NAME -- CMD` uses the plain exec of the engine.';

/** An engine's client says so of a program that was killed, and docker's of one that lost its daemon. */
function ran(exitCode: number | null, [, code]: Rule): boolean {
  return exitCode === 137 || (exitCode === 255 && code === 'RUNTIME_UNAVAILABLE');
}

/** Nothing, or what an engine's client begins with when it gives up, within its few lines. */
function isEngines(said: string): boolean {
  // the `docker` of the package podman-docker
  const own = said.replace(/^Emulate Docker CLI using podman[^\n]*\n/, '');
  return own === '' || (ENGINE_SPEAKS.test(own) && own.length < 2_000);
}

const ENGINE_SPEAKS =
  /^(time="|Error: |Error response from daemon: |OCI runtime exec failed: |unable to find user |unable to upgrade to tcp, |Cannot connect to |(Got )?permission denied while )/;

/** docker 20 to 28, podman 4 and 5. */
const RULES: readonly Rule[] = [
  [
    /(exec|starting container process)[^\n]*"sh"[^\n]*(executable file not found|no such file)/i,
    'NO_SHELL',
    NO_SHELL_HINT,
  ],
  [/executable file `sh` not found/i, 'NO_SHELL', NO_SHELL_HINT],
  [
    /No such container|no container with name or ID/i,
    'CONTAINER_NOT_FOUND',
    'It was removed in the meantime: send the task again.',
  ],
  [/container is paused|is paused, unpause/i, 'CONTAINER_PAUSED', 'Unpause it: `docker unpause NAME`.'],
  [
    /is not running|container state improper|can only create exec sessions on running/i,
    'CONTAINER_NOT_RUNNING',
    'It was stopped in the meantime: start it, then send the task again.',
  ],
  [
    /unable to upgrade to tcp, received [45]\d\d/,
    'RUNTIME_UNAVAILABLE',
    'The API of podman says no more; try the same with `podman exec`. A user that the image does not know does this.',
  ],
  [
    /unable to find user|no matching entries in passwd/i,
    'USER_NOT_FOUND',
    'Give a user that the image knows, or numbers.',
  ],
  [
    /Cannot connect to the Docker daemon|Cannot connect to Podman|permission denied while trying to connect/i,
    'RUNTIME_UNAVAILABLE',
    '`berth runtimes` says what is wrong with the engine.',
  ],
];
