import { detectContainerContext } from '../contexts/detect.ts';
import type { TurnResult } from '../core/agent.ts';
import type { ResolvedContext } from '../core/context.ts';
import { BerthError, messageOf } from '../core/errors.ts';
import { providersOf } from '../core/lanes.ts';
import { pausedProviders } from '../core/limits.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import { isSessionName } from '../core/session-name.ts';
import type { Claim } from '../core/store.ts';
import type { Outcome } from '../core/task.ts';
import type { RunDeps } from './deps.ts';

export interface TurnPlace {
  readonly context: ResolvedContext;
  readonly place: Place;
  readonly runtime: Runtime;
}

/** The claim with the agent's own command in the place of its prompt: a prompt is never run by a shell. */
export async function asCommand(deps: RunDeps, claim: Claim, at: TurnPlace): Promise<Claim> {
  const { spec } = claim.task;
  if (spec.payload.kind !== 'prompt') return claim;
  const providers = providersOf(spec);
  const { session } = claim.lease;
  if (deps.agents === undefined || (providers.length === 0 && !isSessionName(session))) {
    throw new BerthError('The prompt names no agent.', {
      code: 'AGENT_NOT_FOUND',
      hint: 'Name one, such as `--provider claude`.',
    });
  }
  const open = await openProviders(deps, providers);
  const text = `${await preamble(at.context)}${spec.payload.text}`;
  const argv = await deps.agents.turn({ text, providers: open, session, ...at }, claim.attempt.runDirectory);
  return { ...claim, task: { ...claim.task, spec: { ...spec, payload: { kind: 'argv', argv } } } };
}

/** Without those that take no prompts now; all of them when that came up only just now. */
async function openProviders({ store, now }: RunDeps, providers: readonly string[]) {
  const paused = pausedProviders(await store.pauses(), now()).map(({ name }) => name);
  const open = providers.filter((name) => !paused.includes(name));
  return open.length > 0 ? open : providers;
}

/** An agent beside the project's container learns how to run commands in it. */
async function preamble({ container, dir }: ResolvedContext): Promise<string> {
  if (container !== null) return '';
  const { type } = await detectContainerContext(dir.host, { environment: {} });
  if (type === null) return '';
  return (
    `You are in ${dir.host}, on the host. The commands of this project (builds, tests, servers) belong into its ` +
    `container (${type}). Run them with: berth run --use-container -- COMMAND\n` +
    `A line with &&, | or $ in it is for the shell there: berth run --use-container -- sh -c 'LINE'\n` +
    `Files are the same on both sides.\n\n`
  );
}

export interface TurnEnd {
  readonly outcome: Outcome;
  /** When the provider serves again; null where nothing is known. */
  readonly againAtMs: number | null;
}

/** What the agent itself says of its turn goes before the exit code of its process. */
export async function judgeTurn(deps: RunDeps, claim: Claim, outcome: Outcome): Promise<TurnEnd> {
  const plain = { outcome, againAtMs: null };
  const byItself = outcome.kind === 'succeeded' || outcome.kind === 'failed';
  if (claim.task.spec.payload.kind !== 'prompt' || !byItself) return plain;
  const exitCode = outcome.kind === 'succeeded' ? 0 : outcome.exitCode;
  const result = await deps.agents?.result(claim.attempt.runDirectory, exitCode);
  if (!result || result.kind === 'completed') return plain;
  const cause = `${result.provider}: ${result.cause ?? 'it did not say why'}`;
  if (result.kind === 'unknown' && exitCode === 0)
    return { outcome: { kind: 'lost', cause }, againAtMs: null };
  const failed = { exitCode: exitCode || 1, signal: null, oom: null };
  return {
    outcome: { ...failed, ...(outcome.kind === 'failed' && outcome), kind: 'failed', cause },
    againAtMs: await againAfterLimit(deps, result),
  };
}

/**
 * A provider that named the end of its limit is given no prompt before that, of whichever task. So the prompt can
 * go back to the queue at once: to another agent that it allows, or to the same one when it serves again.
 */
async function againAfterLimit(deps: RunDeps, result: TurnResult): Promise<number | null> {
  const { provider: name, untilMs, cause } = result;
  if (untilMs === null || untilMs <= deps.now()) return null;
  try {
    await deps.store.pause({ kind: 'provider', name, limit: { untilMs, reason: cause ?? '' } });
    deps.log({ event: 'provider_limit', message: `${name} until ${new Date(untilMs).toISOString()}` });
    return deps.now();
  } catch (error) {
    deps.log({ event: 'store_trouble', message: messageOf(error) });
    return untilMs;
  }
}
